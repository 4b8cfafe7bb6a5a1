"""What metrics are made from: work in each slot, the machine's own load, counts split downwards, noise.

All is a function of absolute time; what was made lately is kept, within a bound, as the metrics of one thing share it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np

from demo.randomness import noise_key, normals, stream, uniforms
from demo.world.estate import Estate
from demo.world.resources import Instance, Resource, Volume

MINUTES = 60
CACHED_BYTES = 64 * 2**20


class Shelf:
    """What was made lately, up to so many bytes; the oldest goes first. Threads may share it."""

    def __init__(self, most_bytes: int = CACHED_BYTES):
        self._most = most_bytes
        self._held = 0
        self._items: OrderedDict[Any, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Any], weigh: Callable[[Any], int]) -> Any:
        """What is kept under a key, made first where nothing is."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                return self._items[key][0]
        made = make()
        size = weigh(made)
        with self._lock:
            if key not in self._items:
                self._items[key] = (made, size)
                self._held += size
            while self._held > self._most and len(self._items) > 1:
                self._held -= self._items.popitem(last=False)[1][1]
        return made


def _each(arrays: Any) -> Iterable[np.ndarray]:
    return (arrays,) if isinstance(arrays, np.ndarray) else arrays


def _weigh(arrays: Any) -> int:
    return sum(array.nbytes for array in _each(arrays))


def _freeze(arrays: Any) -> Any:
    for array in _each(arrays):
        array.setflags(write=False)
    return arrays


class Latent:
    """The latent side of an estate, read by the hour. Arrays are (hours, slots an hour) unless said otherwise."""

    def __init__(self, estate: Estate):
        self.estate = estate
        self.seed = estate.parameters.seed
        self._shelf = Shelf()
        self._habits: dict[tuple[Any, ...], Any] = {}

    def keep(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """One array or a tuple of arrays, kept a while under a key; nobody may change them."""
        return self._shelf.get(key, lambda: _freeze(make()), _weigh)

    def remember(self, key: tuple[Any, ...], draw: Callable[[], Any]) -> Any:
        """Something small that is drawn once."""
        if key not in self._habits:
            self._habits[key] = draw()
        return self._habits[key]

    @cached_property
    def instances(self) -> dict[str, tuple[Instance, ...]]:
        """The descriptions of each instance, by its id."""
        return _group(self.estate.each(Instance), lambda instance: instance.resource_id)

    @cached_property
    def volumes_of(self) -> dict[str, tuple[Volume, ...]]:
        """The descriptions of the volumes attached to each instance, by the instance's id."""
        attached = (volume for volume in self.estate.each(Volume) if volume.instance_id is not None)
        return _group(attached, lambda volume: str(volume.instance_id))

    def draw(self, thing: Resource, what: str) -> np.random.Generator:
        """A thing's own random stream, the same however often it is changed."""
        return stream(self.seed, "telemetry", what, thing.resource_id)

    def uniform(self, thing: Resource, what: str, first: int, last: int, per_hour: int) -> np.ndarray:
        """Noise in [0, 1)."""
        return uniforms(noise_key(self.seed, what, thing.resource_id), _slots(first, last, per_hour))

    def normal(self, thing: Resource, what: str, first: int, last: int, per_hour: int) -> np.ndarray:
        """Noise near the standard normal."""
        return normals(noise_key(self.seed, what, thing.resource_id), _slots(first, last, per_hour))

    def shares(self, thing: Resource, first: int, last: int, per_hour: int) -> np.ndarray:
        """How each hour's work falls within it."""
        return self.keep(
            ("shares", thing.demand.name, first, last, per_hour), lambda: thing.demand.shares(first, last, per_hour)
        )

    def work(self, thing: Resource, first: int, last: int, per_hour: int) -> np.ndarray:
        """Work in each slot as a share of what the thing could do when its demand was drawn; 0 where it is off."""

        def make() -> np.ndarray:
            hourly = thing.demand.hourly(first, last) * thing.runs(first, last)
            return self.shares(thing, first, last, per_hour) * (hourly * per_hour)[:, None]

        return self.keep(("work", *_identity(thing), first, last, per_hour), make)

    def load(self, thing: Resource, first: int, last: int, per_hour: int) -> np.ndarray:
        """Work as a share of what the thing can do as it is now: over 1 where it has become too small."""
        return self.work(thing, first, last, per_hour) / thing.capacity_factor

    def split(self, thing: Resource, counts: np.ndarray, first: int, last: int) -> np.ndarray:
        """Whole counts per hour split over its minutes, as its work falls: each row's sum is the hour's count."""
        shares = self.shares(thing, first, last, MINUTES)
        ends = np.rint(np.cumsum(shares, axis=1) * counts[:, None])
        ends[:, -1] = counts
        ends[:, 1:] -= ends[:, :-1].copy()
        return ends


def divide(totals: np.ndarray, minutes: np.ndarray) -> np.ndarray:
    """Whole totals per hour (bytes) divided over its minutes in proportion to whole counts (requests), exactly."""
    counts = minutes.sum(axis=1)
    each = np.divide(totals, counts, out=np.zeros(len(counts)), where=counts > 0)
    ends = np.rint(np.cumsum(minutes, axis=1) * each[:, None])
    ends[:, -1] = np.where(counts > 0, totals, 0)
    ends[:, 1:] -= ends[:, :-1].copy()
    return ends


def runs_by_slot(thing: Resource, first: int, last: int) -> np.ndarray:
    """Whether it is on, per hour, in the shape (hours, 1)."""
    return thing.runs(first, last)[:, None]


def _identity(thing: Resource) -> tuple[str, str, int]:
    return thing.resource_id, type(thing).__name__, thing.since


def _slots(first: int, last: int, per_hour: int) -> np.ndarray:
    return np.arange(first * per_hour, last * per_hour).reshape(last - first, per_hour)


def _group(things: Iterable[Any], name: Callable[[Any], str]) -> dict[str, tuple[Any, ...]]:
    found: dict[str, list[Any]] = {}
    for thing in things:
        found.setdefault(name(thing), []).append(thing)
    return {key: tuple(value) for key, value in found.items()}


def group_by_id(things: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    """The descriptions of each thing, in order of time."""
    return _group(things, lambda thing: thing.resource_id).values()
