"""The shapes of demand: how much work each role is brought in each hour. Drawn per thing, known for any hour at all.

Levels are shares of capacity and spread widely, from machine to machine, over orders of magnitude: who looks at them
with any threshold finds cases on both sides of it and many near it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from demo.randomness import noise_key, normals, stream, uniforms
from demo.timeline import local_hours, local_month_edges

_LONGEST_BURST = 4


@dataclass(frozen=True)
class Clock:
    """The hours [first, last), absolute and in local time."""

    first: int
    last: int
    time_zone: str

    @cached_property
    def hours(self) -> np.ndarray:
        """Absolute hours."""
        return np.arange(self.first, self.last)

    @cached_property
    def clock(self) -> np.ndarray:
        """Local clock hour, 0-23."""
        return local_hours(self.first, self.last - self.first, self.time_zone)[0]

    @cached_property
    def weekday(self) -> np.ndarray:
        """Local weekday, 0 = Monday."""
        return local_hours(self.first, self.last - self.first, self.time_zone)[1]

    @cached_property
    def edges(self) -> np.ndarray:
        """Whether it is the last or the first day of a local month."""
        return local_month_edges(self.first, self.last - self.first, self.time_zone)

    @cached_property
    def days(self) -> np.ndarray:
        """A number of the local day, the same in all its hours (a zone is at most 12 hours off UTC)."""
        return (self.hours - self.clock + 12) // 24


@dataclass(frozen=True)
class Shape:
    """``level``: share of capacity per hour. ``jitter``: log spread of the slots within an hour. ``job``: where all
    work of an hour falls, as (first slot, slots) of twelve. ``asked``: the share of slots in which anything arrives."""

    level: Callable[[Clock], np.ndarray]
    jitter: float = 0.2
    job: tuple[int, int] | None = None
    asked: float = 1.0


def wander(key: int, hours: np.ndarray, spread: float, period: int = 8) -> np.ndarray:
    """A slowly wandering factor around 1: smooth between log-normal knots every ``period`` hours."""
    if not len(hours):
        return np.ones(0)
    knots, place = np.divmod(hours, period)
    low = int(knots[0])
    values = normals(key, np.arange(low, int(knots[-1]) + 2))
    weight = place / period
    weight = weight * weight * (3 - 2 * weight)
    index = knots - low
    mixed: np.ndarray = np.exp(spread * (values[index] * (1 - weight) + values[index + 1] * weight))
    return mixed


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _bump(clock: np.ndarray, centre: float, width: float) -> np.ndarray:
    distance = np.minimum(np.abs(clock - centre), 24 - np.abs(clock - centre))
    bump: np.ndarray = np.exp(-0.5 * (distance / width) ** 2)
    return bump


@dataclass(frozen=True)
class _Draw:
    """What the shape of one thing is drawn from."""

    rng: np.random.Generator
    key: int
    level: float | None

    def size(self, low: float, high: float) -> float:
        """The level, where it isn't given: log-uniform. Always drawn, so that the rest stays the same."""
        drawn = _log_uniform(self.rng, low, high)
        return drawn if self.level is None else self.level


def _lump(draw: _Draw) -> Callable[[Clock], np.ndarray]:
    """Where the level is given it is so small that visits can be counted: they come in some hours, several at once."""
    share = _log_uniform(draw.rng, 0.03, 0.4)
    visits = noise_key(draw.key, "visits")

    def factor(at: Clock) -> np.ndarray:
        if draw.level is None:
            return np.ones(len(at.hours))
        return np.where(uniforms(visits, at.hours) < share, 1 / share, 0.0)

    return factor


def _steady(draw: _Draw) -> Shape:
    rng = draw.rng
    level, centre, width = draw.size(0.05, 0.5), rng.uniform(12, 20), rng.uniform(3, 5)
    floor, weekend, spread = rng.uniform(0.35, 0.8), rng.uniform(0.6, 1.05), rng.uniform(0.08, 0.2)

    def work(at: Clock) -> np.ndarray:
        daily = floor + (1 - floor) * _bump(at.clock, centre, width)
        weekly = np.where(at.weekday >= 5, weekend, 1.0)
        return level * daily * weekly * wander(draw.key, at.hours, spread)

    return Shape(work, jitter=float(rng.uniform(0.1, 0.25)))


def _office(draw: _Draw) -> Shape:
    rng = draw.rng
    level, opens, closes = draw.size(0.04, 0.5), int(rng.integers(6, 10)), int(rng.integers(17, 21))
    works_saturday = rng.random() < 0.15
    # At half of them nothing at all happens at night; at the others a little does, and it is real.
    night = 0.0 if rng.random() < 0.5 else _log_uniform(rng, 0.002, 0.08)

    def work(at: Clock) -> np.ndarray:
        at_desk = (at.clock >= opens) & (at.clock < closes) & (at.weekday < (6 if works_saturday else 5))
        return level * np.where(at_desk, 1.0, night) * wander(draw.key, at.hours, 0.3)

    return Shape(work, jitter=0.35)


def _nightly(draw: _Draw) -> Shape:
    rng = draw.rng
    first, length, level = int(rng.integers(0, 5)), int(rng.integers(2, 5)), draw.size(0.2, 0.9)

    def work(at: Clock) -> np.ndarray:
        is_on = (at.clock >= first) & (at.clock < first + length)
        return np.where(is_on, level, 0.0) * np.exp(0.1 * normals(draw.key, at.days))

    return Shape(work, jitter=0.08)


def _weekly_batch(draw: _Draw) -> Shape:
    rng = draw.rng
    weekday, first, length = int(rng.integers(0, 7)), int(rng.integers(0, 19)), int(rng.integers(1, 6))
    level = draw.size(0.05, 0.9)

    def work(at: Clock) -> np.ndarray:
        is_on = (at.weekday == weekday) & (at.clock >= first) & (at.clock < first + length)
        return np.where(is_on, level, 0.0) * np.exp(0.15 * normals(draw.key, at.days))

    return Shape(work, jitter=0.1)


def _month_end(draw: _Draw) -> Shape:
    level = draw.size(0.1, 0.8)

    def work(at: Clock) -> np.ndarray:
        return np.where(at.edges, level, 0.0) * wander(draw.key, at.hours, 0.2)

    return Shape(work, jitter=0.15)


def _daily_burst(draw: _Draw) -> Shape:
    """A job of a few minutes a day; how hard it works differs widely from machine to machine."""
    rng = draw.rng
    hour, slots = int(rng.integers(0, 24)), int(rng.integers(1, 4))
    slot = int(rng.integers(0, 13 - slots))
    drawn = float(np.clip(np.exp(rng.normal(np.log(0.08), 1.0)), 0.008, 0.9))
    level = drawn if draw.level is None else draw.level

    def work(at: Clock) -> np.ndarray:
        during = np.where(at.clock == hour, level * slots / 12, 0.0)
        return during * np.exp(0.15 * normals(draw.key, at.days))

    return Shape(work, jitter=0.0, job=(slot, slots))


def _bursty(draw: _Draw) -> Shape:
    """Heavy work at times that nobody can foretell, and little between."""
    rng = draw.rng
    chance, level = _log_uniform(rng, 1 / 200, 1 / 12), draw.size(0.2, 0.9)
    between = 0.0 if rng.random() < 0.4 else _log_uniform(rng, 0.002, 0.03)
    lengths = noise_key(draw.key, "lengths")

    def work(at: Clock) -> np.ndarray:
        hours = np.arange(at.first - _LONGEST_BURST + 1, at.last)
        begins = uniforms(draw.key, hours) < chance
        reach = 1 + np.floor(uniforms(lengths, hours) * _LONGEST_BURST)
        heavy = np.zeros(len(at.hours), dtype=bool)
        for back in range(_LONGEST_BURST):
            window = slice(_LONGEST_BURST - 1 - back, len(hours) - back)
            heavy |= begins[window] & (reach[window] > back)
        return np.where(heavy, level, between) * wander(draw.key, at.hours, 0.2)

    return Shape(work, jitter=0.3)


def _light(draw: _Draw) -> Shape:
    """Small but real work: a bastion, a licence server, a name server."""
    rng = draw.rng
    level, asked = draw.size(0.0015, 0.1), float(rng.uniform(0.15, 1.0))
    by_day = rng.random() < 0.5

    lumps = _lump(draw)

    def work(at: Clock) -> np.ndarray:
        share = np.where((at.clock >= 7) & (at.clock < 20), 1.0, 0.3) if by_day else 1.0
        return level * asked * share * wander(draw.key, at.hours, 0.4) * lumps(at)

    return Shape(work, jitter=0.5, asked=asked)


def _network(draw: _Draw) -> Shape:
    """A proxy or mover of bytes: hardly any processor time."""
    level = draw.size(0.004, 0.04)
    return Shape(lambda at: level * wander(draw.key, at.hours, 0.3), jitter=0.3)


def _strays(draw: _Draw) -> Shape:
    """Nobody's work: what scanners, health checks and forgotten scripts bring to a thing that serves no one."""
    level = draw.size(1e-6, 1e-2)
    lumps = _lump(draw)
    return Shape(lambda at: level * wander(draw.key, at.hours, 0.4, 5) * lumps(at), jitter=0.6)


def _touched(draw: _Draw) -> Shape:
    """Nobody's work either: something looks in for some minutes on some days."""
    rng = draw.rng
    level, hour, slot = draw.size(1e-6, 1e-2), int(rng.integers(0, 24)), int(rng.integers(0, 12))
    share_of_days = rng.uniform(0.15, 1.0)
    comes = noise_key(draw.key, "comes")

    def work(at: Clock) -> np.ndarray:
        is_there = (at.clock == hour) & (uniforms(comes, at.days) < share_of_days)
        return np.where(is_there, level, 0.0) * np.exp(0.4 * normals(draw.key, at.days))

    return Shape(work, jitter=0.0, job=(slot, 1))


def _nothing(_draw: _Draw) -> Shape:
    return Shape(lambda at: np.zeros(at.last - at.first), jitter=0.0)


_SHAPES: dict[str, Callable[[_Draw], Shape]] = {
    "steady": _steady,
    "growing": _steady,
    "declining": _steady,
    "stepped": _steady,
    "office": _office,
    "nightly": _nightly,
    "weekly_batch": _weekly_batch,
    "daily_burst": _daily_burst,
    "month_end": _month_end,
    "bursty": _bursty,
    "light_duty": _light,
    "network_worker": _network,
    "newborn": _nothing,
    "standby": _nothing,
    "stopped": _nothing,
    "idle": _nothing,
    "strays": _strays,
    "touched": _touched,
    "fading": _office,
    "silent_busy": _steady,
    "silent_idle": _nothing,
}
ROLES = tuple(_SHAPES)


@lru_cache(maxsize=65536)
def draw_shape(seed: int, name: str, role: str, level: float | None) -> Shape:
    """The shape of the demand called ``name``; ``role`` is one of ROLES, ``level`` replaces the drawn one."""
    return _SHAPES[role](_Draw(stream(seed, "demand", name), noise_key(seed, "demand", name), level))
