"""What makes a charge: rows on a period's grid of hours or days, and monthly lines of one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from demo.billing.records import Charge
from demo.billing.usage import sum_days
from demo.money import SCALE, multiply
from demo.timeline import BillingPeriod
from demo.world.accounts import Account, Region

_DAY = 24


@dataclass(frozen=True)
class Grid:
    """The rows of a period up to an hour: one an hour, or one a UTC day. ``last`` is the first hour not known."""

    period: BillingPeriod
    last: int

    @property
    def length(self) -> int:
        """Hours of a row."""
        return 1 if self.period.is_hourly else _DAY

    @property
    def hours(self) -> int:
        """Hours that are known."""
        return self.last - self.period.start

    @property
    def rows(self) -> int:
        """Rows of the whole grid."""
        return -(-self.hours // self.length)

    @property
    def starts(self) -> np.ndarray:
        """The first hour of each row."""
        return self.period.start + np.arange(self.rows, dtype=np.int64) * self.length

    def gather(self, amount: np.ndarray) -> np.ndarray:
        """An amount per hour from the period's start on, summed per row."""
        amount = amount[: self.hours]
        return amount if self.period.is_hourly else sum_days(amount)

    def place(self, charge: Charge) -> np.ndarray:
        """The rows of the grid in which the rows of a charge stand."""
        return np.asarray((charge.starts - self.period.start) // self.length)


def charge(
    account: Account,
    line_type: str,
    service: str,
    region: Region | None,
    unit: str,
    starts: np.ndarray,
    length: int | None,
    quantity: np.ndarray,
    cost: np.ndarray,
    columns: Mapping[str, str],
    *,
    amortized: np.ndarray | None = None,
    measures: Mapping[str, np.ndarray] | None = None,
    record_type: str | None = None,
    known_from: int = 0,
) -> Charge:
    """A charge with blended cost as unblended and net as gross; amortized is the cost itself unless given."""
    accrual = cost if amortized is None else amortized
    return Charge(
        account=account,
        line_type=line_type,
        service=service,
        record_type=line_type if record_type is None else record_type,
        region=region,
        unit=unit,
        starts=starts,
        length=length,
        quantity=quantity,
        unblended=cost,
        blended=cost,
        amortized=accrual,
        net_unblended=cost,
        net_amortized=accrual,
        columns={header: text for header, text in columns.items() if text},
        measures=dict(measures or {}),
        known_from=known_from,
    )


def one(value: int) -> np.ndarray:
    """The array of a line with one row."""
    return np.array([value], dtype=np.int64)


def multiply_down(quantity: np.ndarray, rate: int) -> np.ndarray:
    """``quantity`` x ``rate`` (both 1e-10, not negative) rounded down, so that parts never exceed the whole."""
    product = multiply(quantity, rate)
    with np.errstate(over="ignore"):
        # Both sides wrap alike, and what is left fits: exact.
        excess = product * np.int64(SCALE) - quantity * np.int64(rate)
    return product - (excess > 0)
