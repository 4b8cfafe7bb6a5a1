"""EC2 instances, EBS volumes and snapshots, and Elastic IP addresses."""

from __future__ import annotations

from collections.abc import Iterator

from demo.billing.meters.windows import Window, meter, units
from demo.billing.records import Meter
from demo.money import SCALE
from demo.world.resources import Address, Instance, Snapshot, Volume

# gp3 gives these to every volume; more is charged (EBS pricing).
_FREE_IOPS, _FREE_MBPS = 3000, 125


def measure_instance(thing: Instance, window: Window) -> Iterator[Meter]:
    """An hour for each hour that it runs."""
    market = "spot" if thing.is_spot else "ec2"
    quantity = units(thing.runs(window.first, window.last))
    yield from meter(thing, f"{market}/{thing.instance_type}/{thing.operating_system}", quantity, thing.zone)


def measure_volume(thing: Volume, window: Window) -> Iterator[Meter]:
    """Its provisioned size, attached or not; IOPS of io1; of gp3 what exceeds the free performance."""
    here = thing.exists(window.first, window.last)
    kind = thing.volume_type
    yield from meter(thing, f"ebs/{kind}", window.parts(units(here, thing.size_gb * SCALE)))
    if kind == "io1":
        yield from meter(thing, "ebs/io1-iops", window.parts(units(here, thing.iops * SCALE)))
    if kind == "gp3":
        extra_iops, extra_mbps = max(0, thing.iops - _FREE_IOPS), max(0, thing.throughput_mbps - _FREE_MBPS)
        yield from meter(thing, "ebs/gp3-iops", window.parts(units(here, extra_iops * SCALE)))
        # Throughput is sold by the GiB a second.
        yield from meter(thing, "ebs/gp3-throughput", window.parts(units(here, extra_mbps * SCALE // 1024)))


def measure_snapshot(thing: Snapshot, window: Window) -> Iterator[Meter]:
    """What it stores."""
    here = thing.exists(window.first, window.last)
    yield from meter(thing, "ebs/snapshot", window.parts(units(here, thing.stored_gb * SCALE)))


def measure_address(thing: Address, window: Window) -> Iterator[Meter]:
    """In use while what it is associated with runs, else idle (VPC pricing, public IPv4 addresses)."""
    here = thing.exists(window.first, window.last)
    in_use = here & window.is_on(thing.instance_id) if thing.instance_id is not None else here & False
    yield from meter(thing, "vpc/address-in-use", units(in_use))
    yield from meter(thing, "vpc/address-idle", units(here & ~in_use))
