"""The Price List: GetProducts over the simulated price list, in the structure of AWS's offer files."""

from __future__ import annotations

import itertools
import json
from functools import lru_cache
from typing import Any

from demo import money
from demo.prices import catalog
from demo.prices.commitments import OFFERING_CLASSES, TERMS
from demo.prices.products import Product
from demo.randomness import identifier
from demo.services.context import Action, Context, Parsed, page
from demo.services.reservations import PAYMENTS
from demo.wire import ServiceError
from demo.world.accounts import Region

_EFFECTIVE = "2026-07-01T00:00:00Z"
_OFFER = "JRTCKXETXF"


def _bare(text: str) -> str:
    return text.removeprefix("product/")


def _amount(units: int) -> str:
    """A price as the Price List writes it: ten digits."""
    return money.spell(units)


def _tiers(product: Product, region: Region | None) -> dict[str, Any]:
    tiers = product.tiers(region)
    dimensions = {}
    for index, tier in enumerate(tiers):
        code = product.rate_code(region, index)
        end = str(tiers[index + 1].start) if index + 1 < len(tiers) else "Inf"
        dimensions[code] = {
            "unit": product.unit,
            "endRange": end,
            "description": tier.text,
            "appliesTo": [],
            "rateCode": code,
            "beginRange": str(tier.start),
            "pricePerUnit": {"USD": _amount(tier.rate)},
        }
    return dimensions


def _reserved(product: Product, region: Region | None) -> dict[str, Any]:
    """What reserving it costs, per term, class and payment; nothing for what can't be reserved."""
    if product.commitment_class not in ("ec2", "rds") or region is None:
        return {}
    sku, found = product.sku(region), {}
    classes = OFFERING_CLASSES if product.commitment_class == "ec2" else OFFERING_CLASSES[:1]
    for offering_class, term, payment in itertools.product(classes, TERMS, PAYMENTS):
        rates = catalog.reservation_rates(product.key, region, term, payment, offering_class)
        code = identifier(0, "offer", offering_class, term, payment, length=10).upper()
        dimensions = {}
        for name, unit, units in (("FEE", "Quantity", rates.upfront_fee), ("HRS", "Hrs", rates.recurring_rate)):
            if name == "FEE" and not units:
                continue
            rate_code = f"{sku}.{code}.{name}"
            dimensions[rate_code] = {
                "unit": unit,
                "endRange": "Inf",
                "description": "Upfront Fee" if name == "FEE" else f"USD {_amount(units)} per hour, reserved",
                "appliesTo": [],
                "rateCode": rate_code,
                "beginRange": "0",
                "pricePerUnit": {"USD": _amount(units)},
            }
        found[f"{sku}.{code}"] = {
            "priceDimensions": dimensions,
            "sku": sku,
            "effectiveDate": _EFFECTIVE,
            "offerTermCode": code,
            "termAttributes": {
                "LeaseContractLength": term,
                "OfferingClass": offering_class,
                "PurchaseOption": payment,
            },
        }
    return {"Reserved": found}


def _offer(product: Product, region: Region | None) -> dict[str, Any]:
    columns = {_bare(name): value for name, value in product.columns(region).items()}
    for name in ("ProductName", "productFamily", "sku", "region"):
        columns.pop(name, None)
    sku = product.sku(region)
    term = f"{sku}.{_OFFER}"
    return {
        "product": {"productFamily": product.family, "attributes": columns, "sku": sku},
        "serviceCode": product.service_code,
        "terms": {
            "OnDemand": {
                term: {
                    "priceDimensions": _tiers(product, region),
                    "sku": sku,
                    "effectiveDate": _EFFECTIVE,
                    "offerTermCode": _OFFER,
                    "termAttributes": {},
                }
            },
            **_reserved(product, region),
        },
        "version": "20260701000000",
        "publicationDate": _EFFECTIVE,
    }


@lru_cache(maxsize=1)
def _offers() -> dict[str, list[tuple[dict[str, str], str]]]:
    """By service code: each offer's attributes to filter by, and its JSON."""
    found: dict[str, list[tuple[dict[str, str], str]]] = {}
    for product, region in catalog.offers():
        offer = _offer(product, region)
        attributes = offer["product"]["attributes"] | {"productFamily": product.family, "sku": offer["product"]["sku"]}
        found.setdefault(product.service_code, []).append((attributes, json.dumps(offer)))
    return found


def _service(parameters: Parsed) -> list[tuple[dict[str, str], str]]:
    code = parameters.get("ServiceCode")
    if code not in _offers():
        raise ServiceError(400, "InvalidParameterException", f"Service code {code} is not valid.")
    return _offers()[str(code)]


def _page(found: list[Any], parameters: Parsed, most: int = 100) -> tuple[list[Any], dict[str, str]]:
    chosen, token = page(
        found,
        parameters,
        token="NextToken",  # noqa: S106 - a parameter's name
        size="MaxResults",
        most=most,
        bad_token="InvalidNextTokenException",  # noqa: S106 - an error code
    )
    return chosen, {"NextToken": token} if token else {}


def get_products(context: Context, parameters: Parsed) -> dict[str, Any]:
    """GetProducts with filters of the type TERM_MATCH; texts are compared without regard to case, as AWS does."""
    found = _service(parameters)
    for wanted in parameters.get("Filters") or []:
        if wanted.get("Type") != "TERM_MATCH":
            raise ServiceError(400, "InvalidParameterException", "Only filters of the type TERM_MATCH are simulated.")
        field, value = str(wanted.get("Field", "")), str(wanted.get("Value", "")).lower()
        if field != "ServiceCode":
            found = [each for each in found if each[0].get(field, "").lower() == value]
    chosen, token = _page([text for _, text in found], parameters)
    return {"FormatVersion": "aws_v1", "PriceList": chosen} | token


def describe_services(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeServices: service codes and the attributes that their products can be filtered by."""
    codes = [str(parameters["ServiceCode"])] if parameters.get("ServiceCode") else sorted(_offers())
    described = []
    for code in codes:
        names = {name for attributes, _ in _service({"ServiceCode": code}) for name in attributes}
        described.append({"ServiceCode": code, "AttributeNames": sorted(names)})
    chosen, token = _page(described, parameters)
    return {"FormatVersion": "aws_v1", "Services": chosen} | token


def get_attribute_values(context: Context, parameters: Parsed) -> dict[str, Any]:
    """GetAttributeValues of an attribute of a service's products."""
    name = str(parameters.get("AttributeName", ""))
    values = sorted({attributes[name] for attributes, _ in _service(parameters) if name in attributes})
    if not values:
        raise ServiceError(400, "InvalidParameterException", f"Attribute name {name} is not valid.")
    chosen, token = _page([{"Value": value} for value in values], parameters)
    return {"AttributeValues": chosen} | token


ACTIONS: dict[str, Action] = {
    "GetProducts": get_products,
    "DescribeServices": describe_services,
    "GetAttributeValues": get_attribute_values,
}
