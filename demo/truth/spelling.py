"""How the key spells money and shares: decimals as text, amounts of a window scaled to a month of 730 hours."""

from __future__ import annotations

from decimal import Decimal

from demo import money

HOURS_PER_MONTH = 730
_CENTIMILS = Decimal("0.0001")


def spell_monthly(units: int, hours: int) -> str:
    """USD a month of an amount (1e-10 USD) that came together in so many hours; nothing where there were none."""
    if hours <= 0:
        return "0.0000"
    scaled = (money.to_decimal(units) * HOURS_PER_MONTH / hours).quantize(_CENTIMILS)
    return str(scaled or abs(scaled))


def spell_rate(units: int) -> str:
    """USD an hour with five decimals, as commitments have."""
    return str(money.to_decimal(units).quantize(Decimal("0.00001")))


def spell_share(part: int, whole: int) -> str | None:
    """A ratio with four decimals; None of nothing."""
    return None if not whole else str((Decimal(part) / Decimal(whole)).quantize(_CENTIMILS))
