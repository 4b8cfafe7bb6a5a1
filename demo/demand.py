"""Latent demand: the work that people and other systems bring to a machine, drawn before anything else.

Labels are judged from it, metrics and bills are made from it. It knows nothing of any rule that might look at those
metrics: work is either brought or it isn't, and a machine is either needed or it isn't.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from demo.calendars import SLOTS_PER_HOUR, Horizon, local_hours, local_month_edges
from demo.randomness import stream

MEGABYTE = 1_000_000.0


@dataclass(frozen=True)
class Life:
    """When a machine exists and runs. Hours since the epoch; ``ended`` is the first hour without it."""

    launched: int
    ended: int | None = None
    stopped_from: int | None = None
    stops_at_night: bool = False


@dataclass(frozen=True)
class Demand:
    """What is brought to one machine over a horizon.

    ``work``: per 5-minute slot, the share (0-1) of the machine that arriving work would take.
    ``inbound``, ``outbound``: bytes per slot moved for that work.
    ``is_running``: per hour. ``is_needed``: whether its owner would miss it, work or not.
    """

    role: str
    work: np.ndarray
    inbound: np.ndarray
    outbound: np.ndarray
    is_running: np.ndarray
    is_needed: bool


@dataclass(frozen=True)
class _Setting:
    rng: np.random.Generator
    horizon: Horizon
    hours: np.ndarray
    weekdays: np.ndarray
    month_edges: np.ndarray

    @property
    def slots(self) -> int:
        return self.horizon.hours * SLOTS_PER_HOUR


def _per_slot(hourly: np.ndarray) -> np.ndarray:
    """Hourly levels as a line through 5-minute slots."""
    slots = np.arange(len(hourly) * SLOTS_PER_HOUR) / SLOTS_PER_HOUR
    return np.interp(slots, np.arange(len(hourly)) + 0.5, hourly)


def _wander(rng: np.random.Generator, hours: int, spread: float) -> np.ndarray:
    """A slowly wandering factor around 1, one value per hour: white noise smoothed over about half a day."""
    kernel = np.exp(-np.arange(36) / 8.0)
    noise = np.convolve(rng.standard_normal(hours + 35), kernel / np.sqrt((kernel**2).sum()), mode="valid")
    return np.exp(spread * noise)


def _jitter(setting: _Setting, spread: float) -> np.ndarray:
    return np.exp(spread * setting.rng.standard_normal(setting.slots))


def _bump(hours: np.ndarray, centre: float, width: float) -> np.ndarray:
    distance = np.minimum(np.abs(hours - centre), 24 - np.abs(hours - centre))
    return np.exp(-0.5 * (distance / width) ** 2)


def _steady(setting: _Setting) -> np.ndarray:
    rng = setting.rng
    daily = 0.55 + 0.45 * _bump(setting.hours, rng.uniform(12, 20), rng.uniform(3, 5))
    weekly = np.where(setting.weekdays >= 5, rng.uniform(0.6, 1.05), 1.0)
    level = rng.uniform(0.10, 0.50)
    return _per_slot(level * daily * weekly * _wander(rng, setting.horizon.hours, 0.15)) * _jitter(setting, 0.18)


def _office(setting: _Setting) -> np.ndarray:
    rng = setting.rng
    at_desk = (setting.hours >= 8) & (setting.hours < 19) & (setting.weekdays < 5)
    level = rng.uniform(0.05, 0.45)
    hourly = level * np.where(at_desk, 1.0, rng.uniform(0.0, 0.05)) * _wander(rng, setting.horizon.hours, 0.3)
    return _per_slot(hourly) * _jitter(setting, 0.4)


def _nightly(setting: _Setting) -> np.ndarray:
    rng = setting.rng
    first = int(rng.integers(0, 5))
    is_on = (setting.hours >= first) & (setting.hours < first + int(rng.integers(2, 5)))
    level = rng.uniform(0.35, 0.9)
    hourly = np.where(is_on, level, 0.0) * _wander(rng, setting.horizon.hours, 0.1)
    return np.repeat(hourly, SLOTS_PER_HOUR) * _jitter(setting, 0.1)


def _daily_burst(setting: _Setting) -> np.ndarray:
    """A job of a few minutes a day; how hard it works differs widely from machine to machine."""
    rng = setting.rng
    hour, slot, length = int(rng.integers(0, 24)), int(rng.integers(0, 9)), int(rng.integers(1, 4))
    level = float(np.clip(np.exp(rng.normal(np.log(0.10), 0.8)), 0.015, 0.9))
    work = np.zeros(setting.slots)
    for day_hour in np.flatnonzero(setting.hours == hour):
        start = int(day_hour) * SLOTS_PER_HOUR + slot
        work[start : start + length] = level * float(np.exp(0.15 * rng.standard_normal()))
    return work


def _month_end(setting: _Setting) -> np.ndarray:
    rng = setting.rng
    hourly = np.where(setting.month_edges, rng.uniform(0.25, 0.8), 0.0) * _wander(rng, setting.horizon.hours, 0.2)
    return np.repeat(hourly, SLOTS_PER_HOUR) * _jitter(setting, 0.2)


def _light(setting: _Setting) -> np.ndarray:
    """Small but real work: a bastion, a licence server, a name server."""
    rng = setting.rng
    level = float(np.exp(rng.normal(np.log(0.012), 0.7)))
    is_asked = rng.random(setting.slots) < rng.uniform(0.05, 0.9)
    return np.where(is_asked, level, 0.0) * _jitter(setting, 0.5)


def _network(setting: _Setting) -> np.ndarray:
    """A proxy or mover of bytes: hardly any processor time."""
    rng = setting.rng
    hourly = rng.uniform(0.008, 0.03) * _wander(rng, setting.horizon.hours, 0.3)
    return _per_slot(hourly) * _jitter(setting, 0.3)


def _nothing(setting: _Setting) -> np.ndarray:
    return np.zeros(setting.slots)


_SHAPES: dict[str, Callable[[_Setting], np.ndarray]] = {
    "steady": _steady,
    "office": _office,
    "nightly": _nightly,
    "daily_burst": _daily_burst,
    "month_end": _month_end,
    "light_duty": _light,
    "network_worker": _network,
    "newborn": _nothing,
    "standby": _nothing,
    "stopped": _nothing,
    "idle": _nothing,
    "fading": _office,
    "silent_busy": _steady,
    "silent_idle": _nothing,
}
ROLES = tuple(_SHAPES)
UNNEEDED_ROLES = frozenset({"idle", "fading", "silent_idle"})
SILENT_ROLES = frozenset({"silent_busy", "silent_idle"})

# Bytes moved by a slot of full work: drawn per machine around this, or far more where moving bytes is the work.
_BYTES_OF_FULL_WORK = 400 * MEGABYTE
_BYTES_OF_FULL_NETWORK_WORK = 40_000 * MEGABYTE


def _run(life: Life, setting: _Setting) -> np.ndarray:
    hours = setting.horizon.start + np.arange(setting.horizon.hours)
    is_running = hours >= life.launched
    if life.ended is not None:
        is_running &= hours < life.ended
    if life.stopped_from is not None:
        is_running &= hours < life.stopped_from
    if life.stops_at_night:
        is_running &= (setting.hours >= 7) & (setting.hours < 20) & (setting.weekdays < 5)
    return is_running


def draw_demand(seed: int, name: str, role: str, life: Life, horizon: Horizon, time_zone: str) -> Demand:
    """Draw what is brought to the machine called ``name``. ``role`` is one of ROLES."""
    rng = stream(seed, "demand", name)
    hours, weekdays = local_hours(horizon.start, horizon.hours, time_zone)
    setting = _Setting(rng, horizon, hours, weekdays, local_month_edges(horizon.start, horizon.hours, time_zone))
    work = np.clip(_SHAPES[role](setting), 0.0, 1.0)
    if role == "fading":
        # People left at some moment within the last weeks and won't come back.
        left_at = horizon.end - int(rng.integers(3 * 24, 45 * 24))
        work[max(0, left_at - horizon.start) * SLOTS_PER_HOUR :] = 0.0
    is_running = _run(life, setting)
    work = np.where(np.repeat(is_running, SLOTS_PER_HOUR), work, 0.0)
    full = _BYTES_OF_FULL_NETWORK_WORK if role == "network_worker" else _BYTES_OF_FULL_WORK
    volume = work * full * float(np.exp(rng.normal(0.0, 0.8)))
    share_in = float(rng.uniform(0.2, 0.8))
    outbound = volume * (1 - share_in)
    inbound = volume * share_in
    if role == "standby":
        # A warm standby is fed: changes are copied to it around the clock, more of them on some machines than others.
        fed = float(np.exp(rng.normal(np.log(9 * MEGABYTE), 1.1))) / (24 * SLOTS_PER_HOUR)
        inbound = inbound + fed * _jitter(setting, 0.3) * np.repeat(is_running, SLOTS_PER_HOUR)
    return Demand(role, work, inbound, outbound, is_running, role not in UNNEEDED_ROLES)
