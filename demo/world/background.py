"""What a machine does for itself: agents, cron, updates, scans. It brings load and traffic, and no work.

Fitted by ``python -m tests.demo.calibration`` to the Bitbrains "rnd" traces (Grid Workloads Archive T-12, 300 real
machines, 5 minutes, July to September 2013), and to nothing else: no rule that looks at idle machines was consulted.
A Gaussian mixture over log mean processor load and log mean traffic (five components by BIC) tells the machines to
which nobody brings work; those with an even number were fitted, the odd ones were kept to compare with.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from demo.randomness import noise_key, normals, stream, uniforms
from demo.world.shapes import Clock

_SLOTS = 12
_DAY = 24 * _SLOTS
# Between machines, (log median, log spread), fitted to the quiet machines' quartiles: the median day's mean load and
# highest slot in percent, bytes of the median day; then the log spreads from day to day, themselves drawn per machine.
MEAN_LOAD_PCT = (np.log(0.13), 2.2)
DAILY_PEAK_PCT = (np.log(1.7), 1.5)
DAILY_BYTES = (np.log(9e6), 2.6)
PEAK_SPREAD = (np.log(0.53), 0.7)
BYTES_SPREAD = (np.log(0.85), 0.75)
# How they go together on the fitted machines (rank correlations): peak, mean load, bytes, spread of peak, of bytes.
_TOGETHER = np.linalg.cholesky(
    np.array(
        [
            [1.0, 0.69, 0.45, -0.39, 0.0],
            [0.69, 1.0, 0.27, -0.2, 0.0],
            [0.45, 0.27, 1.0, 0.0, 0.0],
            [-0.39, -0.2, 0.0, 1.0, 0.4],
            [0.0, 0.0, 0.0, 0.4, 1.0],
        ]
    )
)
# The share of days whose highest slot is at the machine's usual time, and a day's largest slot of bytes: medians.
_USUAL_TIME = 0.37
_LARGEST_SLOT = 0.09


@dataclass(frozen=True)
class Background:
    """Processor load in percent, and bytes in and out: arrays (hours, per_hour)."""

    cpu: np.ndarray
    inbound: np.ndarray
    outbound: np.ndarray


@dataclass(frozen=True)
class _Habit:
    base: float
    peak: float
    peak_spread: float
    daily_bytes: float
    bytes_spread: float
    largest: float
    slot: int
    length: int
    weekday: int
    weekly_factor: float
    share_in: float


@lru_cache(maxsize=65536)
def _draw_habit(seed: int, name: str) -> _Habit:
    rng = stream(seed, "background", name)
    peak_at, mean_at, bytes_at, peak_spread_at, bytes_spread_at = _TOGETHER @ rng.standard_normal(5)

    def draw(fitted: tuple[float, float], at: float, low: float, high: float) -> float:
        return float(np.clip(np.exp(fitted[0] + fitted[1] * at), low, high))

    peak = draw(DAILY_PEAK_PCT, peak_at, 0.02, 45.0)
    return _Habit(
        base=min(draw(MEAN_LOAD_PCT, mean_at, 0.001, 8.0), 0.8 * peak),
        peak=peak,
        peak_spread=draw(PEAK_SPREAD, peak_spread_at, 0.05, 2.0),
        daily_bytes=draw(DAILY_BYTES, bytes_at, 1e3, 5e10),
        bytes_spread=draw(BYTES_SPREAD, bytes_spread_at, 0.1, 2.5),
        largest=float(rng.beta(0.6, 4.0) * 0.9 + _LARGEST_SLOT / 9),
        slot=int(rng.integers(0, _DAY)),
        length=int(rng.integers(1, 4)),
        weekday=int(rng.integers(0, 7)),
        weekly_factor=float(np.exp(rng.normal(0.9, 0.5))) if rng.random() < 0.5 else 1.0,
        share_in=float(rng.beta(3.0, 3.0)),
    )


def draw_background(seed: int, name: str, time_zone: str, first: int, last: int, per_hour: int) -> Background:
    """The own load of the machine called ``name`` in the hours [first, last); ``per_hour`` is 12 or 60.

    A quiet base of agents; once a day something larger and short, at its usual time on more than a third of the days;
    on half of the machines something larger still once a week; bytes by the day, part of them in one slot.
    """
    habit = _draw_habit(seed, name)
    at = Clock(first, last, time_zone)
    hours = len(at.hours)
    slots = np.arange(first * _SLOTS, first * _SLOTS + hours * _SLOTS).reshape(hours, _SLOTS)
    noise = normals(noise_key(seed, "own load", name), slots)
    cpu = habit.base * np.exp(0.25 * noise)

    def per_day(what: str) -> np.ndarray:
        return np.asarray(normals(noise_key(seed, what, name), at.days))

    chosen = noise_key(seed, "peak time", name)
    is_usual = uniforms(chosen, 2 * at.days) < _USUAL_TIME
    start = np.where(is_usual, habit.slot, np.floor(uniforms(chosen, 2 * at.days + 1) * _DAY))[:, None]
    of_day = at.clock[:, None] * _SLOTS + np.arange(_SLOTS)
    is_peak = (of_day >= start) & (of_day < start + habit.length)
    height = habit.peak * np.exp(habit.peak_spread * per_day("own peak"))
    height = height * np.where(at.weekday == habit.weekday, habit.weekly_factor, 1.0)
    cpu = np.clip(cpu + np.where(is_peak, height[:, None] * (1 - 0.15 * np.abs(noise)), 0.0), 0.0, 100.0)

    total = habit.daily_bytes * np.exp(habit.bytes_spread * per_day("own bytes"))
    spread = np.exp(0.3 * normals(noise_key(seed, "own traffic", name), slots))
    moved = (1 - habit.largest) * total[:, None] / _DAY * spread
    moved = moved + np.where(of_day == start, habit.largest * total[:, None], 0.0)
    if per_hour != _SLOTS:
        minutes = np.arange(first * 60, first * 60 + hours * 60).reshape(hours, _SLOTS, 5)
        jitter = np.exp(0.2 * normals(noise_key(seed, "own minutes", name), minutes))
        jitter /= jitter.mean(axis=2, keepdims=True)
        cpu = np.minimum(cpu[:, :, None] * jitter, 100.0).reshape(hours, 60)
        moved = (moved[:, :, None] * jitter / 5).reshape(hours, 60)
    return Background(cpu, moved * habit.share_in, moved * (1 - habit.share_in))
