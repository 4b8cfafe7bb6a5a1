"""Buckets of credits: the processor credits of T instances and the burst credits of gp2 volumes.

A bucket's level depends on all that was spent before. It is walked from the thing's launch, or, where that lies further
back than CloudWatch keeps anything, from a fixed hour with a full bucket; so it doesn't depend on the window asked for.
Rules: EC2 user guide, "Burstable performance instances" and "Amazon EBS volume types".
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

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
    net = (earned - spent).tolist()
    steps = list(accumulate(net, lambda level, change: min(most, max(least, level + change)), initial=start))
    level = np.array(steps)
    before, after = level[:-1], level[1:]
    charged = np.where(after <= least, np.maximum(0.0, least - (before + earned - spent)), 0.0)
    return Levels(after, charged)
