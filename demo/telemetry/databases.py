"""AWS/RDS: what database instances and Aurora clusters send, a sample a minute (RDS user guide, "Amazon CloudWatch
metrics for Amazon RDS"; Aurora user guide for clusters). A stopped database sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from demo.billing import quantities
from demo.billing.quantities import GIGABYTE
from demo.telemetry.credits import credits_per_hour, list_credit_kinds
from demo.telemetry.latent import MINUTES, Latent, group_by_id, runs_by_slot
from demo.telemetry.machines import memory_used, processor, size_of
from demo.telemetry.samples import Grid, Kind, Source, name_sources
from demo.world.resources import Database, DatabaseCluster

_PAGE = 8192.0


class _Sender:
    """Makes the samples of databases."""

    def __init__(self, latent: Latent):
        self._latent = latent

    def _grid(self, database: Database, first: int, last: int, values: np.ndarray) -> Grid:
        return Grid(values, is_sent=runs_by_slot(database, first, last))

    def processor(self, database: Database, first: int, last: int) -> Grid:
        return self._grid(database, first, last, processor(self._latent, database, first, last, MINUTES))

    def connections(self, database: Database, first: int, last: int) -> Grid:
        """Whoever brings work is connected; a database that nobody uses has no connection."""
        work = self._latent.work(database, first, last, MINUTES)
        return self._grid(database, first, last, np.ceil(database.connections_at_full * work))

    def free_memory(self, database: Database, first: int, last: int) -> Grid:
        used = memory_used(self._latent, database, first, last, MINUTES)
        return self._grid(database, first, last, np.rint(size_of(database.database_class).memory * (1 - used)))

    def swap(self, database: Database, first: int, last: int) -> Grid:
        used = memory_used(self._latent, database, first, last, MINUTES)
        swapped = np.clip(used - 0.9, 0.0, None) * size_of(database.database_class).memory
        return self._grid(database, first, last, np.rint(swapped))

    def free_storage(self, database: Database, first: int, last: int) -> Grid:
        """What isn't full of the storage; it fills slowly."""
        rng = self._latent.draw(database, "storage")
        share, growth = float(rng.uniform(0.1, 0.75)), float(rng.uniform(0.0, 0.0004))
        days = np.arange(first, last) / 24 - self._latent.estate.parameters.end_hour / 24
        used = np.clip(share + growth * days, 0.02, 0.97)[:, None]
        wobble = 1 - 0.001 * self._latent.uniform(database, "storage", first, last, MINUTES)
        return self._grid(database, first, last, np.rint(database.storage_gb * GIGABYTE * (1 - used) * wobble))

    def _rates(self, database: Database, first: int, last: int, is_read: bool) -> np.ndarray:
        """Operations a second."""
        rng = self._latent.draw(database, "operations")
        full, share_read = float(np.exp(rng.normal(np.log(600.0), 0.8))), float(rng.uniform(0.2, 0.9))
        own = float(rng.uniform(0.2, 3.0))
        share = share_read if is_read else 1 - share_read
        noise = self._latent.uniform(database, f"operations {is_read}", first, last, MINUTES)
        work = self._latent.work(database, first, last, MINUTES)
        return np.round((full * work + own * (0.5 if is_read else 1.0)) * share * (0.7 + 0.6 * noise), 3)

    def operations(self, is_read: bool, size: float) -> Callable[[Database, int, int], Grid]:
        """Operations or bytes a second."""

        def read(database: Database, first: int, last: int) -> Grid:
            return self._grid(database, first, last, self._rates(database, first, last, is_read) * size)

        return read

    def network(self, is_inward: bool) -> Callable[[Database, int, int], Grid]:
        """Bytes a second in or out."""

        def read(database: Database, first: int, last: int) -> Grid:
            rng = self._latent.draw(database, "network")
            full = float(np.exp(rng.normal(np.log(2e6), 0.8)))
            work = self._latent.work(database, first, last, MINUTES)
            noise = self._latent.uniform(database, f"network {is_inward}", first, last, MINUTES)
            moved = (full * work * (0.3 if is_inward else 1.0) + 800.0) * (0.7 + 0.6 * noise)
            return self._grid(database, first, last, np.round(moved, 2))

        return read

    def volume_used(self, cluster: DatabaseCluster, first: int, last: int) -> Grid:
        used = np.full((last - first, 12), cluster.storage_gb * GIGABYTE)
        return Grid(used, is_sent=cluster.exists(first, last)[:, None])

    def volume_operations(self, share_from: float, share_to: float) -> Callable[[DatabaseCluster, int, int], Grid]:
        """Billed requests per 5 minutes: those between two shares of each minute's, so that reads and writes add up."""

        def read(cluster: DatabaseCluster, first: int, last: int) -> Grid:
            hourly = quantities.cluster_requests(cluster, first, last)
            minutes = self._latent.split(cluster, hourly, first, last)
            slots = minutes.reshape(last - first, 12, 5).sum(axis=2)
            values = np.rint(slots * share_to) - np.rint(slots * share_from)
            return Grid(values, is_sent=runs_by_slot(cluster, first, last))

        return read


def list_sources(latent: Latent) -> Iterator[Source]:
    """The metrics of all database instances and Aurora clusters."""
    sender = _Sender(latent)
    shared = (
        Kind("CPUUtilization", "Percent", sender.processor, True),
        Kind("DatabaseConnections", "Count", sender.connections, True),
        Kind("FreeableMemory", "Bytes", sender.free_memory, True),
        Kind("SwapUsage", "Bytes", sender.swap, True),
        Kind("ReadIOPS", "Count/Second", sender.operations(True, 1.0), True),
        Kind("WriteIOPS", "Count/Second", sender.operations(False, 1.0), True),
        Kind("ReadThroughput", "Bytes/Second", sender.operations(True, _PAGE), True),
        Kind("WriteThroughput", "Bytes/Second", sender.operations(False, _PAGE), True),
        Kind("NetworkReceiveThroughput", "Bytes/Second", sender.network(True), True),
        Kind("NetworkTransmitThroughput", "Bytes/Second", sender.network(False), True),
    )
    burstable = list_credit_kinds(latent, lambda database: str(database.database_class))
    own_storage = (Kind("FreeStorageSpace", "Bytes", sender.free_storage, True),)
    for things in group_by_id(latent.estate.each(Database)):
        database: Database = things[-1]
        name = {"DBInstanceIdentifier": database.name}
        yield from name_sources("AWS/RDS", name, shared, things)
        bursting = tuple(thing for thing in things if credits_per_hour(thing.database_class) is not None)
        if bursting:
            yield from name_sources("AWS/RDS", name, burstable, bursting)
        if database.cluster is None:
            yield from name_sources("AWS/RDS", name, own_storage, things)
    cluster_kinds = (
        Kind("VolumeBytesUsed", "Bytes", sender.volume_used),
        Kind("VolumeReadIOPs", "Count", sender.volume_operations(0.0, 0.6)),
        Kind("VolumeWriteIOPs", "Count", sender.volume_operations(0.6, 1.0)),
    )
    for things in group_by_id(latent.estate.each(DatabaseCluster)):
        yield from name_sources("AWS/RDS", {"DBClusterIdentifier": things[-1].name}, cluster_kinds, things)
