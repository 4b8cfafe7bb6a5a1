"""Savings Plans: what is owned, what is sold at which rates, and buying it. The API speaks REST with JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from demo import money
from demo.billing.commitments import BUY_PLAN, SavingsPlan
from demo.prices import catalog
from demo.prices.commitments import COMPUTE_PLAN, INSTANCE_PLAN, TERMS, is_covered
from demo.prices.products import Product
from demo.randomness import uuid_like
from demo.services.context import Action, Context, Parsed, iso, page
from demo.services.reservations import PAYMENTS
from demo.services.rest import Route
from demo.wire import ServiceError
from demo.world.accounts import REGIONS, Region

ROUTES = (
    Route("POST", r"/DescribeSavingsPlans", "DescribeSavingsPlans"),
    Route("POST", r"/DescribeSavingsPlansOfferings", "DescribeSavingsPlansOfferings"),
    Route("POST", r"/DescribeSavingsPlansOfferingRates", "DescribeSavingsPlansOfferingRates"),
    Route("POST", r"/CreateSavingsPlan", "CreateSavingsPlan"),
)
# The API's names of the types of plans and of what they cover.
_TYPES = {COMPUTE_PLAN: "Compute", INSTANCE_PLAN: "EC2Instance"}
_PRODUCTS = {"ec2": "EC2", "fargate": "Fargate", "lambda": "Lambda"}


def _usd(units: int) -> str:
    return format(money.to_decimal(units).normalize(), "f")


@dataclass(frozen=True)
class Offering:
    """One plan for sale. ``family`` and ``region`` belong to EC2 Instance plans."""

    plan_type: str
    payment: str
    term: str
    family: str = ""
    region: Region | None = None

    @property
    def offering_id(self) -> str:
        """Its id, the same in every account."""
        place = self.region.code if self.region else ""
        return uuid_like(0, "savings plan offering", self.plan_type, self.payment, self.term, self.family, place)

    @property
    def description(self) -> str:
        """How AWS words it."""
        term = f"{self.term[0]} year {self.payment}"
        if self.region is None:
            return f"{term} Compute Savings Plan"
        return f"{term} {self.family} EC2 Instance Savings Plan in {self.region.code}"

    @property
    def products(self) -> list[str]:
        """What it covers, by the API's names."""
        return ["EC2"] if self.region else list(_PRODUCTS.values())


@lru_cache(maxsize=1)
def offerings() -> tuple[Offering, ...]:
    """All plans for sale."""
    families = sorted({kind.family for kind in catalog.instance_types().values()})
    plain = [Offering(COMPUTE_PLAN, payment, term) for payment in PAYMENTS for term in TERMS]
    bound = [
        Offering(INSTANCE_PLAN, payment, term, family, region)
        for family in families
        for region in REGIONS
        for payment in PAYMENTS
        for term in TERMS
    ]
    return (*plain, *bound)


def _page(found: list[Any], parameters: Parsed, most: int = 1000) -> tuple[list[Any], str | None]:
    return page(
        found,
        parameters,
        token="nextToken",  # noqa: S106 - a parameter's name
        size="maxResults",
        most=most,
        bad_token="ValidationException",  # noqa: S106 - an error code
    )


def _properties(**properties: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in properties.items() if value]


def _wanted(parameters: Parsed, name: str, value: str | list[str]) -> bool:
    asked = parameters.get(name)
    values = value if isinstance(value, list) else [value]
    return not asked or bool(set(map(str, asked)) & set(values))


def _filtered(parameters: Parsed, properties: dict[str, str]) -> bool:
    for each in parameters.get("filters") or []:
        if properties.get(str(each.get("name"))) not in [str(value) for value in each.get("values") or []]:
            return False
    return True


def describe_offerings(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeSavingsPlansOfferings."""
    found = []
    for each in offerings():
        place = {"region": each.region.code, "instanceFamily": each.family} if each.region else {}
        seconds = TERMS[each.term] * 3600
        if (
            _wanted(parameters, "offeringIds", each.offering_id)
            and _wanted(parameters, "paymentOptions", each.payment)
            and _wanted(parameters, "planTypes", _TYPES[each.plan_type])
            and _wanted(parameters, "durations", str(seconds))
            and _wanted(parameters, "descriptions", each.description)
            and parameters.get("productType") in (None, "", *each.products)
            and _filtered(parameters, place)
        ):
            found.append(
                {
                    "offeringId": each.offering_id,
                    "productTypes": each.products,
                    "planType": _TYPES[each.plan_type],
                    "description": each.description,
                    "paymentOption": each.payment,
                    "durationSeconds": seconds,
                    "currency": "USD",
                    "serviceCode": "ComputeSavingsPlans",
                    "usageType": f"{each.plan_type}:{each.term}{each.payment.replace(' ', '')}",
                    "operation": "",
                    "properties": _properties(**place),
                }
            )
    chosen, token = _page(found, parameters)
    return {"searchResults": chosen, "nextToken": token or ""}


@lru_cache(maxsize=2)
def _covered(plan_type: str) -> tuple[tuple[Product, Region], ...]:
    return tuple(
        (product, region)
        for product, region in catalog.offers()
        if region is not None and is_covered(product, plan_type)
    )


def _rates(parameters: Parsed) -> Iterator[tuple[Offering, Product, Region, dict[str, str]]]:
    for each in offerings():
        if not (
            _wanted(parameters, "savingsPlanOfferingIds", each.offering_id)
            and _wanted(parameters, "savingsPlanPaymentOptions", each.payment)
            and _wanted(parameters, "savingsPlanTypes", _TYPES[each.plan_type])
        ):
            continue
        for product, region in _covered(each.plan_type):
            if each.region is not None and (region != each.region or product.instance_family != each.family):
                continue
            system = "" if not product.operating_system else _system(product)
            properties = {
                "region": region.code,
                "instanceType": product.instance_type,
                "instanceFamily": product.instance_family,
                "productDescription": system,
                "tenancy": "shared" if system else "",
            }
            if (
                _wanted(parameters, "products", _PRODUCTS[product.commitment_class])
                and _wanted(parameters, "serviceCodes", product.code)
                and _wanted(parameters, "usageTypes", product.usage_type(region))
                and _wanted(parameters, "operations", product.operation)
                and _filtered(parameters, properties)
            ):
                yield each, product, region, properties


def _system(product: Product) -> str:
    return "Windows" if product.operating_system == "Windows" else "Linux/UNIX"


def describe_rates(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeSavingsPlansOfferingRates: the rate of every product under every plan that covers it."""
    chosen, token = _page(list(_rates(parameters)), parameters)
    results = [
        {
            "savingsPlanOffering": {
                "offeringId": each.offering_id,
                "paymentOption": each.payment,
                "planType": _TYPES[each.plan_type],
                "durationSeconds": TERMS[each.term] * 3600,
                "currency": "USD",
                "planDescription": each.description,
            },
            "rate": _usd(catalog.savings_plan_rate(product.key, region, each.plan_type, each.term, each.payment)),
            "unit": product.unit,
            "productType": _PRODUCTS[product.commitment_class],
            "serviceCode": product.code,
            "usageType": product.usage_type(region),
            "operation": product.operation,
            "properties": _properties(**properties),
        }
        for each, product, region, properties in chosen
    ]
    return {"searchResults": results, "nextToken": token or ""}


def _owned(context: Context) -> list[SavingsPlan]:
    return [
        each
        for each in context.account.commitments
        if isinstance(each, SavingsPlan) and each.owner.account_id == context.account_id and each.start <= context.now
    ]


def _plan(context: Context, each: SavingsPlan) -> dict[str, Any]:
    offering = Offering(each.plan_type, each.payment, each.term, each.family, each.region)
    described: dict[str, Any] = {
        "offeringId": offering.offering_id,
        "savingsPlanId": each.arn.rsplit("/", 1)[-1],
        "savingsPlanArn": each.arn,
        "description": offering.description,
        "start": iso(each.start),
        "end": iso(each.end),
        "state": "active" if context.now < each.end else "retired",
        "savingsPlanType": _TYPES[each.plan_type],
        "paymentOption": each.payment,
        "productTypes": offering.products,
        "currency": "USD",
        "commitment": _usd(each.commitment),
        "upfrontPaymentAmount": _usd(each.upfront_fee),
        "recurringPaymentAmount": _usd(each.recurring),
        "termDurationInSeconds": TERMS[each.term] * 3600,
        "tags": {},
    }
    if each.region is not None:
        described |= {"region": each.region.code, "ec2InstanceFamily": each.family}
    return described


def describe_plans(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeSavingsPlans: those that the caller's account bought."""
    found = [
        each
        for each in (_plan(context, plan) for plan in _owned(context))
        if _wanted(parameters, "savingsPlanArns", each["savingsPlanArn"])
        and _wanted(parameters, "savingsPlanIds", each["savingsPlanId"])
        and _wanted(parameters, "states", each["state"])
        and _filtered(parameters, _filterable(each))
    ]
    chosen, token = _page(found, parameters)
    return {"savingsPlans": chosen} | ({"nextToken": token} if token else {})


def _filterable(plan: dict[str, Any]) -> dict[str, str]:
    return {
        "region": plan.get("region", ""),
        "ec2-instance-family": plan.get("ec2InstanceFamily", ""),
        "commitment": plan["commitment"],
        "savings-plan-type": plan["savingsPlanType"],
        "payment-option": plan["paymentOption"],
        "term": str(plan["termDurationInSeconds"]),
    }


def create(context: Context, parameters: Parsed) -> dict[str, Any]:
    """CreateSavingsPlan, in force from the hour at hand: 0.001 USD an hour or more, in at most five decimals."""
    asked, commitment = str(parameters.get("savingsPlanOfferingId", "")), str(parameters.get("commitment", ""))
    offering = next((each for each in offerings() if each.offering_id == asked), None)
    if offering is None:
        raise ServiceError(400, "ValidationException", f"Savings Plan offering {asked} does not exist.")
    # AWS takes up to 1,000,000: three years of that, paid upfront, would not fit into the 64 bits of a charge here.
    if not re.fullmatch(r"\d{1,5}(\.\d{1,5})?", commitment) or not 0.001 <= float(commitment) <= 10_000:
        message = "The commitment must be 0.001 to 10000 USD an hour with at most five decimals."
        raise ServiceError(400, "ValidationException", message)
    if parameters.get("purchaseTime"):
        raise ServiceError(400, "ValidationException", "Queued purchases are not simulated.")
    details: dict[str, Any] = {
        "PlanType": offering.plan_type,
        "Commitment": commitment,
        "PaymentOption": offering.payment,
        "Term": offering.term,
    }
    if offering.region is not None:
        details |= {"Family": offering.family, "Region": offering.region.code}
    after = context.do(BUY_PLAN, asked, **details)
    return {"savingsPlanId": _owned(after)[-1].arn.rsplit("/", 1)[-1]}


ACTIONS: dict[str, Action] = {
    "DescribeSavingsPlans": describe_plans,
    "DescribeSavingsPlansOfferings": describe_offerings,
    "DescribeSavingsPlansOfferingRates": describe_rates,
    "CreateSavingsPlan": create,
}
