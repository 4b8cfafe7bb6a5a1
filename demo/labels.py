"""What is waste, judged from latent demand alone: before metrics and bills exist, and without any rule's thresholds."""

from __future__ import annotations

from dataclasses import dataclass

from demo.calendars import SLOTS_PER_HOUR, Horizon
from demo.demand import SILENT_ROLES, Demand

_REASONS = {
    "steady": "serves work around the clock",
    "office": "serves work in office hours",
    "nightly": "runs a batch every night",
    "daily_burst": "runs a job of a few minutes once a day",
    "month_end": "works on the last and first day of each month",
    "light_duty": "does small but real work",
    "network_worker": "moves bytes and hardly uses its processors",
    "newborn": "was launched a few days ago; its work has not arrived yet",
    "standby": "is a warm standby: quiet and needed",
    "stopped": "was stopped on purpose and is billed for its volumes only",
    "idle": "nobody brings it work and nobody needs it",
    "fading": "its users have left and will not come back",
    "silent_busy": "serves work, but CloudWatch holds no metrics of it",
    "silent_idle": "nobody brings it work, and CloudWatch holds no metrics of it",
}


@dataclass(frozen=True)
class Label:
    """The judgement on one machine: ``is_idle`` = runs, nobody brings it work, and nobody needs it."""

    is_idle: bool
    is_observable: bool
    kind: str
    reason: str


def judge(demand: Demand, horizon: Horizon) -> Label:
    """A machine is idle when it runs now, no work came in the last day, and its owner would not miss it."""
    last_day = slice(-24 * SLOTS_PER_HOUR, None)
    is_on = bool(demand.is_running[horizon.cur_end - horizon.start - 1])
    is_idle = is_on and not demand.is_needed and not demand.work[last_day].any()
    return Label(is_idle, demand.role not in SILENT_ROLES, demand.role, _REASONS[demand.role])
