"""What machines have in common: sizes, their own load, and how work becomes processor time, memory and bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from demo.prices import catalog
from demo.telemetry.latent import Latent
from demo.world.background import draw_background
from demo.world.resources import Resource

MEGABYTE = 1_000_000.0
_GIBIBYTE = 2.0**30
# Bytes that an hour of full work moves, per machine drawn around this; far more where moving bytes is the work.
_BYTES_OF_FULL_WORK = 4_800 * MEGABYTE
_BYTES_OF_FULL_NETWORK_WORK = 480_000 * MEGABYTE
# A warm standby is fed: changes are copied to it around the clock, per day drawn around this.
_BYTES_FED_PER_DAY = 9 * MEGABYTE


@dataclass(frozen=True)
class Size:
    """Processors and bytes of memory of an instance type."""

    vcpu: int
    memory: float


@lru_cache(maxsize=1024)
def size_of(name: str) -> Size:
    """The size of an instance type (``m5.large``) or a database class (``db.m5.large``)."""
    found = catalog.database_class(name) if name.startswith("db.") else catalog.instance(name)
    return Size(found.vcpu, float(found.memory_gib) * _GIBIBYTE)


def own_load(latent: Latent, thing: Resource, first: int, last: int, per_hour: int) -> tuple[np.ndarray, ...]:
    """What a machine does for itself, per slot: processor percent, bytes in, bytes out."""

    def make() -> tuple[np.ndarray, ...]:
        zone = thing.demand.time_zone
        drawn = draw_background(latent.seed, thing.resource_id, zone, first, last, per_hour)
        return drawn.cpu, drawn.inbound, drawn.outbound

    made: tuple[np.ndarray, ...] = latent.keep(("own", thing.resource_id, first, last, per_hour), make)
    return made


def processor(latent: Latent, thing: Resource, first: int, last: int, per_hour: int) -> np.ndarray:
    """Processor use in percent: own load and work, never more than all."""
    own = own_load(latent, thing, first, last, per_hour)[0]
    load = latent.load(thing, first, last, per_hour)
    return np.round(np.clip(own + 100 * load, 0.01, 100.0), 4)


def traffic(latent: Latent, thing: Resource, first: int, last: int, per_hour: int, *, is_inward: bool) -> np.ndarray:
    """Bytes that a machine's network takes in or sends out in each slot, whole."""

    def make() -> np.ndarray:
        rng = latent.draw(thing, "traffic")
        factor = float(np.exp(rng.normal(0.0, 0.8)))
        share_in = float(rng.uniform(0.2, 0.8))
        fed = float(np.exp(rng.normal(np.log(_BYTES_FED_PER_DAY), 1.1))) / (24 * per_hour)
        is_mover = thing.demand.role == "network_worker"
        full = (_BYTES_OF_FULL_NETWORK_WORK if is_mover else _BYTES_OF_FULL_WORK) * factor / per_hour
        own = own_load(latent, thing, first, last, per_hour)[1 if is_inward else 2]
        share = share_in if is_inward else 1 - share_in
        moved = own + latent.work(thing, first, last, per_hour) * (full * share)
        if is_inward and thing.demand.role == "standby":
            moved = moved + fed * np.exp(0.3 * latent.normal(thing, "fed", first, last, per_hour))
        return np.rint(moved)

    made: np.ndarray = latent.keep(("traffic", thing.resource_id, thing.since, first, last, per_hour, is_inward), make)
    return made


def memory_used(latent: Latent, thing: Resource, first: int, last: int, per_hour: int) -> np.ndarray:
    """Memory in use as a share of what the machine has now."""
    held = thing.capacity_factor if thing.memory_factor is None else thing.memory_factor
    return np.clip(thing.demand.memory(first, last, per_hour) / held, 0.02, 0.99)
