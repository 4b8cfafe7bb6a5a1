"""How large instance types and database classes are: processors, memory, and AWS's normalization factors (EC2 user
guide, how reserved instances apply). Knows no price."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from demo import money
from demo.errors import DemoError
from demo.prices.files import read

_SMALL = {"nano": "0.25", "micro": "0.5", "small": "1", "medium": "2", "large": "4", "xlarge": "8"}
# Small sizes of burstable database classes keep two processors.
_FEWEST_VCPUS = 2


def normalization_factor(instance_type: str) -> str:
    """The factor of m5.large, db.m5.large or large as reports write it: 4; Nxlarge is 8N."""
    size = instance_type.rsplit(".", 1)[-1]
    if size in _SMALL:
        return _SMALL[size]
    return str(8 * int(size.removesuffix("xlarge")))


def normalized_units(instance_type: str) -> int:
    """The factor in quarters (nano is 1, large 16), so that arithmetic with it stays whole."""
    return int(Decimal(normalization_factor(instance_type)) * 4)


def normalization_scaled(instance_type: str) -> int:
    """The factor in 1e-10, like a quantity."""
    return money.parse(normalization_factor(instance_type))


def vcpus_of(name: str) -> int:
    """Processors of m5.large or db.m5.large. Raises DemoError for what the price list doesn't hold."""
    if name.startswith("db."):
        _family_of(name)
        return max(_FEWEST_VCPUS, int(Decimal(normalization_factor(name)) / 2))
    return int(_instance(name)["vcpu"])


def memory_of(name: str) -> float:
    """GiB of memory of m5.large or db.m5.large. Raises DemoError for what the price list doesn't hold."""
    if name.startswith("db."):
        return float(_family_of(name)["memory_gib_per_large"]) * float(normalization_factor(name)) / 4
    return float(_instance(name)["memory_gib"])


def _instance(name: str) -> dict[str, str]:
    try:
        facts: dict[str, str] = read("instances.json")["instances"][name]
    except KeyError:
        raise DemoError(f"instance type {name!r} is not in the simulated price list") from None
    return facts


def _family_of(name: str) -> dict[str, Any]:
    parts = name.split(".")
    family: dict[str, Any] | None = read("databases.json")["families"].get(parts[1]) if len(parts) == 3 else None
    if family is None or parts[2] not in family["sizes"]:
        raise DemoError(f"database class {name!r} is not in the simulated price list")
    return family
