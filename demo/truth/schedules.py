"""Quiet hours: when in its users' week a machine truly does nothing, and what it would be if it were off then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from demo.timeline import local_hours
from demo.world.labels import WEEKS, Label, bring_work, find_quiet_hours
from demo.world.resources import ContainerService, Database, Instance, Resource

WEEK_HOURS = 7 * 24
_SPAN = WEEKS * WEEK_HOURS


@dataclass(frozen=True)
class Schedule:
    """``hours`` of the week (24 x weekday + clock hour, Monday 0, in ``time_zone``) in which nothing was done in
    eight weeks.

    ``lasts``: whether that holds in the next eight weeks too. Where it doesn't (a month-end machine, bursts), the
    past was silent by chance.
    """

    time_zone: str
    hours: frozenset[int]
    lasts: bool

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The hours as ranges [from, to), ascending, none across the end of the week."""
        return list(_join(sorted(self.hours)))


def find_schedule(thing: Resource, label: Label, now: int) -> Schedule | None:
    """The quiet hours of a thing that can be stopped, by ``now``, the first hour that hasn't been yet.

    None for kinds that can't be stopped and started again (only EC2 and RDS instances and ECS services can), for
    members of Auto Scaling groups (a group replaces them), Spot instances (gone for good), members of Aurora
    clusters (a cluster stops as a whole), what is gone or stopped, what never rests, and what is needed without
    doing any work (a standby).
    """
    if not isinstance(thing, Instance | Database | ContainerService) or label.kind in ("gone", "stopped"):
        return None
    if isinstance(thing, Instance) and (thing.is_spot or thing.group is not None):
        return None
    if isinstance(thing, Database) and thing.cluster is not None:
        return None
    first = max(now - _SPAN, thing.life.launched)
    if label.is_needed and not bring_work(thing, first, now).any():
        return None
    hours = find_quiet_hours(thing, now)
    if not hours:
        return None
    ahead = mark(hours, thing.demand.time_zone, now, now + _SPAN)
    return Schedule(thing.demand.time_zone, hours, not bring_work(thing, now, now + _SPAN)[ahead].any())


def follow(thing: Resource, schedule: Schedule, first: int, last: int) -> Resource:
    """The thing as if it had been stopped in its quiet hours of [first, last). What it stores stays."""
    off = mark(schedule.hours, schedule.time_zone, first, last)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], off, [False]]).astype(np.int8)))
    pauses = tuple((first + int(start), first + int(end)) for start, end in edges.reshape(-1, 2))
    return replace(thing, life=replace(thing.life, pauses=(*thing.life.pauses, *pauses)))


def mark(hours: Iterable[int], time_zone: str, first: int, last: int) -> np.ndarray:
    """Per hour of [first, last): whether it is one of some hours of the week."""
    clock, weekday = local_hours(first, last - first, time_zone)
    chosen = np.zeros(WEEK_HOURS, dtype=bool)
    chosen[list(hours)] = True
    return np.asarray(chosen[weekday * 24 + clock])


def _join(hours: list[int]) -> Iterator[tuple[int, int]]:
    start = previous = None
    for hour in hours:
        if previous is None or hour != previous + 1:
            if start is not None and previous is not None:
                yield start, previous + 1
            start = hour
        previous = hour
    if start is not None and previous is not None:
        yield start, previous + 1
