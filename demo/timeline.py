"""Hours, billing periods and local time. An hour is an integer: whole hours since 1970-01-01T00:00Z."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from demo.parameters import Parameters

CUR_LAG_HOURS = 6
COST_EXPLORER_LAG_HOURS = 24
# AWS says that charges are final when the invoice is out, some days into the next month.
INVOICE_HOURS = 3 * 24 + 10
# Support for a month is charged on the 6th of the next one.
SUPPORT_HOURS = 5 * 24 + 8


@dataclass(frozen=True)
class BillingPeriod:
    """A calendar month [start, end) in hours. ``is_hourly``: whether usage is reported by the hour or by the day."""

    start: int
    end: int
    is_hourly: bool

    @property
    def label(self) -> str:
        """YYYY-MM."""
        return moment(self.start).strftime("%Y-%m")

    @property
    def folder(self) -> str:
        """The folder of a legacy report: first day and first day after, like 20261101-20261201."""
        return f"{moment(self.start):%Y%m%d}-{moment(self.end):%Y%m%d}"

    @property
    def hours(self) -> int:
        """Hours of the whole month."""
        return self.end - self.start


@dataclass(frozen=True)
class Horizon:
    """The times an account is made for.

    ``end`` is the simulated present; ``cur_end`` and ``cost_explorer_end`` are the first hours that the reports and
    Cost Explorer don't know yet.
    """

    periods: tuple[BillingPeriod, ...]
    end: int
    cur_end: int
    cost_explorer_end: int

    @property
    def start(self) -> int:
        """First hour of the first billing period."""
        return self.periods[0].start

    @property
    def hours(self) -> int:
        """Hours from the first billing period to the present."""
        return self.end - self.start

    def is_final(self, period: BillingPeriod, known_to: int) -> bool:
        """Whether the invoice of a period is out at an hour."""
        return known_to >= period.end + INVOICE_HOURS

    def period_of(self, hour: int) -> BillingPeriod:
        """The billing period that holds an hour of the horizon."""
        return next(period for period in self.periods if period.start <= hour < period.end)


def moment(hour: int) -> datetime:
    """The UTC time of an hour."""
    return datetime.fromtimestamp(int(hour) * 3600, UTC)


def hour_of(year: int, month: int) -> int:
    """The first hour of a month, where month may run outside 1 to 12."""
    carry, index = divmod(month - 1, 12)
    return int(datetime(year + carry, index + 1, 1, tzinfo=UTC).timestamp()) // 3600


def draw_horizon(parameters: Parameters, now: int | None = None) -> Horizon:
    """The billing periods of an account whose clock stands at ``now`` (default: where its parameters start it).

    The first period stays where the parameters put it, however far the clock is advanced.
    """
    present = parameters.end_hour if now is None else now
    anchor = moment(parameters.end_hour - CUR_LAG_HOURS - 1)
    newest = moment(present - CUR_LAG_HOURS - 1)
    ahead = (newest.year - anchor.year) * 12 + newest.month - anchor.month
    hourly_from = parameters.end_hour - parameters.hourly_days * 24
    periods = []
    for offset in range(1 - parameters.months, ahead + 1):
        start, end = (hour_of(anchor.year, anchor.month + offset + step) for step in (0, 1))
        periods.append(BillingPeriod(start, end, end > hourly_from))
    return Horizon(tuple(periods), present, present - CUR_LAG_HOURS, present - COST_EXPLORER_LAG_HOURS)


@lru_cache(maxsize=256)
def local_hours(start: int, hours: int, time_zone: str) -> tuple[np.ndarray, np.ndarray]:
    """Local clock hour (0-23) and local weekday (0 = Monday) of each hour, two read-only arrays of length ``hours``."""
    local = _local(start, hours, time_zone)
    return local % 24, (local // 24 + 3) % 7


@lru_cache(maxsize=256)
def local_month_edges(start: int, hours: int, time_zone: str) -> np.ndarray:
    """Which hours fall on the last or the first day of a local month, booleans of length ``hours``."""
    days = _local(start, hours, time_zone) // 24
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    return ((dates + 1).astype("datetime64[M]") != months) | ((dates - 1).astype("datetime64[M]") != months)


def _local(start: int, hours: int, time_zone: str) -> np.ndarray:
    """Whole hours of local time since 1970-01-01 local (half-hour zones are rounded down)."""
    zone = ZoneInfo(time_zone)
    result = np.arange(start, start + hours)
    # An offset only changes a few times a year: ask once a day, and by the hour where the answer differs.
    first = 0
    while first < hours:
        last = min(first + 24, hours)
        offsets = [_offset_seconds(start + first, zone), _offset_seconds(start + last - 1, zone)]
        if offsets[0] == offsets[1]:
            result[first:last] += offsets[0] // 3600
        else:
            for index in range(first, last):
                result[index] += _offset_seconds(start + index, zone) // 3600
        first = last
    return result


def _offset_seconds(hour: int, zone: ZoneInfo) -> int:
    offset = moment(hour).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
