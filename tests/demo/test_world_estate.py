"""What exists: exact counts, every planted case and trap, a past that an advanced clock doesn't change."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from demo.errors import DemoError
from demo.parameters import Parameters, parse_end
from demo.timeline import draw_horizon
from demo.world.accounts import LINKED, PAYER, REGIONS
from demo.world.demand import ROLES
from demo.world.estate import Estate
from demo.world.founding import SMALLEST_ESTATE, draw_estate
from demo.world.labels import judge
from demo.world.resources import (
    Address,
    Bucket,
    ContainerService,
    Database,
    DatabaseCluster,
    Distribution,
    Function,
    Instance,
    LoadBalancer,
    NatGateway,
    Resource,
    RestApi,
    Snapshot,
    Table,
    Volume,
)
from demo.world.sizes import memory_of, vcpus_of
from demo.world.tagging import AWKWARD_NAMES, cost_category

END = parse_end("2026-11-23")
KINDS = (Address, Bucket, ContainerService, Database, DatabaseCluster, Distribution, Function, Instance, LoadBalancer,
         NatGateway, RestApi, Snapshot, Table, Volume)  # fmt: skip


def draw(seed: int, resources: int = SMALLEST_ESTATE, later: int = 0) -> Estate:
    parameters = Parameters(seed, END, resources)
    return draw_estate(parameters, draw_horizon(parameters, END + later))


@pytest.mark.parametrize("seed", range(20))
def test_the_smallest_estate_holds_every_case(seed: int) -> None:
    estate = draw(seed)
    counted = estate.counted()
    assert len(counted) == SMALLEST_ESTATE
    assert {type(thing) for thing in counted.values()} == set(KINDS)
    roles = {kind: {thing.demand.role for thing in counted.values() if isinstance(thing, kind)} for kind in KINDS}
    assert roles[Instance] >= set(ROLES) - {"touched", "declining", "stepped"} - {"growing", "nightly"}
    assert roles[Database] >= {"idle", "fading", "standby", "stopped", "newborn", "month_end", "light_duty"}
    assert roles[Table] >= {"idle", "touched", "standby", "newborn", "fading", "month_end"}
    assert roles[LoadBalancer] >= {"idle", "strays", "standby", "newborn", "fading", "light_duty"}
    assert roles[Function] >= {"idle", "touched", "standby", "newborn", "fading", "month_end"}
    assert roles[NatGateway] >= {"idle", "strays", "standby", "steady"}
    kinds = {(type(thing), judge(thing, END).kind) for thing in counted.values()}
    assert {(Volume, kind) for kind in ("idle", "kept", "newborn", "touched", "stopped")} <= kinds
    assert {(Snapshot, "idle"), (Snapshot, "backup"), (Address, "idle"), (Address, "reserved")} <= kinds
    assert any(thing.is_spot for thing in estate.each(Instance)) and any(thing.group for thing in estate.each(Instance))
    assert {thing.mode for thing in estate.each(Table)} == {"PROVISIONED", "PAY_PER_REQUEST"}
    assert {thing.kind for thing in estate.each(LoadBalancer)} == {"application", "network", "classic"}
    assert {thing.account for thing in estate.resources} == {PAYER, *LINKED}
    assert {thing.region for thing in estate.resources} == set(REGIONS)


def test_any_size_is_met_exactly_and_too_small_a_one_refused() -> None:
    for resources in (101, 137, 300, 1000):
        assert len(draw(3, resources).counted()) == resources
    with pytest.raises(DemoError, match=f"ask for {SMALLEST_ESTATE} or more"):
        draw(3, SMALLEST_ESTATE - 1)


def describe(thing: Resource) -> tuple[object, ...]:
    return type(thing).__name__, thing.resource_id, thing.since


def test_an_advanced_clock_keeps_the_past() -> None:
    now, later = draw(5, 300), draw(5, 300, later=45 * 24)
    assert now.resources == draw(5, 300).resources
    known = {describe(thing): thing for thing in later.resources}
    for thing in now.resources:
        after = known.pop(describe(thing))
        window = (END - 400 * 24, END)
        assert (after.exists(*window) == thing.exists(*window)).all()
        assert (after.runs(*window) == thing.runs(*window)).all()
        assert after.demand == thing.demand and after.tags == thing.tags
    assert known and all(thing.life.launched >= END for thing in known.values())
    assert later.counted().keys() == now.counted().keys()


@pytest.mark.parametrize("seed", range(4))
def test_things_fit_together(seed: int) -> None:
    estate = draw(seed, 300)
    instances: dict[str, Instance] = {thing.resource_id: thing for thing in estate.each(Instance)}
    descriptions = Counter(describe(thing) for thing in estate.resources)
    assert max(descriptions.values()) == 1
    spans: dict[str, list[Resource]] = {}
    for thing in estate.resources:
        spans.setdefault(thing.resource_id, []).append(thing)
    changed = [things for things in spans.values() if len(things) > 1]
    assert changed and all(one.until == two.since for one, two in changed)
    for instance in instances.values():
        vcpus_of(instance.instance_type)
        assert instance.operating_system == "Linux" or not instance.instance_type.split(".")[0].endswith("g")
        assert instance.zone[:-1] == instance.region.code
    for database in estate.each(Database):
        memory_of(database.database_class)
    roots = Counter(volume.instance_id for volume in estate.each(Volume) if volume.is_root)
    assert roots == Counter(instances.keys())
    for thing in [*estate.each(Volume), *estate.each(Address)]:
        if thing.instance_id is not None:
            host = instances[thing.instance_id]
            assert (thing.account, thing.region) == (host.account, host.region)
            assert thing.life.launched >= host.life.launched and thing.life.ended == host.life.ended
    gone = {snapshot.volume_id for snapshot in estate.each(Snapshot)} - {v.resource_id for v in estate.each(Volume)}
    assert gone
    spot = Counter(thing.name for thing in instances.values() if thing.is_spot)
    assert max(spot.values()) > 3
    groups = {thing.group for thing in instances.values() if thing.group}
    assert any(thing.is_transient and thing.group in groups for thing in instances.values())


def test_tags_are_as_people_leave_them() -> None:
    counted = draw(7, 300).counted().values()
    names = {thing.tags.get("Name") for thing in counted}
    assert set(AWKWARD_NAMES) <= names and None in names
    for key in ("Environment", "Team", "CostCenter", "Application"):
        assert 0.2 < sum(key in thing.tags for thing in counted) / len(counted) < 0.95
    units = Counter(cost_category(thing).get("BusinessUnit") for thing in counted)
    assert units[None] and len(units) == 5


def test_drawing_is_fast() -> None:
    started = time.process_time()
    estate = draw(2, 300)
    assert time.process_time() - started < 2
    first = draw_horizon(estate.parameters).start
    started = time.process_time()
    for thing in estate.resources:
        thing.demand.hourly(first, END)
    assert (time.process_time() - started) / len(estate.resources) < 0.003
