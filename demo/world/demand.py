"""Latent demand: the work that people and other systems bring to a resource, drawn before anything else.

Labels are judged from it; metrics and bills are made from it. It knows nothing of any rule that might look at them:
work is either brought or it isn't. Everything is a function of absolute time, so that any window at any grain can be
asked for, and an account that is advanced keeps its past.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from demo.randomness import noise_key, normals, stream, uniforms
from demo.world.shapes import ROLES, Clock, Shape, draw_shape, wander

__all__ = ["ROLES", "SLOTS_PER_HOUR", "STRAY_ROLES", "Demand"]

SLOTS_PER_HOUR = 12
# What arrives at these is nobody's work: scanners, forgotten scripts.
STRAY_ROLES = frozenset({"strays", "touched"})
_HOURS_PER_YEAR = 8766
# Shares are counted in this many parts, so that sums of them are exact.
_PARTS = 2.0**40


@dataclass(frozen=True)
class Demand:
    """What is brought to one resource.

    ``role`` is one of ROLES; ``time_zone`` is its users'. ``is_needed``: whether its owner would miss it, work or not.
    ``trend_per_year``: growth (0.5) or decline (-0.3) relative to ``anchor``, an hour. ``steps``: (hour, factor) from
    that hour on, multiplied. ``gone_from``: the hour in which its users left for good. ``level``: how much at most, a
    share of capacity, where that isn't left to the role's own wide range. Things of one ``name`` share one demand.
    """

    seed: int
    name: str
    role: str
    time_zone: str
    is_needed: bool
    anchor: int
    trend_per_year: float = 0.0
    steps: tuple[tuple[int, float], ...] = ()
    gone_from: int | None = None
    level: float | None = None

    def hourly(self, first: int, last: int) -> np.ndarray:
        """Per hour of [first, last): the share (0-1) of the resource's capacity that arriving work takes."""
        if last <= first:
            return np.zeros(0)
        at = Clock(first, last, self.time_zone)
        result = self._shape.level(at)
        if self.trend_per_year:
            result = result * (1 + self.trend_per_year) ** ((at.hours - self.anchor) / _HOURS_PER_YEAR)
        for hour, factor in self.steps:
            result = np.where(at.hours >= hour, result * factor, result)
        if self.gone_from is not None:
            result = np.where(at.hours >= self.gone_from, 0.0, result)
        return np.clip(result, 0.0, 1.0)

    def shares(self, first: int, last: int, per_hour: int) -> np.ndarray:
        """How an hour's work falls within it: an array (hours, per_hour), each row non-negative with the sum 1.

        ``per_hour`` is 12 or 60, and the sums of five neighbours of the finer are the coarser, exactly.
        """
        if per_hour not in (SLOTS_PER_HOUR, 60):
            raise ValueError(f"an hour is shared by 12 or 60, not by {per_hour}")
        hours = max(0, last - first)
        ends = self._slot_ends(first, hours)
        if per_hour == SLOTS_PER_HOUR:
            return np.diff(ends, axis=1, prepend=0.0) / _PARTS
        sizes = np.diff(ends, axis=1, prepend=0.0)
        minutes = np.arange(first * 60, first * 60 + hours * 60).reshape(hours, SLOTS_PER_HOUR, 5)
        weights = np.exp(self._shape.jitter * normals(noise_key(self.seed, "minutes", self.name), minutes))
        inner = np.cumsum(weights, axis=2)
        inner = np.rint(inner / inner[:, :, -1:] * sizes[:, :, None])
        inner[:, :, 1:] -= inner[:, :, :-1].copy()
        return np.asarray(inner.reshape(hours, 60) / _PARTS)

    def memory(self, first: int, last: int, per_hour: int) -> np.ndarray:
        """The share (0-1) of the resource's memory in use, an array (hours, per_hour).

        A process of its own: a base, something per work, slow drift; some leak until they are restarted, and some fill
        what they have with a cache however little they do.
        """
        habit = _draw_memory(self.seed, self.name)
        hours = np.arange(first, max(first, last))
        drift = wander(noise_key(self.seed, "memory", self.name), hours, 0.06, 36)
        level = habit.base * drift + habit.per_work * self.hourly(first, max(first, last))
        if habit.leak_hours:
            level = level + habit.leak * ((hours + habit.offset) % habit.leak_hours) / habit.leak_hours
        slots = np.arange(first * per_hour, first * per_hour + len(hours) * per_hour).reshape(len(hours), per_hour)
        noise = 1 + 0.01 * normals(noise_key(self.seed, "memory noise", self.name), slots)
        return np.clip(level[:, None] * noise, 0.02, 0.98)

    @property
    def _shape(self) -> Shape:
        return draw_shape(self.seed, self.name, self.role, self.level)

    def _slot_ends(self, first: int, hours: int) -> np.ndarray:
        """The parts of an hour's work that have come by the end of each 5-minute slot: (hours, 12), whole numbers."""
        shape = self._shape
        if shape.job is not None:
            start, length = shape.job
            weights = np.zeros((hours, SLOTS_PER_HOUR))
            weights[:, start : start + length] = 1.0
        else:
            slots = np.arange(first * SLOTS_PER_HOUR, (first + hours) * SLOTS_PER_HOUR).reshape(hours, SLOTS_PER_HOUR)
            weights = np.exp(shape.jitter * normals(noise_key(self.seed, "slots", self.name), slots))
            if shape.asked < 1:
                chances = uniforms(noise_key(self.seed, "asked", self.name), slots)
                # In each hour something arrives in one slot at least.
                chances[np.arange(hours), np.argmin(chances, axis=1)] = 0.0
                weights = np.where(chances < shape.asked, weights, 0.0)
        ends = np.cumsum(weights, axis=1)
        return np.asarray(np.rint(ends / ends[:, -1:] * _PARTS))


@dataclass(frozen=True)
class _MemoryHabit:
    base: float
    per_work: float
    leak: float
    leak_hours: int
    offset: int


@lru_cache(maxsize=65536)
def _draw_memory(seed: int, name: str) -> _MemoryHabit:
    rng = stream(seed, "memory habit", name)
    kind = rng.random()
    base = float(np.exp(rng.uniform(np.log(0.08), np.log(0.5))))
    per_work, leak, days, offset = rng.uniform(0.05, 0.5), rng.uniform(0.1, 0.4), rng.integers(3, 30), rng.integers(720)
    if kind < 0.15:
        return _MemoryHabit(base, float(per_work), float(leak), int(days) * 24, int(offset))
    if kind < 0.3:
        return _MemoryHabit(float(rng.uniform(0.65, 0.93)), 0.0, 0.0, 0, 0)
    return _MemoryHabit(base, float(per_work), 0.0, 0, 0)
