"""AWS's normalization factors: how much of a family's unit a size is (EC2 user guide, how reserved instances apply)."""

from __future__ import annotations

from decimal import Decimal

from demo import money

_SMALL = {"nano": "0.25", "micro": "0.5", "small": "1", "medium": "2", "large": "4", "xlarge": "8"}


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
