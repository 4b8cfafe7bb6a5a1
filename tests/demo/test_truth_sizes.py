"""Sizes that serve every peak and no smaller one that would; hours of the week in which nothing is ever done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from demo.parameters import Parameters, parse_end
from demo.prices import catalog
from demo.timeline import draw_horizon, local_hours
from demo.truth.schedules import find_schedule, follow
from demo.truth.sizes import find_sizes, name_size
from demo.world.demand import Demand
from demo.world.estate import Estate
from demo.world.founding import SMALLEST_ESTATE, draw_estate
from demo.world.labels import find_peak_need, judge
from demo.world.resources import Instance, Resource, Table, Volume

PARAMETERS = Parameters(4, parse_end("2026-11-23T00:00:00"), SMALLEST_ESTATE)
NOW = PARAMETERS.end_hour


@cache
def estate() -> Estate:
    return draw_estate(PARAMETERS, draw_horizon(PARAMETERS))


@dataclass(frozen=True)
class Flat(Demand):
    """Always the same work and memory, in every slot."""

    work: float = 0.0
    held: float = 0.0

    def hourly(self, first: int, last: int) -> np.ndarray:
        return np.full(max(0, last - first), self.work)

    def shares(self, first: int, last: int, per_hour: int) -> np.ndarray:
        return np.full((last - first, per_hour), 1 / per_hour)

    def memory(self, first: int, last: int, per_hour: int) -> np.ndarray:
        return np.full((last - first, per_hour), self.held)


@dataclass(frozen=True)
class Nightly(Demand):
    """Work from 22 to 2 o'clock on Sundays in Dublin; ``stays_from``: an hour from which on there is more."""

    stays_from: int | None = None

    def hourly(self, first: int, last: int) -> np.ndarray:
        clock, weekday = local_hours(first, last - first, self.time_zone)
        on = ((weekday == 6) & (clock >= 22)) | ((weekday == 0) & (clock < 2))
        if self.stays_from is not None:
            on |= np.arange(first, last) >= self.stays_from
        return np.where(on, 0.5, 0.0)


def lone(**changes: object) -> Instance:
    """A machine that stands alone, and is always on."""
    thing = next(
        each for each in estate().each(Instance) if each.group is None and not each.is_spot and each.until is None
    )
    life = replace(thing.life, launched=NOW - 9000, ended=None, pauses=(), office_zone=None)
    return replace(thing, life=life, **changes)  # type: ignore[arg-type]


def flat(work: float, held: float) -> Flat:
    return Flat(1, "flat", "steady", "UTC", True, NOW, work=work, held=held)


@pytest.mark.parametrize(
    ("instance_type", "work", "held", "expected"),
    [
        ("m5.4xlarge", 0.25, 0.1, "m5.xlarge"),  # 4 of 16 processors, to the last
        ("m5.4xlarge", 0.2501, 0.1, "m5.2xlarge"),
        ("m5.4xlarge", 0.01, 0.51, "m5.4xlarge"),  # held by memory
        ("c5.large", 0.0, 0.0, "c5.large"),  # there is no smaller one
        ("t3.large", 0.04, 0.02, "t3.nano"),  # earns 6 credits an hour, needs 4.8
        ("t3.large", 0.06, 0.02, "t3.micro"),  # needs 7.2
        ("t3.large", 0.25, 0.02, "t3.large"),  # needs 30
        ("m6g.2xlarge", 0.2, 0.2, "m6g.large"),
    ],
)
def test_the_smallest_type_of_the_family_that_serves(
    instance_type: str, work: float, held: float, expected: str
) -> None:
    thing = lone(instance_type=instance_type, operating_system="Linux", demand=flat(work, held))
    (size,) = find_sizes(thing, estate(), NOW)
    assert size.name == expected
    assert size.is_smaller == (expected != instance_type)
    assert max(find_peak_need(size.thing, NOW)) <= 1 + 1e-9


def test_drawn_things_fit_their_sizes_and_none_that_is_cheaper() -> None:
    seen = 0
    for thing in estate().resources:
        if not isinstance(thing, Instance) or not thing.is_current(NOW - 1) or thing.is_spot or thing.group is not None:
            continue
        for size in find_sizes(thing, estate(), NOW):
            assert max(find_peak_need(size.thing, NOW)) <= 1 + 1e-9
            present, chosen = catalog.instance(thing.instance_type), catalog.instance(size.name)
            assert (present.family, present.architecture) == (chosen.family, chosen.architecture)
            seen += size.is_smaller
    assert seen >= 3


def test_what_takes_its_type_from_a_template_has_no_size() -> None:
    for thing in estate().each(Instance):
        if thing.is_spot or thing.group is not None:
            assert not find_sizes(thing, estate(), NOW)
            assert find_schedule(thing, judge(thing, NOW), NOW) is None


def test_a_table_gets_the_units_of_its_peak_or_none() -> None:
    table = next(estate().each(Table))
    table = replace(table, mode="PROVISIONED", reads_per_second=50.0, writes_per_second=7.0, demand=flat(0.5, 0.1))
    ample = replace(table, read_units=100, write_units=4)
    assert [size.name for size in find_sizes(ample, estate(), NOW)] == [
        "PROVISIONED 100/4", "PROVISIONED 25/4", "PAY_PER_REQUEST",
    ]  # fmt: skip
    scarce = replace(table, read_units=24, write_units=4)
    assert name_size(scarce) not in {size.name for size in find_sizes(scarce, estate(), NOW)}


def test_gp3_keeps_what_gp2_gave() -> None:
    volume = replace(next(estate().each(Volume)), volume_type="gp2", size_gb=2000)
    present, other = find_sizes(volume, estate(), NOW)
    assert (present.name, other.name) == ("gp2", "gp3")
    assert isinstance(other.thing, Volume)
    assert (other.thing.iops, other.thing.throughput_mbps, other.thing.size_gb) == (6000, 250, 2000)


def test_quiet_hours_are_those_without_work_in_the_users_own_week() -> None:
    thing = lone(demand=Nightly(1, "nightly", "nightly", "Europe/Dublin", True, NOW))
    schedule = find_schedule(thing, judge(thing, NOW), NOW)
    assert schedule is not None
    assert schedule.ranges == [(2, 6 * 24 + 22)]
    assert schedule.lasts
    rested = follow(thing, schedule, NOW - 168, NOW)
    worked = thing.demand.hourly(NOW - 168, NOW) > 0
    assert (rested.runs(NOW - 168, NOW) == worked).all()
    assert rested.exists(NOW - 168, NOW).all()


def test_silence_by_chance_is_told_from_silence_that_lasts() -> None:
    thing = lone(demand=Nightly(1, "nightly", "nightly", "Europe/Dublin", True, NOW, stays_from=NOW + 300))
    schedule = find_schedule(thing, judge(thing, NOW), NOW)
    assert schedule is not None and not schedule.lasts


def test_what_is_needed_without_work_is_never_to_be_stopped() -> None:
    def schedule(thing: Resource) -> object:
        return find_schedule(thing, judge(thing, NOW), NOW)

    standby, idle = (Demand(1, role, role, "UTC", role == "standby", NOW) for role in ("standby", "idle"))
    assert schedule(lone(demand=standby)) is None
    found = schedule(lone(demand=idle))
    assert found is not None and len(getattr(found, "hours")) == 168  # noqa: B009 - read through object
    busy = lone(demand=flat(0.1, 0.1))
    assert schedule(busy) is None
