"""The price list: every product that the simulated account can use, by key. Money counts 1e-10 USD.

Keys: ``ec2/<type>/<Linux|Windows>``, ``spot/<type>/<os>``, ``rds/<class>/<engine>[/multi-az]``, and those of
products.json (``ebs/gp3``, ``s3/storage/STANDARD``, ``api/REST`` ...).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from demo.errors import DemoError
from demo.prices import commitments, compute, databases
from demo.prices.commitments import ReservationRates
from demo.prices.compute import InstanceType
from demo.prices.databases import DatabaseClass
from demo.prices.files import read
from demo.prices.products import PLAIN, Allowance, Product, scaled
from demo.prices.sizes import normalization_factor
from demo.world.accounts import HOME_REGION, REGIONS, Region, region_of

__all__ = [
    "Product",
    "database_class",
    "instance",
    "instance_types",
    "normalization_factor",
    "offers",
    "on_demand_rate",
    "product",
    "products",
    "reservation_rates",
    "savings_plan_rate",
]


def product(key: str) -> Product:
    """A product by key. Raises DemoError for one that the catalogue doesn't hold."""
    try:
        return products()[key]
    except KeyError:
        raise DemoError(f"product {key!r} is not in the simulated price list") from None


@lru_cache(maxsize=1)
def products() -> dict[str, Product]:
    """All products by key, in a fixed order."""
    found = [*compute.products(), *databases.products(), *_listed()]
    return {each.key: each for each in found}


def offers() -> Iterator[tuple[Product, Region | None]]:
    """Every product in every region it is sold in: what the Price List answers with (Spot has no list price)."""
    for each in products().values():
        if each.is_spot:
            continue
        for region in REGIONS if each.is_regional else (None,):
            yield each, region


def instance(name: str) -> InstanceType:
    """Processors, memory and price of an instance type. Raises DemoError for an unknown one."""
    return compute.instance(name)


def instance_types() -> dict[str, InstanceType]:
    """All instance types by name."""
    return compute.instance_types()


def database_class(name: str) -> DatabaseClass:
    """Processors, memory and prices of a database class. Raises DemoError for an unknown one."""
    return databases.database_class(name)


def on_demand_rate(key: str, region: Region | str | None) -> int:
    """The list price of a unit (the first paid tier) in a region (or its code)."""
    return product(key).list_rate(_region(region))


def savings_plan_rate(
    key: str, region: Region | str, plan_type: str, term: str = "1yr", payment: str = "No Upfront"
) -> int:
    """What a unit costs under a Savings Plan. Raises DemoError where the plan doesn't cover it."""
    place = region_of(region) if isinstance(region, str) else region
    return commitments.savings_plan_rate(product(key), place, plan_type, term, payment)


def reservation_rates(
    key: str, region: Region | str, term: str = "1yr", payment: str = "No Upfront", offering_class: str = "standard"
) -> ReservationRates:
    """What reserving one instance costs. Raises DemoError for what can't be reserved."""
    place = region_of(region) if isinstance(region, str) else region
    return commitments.reservation_rates(product(key), place, term, payment, offering_class)


def _region(region: Region | str | None) -> Region | None:
    return region_of(region) if isinstance(region, str) else region


def _listed() -> Iterator[Product]:
    """The products that products.json lists; one that is ``like`` another differs in what it says itself."""
    raw = read("products.json")
    for key, entry in raw["products"].items():
        if "like" in entry:
            model = raw["products"][entry["like"]]
            entry = model | entry | {"attributes": model["attributes"] | entry.get("attributes", {})}
        yield _product(key, entry, raw)


def _product(key: str, entry: dict[str, Any], raw: dict[str, Any]) -> Product:
    service = raw["services"][entry["code"]]
    allowance = None
    if "allowance" in entry:
        free = raw["allowances"][entry["allowance"]]
        allowance = Allowance(entry["allowance"], int(free["quantity"]), free["scope"] == "region", free["text"])
    tiers = entry["tiers"]
    if "" not in tiers:
        tiers = {region.code: tiers.get(region.code, tiers[HOME_REGION.code]) for region in REGIONS}
    return Product(
        key=key,
        code=entry["code"],
        name=service["name"],
        service_code=entry.get("servicecode", entry["code"]),
        service=service["cost_explorer"],
        stem=entry["usage"],
        prefix=entry.get("prefix", PLAIN),
        operation=entry["operation"],
        family=entry["family"],
        unit=entry["unit"],
        pool=entry.get("pool", key),
        prices={code: tuple((int(start), scaled(usd)) for start, usd in steps) for code, steps in tiers.items()},
        texts=tuple(entry["texts"]),
        attributes=entry["attributes"],
        allowance=allowance,
        commitment_class=entry.get("commitment_class", ""),
        is_priced_by_operation=entry.get("priced_by_operation", False),
    )
