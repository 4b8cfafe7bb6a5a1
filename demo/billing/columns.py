"""The constant columns of a line, by legacy header: what product, at what price, of which resource. Empty ones are left
out; ``bill/*`` and ``identity/*`` are the report's own."""

from __future__ import annotations

from functools import lru_cache

from demo import money
from demo.billing.records import Meter
from demo.billing.tiers import FREE
from demo.prices import catalog
from demo.prices.compute import spot_text
from demo.world.accounts import Region


def common_columns(meter: Meter) -> dict[str, str]:
    """What every line about a resource's use of a product says, however it is paid for: product, place, tags."""
    columns = dict(_product_columns(meter.product, meter.region))
    columns["lineItem/ResourceId"] = meter.resource_id
    if meter.zone:
        columns["lineItem/AvailabilityZone"] = meter.zone
    for key, value in meter.tags.items():
        # What AWS puts on things itself (aws:autoscaling:groupName) keeps its own prefix.
        columns[f"resourceTags/{key}" if key.startswith("aws:") else f"resourceTags/user:{key}"] = value
    for key, value in meter.categories.items():
        columns[f"costCategory/{key}"] = value
    return {header: text for header, text in columns.items() if text}


def price_columns(product_key: str, region: Region | None, tier: int = 0) -> dict[str, str]:
    """Rate, description and pricing/* of a tier of a product (FREE: its free tier). Not for Spot.

    As in real reports a line under a free tier has the rate 0, but no term and no unit, and the list price of use.
    """
    return dict(_price_columns(product_key, region, tier))


def spot_columns(meter: Meter) -> dict[str, str]:
    """Description and rate id of a Spot line; its rate, term and unit are empty."""
    product = catalog.product(meter.product)
    assert meter.region is not None
    return {
        "lineItem/LineItemDescription": spot_text(product, meter.region, meter.zone),
        "pricing/RateId": product.rate_id(meter.region, 0),
    }


@lru_cache(maxsize=4096)
def _product_columns(key: str, region: Region | None) -> dict[str, str]:
    product = catalog.product(key)
    columns = {
        "lineItem/ProductCode": product.code,
        "lineItem/UsageType": product.usage_type(region),
        "lineItem/Operation": product.operation,
    }
    described = product.columns(region)
    if product.is_spot:
        # Real reports know hardly anything of a Spot line's product, not even its service code.
        kept = ("product/ProductName", "product/region", "product/sku")
        return columns | {header: described[header] for header in kept}
    columns |= described
    if product.instance_type:
        columns["lineItem/NormalizationFactor"] = catalog.normalization_factor(product.instance_type)
    return columns


@lru_cache(maxsize=8192)
def _price_columns(key: str, region: Region | None, tier: int) -> dict[str, str]:
    product = catalog.product(key)
    listed = money.spell(product.list_rate(region))
    columns = {
        "pricing/publicOnDemandRate": listed,
        "pricing/RateCode": product.rate_code(region, tier),
        "pricing/RateId": product.rate_id(region, tier),
    }
    if tier == FREE:
        rate, text = money.spell(0), product.free_text(region)
    else:
        priced = product.tiers(region)[tier]
        rate, text = money.spell(priced.rate), priced.text
        columns |= {"pricing/term": "OnDemand", "pricing/unit": product.unit}
    return columns | {
        "lineItem/UnblendedRate": rate,
        "lineItem/BlendedRate": rate,
        "lineItem/LineItemDescription": text,
    }
