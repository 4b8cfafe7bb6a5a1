"""Exact money: integers counting 1e-10 US dollars (the ten digits that a Cost and Usage Report writes)."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

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
