"""EBS data volumes, snapshots, S3 buckets and DynamoDB tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from demo.world.accounts import PAYER
from demo.world.drawing import DAY, Draft, log_normal, log_uniform, resize, spread_roles
from demo.world.life import Life
from demo.world.resources import Bucket, Instance, Resource, Snapshot, Table, Volume
from demo.world.tagging import thin_tags

_SIZES_GB = (50, 80, 100, 200, 340, 500, 1000, 2000)
_VOLUME_TYPES = ("gp2", "gp3", "gp2", "gp3", "gp3", "io1", "st1")
FEWEST_VOLUMES, FEWEST_SNAPSHOTS, FEWEST_BUCKETS, FEWEST_TABLES = 9, 5, 5, 8


def draw_volumes(draft: Draft, instances: list[Instance], count: int) -> Iterator[Resource]:
    """Data volumes: attached ones share their machine's work, or hold what nobody asks for; some were left behind."""
    holders = [thing for thing in instances if not thing.is_transient and thing.until is None and not thing.is_spot]
    stopped = [thing for thing in holders if thing.demand.role == "stopped"]
    kinds = ("shared", "touched", "left", "idle", "kept", "stopped", "newborn", "shared", "changed")
    usual = ("shared", "shared", "left", "touched", "shared", "idle", "shared", "kept", "shared")
    for index in range(count):
        kind = kinds[index] if index < len(kinds) else usual[index % len(usual)]
        rng = draft.stream("data volume", index)
        choice = stopped if kind == "stopped" and stopped else holders
        host = choice[int(rng.integers(len(choice)))]
        code = draft.code("vol-0", "data volume", index)
        size, volume_type = int(rng.choice(_SIZES_GB)), str(rng.choice(_VOLUME_TYPES))
        life, demand, attached = host.life, host.demand, host.resource_id
        life = Life(life.launched, life.ended)
        if kind in ("touched", "idle"):
            level = log_normal(rng, 3e-6, 1.5) if kind == "touched" else None
            demand = draft.demand(rng, code, kind, demand.time_zone, level)
        elif kind in ("left", "kept", "newborn"):
            # Left behind by nobody knows whom; or kept on purpose (a copy before a migration); or just made.
            role = {"left": "idle", "kept": "standby", "newborn": "newborn"}[kind]
            demand, attached = draft.demand(rng, code, role, demand.time_zone), ""
            made = rng.uniform(1, 6) if kind == "newborn" else log_uniform(rng, 12, 700)
            life = Life(draft.before(made))
        volume = Volume(
            resource_id=code,
            name=f"{host.name}-data",
            account=host.account,
            region=host.region,
            life=life,
            demand=demand,
            tags=thin_tags(rng, host.tags, 0.5),
            zone=host.zone,
            size_gb=max(size, 500) if volume_type == "st1" else size,
            volume_type=volume_type,
            instance_id=attached or None,
            iops=_draw_iops(rng, volume_type, size),
            throughput_mbps=int(rng.choice((125, 125, 125, 250))) if volume_type == "gp3" else 125,
        )
        at = draft.before(rng.uniform(10, 300))
        if kind == "changed" and life.launched < at and (life.ended is None or at < life.ended):
            before, after = resize(replace(volume, volume_type="gp2", iops=3000, throughput_mbps=125), at)
            yield before
            yield replace(after, volume_type="gp3", size_gb=2 * volume.size_gb)  # type: ignore[call-arg]
            continue
        yield volume


def _draw_iops(rng: np.random.Generator, volume_type: str, size: int) -> int:
    if volume_type == "io1":
        return min(50 * size, int(rng.choice((1000, 2000, 4000))))
    return int(rng.choice((3000, 3000, 3000, 6000))) if volume_type == "gp3" else 3000


def draw_snapshots(draft: Draft, volumes: list[Volume], count: int) -> Iterator[Resource]:
    """Series that grow by one snapshot every so many days, orphans whose volume is gone, archives kept on purpose."""
    old = draft.before(300)
    things = [volume for volume in volumes if volume.until is None and volume.life.ended is None] or volumes
    things = [volume for volume in things if volume.life.launched < old] or things
    made, series = 0, 0
    while made < count:
        rng = draft.stream("snapshots", series)
        volume = things[int(rng.integers(len(things)))]
        kind = ("series", "orphan", "archive", "orphan", "orphan")[series % 5]
        length = min(count - made, (2 if not series else int(rng.integers(3, 9))) if kind == "series" else 1)
        days = int(rng.choice((1, 7, 14, 30)))
        source = draft.code("vol-0", "gone volume", series) if kind != "series" else volume.resource_id
        role = "idle" if kind == "orphan" else "standby"
        # Made so long ago: as old as things get, each order of magnitude as likely.
        newest = log_uniform(rng, 10, 900) if kind != "series" else rng.uniform(0.1, 1.0) * days
        turn = length - 1
        while True:
            launched = draft.before(newest + turn * days)
            if turn < 0 and (kind != "series" or launched >= draft.horizon.end):
                break
            code = draft.code("snap-0", "snapshot", series, length - 1 - turn)
            is_whole = turn == length - 1
            stored = volume.size_gb * float(rng.uniform(0.2, 0.9)) * (1.0 if is_whole else rng.uniform(0.005, 0.08))
            yield Snapshot(
                resource_id=f"arn:aws:ec2:{volume.region.code}:{volume.account.account_id}:snapshot/{code}",
                name=f"{volume.name}-{kind}",
                account=volume.account,
                region=volume.region,
                life=Life(launched),
                demand=draft.demand(rng, code, role, volume.demand.time_zone),
                tags=thin_tags(rng, volume.tags, 0.5),
                volume_id=source,
                stored_gb=max(1, round(stored)),
            )
            turn -= 1
        made, series = made + length, series + 1


_CLASSES = (
    {"STANDARD": 1.0},
    {"STANDARD": 0.7, "STANDARD_IA": 0.3},
    {"STANDARD": 0.3, "INTELLIGENT_TIERING": 0.7},
    {"STANDARD": 0.2, "GLACIER_IR": 0.3, "DEEP_ARCHIVE": 0.5},
    {"STANDARD": 0.5, "ONEZONE_IA": 0.2, "GLACIER": 0.3},
)


def draw_buckets(draft: Draft, count: int) -> Iterator[Resource]:
    """S3 buckets, the last in the payer's account, which bucket names and reports live in."""
    roles = spread_roles(
        count, ("steady", "idle", "strays", "standby", "office", "newborn"), ("steady", "office", "nightly")
    )
    for index, role in enumerate(roles):
        rng = draft.stream("bucket", index)
        place = draft.place(rng, role, "store", index, PAYER if index == 4 else None)
        code = f"{place.name}-{draft.code('', 'bucket', index, length=8)}"
        size = log_uniform(rng, 2, 20_000)
        gets, level = int(log_uniform(rng, 100, 400_000)), None
        if role == "strays":
            gets, level = 1000, log_normal(rng, 20, 1.3) / 24 / 1000
        yield Bucket(
            **draft.common(rng, place, role, code, level=level),
            stored_gb={name: round(share * size, 3) for name, share in _CLASSES[int(rng.integers(5))].items()},
            growth_per_day=float(rng.choice((0.0, 0.0005, 0.001, 0.002))) if role not in ("idle", "strays") else 0.0,
            gets_per_hour=gets,
            puts_per_hour=gets // 8,
            kb_per_get=log_uniform(rng, 2, 800),
            has_lifecycle=bool(rng.random() < 0.35),
            has_request_metrics=bool(rng.random() < 0.4),
        )


def draw_tables(draft: Draft, count: int) -> Iterator[Resource]:
    """DynamoDB tables of both modes, some with global secondary indexes."""
    planted = ("steady", "idle", "touched", "light_duty", "standby", "newborn", "fading", "month_end")
    roles = spread_roles(count, planted, ("steady", "office", "growing", "nightly", "bursty"))
    for index, role in enumerate(roles):
        rng = draft.stream("table", index)
        place = draft.place(rng, role, "table", index)
        full_reads, full_writes = log_uniform(rng, 5, 3000), log_uniform(rng, 2, 800)
        level = None
        if role in ("touched", "light_duty"):
            full_reads, level = 20.0, log_normal(rng, 30, 1.5) / 72_000
        # Provisioned for so much of full demand: from far too little to far too much.
        ample = log_uniform(rng, 0.25, 4)
        indexes = {f"by-{name}": round(float(rng.uniform(0.1, 1.0)), 2) for name in ("customer", "date")}
        table = Table(
            **draft.common(rng, place, role, place.arn("dynamodb", f"table/{place.name}"), level=level),
            mode="PAY_PER_REQUEST" if index % 5 in (2, 4) and role != "idle" else "PROVISIONED",
            read_units=max(1, round(full_reads * ample)),
            write_units=max(1, round(full_writes * ample)),
            reads_per_second=full_reads,
            writes_per_second=full_writes,
            stored_gb=round(log_uniform(rng, 0.1, 900), 3),
            indexes=dict(list(indexes.items())[: int(rng.choice((0, 0, 1, 2)))]),
        )
        at = draft.before(rng.uniform(20, 200))
        if role == "growing" and table.life.launched + 30 * DAY < at:
            before, after = resize(replace(table, read_units=max(1, table.read_units // 2)), at)
            yield before
            yield replace(after, read_units=table.read_units)  # type: ignore[call-arg]
            continue
        yield table
