"""AWS/EC2, the agent's CWAgent and AWS/AutoScaling: what instances send (EC2 user guide, "CloudWatch metrics").

With basic monitoring an instance sends a sample per 5 minutes, with detailed monitoring one a minute; status checks are
sent every minute. A stopped instance sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from demo.randomness import identifier
from demo.telemetry import disks
from demo.telemetry.credits import SLOTS, credits_per_hour, list_credit_kinds
from demo.telemetry.latent import MINUTES, Latent, group_by_id, runs_by_slot
from demo.telemetry.machines import memory_used, processor, traffic
from demo.telemetry.samples import Grid, Kind, Source, name_sources
from demo.world.accounts import Account, Region
from demo.world.life import Life
from demo.world.resources import Instance

_BYTES_PER_PACKET = 700.0
_ROOT_DEVICE = {"device": "xvda1", "fstype": "xfs", "path": "/"}


def _per_hour(instance: Instance) -> int:
    return MINUTES if instance.has_detailed_monitoring else SLOTS


class _Sender:
    """Makes the samples of instances."""

    def __init__(self, latent: Latent):
        self._latent = latent

    def processor(self, instance: Instance, first: int, last: int) -> Grid:
        values = processor(self._latent, instance, first, last, _per_hour(instance))
        return Grid(values, is_sent=runs_by_slot(instance, first, last))

    def _traffic(self, instance: Instance, first: int, last: int, is_inward: bool, unit: float) -> Grid:
        moved = traffic(self._latent, instance, first, last, _per_hour(instance), is_inward=is_inward)
        return Grid(moved if unit == 1 else np.ceil(moved / unit), is_sent=runs_by_slot(instance, first, last))

    def bytes_in(self, instance: Instance, first: int, last: int) -> Grid:
        return self._traffic(instance, first, last, True, 1)

    def bytes_out(self, instance: Instance, first: int, last: int) -> Grid:
        return self._traffic(instance, first, last, False, 1)

    def packets_in(self, instance: Instance, first: int, last: int) -> Grid:
        return self._traffic(instance, first, last, True, _BYTES_PER_PACKET)

    def packets_out(self, instance: Instance, first: int, last: int) -> Grid:
        return self._traffic(instance, first, last, False, _BYTES_PER_PACKET)

    def passed_check(self, instance: Instance, first: int, last: int) -> Grid:
        return Grid(np.zeros((last - first, MINUTES)), is_sent=runs_by_slot(instance, first, last))

    def disk(self, measure: str) -> Any:
        """The instance's share of EBS metrics: the sum over the volumes attached to it."""

        def read(instance: Instance, first: int, last: int) -> Grid:
            total = np.zeros((last - first, SLOTS))
            for volume in self._latent.volumes_of.get(instance.resource_id, ()):
                total += disks.sum_traffic(self._latent, volume, first, last, SLOTS)[measure]
            return Grid(total, is_sent=runs_by_slot(instance, first, last))

        return read

    def memory(self, instance: Instance, first: int, last: int) -> Grid:
        used = memory_used(self._latent, instance, first, last, MINUTES)
        return Grid(np.round(100 * used, 4), is_sent=runs_by_slot(instance, first, last))

    def disk_used(self, instance: Instance, first: int, last: int) -> Grid:
        rng = self._latent.draw(instance, "disk used")
        base, growth = float(rng.uniform(15, 70)), float(rng.uniform(0, 0.02))
        days = (np.arange(first, last) - self._latent.estate.parameters.end_hour) / 24
        used = np.clip(base + growth * days, 5.0, 98.0)[:, None] + np.zeros((1, MINUTES))
        return Grid(np.round(used, 4), is_sent=runs_by_slot(instance, first, last))


@dataclass(frozen=True)
class _Group:
    """An Auto Scaling group: what its members share. It is there as long as any of them was."""

    resource_id: str
    account: Account
    region: Region
    life: Life
    members: tuple[Instance, ...]
    since: int = 0
    until: int | None = None


def _count_members(group: _Group, first: int, last: int) -> Grid:
    """Members in service, per minute."""
    count = np.zeros(last - first)
    for member in group.members:
        count += member.runs(first, last)
    return Grid(np.repeat(count[:, None], MINUTES, axis=1))


def _list_group(name: str, members: tuple[Instance, ...], kinds: tuple[Kind, ...]) -> Iterator[Source]:
    dimensions = {"AutoScalingGroupName": name}
    yield from name_sources("AWS/EC2", dimensions, kinds, members)
    home = members[0]
    life = Life(min(member.life.launched for member in members))
    group = _Group(f"{home.account.account_id}/{home.region.code}/{name}", home.account, home.region, life, members)
    counts = tuple(
        Kind(f"Group{what}", "None", _count_members)
        for what in ("DesiredCapacity", "InServiceInstances", "TotalInstances")
    )
    yield from name_sources("AWS/AutoScaling", dimensions, counts, (group,))


def list_sources(latent: Latent) -> Iterator[Source]:
    """The metrics of all instances that send any, and of their Auto Scaling groups."""
    sender = _Sender(latent)
    basic = (
        Kind("CPUUtilization", "Percent", sender.processor, True),
        Kind("NetworkIn", "Bytes", sender.bytes_in, True),
        Kind("NetworkOut", "Bytes", sender.bytes_out, True),
        Kind("NetworkPacketsIn", "Count", sender.packets_in, True),
        Kind("NetworkPacketsOut", "Count", sender.packets_out, True),
        Kind("EBSReadOps", "Count", sender.disk("read_ops"), True),
        Kind("EBSWriteOps", "Count", sender.disk("write_ops"), True),
        Kind("EBSReadBytes", "Bytes", sender.disk("read_bytes"), True),
        Kind("EBSWriteBytes", "Bytes", sender.disk("write_bytes"), True),
        *(
            Kind(f"StatusCheckFailed{part}", "Count", sender.passed_check, True)
            for part in ("", "_Instance", "_System")
        ),
    )
    burstable = list_credit_kinds(latent, lambda instance: str(instance.instance_type))
    memory = {
        "Linux": Kind("mem_used_percent", "Percent", sender.memory, True),
        "Windows": Kind("Memory % Committed Bytes In Use", "None", sender.memory, True),
    }
    disk = (Kind("disk_used_percent", "Percent", sender.disk_used, True),)
    groups: dict[tuple[str, str, str], list[Instance]] = {}
    for things in group_by_id(latent.estate.each(Instance)):
        instance: Instance = things[-1]
        if not instance.has_metrics:
            continue
        name = {"InstanceId": instance.resource_id}
        yield from name_sources("AWS/EC2", name, basic, things)
        bursting = tuple(thing for thing in things if credits_per_hour(thing.instance_type) is not None)
        if bursting:
            yield from name_sources("AWS/EC2", name, burstable, bursting)
        if instance.has_agent:
            kind = (memory[instance.operating_system],)
            more = {"ImageId": image_of(latent, instance), "InstanceType": instance.instance_type}
            yield from name_sources("CWAgent", name, kind, things)
            same_type = tuple(thing for thing in things if thing.instance_type == instance.instance_type)
            yield from name_sources("CWAgent", name | more, kind, same_type)
            if instance.operating_system == "Linux":
                yield from name_sources("CWAgent", name | more | _ROOT_DEVICE, disk, same_type)
        if instance.group is not None:
            groups.setdefault((instance.account.account_id, instance.region.code, instance.group), []).extend(things)
    for (_, _, group), members in groups.items():
        yield from _list_group(group, tuple(members), basic[:3])


def image_of(latent: Latent, instance: Instance) -> str:
    """The id of the image that an instance was started from: one per account, region and operating system."""
    place = (instance.account.account_id, instance.region.code, instance.operating_system)
    return f"ami-{identifier(latent.seed, 'image', *place, length=17)}"
