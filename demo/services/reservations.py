"""Reserved Instances of EC2 and RDS: what is owned, what is sold, and buying it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from demo import money
from demo.billing.commitments import BUY_RESERVATION, Reservation
from demo.prices import catalog
from demo.prices.commitments import OFFERING_CLASSES, TERMS
from demo.randomness import uuid_like
from demo.services.context import Action, Context, Parsed, iso, page, texts
from demo.services.ec2_filters import by_id, cut, select
from demo.wire import Items, ServiceError

PAYMENTS = ("No Upfront", "Partial Upfront", "All Upfront")
_DESCRIPTIONS = {"Linux": "Linux/UNIX", "Windows": "Windows"}
# Quotas are per account and raised on request; this one keeps a mistyped count from swallowing the bill.
_MOST_AT_ONCE = 1000


def _usd(units: int) -> str:
    """A sum of money without needless digits."""
    return format(money.to_decimal(units).normalize(), "f")


def _hourly(units: int) -> list[dict[str, str]]:
    return [{"frequency": "Hourly", "amount": _usd(units)}] if units else []


def _owned(context: Context, is_database: bool) -> list[Reservation]:
    return [
        each
        for each in context.account.commitments
        if isinstance(each, Reservation)
        and each.is_database == is_database
        and each.owner.account_id == context.account_id
        and each.region.code == context.region
        and each.start <= context.now
    ]


def _identity(each: Reservation) -> str:
    return each.arn.rsplit("/", 1)[-1].rsplit(":", 1)[-1]


def _instances(each: Reservation, now: int) -> dict[str, Any]:
    described: dict[str, Any] = {
        "reservedInstancesId": _identity(each),
        "instanceType": each.instance_type,
        "start": iso(each.start),
        "end": iso(each.end),
        "duration": TERMS[each.term] * 3600,
        "usagePrice": "0.0",
        "fixedPrice": _usd(each.rates.upfront_fee),
        "instanceCount": each.count,
        "productDescription": _DESCRIPTIONS[each.kind.operating_system],
        "state": "active" if now < each.end else "retired",
        "tagSet": [],
        "instanceTenancy": "default",
        "currencyCode": "USD",
        "offeringType": each.payment,
        "offeringClass": each.offering_class,
        "recurringCharges": _hourly(each.rates.recurring_rate),
        "scope": "Availability Zone" if each.zone else "Region",
    }
    if each.zone:
        described["availabilityZone"] = each.zone
    return described


def describe_instances(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeReservedInstances: those that the account bought in the region, past ones too."""
    found = [_instances(each, context.now) for each in _owned(context, False)]
    asked = texts(parameters.get("ReservedInstancesId"))
    found = by_id(found, "reservedInstancesId", asked, "InvalidReservedInstancesId", "reserved instances")
    for name in ("OfferingClass", "OfferingType"):
        if parameters.get(name):
            found = [each for each in found if each[name[0].lower() + name[1:]] == parameters[name]]
    filters = {
        "reserved-instances-id": "reservedInstancesId",
        "state": "state",
        "scope": "scope",
        "instance-type": "instanceType",
        "availability-zone": "availabilityZone",
        "product-description": "productDescription",
        "duration": "duration",
    }
    return {"reservedInstancesSet": select(found, parameters, filters)}


# --- what is sold --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Offering:
    region: str
    instance_type: str
    operating_system: str
    offering_class: str
    payment: str
    term: str
    zone: str

    @property
    def offering_id(self) -> str:
        return uuid_like(0, "reserved instances offering", *vars(self).values())

    @property
    def product(self) -> str:
        return f"ec2/{self.instance_type}/{self.operating_system}"

    def describe(self) -> dict[str, Any]:
        rates = catalog.reservation_rates(self.product, self.region, self.term, self.payment, self.offering_class)
        described: dict[str, Any] = {
            "reservedInstancesOfferingId": self.offering_id,
            "instanceType": self.instance_type,
            "duration": TERMS[self.term] * 3600,
            "fixedPrice": _usd(rates.upfront_fee),
            "usagePrice": "0.0",
            "productDescription": _DESCRIPTIONS[self.operating_system],
            "instanceTenancy": "default",
            "currencyCode": "USD",
            "offeringType": self.payment,
            "offeringClass": self.offering_class,
            "recurringCharges": _hourly(rates.recurring_rate),
            "marketplace": False,
            "pricingDetailsSet": [],
            "scope": "Availability Zone" if self.zone else "Region",
        }
        if self.zone:
            described["availabilityZone"] = self.zone
        return described


def _offerings(region: str, wanted: str | None = None) -> Iterator[_Offering]:
    for name, kind in sorted(catalog.instance_types().items()):
        if wanted not in (None, name):
            continue
        for system in kind.operating_systems:
            for offering_class in OFFERING_CLASSES:
                for payment in PAYMENTS:
                    for term in TERMS:
                        for zone in ("", *(f"{region}{letter}" for letter in "abc")):
                            yield _Offering(region, name, system, offering_class, payment, term, zone)


def describe_offerings(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeReservedInstancesOfferings of the region, AWS's own (no marketplace)."""
    wanted = parameters.get("InstanceType")
    found = list(_offerings(context.region, str(wanted) if wanted else None))
    asked = texts(parameters.get("ReservedInstancesOfferingId"))
    choices = {
        "OfferingClass": lambda each: each.offering_class,
        "OfferingType": lambda each: each.payment,
        "ProductDescription": lambda each: _DESCRIPTIONS[each.operating_system],
        "AvailabilityZone": lambda each: each.zone,
    }
    for name, read in choices.items():
        if parameters.get(name):
            found = [each for each in found if read(each) == str(parameters[name]).removesuffix(" (Amazon VPC)")]
    if parameters.get("MinDuration"):
        found = [each for each in found if TERMS[each.term] * 3600 >= int(parameters["MinDuration"])]
    if parameters.get("MaxDuration"):
        found = [each for each in found if TERMS[each.term] * 3600 <= int(parameters["MaxDuration"])]
    if asked:
        found = [each for each in found if each.offering_id in asked]
        if len(found) < len(set(asked)):
            message = "One or more offerings don't exist"
            raise ServiceError(400, "InvalidReservedInstancesOfferingId", message)
    filters = {
        "instance-type": "instanceType",
        "scope": "scope",
        "availability-zone": "availabilityZone",
        "product-description": "productDescription",
        "duration": "duration",
        "marketplace": "marketplace",
        "reserved-instances-offering-id": "reservedInstancesOfferingId",
    }
    if parameters.get("Filter"):
        described = select([each.describe() for each in found], parameters, filters)
        chosen, token = cut(described, parameters, most=100)
    else:
        some, token = page(found, parameters, token="NextToken", size="MaxResults", most=100)  # noqa: S106
        chosen = [each.describe() for each in some]
    return {"reservedInstancesOfferingsSet": chosen, "nextToken": token}


def purchase(context: Context, parameters: Parsed) -> dict[str, Any]:
    """PurchaseReservedInstancesOffering, in force from the hour at hand."""
    asked, count = str(parameters.get("ReservedInstancesOfferingId", "")), str(parameters.get("InstanceCount", ""))
    if not count.isdigit() or int(count) < 1:
        raise ServiceError(400, "InvalidParameterValue", f"Invalid value '{count}' for instanceCount.")
    if int(count) > _MOST_AT_ONCE:
        message = f"Your quota allows {_MOST_AT_ONCE} reserved instances in one purchase."
        raise ServiceError(400, "ReservedInstancesLimitExceeded", message)
    for each in _offerings(context.region):
        if each.offering_id == asked:
            after = context.do(
                BUY_RESERVATION,
                asked,
                InstanceType=each.instance_type,
                Platform=each.operating_system,
                InstanceCount=int(count),
                PaymentOption=each.payment,
                Term=each.term,
                OfferingClass=each.offering_class,
                AvailabilityZone=each.zone,
            )
            return {"reservedInstancesId": _identity(_owned(after, False)[-1])}
    message = f"The Reserved Instances offering '{asked}' does not exist"
    raise ServiceError(400, "InvalidReservedInstancesOfferingId", message)


ACTIONS: dict[str, Action] = {
    "DescribeReservedInstances": describe_instances,
    "DescribeReservedInstancesOfferings": describe_offerings,
    "PurchaseReservedInstancesOffering": purchase,
}

# --- RDS -----------------------------------------------------------------------------------------------------------


def describe_databases(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeReservedDBInstances."""
    found = []
    for each in _owned(context, True):
        rates = each.rates
        charge = {"RecurringChargeAmount": _usd(rates.recurring_rate), "RecurringChargeFrequency": "Hourly"}
        found.append(
            {
                "ReservedDBInstanceId": _identity(each),
                "ReservedDBInstancesOfferingId": uuid_like(
                    0, "reserved databases offering", each.product, each.payment
                ),
                "DBInstanceClass": each.instance_type,
                "StartTime": iso(each.start),
                "Duration": TERMS[each.term] * 3600,
                "FixedPrice": _usd(rates.upfront_fee),
                "UsagePrice": "0.0",
                "CurrencyCode": "USD",
                "DBInstanceCount": each.count,
                "ProductDescription": each.product.split("/")[2],
                "OfferingType": each.payment,
                "MultiAZ": each.product.endswith("/multi-az"),
                "State": "active" if context.now < each.end else "retired",
                "RecurringCharges": Items("RecurringCharge", [charge] if rates.recurring_rate else []),
                "ReservedDBInstanceArn": each.arn,
            }
        )
    wanted = parameters.get("ReservedDBInstanceId")
    if wanted is not None:
        found = [each for each in found if each["ReservedDBInstanceId"] == str(wanted)]
        if not found:
            raise ServiceError(404, "ReservedDBInstanceNotFound", f"Reserved DB instance {wanted} not found.")
    chosen, marker = page(found, parameters, token="Marker", size="MaxRecords", most=100)  # noqa: S106
    return {"ReservedDBInstances": Items("ReservedDBInstance", chosen), "Marker": marker}


DATABASES: dict[str, Action] = {"DescribeReservedDBInstances": describe_databases}
