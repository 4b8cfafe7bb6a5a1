"""The hand: what an action of AWS's API does to the estate. Pure functions of the estate and an event of the journal.

An event takes effect in its whole hour. What only money knows (buying commitments, restatements) changes nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from demo.errors import DemoError
from demo.journal import Event
from demo.randomness import identifier
from demo.world import quotas
from demo.world.estate import Estate
from demo.world.life import Life
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

_Kind = TypeVar("_Kind", bound=Resource)
_Change = Callable[["Estate", Any, Event], "Estate"]

# RDS starts what was stopped again after seven days (RDS user guide, "Stopping an Amazon RDS DB instance temporarily").
_DATABASE_REST_HOURS = 7 * 24
# A function has one whole processor at this much memory (Lambda developer guide, "Configuring function memory").
_WHOLE_PROCESSOR_MB = 1769
# Of a function's duration, the part that a faster processor shortens; the rest waits for others.
_PROCESSOR_SHARE = 0.5
MONEY_ACTIONS = frozenset({
    "PurchaseReservedInstancesOffering", "PurchaseReservedDBInstancesOffering", "CreateSavingsPlan",
    "ReturnSavingsPlan", "Restate",
})  # fmt: skip
_GLOBAL_KINDS = (Bucket, Distribution)


def change(estate: Estate, event: Event) -> Estate:
    """The estate after an event. Raises DemoError for an unknown action or thing, or one in the wrong state."""
    if event.action in MONEY_ACTIONS:
        return estate
    if event.action not in _ACTIONS:
        raise DemoError(f"the simulated account knows no action {event.action}")
    kind, apply = _ACTIONS[event.action]
    return apply(estate, find(estate, kind, event), event)


def find(estate: Estate, kind: type[_Kind], event: Event) -> _Kind:
    """What an event is about, as described in its hour: by id or the last part of an ARN. Raises DemoError."""
    for thing in estate.each(kind):
        if not (thing.since <= event.hour and (thing.until is None or event.hour < thing.until)):
            continue
        if not _is_named(thing, event.resource_id) or thing.account.account_id != event.account_id:
            continue
        if not isinstance(thing, _GLOBAL_KINDS) and event.region not in ("", thing.region.code):
            continue
        if thing.life.launched > event.hour or (thing.life.ended is not None and thing.life.ended <= event.hour):
            continue
        return thing
    raise DemoError(f"{event.resource_id} does not exist in {event.account_id} {event.region}")


def is_stopped(thing: Resource, hour: int) -> bool:
    """Whether somebody stopped it and it hasn't been started again."""
    return any(start <= hour and (end is None or hour < end) for start, end in thing.life.pauses)


def _is_named(thing: Resource, name: str) -> bool:
    full = thing.resource_id
    if full == name:
        return True
    if isinstance(thing, LoadBalancer):
        return thing.name == name and thing.kind == "classic"
    return full.endswith((f"/{name}", f":{name}"))


def _rewrite(estate: Estate, rewrite: Callable[[Resource], Iterator[Resource]]) -> Estate:
    return replace(estate, resources=tuple(new for old in estate.resources for new in rewrite(old)))


def _revise(estate: Estate, thing: Resource, at: int, **changes: Any) -> Estate:
    """A new description from an hour on."""

    def rewrite(old: Resource) -> Iterator[Resource]:
        if old is not thing:
            yield old
        elif old.since >= at or old.life.launched >= at:
            yield replace(old, **changes)
        else:
            yield replace(old, until=at)
            yield replace(old, since=at, **changes)

    return _rewrite(estate, rewrite)


def _relive(estate: Estate, thing: Resource, relive: Callable[[Life], Life]) -> Estate:
    """Change the life of all descriptions of a thing."""

    def rewrite(old: Resource) -> Iterator[Resource]:
        is_it = type(old) is type(thing) and old.resource_id == thing.resource_id
        yield replace(old, life=relive(old.life)) if is_it else old

    return _rewrite(estate, rewrite)


def _end(estate: Estate, thing: Resource, event: Event) -> Estate:
    return _relive(estate, thing, lambda life: replace(life, ended=event.hour))


def _pause(estate: Estate, thing: Resource, start: int, end: int | None = None) -> Estate:
    return _relive(estate, thing, lambda life: replace(life, pauses=(*life.pauses, (start, end))))


def _resume(estate: Estate, thing: Resource, at: int) -> Estate:
    def relive(life: Life) -> Life:
        pauses = ((start, at if start <= at and (end is None or at < end) else end) for start, end in life.pauses)
        return replace(life, pauses=tuple((start, end) for start, end in pauses if end is None or start < end))

    return _relive(estate, thing, relive)


def _stop_instance(estate: Estate, thing: Instance, event: Event) -> Estate:
    if thing.is_spot:
        raise DemoError(f"{thing.resource_id} is a one-time Spot instance and can't be stopped")
    if thing.group is not None:
        # Its group takes a stopped member for an unhealthy one.
        return _terminate(estate, thing, event)
    if is_stopped(thing, event.hour):
        raise DemoError(f"{thing.resource_id} is stopped already")
    return _pause(estate, thing, event.hour)


def _start(estate: Estate, thing: Resource, event: Event) -> Estate:
    if not is_stopped(thing, event.hour):
        raise DemoError(f"{thing.resource_id} is not stopped")
    return _resume(estate, thing, event.hour)


def _terminate(estate: Estate, thing: Instance, event: Event) -> Estate:
    """The root volume goes along; other volumes and addresses stay and are paid for. A group launches a new member."""
    estate = _end(estate, thing, event)
    for volume in list(estate.each(Volume)):
        is_here = volume.instance_id == thing.resource_id and (volume.until is None or event.hour < volume.until)
        if is_here and volume.is_root:
            estate = _end(estate, volume, event)
        elif is_here and (volume.life.ended is None or event.hour < volume.life.ended):
            estate = _leave(estate, volume, event)
    for address in list(estate.each(Address)):
        if address.instance_id == thing.resource_id and address.until is None and address.life.ended is None:
            estate = _revise(estate, address, event.hour, instance_id=None)
    if thing.group is None or thing.is_transient:
        return estate
    return _replace_member(estate, thing, event.hour + 1)


def _replace_member(estate: Estate, thing: Instance, at: int) -> Estate:
    seed = estate.parameters.seed
    code = "i-0" + identifier(seed, "replaces", thing.resource_id, length=16)
    successor = replace(thing, resource_id=code, life=Life(at), since=0, until=None)
    root = next(volume for volume in estate.each(Volume) if volume.instance_id == thing.resource_id and volume.is_root)
    volume_code = "vol-0" + identifier(seed, "replaces", root.resource_id, length=16)
    volume = replace(root, resource_id=volume_code, life=Life(at), since=0, until=None, instance_id=code)
    return replace(estate, resources=(*estate.resources, successor, volume))


def _leave(estate: Estate, volume: Volume, event: Event) -> Estate:
    demand = replace(volume.demand, gone_from=event.hour)
    return _revise(estate, volume, event.hour, instance_id=None, demand=demand)


def _change_type(estate: Estate, thing: Instance, event: Event) -> Estate:
    new = _need(event, "InstanceType")
    if not is_stopped(thing, event.hour):
        raise DemoError(f"{thing.resource_id} must be stopped before its type is changed")
    if _is_arm(new) != _is_arm(thing.instance_type):
        raise DemoError(f"{new} has another architecture than {thing.instance_type}")
    return _revise(estate, thing, event.hour, instance_type=new, **_scale(thing, thing.instance_type, new))


def _is_arm(instance_type: str) -> bool:
    return instance_type.removeprefix("db.").split(".")[0].endswith("g")


def _scale(thing: Resource, old: str, new: str) -> dict[str, float]:
    """How much larger it is than what its demand was drawn for, in processors and in memory."""
    try:
        vcpus, memory = vcpus_of(new) / vcpus_of(old), memory_of(new) / memory_of(old)
    except KeyError as error:
        raise DemoError(f"{new} is no instance type of the simulated account") from error
    held = thing.capacity_factor if thing.memory_factor is None else thing.memory_factor
    return {"capacity_factor": thing.capacity_factor * vcpus, "memory_factor": held * memory}


def _need(event: Event, name: str) -> Any:
    if name not in event.details:
        raise DemoError(f"{event.action} needs {name}")
    return event.details[name]


def _delete_volume(estate: Estate, thing: Volume, event: Event) -> Estate:
    if thing.instance_id is not None:
        raise DemoError(f"{thing.resource_id} is attached to {thing.instance_id}")
    return _drop_later_snapshots(_end(estate, thing, event), thing, event.hour)


def _drop_later_snapshots(estate: Estate, volume: Volume, at: int) -> Estate:
    """What is gone can't be copied: its series of snapshots ends, those that were made stay and are paid for."""

    def is_later(thing: Resource) -> bool:
        is_copy = isinstance(thing, Snapshot) and thing.volume_id == volume.resource_id
        return is_copy and thing.life.launched >= at

    return replace(estate, resources=tuple(thing for thing in estate.resources if not is_later(thing)))


def _detach_volume(estate: Estate, thing: Volume, event: Event) -> Estate:
    if thing.instance_id is None:
        raise DemoError(f"{thing.resource_id} is attached to nothing")
    host = next((host for host in estate.each(Instance) if host.resource_id == thing.instance_id), None)
    if thing.is_root and host is not None and not is_stopped(host, event.hour):
        raise DemoError(f"{thing.resource_id} is the root volume of a running instance")
    return _leave(estate, thing, event)


def _modify_volume(estate: Estate, thing: Volume, event: Event) -> Estate:
    details = event.details
    volume_type = str(details.get("VolumeType", thing.volume_type))
    if volume_type not in quotas.VOLUME_SIZES_GB:
        raise DemoError(f"volume type {volume_type!r} is not one of the simulated account's")
    size = quotas.read_whole(details, "Size", quotas.VOLUME_SIZES_GB[volume_type], thing.size_gb)
    if size < thing.size_gb:
        raise DemoError(f"{thing.resource_id} can't shrink from {thing.size_gb} to {size} GiB")
    # Without a word about it a volume of a new type gets what is free with it.
    is_new_type = volume_type != thing.volume_type
    changes: dict[str, int] = {"iops": 3000, "throughput_mbps": 125} if is_new_type else {}
    for name, field, limits in (
        ("Iops", "iops", quotas.VOLUME_IOPS),
        ("Throughput", "throughput_mbps", quotas.VOLUME_THROUGHPUT_MBPS),
    ):
        if name in details:
            if volume_type not in limits:
                raise DemoError(f"a {volume_type} volume's {name} can't be chosen")
            changes[field] = quotas.read_whole(details, name, limits[volume_type])
    return _revise(estate, thing, event.hour, size_gb=size, volume_type=volume_type, **changes)


def _release_address(estate: Estate, thing: Address, event: Event) -> Estate:
    if thing.instance_id is not None:
        raise DemoError(f"{thing.resource_id} is in use by {thing.instance_id}")
    return _end(estate, thing, event)


def _stop_database(estate: Estate, thing: Database, event: Event) -> Estate:
    if thing.cluster is not None:
        raise DemoError(f"{thing.name} is a member of an Aurora cluster and can't be stopped alone")
    if is_stopped(thing, event.hour):
        raise DemoError(f"{thing.name} is stopped already")
    return _pause(estate, thing, event.hour, event.hour + _DATABASE_REST_HOURS)


def _start_database(estate: Estate, thing: Database, event: Event) -> Estate:
    """Started for good: what would have stopped it again each week is called off too."""
    if not is_stopped(thing, event.hour):
        raise DemoError(f"{thing.name} is not stopped")
    estate = _resume(estate, thing, event.hour)
    return _relive(estate, thing, lambda life: replace(life, pauses=tuple(p for p in life.pauses if p[0] < event.hour)))


def _modify_database(estate: Estate, thing: Database, event: Event) -> Estate:
    details, changes = event.details, {}
    new = str(details.get("DBInstanceClass", thing.database_class))
    if new != thing.database_class:
        changes.update(_scale(thing, thing.database_class, new))
    storage = thing.storage_gb
    if "AllocatedStorage" in details:
        if thing.cluster is not None:
            raise DemoError(f"{thing.name} has its cluster's storage")
        storage = quotas.read_whole(details, "AllocatedStorage", quotas.DATABASE_STORAGE_GB)
    if storage < thing.storage_gb:
        raise DemoError(f"{thing.name} can't shrink from {thing.storage_gb} to {storage} GiB")
    storage_type = str(details.get("StorageType", thing.storage_type))
    if storage_type != thing.storage_type and storage_type not in ("gp2", "gp3"):
        raise DemoError(f"storage type {storage_type!r} is not one of the simulated account's")
    is_multi_az = details.get("MultiAZ", thing.is_multi_az)
    return _revise(
        estate,
        thing,
        event.hour,
        database_class=new,
        storage_gb=storage,
        storage_type=storage_type,
        is_multi_az=is_multi_az if isinstance(is_multi_az, bool) else str(is_multi_az).lower() == "true",
        **changes,
    )


def _delete_cluster(estate: Estate, thing: DatabaseCluster, event: Event) -> Estate:
    members = [one for one in estate.each(Database) if one.cluster == thing.name and one.is_current(event.hour)]
    if members:
        raise DemoError(f"{thing.name} has members")
    return _end(estate, thing, event)


def _modify_function(estate: Estate, thing: Function, event: Event) -> Estate:
    memory = quotas.read_whole(event.details, "MemorySize", quotas.FUNCTION_MEMORY_MB)
    pace = min(thing.memory_mb, _WHOLE_PROCESSOR_MB) / min(memory, _WHOLE_PROCESSOR_MB)
    duration = round(thing.duration_ms * (1 - _PROCESSOR_SHARE + _PROCESSOR_SHARE * pace), 1)
    return _revise(estate, thing, event.hour, memory_mb=memory, duration_ms=duration)


def _put_lifecycle(estate: Estate, thing: Bucket, event: Event) -> Estate:
    """Objects older than a transition's days move from STANDARD to its class at once (AWS takes a day or two)."""
    stored = dict(thing.stored_gb)
    for rule in _transitions(event.details):
        days, target = quotas.read_whole(rule, "Days", (0, 36_500), 0), str(rule["StorageClass"])
        if target not in quotas.STORAGE_CLASSES:
            raise DemoError(f"storage class {target!r} is not one of the simulated account's")
        moved = stored.get("STANDARD", 0.0) * (1 + thing.growth_per_day) ** -days
        stored["STANDARD"] = stored.get("STANDARD", 0.0) - moved
        stored[target] = stored.get(target, 0.0) + moved
    return _revise(estate, thing, event.hour, has_lifecycle=True, stored_gb=stored)


def _transitions(details: Any) -> Iterator[dict[str, Any]]:
    if isinstance(details, dict):
        if "StorageClass" in details:
            yield details
        for value in details.values():
            yield from _transitions(value)
    elif isinstance(details, list):
        for value in details:
            yield from _transitions(value)


def _update_table(estate: Estate, thing: Table, event: Event) -> Estate:
    details = {**event.details, **event.details.get("ProvisionedThroughput", {})}
    mode = str(details.get("BillingMode", thing.mode))
    if mode not in ("PROVISIONED", "PAY_PER_REQUEST"):
        raise DemoError(f"billing mode {mode!r} is neither PROVISIONED nor PAY_PER_REQUEST")
    if mode == "PAY_PER_REQUEST":
        return _revise(estate, thing, event.hour, mode=mode)
    reads = quotas.read_whole(details, "ReadCapacityUnits", quotas.TABLE_UNITS, thing.read_units)
    writes = quotas.read_whole(details, "WriteCapacityUnits", quotas.TABLE_UNITS, thing.write_units)
    return _revise(estate, thing, event.hour, mode=mode, read_units=reads, write_units=writes)


def _update_service(estate: Estate, thing: ContainerService, event: Event) -> Estate:
    count = quotas.read_whole(event.details, "desiredCount", quotas.SERVICE_TASKS)
    if count == 0:
        return estate if is_stopped(thing, event.hour) else _pause(estate, thing, event.hour)
    if is_stopped(thing, event.hour):
        estate = _resume(estate, thing, event.hour)
        thing = find(estate, ContainerService, event)
    factor = thing.capacity_factor * count / thing.task_count
    return _revise(estate, thing, event.hour, task_count=count, capacity_factor=factor)


_ACTIONS: dict[str, tuple[type[Any], _Change]] = {
    "StopInstances": (Instance, _stop_instance),
    "StartInstances": (Instance, _start),
    "TerminateInstances": (Instance, _terminate),
    "ModifyInstanceAttribute": (Instance, _change_type),
    "DeleteVolume": (Volume, _delete_volume),
    "DetachVolume": (Volume, _detach_volume),
    "ModifyVolume": (Volume, _modify_volume),
    "DeleteSnapshot": (Snapshot, _end),
    "ReleaseAddress": (Address, _release_address),
    "DeleteNatGateway": (NatGateway, _end),
    "StopDBInstance": (Database, _stop_database),
    "StartDBInstance": (Database, _start_database),
    "DeleteDBInstance": (Database, _end),
    "DeleteDBCluster": (DatabaseCluster, _delete_cluster),
    "ModifyDBInstance": (Database, _modify_database),
    "DeleteFunction": (Function, _end),
    "UpdateFunctionConfiguration": (Function, _modify_function),
    "DeleteBucket": (Bucket, _end),
    "PutBucketLifecycleConfiguration": (Bucket, _put_lifecycle),
    "DeleteTable": (Table, _end),
    "UpdateTable": (Table, _update_table),
    "DeleteLoadBalancer": (LoadBalancer, _end),
    "UpdateService": (ContainerService, _update_service),
    "DeleteService": (ContainerService, _end),
    "DeleteDistribution": (Distribution, _end),
    "DeleteRestApi": (RestApi, _end),
    "DeleteApi": (RestApi, _end),
}
ACTIONS = frozenset(_ACTIONS) | MONEY_ACTIONS
