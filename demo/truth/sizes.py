"""The size that each thing truly needs: the cheapest of its kind that serves the work of the last eight weeks.

A size serves a need when, in every five minutes of those weeks, the latent work (not what metrics show: a machine's own
load doesn't count) fits its processors and the memory in use fits its memory. Nothing is added for headroom. Burstable
types must also earn the credits that any 24 hours of the work take, so that nothing is borrowed or throttled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from demo.errors import DemoError
from demo.journal import Event
from demo.prices import catalog, sizes
from demo.prices.databases import database_classes, database_key
from demo.telemetry.credits import credits_per_hour
from demo.world.accounts import Region
from demo.world.changes import change
from demo.world.estate import Estate
from demo.world.labels import WEEKS, bring_work, find_peak_need
from demo.world.resources import ContainerService, Database, Function, Instance, Resource, Table, Volume

# Processors of a Fargate task, and the memory in GB that each can have (ECS developer guide, "Task size").
_FARGATE: dict[float, tuple[float, ...]] = {
    0.25: (0.5, 1.0, 2.0),
    0.5: (1.0, 2.0, 3.0, 4.0),
    1.0: tuple(map(float, range(2, 9))),
    2.0: tuple(map(float, range(4, 17))),
    4.0: tuple(map(float, range(8, 31))),
}
_LEAST_FUNCTION_MB = 128
# EBS user guide: gp2 gives 3 IOPS a GiB, and above 170 GiB up to 250 MiB/s; gp3 starts at 3,000 IOPS and 125 MiB/s.
_GP3_IOPS, _GP3_MBPS, _GP2_MBPS, _MOST_IOPS, _SLOW_GP2_GB = 3000, 125, 250, 16_000, 170
# Sums of shares of work are rounded in the last of 16 digits: a need of exactly all mustn't ask for more.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Size:
    """A size by name, the thing as it would be with it, and whether that is less than it has now (tables and volumes:
    whether it is anything else; there only the bill tells)."""

    name: str
    thing: Resource
    is_smaller: bool


@dataclass(frozen=True)
class _Need:
    """In whole processors and GB; ``credits``: of a burstable one, the most that any 24 hours take, per hour."""

    processors: float
    memory: float
    credits: float = 0.0


def name_size(thing: Resource) -> str | None:
    """What a thing's size is called now; None for kinds without sizes."""
    if isinstance(thing, Instance):
        return thing.instance_type
    if isinstance(thing, Database):
        return thing.database_class
    if isinstance(thing, Function):
        return f"{thing.memory_mb} MB"
    if isinstance(thing, Table):
        on_demand = thing.mode == "PAY_PER_REQUEST"
        return thing.mode if on_demand else f"{thing.mode} {thing.read_units}/{thing.write_units}"
    if isinstance(thing, ContainerService):
        return _name_task(thing.vcpu, thing.memory_gb)
    return thing.volume_type if isinstance(thing, Volume) else None


def find_sizes(thing: Resource, estate: Estate, now: int) -> list[Size]:
    """The sizes of which the cheapest is right, by ``now``, the first hour that hasn't been yet.

    One size for most kinds, the present one where that is right. Several where only the bill tells which is
    cheapest: tables with the provisioned units that serve every peak, and on demand; gp2 volumes, and as gp3; the
    present one first where it serves. Empty where no size of the family serves, and where a thing can't be resized
    alone: members of Auto Scaling groups and Spot places take their type from a template.
    """
    if isinstance(thing, Instance):
        return [] if thing.is_spot or thing.group is not None else list(_fit_instance(thing, now))[:1]
    if isinstance(thing, Database):
        return list(_fit_database(thing, now))[:1]
    if isinstance(thing, Function):
        return [_fit_function(thing, estate, now)]
    if isinstance(thing, Table):
        return _fit_table(thing, now)
    if isinstance(thing, ContainerService):
        return list(_fit_task(thing, now))[:1]
    return _fit_volume(thing) if isinstance(thing, Volume) else []


def _fit_instance(thing: Instance, now: int) -> Iterator[Size]:
    """Instance types of the family that serve, cheapest first."""
    need = _find_need(thing, sizes.vcpus_of(thing.instance_type), sizes.memory_of(thing.instance_type), now)
    family = thing.instance_type.split(".")[0]
    names = [name for name in catalog.instance_types() if name.split(".")[0] == family]
    for name in _serving(need, sorted(names, key=lambda name: catalog.instance(name).usd_per_hour)):
        is_smaller = catalog.instance(name).usd_per_hour < catalog.instance(thing.instance_type).usd_per_hour
        yield Size(name, _rescale(thing, thing.instance_type, name, instance_type=name), is_smaller)


def _fit_database(thing: Database, now: int) -> Iterator[Size]:
    """Classes of the family that its engine is sold with and that serve, cheapest first."""
    need = _find_need(thing, sizes.vcpus_of(thing.database_class), sizes.memory_of(thing.database_class), now)
    family = thing.database_class.rsplit(".", 1)[0]
    sold = {
        name: kind.usd_per_hour[thing.engine]
        for name, kind in database_classes().items()
        if name.rsplit(".", 1)[0] == family
        and database_key(name, thing.engine, thing.is_multi_az) in catalog.products()
    }
    for name in _serving(need, sorted(sold, key=lambda name: sold[name])):
        is_smaller = sold[name] < sold[thing.database_class]
        yield Size(name, _rescale(thing, thing.database_class, name, database_class=name), is_smaller)


def _serving(need: _Need, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        earned = credits_per_hour(name)
        is_enough = earned is None or earned + _ROUNDING >= need.credits
        fits = sizes.vcpus_of(name) + _ROUNDING >= need.processors and sizes.memory_of(name) + _ROUNDING >= need.memory
        if fits and is_enough:
            yield name


def _find_need(thing: Resource, processors: float, memory: float, now: int) -> _Need:
    busy, held = find_peak_need(thing, now)
    first = max(now - WEEKS * 7 * 24, thing.life.launched)
    work = bring_work(thing, first, now) / thing.capacity_factor
    sums = np.concatenate([[0.0], np.cumsum(work)])
    day = min(24, len(work))
    # A credit is one processor for a minute.
    mean = float((sums[day:] - sums[: len(sums) - day]).max()) / day if day else 0.0
    return _Need(busy * processors, held * memory, mean * processors * 60)


def _rescale(thing: Resource, old: str, new: str, **changes: Any) -> Resource:
    held = thing.capacity_factor if thing.memory_factor is None else thing.memory_factor
    return replace(
        thing,
        capacity_factor=thing.capacity_factor * sizes.vcpus_of(new) / sizes.vcpus_of(old),
        memory_factor=held * sizes.memory_of(new) / sizes.memory_of(old),
        **changes,
    )


def _fit_function(thing: Function, estate: Estate, now: int) -> Size:
    """The least memory that holds what is in use. Its processor shrinks along, so that it takes longer (see
    world.changes)."""
    memory = max(_LEAST_FUNCTION_MB, math.ceil(find_peak_need(thing, now)[1] * thing.memory_mb - _ROUNDING))
    start = max(thing.since, thing.life.launched)
    event = Event(
        start,
        thing.account.account_id,
        thing.region.code,
        "UpdateFunctionConfiguration",
        thing.resource_id,
        {"MemorySize": memory},
    )
    (changed,) = change(replace(estate, resources=(thing,)), event).resources
    return Size(f"{memory} MB", changed, memory < thing.memory_mb)


def _fit_table(thing: Table, now: int) -> list[Size]:
    peak = find_peak_need(thing, now)[0] * thing.capacity_factor
    reads, writes = (
        max(1, math.ceil(peak * each - _ROUNDING)) for each in (thing.reads_per_second, thing.writes_per_second)
    )
    is_enough = thing.mode == "PAY_PER_REQUEST" or (thing.read_units >= reads and thing.write_units >= writes)
    fitting = (
        replace(thing, mode="PROVISIONED", read_units=reads, write_units=writes),
        replace(thing, mode="PAY_PER_REQUEST"),
    )
    others = [Size(str(name_size(each)), each, True) for each in fitting]
    return [Size(str(name_size(thing)), thing, False), *others] if is_enough else others


def _fit_task(thing: ContainerService, now: int) -> Iterator[Size]:
    """Task sizes that serve with as many tasks, cheapest first."""
    busy, held = find_peak_need(thing, now)
    pairs = _rank_tasks(thing.region, thing.architecture)
    for vcpu, memory in pairs:
        if vcpu + _ROUNDING < busy * thing.vcpu or memory + _ROUNDING < held * thing.memory_gb:
            continue
        of_memory = thing.capacity_factor if thing.memory_factor is None else thing.memory_factor
        changed = replace(
            thing,
            vcpu=vcpu,
            memory_gb=memory,
            capacity_factor=thing.capacity_factor * vcpu / thing.vcpu,
            memory_factor=of_memory * memory / thing.memory_gb,
        )
        is_smaller = (vcpu, memory) in pairs[: pairs.index((thing.vcpu, thing.memory_gb))]
        yield Size(_name_task(vcpu, memory), changed, is_smaller)


@lru_cache(maxsize=16)
def _rank_tasks(region: Region, architecture: str) -> list[tuple[float, float]]:
    processors, memory = (
        catalog.on_demand_rate(f"fargate/{part}/{architecture}", region) for part in ("vcpu", "memory")
    )
    pairs = [(vcpu, gigabytes) for vcpu, choices in _FARGATE.items() for gigabytes in choices]
    return sorted(pairs, key=lambda pair: (pair[0] * processors + pair[1] * memory, pair))


def _name_task(vcpu: float, memory: float) -> str:
    return f"{vcpu:g} vCPU {memory:g} GB"


def _fit_volume(thing: Volume) -> list[Size]:
    """A volume as it is; a gp2 volume also as gp3 of the same size that lacks nothing of what gp2 gave in the long
    run."""
    present = Size(thing.volume_type, thing, False)
    if thing.volume_type != "gp2":
        return [present]
    iops = max(_GP3_IOPS, min(_MOST_IOPS, 3 * thing.size_gb))
    speed = _GP2_MBPS if thing.size_gb > _SLOW_GP2_GB else _GP3_MBPS
    return [present, Size("gp3", replace(thing, volume_type="gp3", iops=iops, throughput_mbps=speed), True)]


def serves(thing: Instance | Database, name: str, now: int) -> bool:
    """Whether an instance type or database class serves all that the last eight weeks brought, as for `find_sizes`."""
    present = name_size(thing)
    need = _find_need(thing, sizes.vcpus_of(str(present)), sizes.memory_of(str(present)), now)
    return name in _serving(need, [name])


def resize(thing: Resource, name: str) -> Resource:
    """The thing in another size: an instance type, a database class, or gp3 for a volume."""
    if isinstance(thing, Instance):
        return _rescale(thing, thing.instance_type, name, instance_type=name)
    if isinstance(thing, Database):
        return _rescale(thing, thing.database_class, name, database_class=name)
    if isinstance(thing, Volume):
        return next(size.thing for size in _fit_volume(thing) if size.name == name)
    raise DemoError(f"{thing.resource_id} has no sizes that can be proposed")
