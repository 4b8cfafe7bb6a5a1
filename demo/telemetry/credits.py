"""Buckets of credits: the processor credits of T instances and the burst credits of gp2 volumes.

A bucket's level depends on all that was spent before. It is walked from the thing's launch, or, where that lies further
back than CloudWatch keeps anything, from a fixed hour with a full bucket; so it doesn't depend on the window asked for.
Rules: EC2 user guide, "Burstable performance instances" and "Amazon EBS volume types".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from demo.telemetry.latent import Latent, runs_by_slot
from demo.telemetry.machines import processor, size_of
from demo.telemetry.samples import Grid, Kind
from demo.world.resources import Resource

# CloudWatch keeps 455 days; what was before can't be asked for.
KEPT_HOURS = 470 * 24
SLOTS = 12
# Credits earned an hour, per size (EC2 user guide); a bucket holds a day's.
_EARNED: dict[str, dict[str, float]] = {
    "t2": {"nano": 3, "micro": 6, "small": 12, "medium": 24, "large": 36, "xlarge": 54, "2xlarge": 81.6},
    "t3": {"nano": 6, "micro": 12, "small": 24, "medium": 24, "large": 36, "xlarge": 96, "2xlarge": 192},
}
_EARNED["t3a"] = _EARNED["t4g"] = _EARNED["t3"]


def credits_per_hour(instance_type: str) -> float | None:
    """Credits that an instance type (or database class) earns an hour; None where it isn't burstable."""
    family, _, size = instance_type.removeprefix("db.").partition(".")
    return _EARNED.get(family, {}).get(size)


@dataclass(frozen=True)
class Levels:
    """Per slot: the bucket's level after it (negative: borrowed), and what was spent beyond all borrowing."""

    level: np.ndarray
    charged: np.ndarray


def walk_bucket(start: float, earned: float, spent: np.ndarray, most: float, least: float) -> Levels:
    """Walk a bucket that holds ``most`` and lends down to ``least`` through slots (1-d ``spent``)."""
    if start == most and (not len(spent) or float(spent.max()) <= earned):
        return Levels(np.full(len(spent), most), np.zeros(len(spent)))
    level, steps = start, [start]
    for change in (earned - spent).tolist():
        level += change
        if level > most:
            level = most
        elif level < least:
            level = least
        steps.append(level)
    before, after = np.array(steps[:-1]), np.array(steps[1:])
    charged = np.where(after <= least, np.maximum(0.0, least - (before + earned - spent)), 0.0)
    return Levels(after, charged)


def span_walked(latent: Latent, thing: Resource) -> tuple[int, int]:
    """The hours [first, last) that a thing's bucket is walked through: as described, and as far as anything is kept."""
    start = max(latent.estate.parameters.end_hour - KEPT_HOURS, thing.life.launched, thing.since)
    bounds = (latent.estate.horizon.end, thing.until, thing.life.ended)
    return start, max(start, min(bound for bound in bounds if bound is not None))


def cut_walk(values: np.ndarray, start: int, first: int, last: int, before: float) -> np.ndarray:
    """The hours [first, last) of what was walked from ``start`` on, as (hours, slots); ``before`` that, a constant."""
    kept = values[max(0, first - start) * SLOTS : max(0, last - start) * SLOTS]
    missing = min(max(0, start - first), last - first)
    return np.concatenate([np.full(missing * SLOTS, before), kept]).reshape(-1, SLOTS)


def list_credit_kinds(latent: Latent, type_of: Callable[[Any], str]) -> tuple[Kind, ...]:
    """The credit metrics of burstable machines, a sample per 5 minutes; ``type_of`` names a thing's type or class."""

    def walk(thing: Resource) -> tuple[np.ndarray, ...]:
        earned = credits_per_hour(type_of(thing))
        assert earned is not None
        start, end = span_walked(latent, thing)

        def make() -> tuple[np.ndarray, ...]:
            is_on = np.repeat(thing.runs(start, end), SLOTS)
            percent = processor(latent, thing, start, end, SLOTS).reshape(-1)
            spent = percent / 100 * size_of(type_of(thing)).vcpu * 60 / SLOTS
            # T3 and later start with an empty bucket and may borrow a day's earnings (unlimited, the default). A
            # stopped one neither earns nor spends.
            begin = 0.0 if start == max(thing.life.launched, thing.since) else 24 * earned
            spent = np.where(is_on, spent, earned / SLOTS)
            levels = walk_bucket(begin, earned / SLOTS, spent, 24 * earned, -24 * earned)
            return spent, levels.level, levels.charged

        made: tuple[np.ndarray, ...] = latent.keep(("credits", thing.resource_id, start, end), make)
        return made

    def read(choose: Callable[[tuple[np.ndarray, ...]], np.ndarray]) -> Callable[[Resource, int, int], Grid]:
        def send(thing: Resource, first: int, last: int) -> Grid:
            start, _ = span_walked(latent, thing)
            values = cut_walk(choose(walk(thing)), start, first, last, 0.0)
            is_sent = runs_by_slot(thing, first, last) & (np.arange(first, last) >= start)[:, None]
            return Grid(np.round(values, 4), is_sent=is_sent)

        return send

    return (
        Kind("CPUCreditUsage", "Count", read(lambda made: made[0]), True),
        Kind("CPUCreditBalance", "Count", read(lambda made: np.maximum(made[1], 0.0)), True),
        Kind("CPUSurplusCreditBalance", "Count", read(lambda made: np.maximum(-made[1], 0.0)), True),
        Kind("CPUSurplusCreditsCharged", "Count", read(lambda made: made[2]), True),
    )
