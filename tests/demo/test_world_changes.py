"""The hand: what AWS's actions do to the estate, and what can't be done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from demo.errors import DemoError
from demo.journal import Event
from demo.parameters import Parameters, parse_end
from demo.timeline import draw_horizon
from demo.world.changes import ACTIONS, MONEY_ACTIONS, change
from demo.world.estate import Estate
from demo.world.founding import draw_estate
from demo.world.labels import judge
from demo.world.resources import (
    Address,
    Bucket,
    ContainerService,
    Database,
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

END = parse_end("2026-11-23")
AT = END + 3
_Kind = TypeVar("_Kind", bound=Resource)


@pytest.fixture(scope="module")
def estate() -> Estate:
    parameters = Parameters(7, END, 300)
    return draw_estate(parameters, draw_horizon(parameters, END + 20 * 24))


def act(estate: Estate, action: str, thing: Resource, at: int = AT, **details: Any) -> Estate:
    event = Event(at, thing.account.account_id, thing.region.code, action, thing.resource_id, details)
    return change(estate, event)


def pick(estate: Estate, kind: type[_Kind], wanted: Callable[[_Kind], bool] = lambda _: True) -> _Kind:
    return next(thing for thing in estate.each(kind) if thing.is_current(END - 1) and wanted(thing))


def spans(estate: Estate, thing: _Kind) -> list[_Kind]:
    return [one for one in estate.each(type(thing)) if one.resource_id == thing.resource_id]


def is_alone(thing: Instance) -> bool:
    is_plain = not thing.is_spot and thing.group is None and not thing.life.pauses and thing.life.office_zone is None
    return is_plain and thing.life.ended is None


def on(estate: Estate, thing: Resource) -> Iterator[bool]:
    """Whether it runs in the hour before, and in the first hour of the event."""
    return (any(one.runs(hour, hour + 1)[0] for one in spans(estate, thing)) for hour in (AT - 1, AT))


def test_stop_resize_and_start(estate: Estate) -> None:
    thing = pick(estate, Instance, lambda one: is_alone(one) and one.instance_type == "m5.large")
    with pytest.raises(DemoError, match="must be stopped"):
        act(estate, "ModifyInstanceAttribute", thing, InstanceType="m5.xlarge")
    stopped = act(estate, "StopInstances", thing)
    assert list(on(stopped, thing)) == [True, False] and judge(spans(stopped, thing)[0], AT + 1).kind == "stopped"
    with pytest.raises(DemoError, match="stopped already"):
        act(stopped, "StopInstances", thing)
    resized = act(stopped, "ModifyInstanceAttribute", thing, at=AT + 2, InstanceType="m5.xlarge")
    with pytest.raises(DemoError, match="another architecture"):
        act(stopped, "ModifyInstanceAttribute", thing, InstanceType="m6g.large")
    with pytest.raises(DemoError, match="no instance type"):
        act(stopped, "ModifyInstanceAttribute", thing, InstanceType="m5.huge")
    started = act(resized, "StartInstances", thing, at=AT + 3)
    before, after = spans(started, thing)
    assert (before.instance_type, after.instance_type) == ("m5.large", "m5.xlarge")
    assert before.until == after.since == AT + 2
    assert (after.capacity_factor, after.memory_factor) == (2.0, 2.0)
    ran = before.runs(AT - 2, AT + 6) | after.runs(AT - 2, AT + 6)
    assert ran.tolist() == [True, True, False, False, False, True, True, True]
    at_once = act(act(estate, "StopInstances", thing), "StartInstances", thing)
    assert spans(at_once, thing) == [thing]


def test_a_terminated_instance_takes_its_root_volume_along_and_leaves_the_rest(estate: Estate) -> None:
    hosts = {volume.instance_id for volume in estate.each(Volume) if not volume.is_root}
    thing = pick(estate, Instance, lambda one: is_alone(one) and one.resource_id in hosts)
    after = act(estate, "TerminateInstances", thing)
    assert list(on(after, thing)) == [True, False]
    roots = [one for one in after.each(Volume) if one.instance_id == thing.resource_id and one.is_root]
    assert [root.life.ended for root in roots] == [AT]
    left = [one for one in after.each(Volume) if one.since == AT]
    assert left and all(one.instance_id is None and one.is_current(AT) for one in left)
    label = judge(left[0], AT + 25)
    assert (label.kind, label.is_idle) == ("left_behind", True)
    assert not any(one.instance_id == thing.resource_id and one.is_current(AT) for one in after.each(Address))
    with pytest.raises(DemoError, match="does not exist"):
        act(after, "TerminateInstances", thing, at=AT + 1)
    deleted = act(after, "DeleteVolume", left[0], at=AT + 2)
    assert not any(one.is_current(AT + 2) for one in spans(deleted, left[0]))


def test_a_group_replaces_its_member(estate: Estate) -> None:
    thing = pick(estate, Instance, lambda one: one.group is not None and not one.is_transient)
    for action in ("TerminateInstances", "StopInstances"):
        after = act(estate, action, thing)
        new = [one for one in after.each(Instance) if one.life.launched == AT + 1 and one.group == thing.group]
        new = [one for one in new if not one.is_transient]
        assert len(new) == 1 and new[0].demand == thing.demand and not any(list(on(after, thing))[1:])
        assert any(one.instance_id == new[0].resource_id and one.is_root for one in after.each(Volume))
    spot = pick(estate, Instance, lambda one: one.is_spot)
    with pytest.raises(DemoError, match="Spot"):
        act(estate, "StopInstances", spot)


def test_volumes_change_grow_and_never_shrink(estate: Estate) -> None:
    thing = pick(
        estate, Volume, lambda one: not one.is_root and one.volume_type == "gp2" and one.instance_id is not None
    )
    after = act(estate, "ModifyVolume", thing, VolumeType="gp3", Size=thing.size_gb + 10)
    now = spans(after, thing)[-1]
    assert (now.volume_type, now.size_gb, now.iops, now.throughput_mbps) == ("gp3", thing.size_gb + 10, 3000, 125)
    assert spans(act(after, "ModifyVolume", thing, Iops=4000), thing)[-1].iops == 4000
    for details in ({"Size": 1}, {"VolumeType": "gp9"}):
        with pytest.raises(DemoError):
            act(estate, "ModifyVolume", thing, **details)
    with pytest.raises(DemoError, match="is attached to"):
        act(estate, "DeleteVolume", thing)
    detached = act(estate, "DetachVolume", thing)
    assert spans(detached, thing)[-1].instance_id is None
    assert not spans(detached, thing)[-1].demand.hourly(AT, AT + 168).any()


def test_a_deleted_volume_is_not_copied_any_more(estate: Estate) -> None:
    copied = {one.volume_id for one in estate.each(Snapshot) if one.life.launched > AT + 2}
    thing = pick(estate, Volume, lambda one: one.resource_id in copied and one.instance_id is not None)
    deleted = act(act(estate, "DetachVolume", thing), "DeleteVolume", thing, at=AT + 1)
    made = [one.life.launched for one in deleted.each(Snapshot) if one.volume_id == thing.resource_id]
    assert made and max(made) <= AT + 1


def test_databases_stop_for_a_week_and_change_their_class(estate: Estate) -> None:
    thing = pick(estate, Database, lambda one: one.cluster is None and not one.life.pauses and one.until is None)
    stopped = act(estate, "StopDBInstance", thing)
    assert spans(stopped, thing)[0].runs(AT - 1, AT + 169).tolist() == [True] + [False] * 168 + [True]
    started = act(stopped, "StartDBInstance", thing, at=AT + 5)
    assert spans(started, thing)[0].runs(AT, AT + 10).tolist() == [False] * 5 + [True] * 5
    after = act(estate, "ModifyDBInstance", thing, DBInstanceClass="db.r5.2xlarge", StorageType="gp3", MultiAZ="true")
    now = spans(after, thing)[-1]
    assert (now.database_class, now.storage_type, now.is_multi_az) == ("db.r5.2xlarge", "gp3", True)
    assert now.capacity_factor > 1
    member = pick(estate, Database, lambda one: one.cluster is not None)
    with pytest.raises(DemoError, match="Aurora"):
        act(estate, "StopDBInstance", member)
    paused = pick(estate, Database, lambda one: one.demand.role == "stopped")
    forever = act(estate, "StartDBInstance", paused)
    assert spans(forever, paused)[0].runs(AT, AT + 400).all()


@pytest.mark.parametrize(
    ("action", "kind"),
    [("DeleteSnapshot", Snapshot), ("DeleteNatGateway", NatGateway), ("DeleteDBInstance", Database),
     ("DeleteFunction", Function), ("DeleteBucket", Bucket), ("DeleteTable", Table),
     ("DeleteLoadBalancer", LoadBalancer), ("DeleteService", ContainerService),
     ("DeleteDistribution", Distribution), ("DeleteRestApi", RestApi)],
)  # fmt: skip
def test_what_is_deleted_ends_in_that_hour(estate: Estate, action: str, kind: type[Resource]) -> None:
    thing = pick(estate, kind)
    after = act(estate, action, thing)
    assert [one.is_current(AT - 1) for one in spans(after, thing)][-1]
    assert not any(one.is_current(AT) for one in spans(after, thing))
    assert len(after.resources) == len(estate.resources)


def test_other_changes(estate: Estate) -> None:
    function = pick(estate, Function, lambda one: one.memory_mb < 1024)
    faster = spans(act(estate, "UpdateFunctionConfiguration", function, MemorySize=1024), function)[-1]
    assert faster.memory_mb == 1024 and function.duration_ms / 2 <= faster.duration_ms < function.duration_ms
    table = pick(estate, Table, lambda one: one.mode == "PROVISIONED")
    after = act(estate, "UpdateTable", table, ProvisionedThroughput={"ReadCapacityUnits": 9, "WriteCapacityUnits": 8})
    assert (spans(after, table)[-1].read_units, spans(after, table)[-1].write_units) == (9, 8)
    after = act(estate, "UpdateTable", table, BillingMode="PAY_PER_REQUEST")
    assert spans(after, table)[-1].mode == "PAY_PER_REQUEST"
    service = pick(estate, ContainerService)
    wider = spans(act(estate, "UpdateService", service, desiredCount=2 * service.task_count), service)[-1]
    assert (wider.task_count, wider.capacity_factor) == (2 * service.task_count, 2.0)
    none = act(estate, "UpdateService", service, desiredCount=0)
    assert list(on(none, service)) == [True, False]
    assert list(on(act(none, "UpdateService", service, desiredCount=1), service)) == [True, True]
    bucket = pick(estate, Bucket, lambda one: "STANDARD" in one.stored_gb and one.growth_per_day > 0)
    rules = {"Rules": [{"Transitions": [{"Days": 30, "StorageClass": "GLACIER_IR"}]}]}
    tiered = spans(act(estate, "PutBucketLifecycleConfiguration", bucket, **rules), bucket)[-1]
    assert tiered.has_lifecycle and 0 < tiered.stored_gb["STANDARD"] < 0.1 * bucket.stored_gb["STANDARD"]
    assert sum(tiered.stored_gb.values()) == pytest.approx(sum(bucket.stored_gb.values()))


def test_names_regions_and_unknown_things(estate: Estate) -> None:
    snapshot = pick(estate, Snapshot)
    short = replace(snapshot, resource_id=snapshot.resource_id.split("/")[-1])
    assert not spans(act(estate, "DeleteSnapshot", short), snapshot)[0].is_current(AT)
    event = Event(AT, snapshot.account.account_id, "us-west-1", "DeleteSnapshot", short.resource_id)
    with pytest.raises(DemoError, match="does not exist"):
        change(estate, event)
    with pytest.raises(DemoError, match="knows no action"):
        change(estate, replace(event, action="DeleteEverything"))
    for action in MONEY_ACTIONS:
        assert change(estate, replace(event, action=action)) is estate
    assert len(ACTIONS - MONEY_ACTIONS) == 27


def test_the_journal_is_replayed_on_a_later_clock(estate: Estate) -> None:
    thing = pick(estate, Instance, is_alone)
    events = [
        Event(AT, thing.account.account_id, thing.region.code, action, thing.resource_id)
        for action in ("StopInstances", "TerminateInstances")
    ]
    drawn = draw_estate(estate.parameters, estate.horizon, events)
    assert drawn == act(act(estate, "StopInstances", thing), "TerminateInstances", thing)


@pytest.mark.parametrize(
    ("action", "kind", "wanted", "details"),
    [
        ("ModifyVolume", Volume, lambda one: one.volume_type == "gp3", {"Size": 10**9}),
        ("ModifyVolume", Volume, lambda one: one.volume_type == "gp3", {"Size": "much"}),
        ("ModifyVolume", Volume, lambda one: one.volume_type == "gp3", {"Iops": 80_001}),
        ("ModifyVolume", Volume, lambda one: one.volume_type == "gp3", {"Iops": 2_999}),
        ("ModifyVolume", Volume, lambda one: one.volume_type == "gp3", {"Throughput": True}),
        ("ModifyVolume", Volume, lambda one: one.volume_type == "gp2", {"Iops": 3_000}),
        ("ModifyVolume", Volume, lambda one: True, {"VolumeType": "gp9"}),
        ("ModifyDBInstance", Database, lambda one: one.cluster is None, {"AllocatedStorage": 10**6}),
        ("ModifyDBInstance", Database, lambda one: one.cluster is None, {"StorageType": "floppy"}),
        ("UpdateFunctionConfiguration", Function, lambda one: True, {"MemorySize": 127}),
        ("UpdateTable", Table, lambda one: True, {"BillingMode": "PROVISIONED", "ReadCapacityUnits": 0}),
        ("UpdateTable", Table, lambda one: True, {"BillingMode": "PROVISIONED", "WriteCapacityUnits": 40_001}),
        ("UpdateService", ContainerService, lambda one: True, {"desiredCount": 5_001}),
        ("UpdateService", ContainerService, lambda one: True, {"desiredCount": -1}),
    ],
)
def test_what_aws_has_no_room_for_is_refused(
    estate: Estate,
    action: str,
    kind: type[Resource],
    wanted: Callable[[Any], bool],
    details: dict[str, Any],
) -> None:
    thing = pick(estate, kind, wanted)
    with pytest.raises(DemoError):
        act(estate, action, thing, **details)
