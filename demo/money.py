"""Exact money: integers counting 1e-10 US dollars (the ten digits that a Cost and Usage Report writes)."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

SCALE = 10**10


def parse(text: str) -> int:
    """Units of 1e-10 in a decimal text."""
    return int((Decimal(text) * SCALE).to_integral_value(ROUND_HALF_EVEN))


def to_decimal(units: int) -> Decimal:
    """The decimal of a number of units."""
    return Decimal(int(units)).scaleb(-10)


def spell(units: int) -> str:
    """A decimal with ten digits, as the report writes it."""
    sign = "-" if units < 0 else ""
    whole, fraction = divmod(abs(int(units)), SCALE)
    return f"{sign}{whole}.{fraction:010d}"


def divide(numerator: int, denominator: int) -> int:
    """Integer division rounded half up, for non-negative numbers."""
    return (2 * numerator + denominator) // (2 * denominator)


def multiply(quantity: np.ndarray, rate: int) -> np.ndarray:
    """``quantity`` x ``rate``, both counting 1e-10, rounded half up to 1e-10; exact for rates up to 90,000 USD.

    Raises OverflowError where a product leaves int64 (about 900 million USD an hour).
    """
    sizes = np.abs(quantity)
    if len(sizes) and float(sizes.max()) * rate / SCALE > 9e18:
        raise OverflowError("a charge of more than 900 million USD in one row can't be held")
    whole, fraction = np.divmod(sizes, SCALE)
    high, low = np.divmod(fraction, 100_000)
    high = high * rate
    rest = (high % 100_000) * 100_000 + low * rate
    product = whole * rate + high // 100_000 + (rest + SCALE // 2) // SCALE
    return np.where(quantity < 0, -product, product)
