"""List prices and sizes that the simulated account uses, read from catalog.json (whose "sources" name their origin).

Every price is an integer in units of 1e-10 USD (see demo.money).
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from demo import money

NORMALIZATION = {
    "nano": "0.25",
    "micro": "0.5",
    "small": "1",
    "medium": "2",
    "large": "4",
    "xlarge": "8",
}


@lru_cache(maxsize=1)
def load() -> dict[str, Any]:
    """The catalog as it stands in the file."""
    raw: dict[str, Any] = json.loads((Path(__file__).parent / "catalog.json").read_text(encoding="utf-8"))
    return raw


def _scaled(price: str, region_code: str) -> int:
    return money.parse(str(Decimal(price) * Decimal(load()["region_factors"][region_code])))


def instance_facts(instance_type: str) -> dict[str, Any]:
    """vcpu, memory_gib and Linux usd_per_hour (us-east-1) of a type."""
    facts: dict[str, Any] = load()["instances"][instance_type]
    return facts


def _licence(instance_type: str, operating_system: str) -> Decimal:
    if operating_system != "Windows":
        return Decimal(0)
    return Decimal(load()["windows_usd_per_vcpu_hour"]) * int(instance_facts(instance_type)["vcpu"])


def instance_rate(instance_type: str, operating_system: str, region_code: str) -> int:
    """On-demand price of one hour."""
    compute = Decimal(instance_facts(instance_type)["usd_per_hour"]) * Decimal(load()["region_factors"][region_code])
    return money.parse(str(compute + _licence(instance_type, operating_system)))


def savings_plan_rate(instance_type: str, operating_system: str, region_code: str) -> int:
    """Compute Savings Plan price of one hour: the licence is never discounted."""
    factor = Decimal(load()["commitment_factors"]["savings_plan"][instance_type.split(".")[0]])
    compute = Decimal(instance_facts(instance_type)["usd_per_hour"]) * Decimal(load()["region_factors"][region_code])
    return money.parse(str(compute * factor + _licence(instance_type, operating_system)))


def reserved_rate(instance_type: str, region_code: str, option: str) -> int:
    """Effective Linux price of one hour under a one-year reservation; option is no, partial or all."""
    factor = Decimal(load()["commitment_factors"][f"reserved_{option}_upfront"])
    return money.parse(str(money.to_decimal(instance_rate(instance_type, "Linux", region_code)) * factor))


def price(name: str, region_code: str) -> int:
    """A plain price of the catalog, like alb_usd_per_hour."""
    return _scaled(load()[name], region_code)


def ebs_rate(volume_type: str, region_code: str) -> int:
    """Price of one GB-month."""
    return _scaled(load()["ebs_usd_per_gb_month"][volume_type], region_code)


def database_rate(database_class: str, region_code: str) -> int:
    """On-demand price of one hour of a PostgreSQL instance, Single-AZ."""
    return _scaled(load()["databases"][database_class]["usd_per_hour"], region_code)


def normalization_factor(instance_type: str) -> str:
    """AWS's size factor: large 4, xlarge 8, Nxlarge 8N (EC2 user guide, how reserved instances are applied)."""
    size = instance_type.rsplit(".", 1)[1]
    if size in NORMALIZATION:
        return NORMALIZATION[size]
    return str(8 * int(size.removesuffix("xlarge")))
