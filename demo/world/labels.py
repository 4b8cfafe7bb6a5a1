"""What is waste, quiet or too large, judged from latent demand and need alone: before metrics and bills exist.

The definitions know no threshold: work is brought or it isn't, and what arrives at a thing that serves nobody
(scanners, forgotten scripts) is nobody's work however much it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.timeline import local_hours
from demo.world.demand import SLOTS_PER_HOUR, STRAY_ROLES
from demo.world.resources import Address, Resource, Snapshot, Volume

WEEKS = 8
_SPAN = WEEKS * 7 * 24
_DAY = 24

_REASONS = {
    "steady": "serves work around the clock",
    "growing": "serves work around the clock, more each month",
    "declining": "serves work around the clock, less each month",
    "stepped": "serves work around the clock; how much changed at once some time ago",
    "office": "serves work in office hours",
    "nightly": "runs a batch every night",
    "weekly_batch": "runs a batch once a week",
    "daily_burst": "runs a job of a few minutes once a day",
    "month_end": "works on the last and first day of each month",
    "bursty": "works hard at times that nobody can foretell",
    "light_duty": "does small but real work",
    "network_worker": "moves bytes and hardly uses its processors",
    "newborn": "was launched a few days ago; its work has not arrived yet",
    "standby": "is a warm standby: quiet and needed",
    "stopped": "was stopped on purpose and is billed for its storage only",
    "idle": "nobody brings it work and nobody needs it",
    "strays": "only scanners and checks reach it; nobody brings it work and nobody needs it",
    "touched": "only a forgotten script looks in now and then; nobody needs it",
    "fading": "its users have left and will not come back",
    "silent_busy": "serves work, but CloudWatch holds no metrics of it",
    "silent_idle": "nobody brings it work, and CloudWatch holds no metrics of it",
}
_KEPT = {
    Snapshot: ("backup", "is a copy that is kept in case it is needed"),
    Address: ("reserved", "is kept because others know the address"),
    Volume: ("kept", "is unattached and kept on purpose"),
}
_SILENT_ROLES = frozenset({"silent_busy", "silent_idle"})


@dataclass(frozen=True)
class Label:
    """The judgement on one thing: ``is_idle`` = it is on, nobody brings it work, and nobody needs it.

    ``is_observable``: False where nothing is measured of it. ``kind``: the role, or what it is kept for.
    """

    kind: str
    reason: str
    is_idle: bool
    is_needed: bool
    is_observable: bool


def judge(thing: Resource, now: int) -> Label:
    """Judge a thing by its description at ``now``, the first hour that hasn't been yet."""
    role = thing.demand.role
    kind, reason, is_needed = role, _REASONS[role], thing.demand.is_needed
    if role == "standby" and type(thing) in _KEPT and not (isinstance(thing, Volume) and thing.instance_id):
        kind, reason = _KEPT[type(thing)]
    if isinstance(thing, Volume) and thing.instance_id is None and thing.demand.gone_from is not None:
        kind, reason, is_needed = "left_behind", "was left behind by its machine", False
    if isinstance(thing, Address) and thing.instance_id is None and role not in ("idle", "standby"):
        kind, reason, is_needed = "left_behind", "was left behind by its machine", False
    if not thing.is_current(now - 1):
        return Label("gone", "does not exist any more", False, is_needed, True)
    is_off = any(start < now and (end is None or now <= end) for start, end in thing.life.pauses)
    if is_off:
        kind, reason = "stopped", _REASONS["stopped"]
    is_without_work = not bring_work(thing, now - _DAY, now).any()
    is_idle = not is_off and not is_needed and is_without_work
    return Label(kind, reason, is_idle, is_needed, role not in _SILENT_ROLES)


def bring_work(thing: Resource, first: int, last: int) -> np.ndarray:
    """Real work per hour of [first, last), a share of what its demand was drawn for; none where only strays arrive."""
    if thing.demand.role in STRAY_ROLES:
        return np.zeros(max(0, last - first))
    return thing.demand.hourly(first, last) * thing.life.runs(first, last)


def find_quiet_hours(thing: Resource, now: int) -> frozenset[int]:
    """The hours of the week (24 x weekday + clock hour, Monday 0, in its users' zone) in which no work was brought in
    the last eight weeks, or since it came; an hour that it hasn't lived through yet isn't quiet."""
    first = max(now - _SPAN, thing.life.launched)
    if first >= now:
        return frozenset()
    clock, weekday = local_hours(first, now - first, thing.demand.time_zone)
    hour_of_week = weekday * 24 + clock
    lived = np.bincount(hour_of_week, minlength=168)
    worked = np.bincount(hour_of_week, weights=bring_work(thing, first, now) > 0, minlength=168)
    return frozenset(np.flatnonzero((lived > 0) & (worked == 0)).tolist())


def find_peak_need(thing: Resource, now: int) -> tuple[float, float]:
    """The most that its work took in any five minutes of the last eight weeks, as shares of its present processors and
    memory. More than 1 means that it is too small. Memory in use counts as needed; its own background load doesn't."""
    first = max(now - _SPAN, thing.life.launched)
    if first >= now:
        return 0.0, 0.0
    on = thing.life.runs(first, now)
    work = bring_work(thing, first, now)
    busy = np.flatnonzero(work)
    peak = 0.0
    if len(busy):
        shares = thing.demand.shares(first, now, SLOTS_PER_HOUR)[busy]
        # More than all that it could do can't be brought to it: the rest waits for the next slot.
        peak = min(1.0, float((shares.max(axis=1) * work[busy]).max()) * SLOTS_PER_HOUR)
    memory = float((thing.demand.memory(first, now, 1)[:, 0] * on).max()) if on.any() else 0.0
    held = thing.capacity_factor if thing.memory_factor is None else thing.memory_factor
    return peak / thing.capacity_factor, memory / held
