"""Usage lines: what is paid at on-demand, tiered, free or Spot prices. Money and quantities count 1e-10.

Blended and net amounts equal the unblended ones here; demo.billing.blending and demo.billing.discounts put theirs in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from demo.billing.columns import common_columns, price_columns, spot_columns
from demo.billing.records import Charge, Meter
from demo.billing.tiers import FREE, Portion, split_by_tier
from demo.money import multiply
from demo.prices import catalog
from demo.prices.compute import spot_rates
from demo.prices.products import Product
from demo.prices.sizes import normalization_scaled
from demo.timeline import BillingPeriod

PUBLIC_COST = "pricing/publicOnDemandCost"
NORMALIZED_AMOUNT = "lineItem/NormalizedUsageAmount"
_DAY = 24
_MOST = 9 * 10**18


@dataclass(frozen=True)
class Rows:
    """The rows of a line: first hours (ascending), the quantity of each, and each row's length in hours."""

    starts: np.ndarray
    quantity: np.ndarray
    length: int


@dataclass(frozen=True)
class _Priced:
    """A portion with its rows, their rate (Spot: none) and cost."""

    portion: Portion
    product: Product
    rows: Rows
    rate: int
    cost: np.ndarray


def charge_usage(meters: Iterable[Meter], period: BillingPeriod, first: int, last: int) -> list[Charge]:
    """Usage lines of the hours [first, last) of a billing period, by the hour or, in a daily period, by the UTC day.

    The meters' quantities begin at ``first`` (what reaches beyond ``last`` isn't looked at), and that with the period:
    free and volume tiers are those of a month. They may be any meters, for example what commitments left of some.
    Raises ValueError where the window leaves the period or doesn't start with it.
    """
    portions = _portions(meters, period, first, last)
    return [_charge(_price(portion, period, first)) for portion in portions]


def cost_usage(meters: Iterable[Meter], period: BillingPeriod, first: int, last: int) -> int:
    """What charge_usage's lines of the same meters add up to, without making them."""
    return sum(int(_price(portion, period, first).cost.sum()) for portion in _portions(meters, period, first, last))


def make_rows(amount: np.ndarray, first: int, is_hourly: bool) -> Rows:
    """The rows of an amount per hour from ``first`` (a UTC midnight where rows are days): only those with an amount."""
    if is_hourly:
        here = np.flatnonzero(amount)
        return Rows(first + here, amount[here], 1)
    sums = sum_days(amount)
    here = np.flatnonzero(sums)
    return Rows(first + here * _DAY, sums[here], _DAY)


def sum_days(amount: np.ndarray) -> np.ndarray:
    """Sums of each UTC day of an amount per hour that begins at midnight; the last day may be short.

    Raises OverflowError where int64 can't hold one.
    """
    edges = np.arange(0, len(amount), _DAY)
    if not len(edges):
        return np.zeros(0, dtype=np.int64)
    if (
        int(np.abs(amount).max()) > _MOST // _DAY
        and np.add.reduceat(np.abs(amount).astype(np.float64), edges).max() > _MOST
    ):
        raise OverflowError("more than 900 million units in one day can't be held")
    return np.asarray(np.add.reduceat(amount, edges))


def split_remaining(meter: Meter, covered: np.ndarray) -> Meter:
    """What of a meter is left to be paid on demand when commitments cover ``covered`` (int64 per hour)."""
    return replace(meter, quantity=meter.quantity - covered)


def _portions(meters: Iterable[Meter], period: BillingPeriod, first: int, last: int) -> Iterator[Portion]:
    if first != period.start or last > period.end:
        raise ValueError(f"hours {first} to {last} don't begin with the period {period.label} or leave it")
    return (each for each in split_by_tier(meters, max(0, last - first)) if each.quantity.any())


def _price(portion: Portion, period: BillingPeriod, first: int) -> _Priced:
    product = catalog.product(portion.meter.product)
    rows = make_rows(portion.quantity, first, period.is_hourly)
    if product.is_spot:
        return _Priced(portion, product, rows, 0, _spot_cost(portion.meter, product, portion.quantity, first, rows))
    rate = 0 if portion.tier == FREE else product.rate(portion.meter.region, portion.tier)
    return _Priced(portion, product, rows, rate, multiply(rows.quantity, rate))


def _charge(priced: _Priced) -> Charge:
    meter, product, rows, cost = priced.portion.meter, priced.product, priced.rows, priced.cost
    columns = common_columns(meter)
    if product.is_spot:
        columns |= spot_columns(meter)
        measures = {PUBLIC_COST: np.zeros_like(cost)}
    else:
        columns |= price_columns(meter.product, meter.region, priced.portion.tier)
        listed = product.list_rate(meter.region)
        measures = {PUBLIC_COST: cost if priced.rate == listed else multiply(rows.quantity, listed)}
        if product.instance_type:
            measures[NORMALIZED_AMOUNT] = multiply(rows.quantity, normalization_scaled(product.instance_type))
    return Charge(
        account=meter.account,
        line_type="Usage",
        service=product.service,
        record_type="Usage",
        region=meter.region,
        unit=product.unit,
        starts=rows.starts,
        length=rows.length,
        quantity=rows.quantity,
        unblended=cost,
        blended=cost,
        amortized=cost,
        net_unblended=cost,
        net_amortized=cost,
        columns=columns,
        measures=measures,
    )


def _spot_cost(meter: Meter, product: Product, quantity: np.ndarray, first: int, rows: Rows) -> np.ndarray:
    """The market's price differs from hour to hour: a day's row is the sum of its hours."""
    rates = spot_rates(product.instance_type, product.operating_system, meter.zone, first, first + len(quantity))
    whole, part = np.divmod(quantity, 10**10)
    # Spot rates are whole multiples of 1e-6 USD: a part of an hour times one stays within int64.
    hourly = whole * rates + part * (rates // 10**4) // 10**6
    costs = hourly if rows.length == 1 else sum_days(hourly)
    return np.asarray(costs[(rows.starts - first) // rows.length])
