"""EC2 instances: sizes, on-demand prices and the Spot market. Money counts 1e-10 USD."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np

from demo.errors import DemoError
from demo.prices.files import read
from demo.prices.products import PLAIN, Product, scaled
from demo.prices.sizes import normalization_factor
from demo.randomness import noise_key, uniforms
from demo.world.accounts import REGIONS, Region

OPERATING_SYSTEMS = ("Linux", "Windows")
COMPUTE_SERVICE = "Amazon Elastic Compute Cloud - Compute"
_CODE, _NAME = "AmazonEC2", "Amazon Elastic Compute Cloud"
_OPERATIONS = {"Linux": "RunInstances", "Windows": "RunInstances:0002"}
_SPOT_OPERATIONS = {"Linux": "RunInstances:SV001", "Windows": "RunInstances:0002:SV001"}
_PLATFORMS = {"Linux": "Linux/UNIX", "Windows": "Windows"}
_SPOT_STEP = 10**6


@dataclass(frozen=True)
class InstanceType:
    """What a type is: processors, memory in GiB, architecture (x86_64 or arm64) and its us-east-1 Linux USD an hour."""

    name: str
    vcpu: int
    memory_gib: Decimal
    architecture: str
    usd_per_hour: Decimal

    @property
    def family(self) -> str:
        """m5 for m5.large."""
        return self.name.split(".")[0]

    @property
    def size(self) -> str:
        """large for m5.large."""
        return self.name.split(".")[1]

    @property
    def operating_systems(self) -> tuple[str, ...]:
        """What runs on it: Windows isn't sold for arm64."""
        return OPERATING_SYSTEMS if self.architecture == "x86_64" else ("Linux",)


@lru_cache(maxsize=1)
def facts() -> dict[str, Any]:
    """compute.json: region factors, the Windows licence, Spot's span, families."""
    return read("compute.json")


@lru_cache(maxsize=1)
def instance_types() -> dict[str, InstanceType]:
    """All instance types by name."""
    return {
        name: InstanceType(
            name, int(raw["vcpu"]), Decimal(raw["memory_gib"]), raw["architecture"], Decimal(raw["usd_per_hour"])
        )
        for name, raw in read("instances.json")["instances"].items()
    }


def instance(name: str) -> InstanceType:
    """An instance type. Raises DemoError for one that the catalogue doesn't hold."""
    try:
        return instance_types()[name]
    except KeyError:
        raise DemoError(f"instance type {name!r} is not in the simulated price list") from None


def licence_rate(instance_type: str, operating_system: str) -> int:
    """The operating system's part of an hour's price: nothing discounts it."""
    if operating_system != "Windows":
        return 0
    kind = instance(instance_type)
    if kind.family.startswith("t"):
        return scaled(facts()["windows_usd_per_hour_of_burstable"][kind.size])
    return scaled(facts()["windows_usd_per_vcpu_hour"], str(kind.vcpu))


@lru_cache(maxsize=4096)
def on_demand_rate(instance_type: str, operating_system: str, region_code: str) -> int:
    """The list price of one hour."""
    base = scaled(instance(instance_type).usd_per_hour, facts()["region_factors"][region_code])
    return base + licence_rate(instance_type, operating_system)


def spot_rates(instance_type: str, operating_system: str, zone: str, first: int, last: int) -> np.ndarray:
    """The Spot price of each hour of [first, last): a market of its own for every type and zone.

    It wanders from day to day and a little from hour to hour within its span of the Linux price, in steps of
    0.0001 USD; a function of absolute time alone.
    """
    span = facts()["spot"]
    low, high = float(span["lowest_share"]), float(span["highest_share"])
    hours = np.arange(first, last)
    key = noise_key(0, "spot", instance_type, zone)
    days, within = np.divmod(hours, 24)
    slow = uniforms(key, days) * (1 - within / 24) + uniforms(key, days + 1) * (within / 24)
    level = 0.25 + 0.5 * uniforms(key, np.array([-1]))[0]
    # Shares of 50, 35 and 15 percent, so that the mix of three numbers in [0, 1) stays in it.
    mixed = 0.5 * level + 0.35 * slow + 0.15 * uniforms(noise_key(0, "spot-hour", instance_type, zone), hours)
    base = on_demand_rate(instance_type, "Linux", zone[:-1])
    steps = np.rint((low + (high - low) * mixed) * base / _SPOT_STEP).astype(np.int64)
    return np.asarray(np.maximum(steps, 1) * _SPOT_STEP + licence_rate(instance_type, operating_system))


def products() -> Iterator[Product]:
    """On demand and Spot, each type with each operating system."""
    for kind in instance_types().values():
        for operating_system in kind.operating_systems:
            yield _on_demand(kind, operating_system)
            yield _spot(kind, operating_system)


def _on_demand(kind: InstanceType, operating_system: str) -> Product:
    category, processor = facts()["families"][kind.family]
    attributes = {
        "capacitystatus": "Used",
        "currentGeneration": "Yes",
        "instanceFamily": category,
        "instanceType": kind.name,
        "instanceTypeFamily": kind.family,
        "licenseModel": "No License required",
        "marketoption": "OnDemand",
        "memory": f"{kind.memory_gib} GiB",
        "normalizationSizeFactor": normalization_factor(kind.name),
        "operatingSystem": operating_system,
        "physicalProcessor": processor,
        "preInstalledSw": "NA",
        "processorArchitecture": "64-bit",
        "storage": "EBS only",
        "tenancy": "Shared",
        "vcpu": str(kind.vcpu),
    }
    return Product(
        key=f"ec2/{kind.name}/{operating_system}",
        code=_CODE,
        name=_NAME,
        service_code=_CODE,
        service=COMPUTE_SERVICE,
        stem=f"BoxUsage:{kind.name}",
        prefix=PLAIN,
        operation=_OPERATIONS[operating_system],
        family="Compute Instance",
        unit="Hrs",
        pool=f"ec2/{kind.name}/{operating_system}",
        prices=_regional(kind.name, operating_system),
        texts=("${rate} per On Demand " + f"{operating_system} {kind.name} Instance Hour",),
        attributes=attributes,
        commitment_class="ec2",
    )


def _spot(kind: InstanceType, operating_system: str) -> Product:
    """Its list price is the on-demand one; what is asked comes from spot_rates. Reports tell next to nothing of it."""
    return Product(
        key=f"spot/{kind.name}/{operating_system}",
        code=_CODE,
        name=_NAME,
        service_code=_CODE,
        service=COMPUTE_SERVICE,
        stem=f"SpotUsage:{kind.name}",
        prefix=PLAIN,
        operation=_SPOT_OPERATIONS[operating_system],
        family="Compute Instance",
        unit="Hrs",
        pool=f"spot/{kind.name}/{operating_system}",
        prices=_regional(kind.name, operating_system),
        texts=(f"{kind.name} {_PLATFORMS[operating_system]} Spot Instance-hour in {{place}} in VPC Zone #",),
        attributes={},
        is_spot=True,
    )


def _regional(name: str, operating_system: str) -> dict[str, tuple[tuple[int, int], ...]]:
    return {region.code: ((0, on_demand_rate(name, operating_system, region.code)),) for region in REGIONS}


def spot_text(product: Product, region: Region, zone: str) -> str:
    """The description of a Spot line: type, platform, place and the zone's number."""
    return f"{product.tiers(region)[0].text}{ord(zone[-1]) - ord('a') + 1}"
