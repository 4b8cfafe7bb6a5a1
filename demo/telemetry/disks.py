"""AWS/EBS: what volumes send, a sample a minute, while they are attached to a running instance (EBS user guide,
"Amazon CloudWatch metrics for Amazon EBS"). An unattached volume, or one of a stopped instance, is silent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from demo.telemetry.credits import SLOTS, cut_walk, span_walked, walk_bucket
from demo.telemetry.latent import MINUTES, Latent, group_by_id
from demo.telemetry.samples import Grid, Kind, Source, name_sources
from demo.world.resources import Volume

# gp2: 3 IOPS per GiB, at least 100, and a bucket of 5.4 million credits up to 3,000 IOPS (EBS user guide).
_GP2_BUCKET = 5_400_000.0
_GP2_BURST = 3000


def is_attached(latent: Latent, volume: Volume, first: int, last: int) -> np.ndarray:
    """Per hour: whether a volume is there and attached to an instance that runs."""
    is_on = np.zeros(last - first, dtype=bool)
    for instance in latent.instances.get(str(volume.instance_id), ()):
        is_on |= instance.runs(first, last)
    return is_on & volume.exists(first, last)


def most_operations(volume: Volume) -> int:
    """Operations a second that a volume can do at most."""
    if volume.volume_type == "gp2":
        return max(_GP2_BURST, min(16_000, 3 * volume.size_gb))
    return 500 if volume.volume_type in ("st1", "sc1") else max(100, volume.iops)


def sum_traffic(latent: Latent, volume: Volume, first: int, last: int, per_hour: int) -> dict[str, np.ndarray]:
    """Whole operations and bytes of a volume, read and written, per slot; the sums are those of its minutes."""
    reads, writes, size_read, size_written = _traffic(latent, volume, first, last)
    if per_hour != MINUTES:
        shape = (last - first, per_hour, MINUTES // per_hour)
        reads, writes = reads.reshape(shape).sum(axis=2), writes.reshape(shape).sum(axis=2)
    return {
        "read_ops": reads,
        "write_ops": writes,
        "read_bytes": reads * size_read,
        "write_bytes": writes * size_written,
    }


@dataclass(frozen=True)
class _Habit:
    """``full``: operations a minute at full work; ``own``: of the system itself; bytes of one read and one write."""

    full: float
    share_read: float
    own: float
    read_size: float
    write_size: float


def _habit(latent: Latent, volume: Volume) -> _Habit:
    def draw() -> _Habit:
        rng = latent.draw(volume, "operations")
        full = min(0.9 * most_operations(volume), float(np.exp(rng.normal(np.log(120.0), 1.0)))) * 60
        share_read = float(rng.uniform(0.1, 0.8))
        own = float(rng.uniform(1, 8)) if volume.is_root else 0.0
        read_size, write_size = (4096.0 * rng.integers(1, 17, 2)).tolist()
        return _Habit(full, share_read, own, read_size, write_size)

    habit: _Habit = latent.remember(("disk habit", volume.resource_id, volume.since), draw)
    return habit


def _traffic(latent: Latent, volume: Volume, first: int, last: int) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Reads and writes a minute, and the bytes of one of each."""
    habit = _habit(latent, volume)

    def make() -> tuple[np.ndarray, ...]:
        operations = latent.work(volume, first, last, MINUTES) * habit.full
        if operations.any():
            operations *= np.exp(0.2 * latent.normal(volume, "operations", first, last, MINUTES))
        if habit.own:
            operations += 2 * habit.own * latent.uniform(volume, "own operations", first, last, MINUTES)
        np.minimum(operations, 60.0 * most_operations(volume), out=operations)
        operations *= is_attached(latent, volume, first, last)[:, None]
        reads = np.rint(operations * habit.share_read)
        return reads, np.rint(operations) - reads

    reads, writes = latent.keep(("disk", volume.resource_id, volume.since, first, last), make)
    return reads, writes, habit.read_size, habit.write_size


class _Sender:
    """Makes the samples of volumes."""

    def __init__(self, latent: Latent):
        self._latent = latent

    def _grid(self, volume: Volume, first: int, last: int, values: np.ndarray) -> Grid:
        return Grid(values, is_sent=is_attached(self._latent, volume, first, last)[:, None])

    def reads(self, volume: Volume, first: int, last: int) -> Grid:
        return self._grid(volume, first, last, _traffic(self._latent, volume, first, last)[0])

    def writes(self, volume: Volume, first: int, last: int) -> Grid:
        return self._grid(volume, first, last, _traffic(self._latent, volume, first, last)[1])

    def bytes_read(self, volume: Volume, first: int, last: int) -> Grid:
        reads, _, size, _ = _traffic(self._latent, volume, first, last)
        return self._grid(volume, first, last, reads * size)

    def bytes_written(self, volume: Volume, first: int, last: int) -> Grid:
        _, writes, _, size = _traffic(self._latent, volume, first, last)
        return self._grid(volume, first, last, writes * size)

    def _busy_seconds(self, volume: Volume, first: int, last: int) -> np.ndarray:
        reads, writes, _, _ = _traffic(self._latent, volume, first, last)
        return (reads + writes) * 0.0008

    def idle_seconds(self, volume: Volume, first: int, last: int) -> Grid:
        busy = self._busy_seconds(volume, first, last)
        return self._grid(volume, first, last, np.round(60.0 - np.minimum(busy, 60.0), 2))

    def queue(self, volume: Volume, first: int, last: int) -> Grid:
        return self._grid(volume, first, last, np.round(self._busy_seconds(volume, first, last) / 60.0, 4))

    def burst_balance(self, volume: Volume, first: int, last: int) -> Grid:
        """Percent of the gp2 bucket, per 5 minutes; the bucket is full when the volume is made.

        What is spent is the work alone, without the noise of single minutes, so that 15 months are walked quickly.
        """
        latent = self._latent
        start, end = span_walked(latent, volume)

        def make() -> np.ndarray:
            per_slot = 3600.0 / SLOTS
            spent = (latent.work(volume, start, end, SLOTS) * (_habit(latent, volume).full * MINUTES / SLOTS)).reshape(
                -1
            )
            np.minimum(spent, _GP2_BURST * per_slot, out=spent)
            spent *= np.repeat(is_attached(latent, volume, start, end), SLOTS)
            earned = max(100.0, 3.0 * volume.size_gb) * per_slot
            return walk_bucket(_GP2_BUCKET, earned, spent, _GP2_BUCKET, 0.0).level

        level: np.ndarray = latent.keep(("burst", volume.resource_id, start, end), make)
        values = cut_walk(level, start, first, last, _GP2_BUCKET)
        return self._grid(volume, first, last, np.round(100 * values / _GP2_BUCKET, 2))


def list_sources(latent: Latent) -> Iterator[Source]:
    """The metrics of all volumes that are ever attached to an instance that sends any."""
    sender = _Sender(latent)
    kinds = (
        Kind("VolumeReadOps", "Count", sender.reads, True),
        Kind("VolumeWriteOps", "Count", sender.writes, True),
        Kind("VolumeReadBytes", "Bytes", sender.bytes_read, True),
        Kind("VolumeWriteBytes", "Bytes", sender.bytes_written, True),
        Kind("VolumeIdleTime", "Seconds", sender.idle_seconds, True),
        Kind("VolumeQueueLength", "Count", sender.queue, True),
    )
    burst = (Kind("BurstBalance", "Percent", sender.burst_balance, True),)
    for descriptions in group_by_id(latent.estate.each(Volume)):
        things = tuple(volume for volume in descriptions if _is_heard(latent, volume))
        if not things:
            continue
        name = {"VolumeId": things[0].resource_id}
        yield from name_sources("AWS/EBS", name, kinds, things)
        # A gp2 volume of 1,000 GiB or more has no bucket: its base rate is above the burst rate.
        bursting = tuple(volume for volume in things if volume.volume_type == "gp2" and volume.size_gb < 1000)
        if bursting:
            yield from name_sources("AWS/EBS", name, burst, bursting)


def _is_heard(latent: Latent, volume: Volume) -> bool:
    return any(instance.has_metrics for instance in latent.instances.get(str(volume.instance_id), ()))
