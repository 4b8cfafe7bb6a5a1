"""Hours, billing periods and local time. An hour is an integer: whole hours since 1970-01-01T00:00Z."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from demo.parameters import Parameters

SLOTS_PER_HOUR = 12  # CloudWatch's basic monitoring: one point every 5 minutes
SLOT_SECONDS = 300
CUR_LAG_HOURS = 6
COST_EXPLORER_LAG_HOURS = 24
PERIODS = 3


@dataclass(frozen=True)
class BillingPeriod:
    """A calendar month [start, end) in hours."""

    start: int
    end: int

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
    """The times an account is made for: billing periods, and up to where the bill and Cost Explorer know usage."""

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

    def is_closed(self, period: BillingPeriod) -> bool:
        """Whether the invoice of the period is out: every period before the newest one."""
        return period != self.periods[-1]


def moment(hour: int) -> datetime:
    """The UTC time of an hour."""
    return datetime.fromtimestamp(int(hour) * 3600, UTC)


def hour_of(year: int, month: int) -> int:
    """The first hour of a month, where month may run outside 1 to 12."""
    carry, index = divmod(month - 1, 12)
    return int(datetime(year + carry, index + 1, 1, tzinfo=UTC).timestamp()) // 3600


def draw_horizon(parameters: Parameters) -> Horizon:
    """The open billing period (the one of the newest billed hour) and the two before it."""
    cur_end = parameters.end_hour - CUR_LAG_HOURS
    newest = moment(cur_end - 1)
    periods = tuple(
        BillingPeriod(hour_of(newest.year, newest.month - back), hour_of(newest.year, newest.month - back + 1))
        for back in range(PERIODS - 1, -1, -1)
    )
    return Horizon(periods, parameters.end_hour, cur_end, parameters.end_hour - COST_EXPLORER_LAG_HOURS)


@lru_cache(maxsize=64)
def local_hours(start: int, hours: int, time_zone: str) -> tuple[np.ndarray, np.ndarray]:
    """Local clock hour (0-23) and local weekday (0 = Monday) of each hour, two arrays of length ``hours``."""
    zone = ZoneInfo(time_zone)
    local = [moment(start + offset).astimezone(zone) for offset in range(hours)]
    return np.array([when.hour for when in local]), np.array([when.weekday() for when in local])


@lru_cache(maxsize=64)
def local_month_edges(start: int, hours: int, time_zone: str) -> np.ndarray:
    """Which hours fall on the last or the first day of a local month, booleans of length ``hours``."""
    zone = ZoneInfo(time_zone)
    local = [moment(start + offset).astimezone(zone) for offset in range(hours)]
    following = [moment(start + offset + 24).astimezone(zone) for offset in range(hours)]
    return np.array([now.day == 1 or later.day == 1 for now, later in zip(local, following, strict=True)])
