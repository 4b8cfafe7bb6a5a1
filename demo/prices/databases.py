"""RDS and Aurora classes and their on-demand prices. Money counts 1e-10 USD."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from demo.errors import DemoError
from demo.prices.files import read
from demo.prices.products import PLAIN, Product, scaled
from demo.prices.sizes import memory_of, normalization_factor, vcpus_of
from demo.world.accounts import REGIONS

SERVICE = "Amazon Relational Database Service"
# AWS asks whole tenths of a cent: db.t3.medium 0.072, half of 0.145.
_STEP = Decimal("0.001")
# Aurora starts at medium, half a large.
_SMALLEST_AURORA = Decimal("0.5")


@dataclass(frozen=True)
class DatabaseClass:
    """What a class is; ``usd_per_hour``: us-east-1, Single-AZ, per engine (absent: not sold)."""

    name: str
    vcpu: int
    memory_gib: Decimal
    usd_per_hour: dict[str, Decimal]


@lru_cache(maxsize=1)
def facts() -> dict[str, Any]:
    """databases.json: engines, families, region factors."""
    return read("databases.json")


@lru_cache(maxsize=1)
def database_classes() -> dict[str, DatabaseClass]:
    """All classes by name, like db.m5.large."""
    found = {}
    for family, raw in facts()["families"].items():
        for size in raw["sizes"]:
            name = f"db.{family}.{size}"
            larger = Decimal(normalization_factor(size)) / 4
            usd = {
                engine: (Decimal(price) * larger).quantize(_STEP) for engine, price in raw["usd_per_large_hour"].items()
            }
            if larger < _SMALLEST_AURORA:
                usd = {engine: price for engine, price in usd.items() if "aurora" not in engine}
            found[name] = DatabaseClass(name, vcpus_of(name), Decimal(str(memory_of(name))).normalize(), usd)
    return found


def database_class(name: str) -> DatabaseClass:
    """A class. Raises DemoError for one that the catalogue doesn't hold."""
    try:
        return database_classes()[name]
    except KeyError:
        raise DemoError(f"database class {name!r} is not in the simulated price list") from None


def products() -> Iterator[Product]:
    """Each class with each engine it is sold with, Single-AZ and (but for Aurora) Multi-AZ."""
    for kind in database_classes().values():
        for engine in kind.usd_per_hour:
            for is_multi_az in (False, True) if "aurora" not in engine else (False,):
                yield _product(kind, engine, is_multi_az)


def database_key(name: str, engine: str, is_multi_az: bool) -> str:
    """The key of a class's product."""
    return f"rds/{name}/{engine}" + ("/multi-az" if is_multi_az else "")


def _product(kind: DatabaseClass, engine: str, is_multi_az: bool) -> Product:
    family = kind.name.split(".")[1]
    raw, named = facts()["families"][family], facts()["engines"][engine]
    deployment = "Multi-AZ" if is_multi_az else "Single-AZ"
    running = f"{'Multi-AZ' if is_multi_az else 'Single-AZ'} instance hour (or partial hour) running {named['name']}"
    key = database_key(kind.name, engine, is_multi_az)
    attributes = {
        "currentGeneration": "Yes",
        "databaseEngine": named["name"],
        "deploymentOption": deployment,
        "engineCode": str(int(named["operation"].split(":")[1])),
        "instanceFamily": raw["category"],
        "instanceType": kind.name,
        "instanceTypeFamily": family.upper(),
        "licenseModel": "No license required",
        "memory": f"{kind.memory_gib:f} GiB",
        "normalizationSizeFactor": normalization_factor(kind.name),
        "physicalProcessor": raw["processor"],
        "processorArchitecture": "64-bit",
        "storage": "EBS Only",
        "vcpu": str(kind.vcpu),
    }
    usd = kind.usd_per_hour[engine] * (2 if is_multi_az else 1)
    factors = facts()["region_factors"]
    return Product(
        key=key,
        code="AmazonRDS",
        name=SERVICE,
        service_code="AmazonRDS",
        service=SERVICE,
        stem=f"{'Multi-AZUsage' if is_multi_az else 'InstanceUsage'}:{kind.name}",
        prefix=PLAIN,
        operation=named["operation"],
        family="Database Instance",
        unit="Hrs",
        pool=key,
        prices={region.code: ((0, scaled(usd, factors[region.code])),) for region in REGIONS},
        texts=("${rate} per RDS " + f"{kind.name} {running}",),
        attributes=attributes,
        commitment_class="rds",
    )
