"""AWS/DynamoDB: capacity that tables and their indexes consumed, by the minute, and what is provisioned, per 5 minutes
(DynamoDB developer guide, "DynamoDB metrics and dimensions"). Nothing consumed is silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from demo.billing import quantities
from demo.telemetry.latent import Latent, group_by_id
from demo.telemetry.samples import Grid, Kind, Source, name_sources
from demo.world.resources import Table

_SLOTS = 12


class _Sender:
    """Makes the samples of tables; ``index`` is a global secondary index's name, or "" for the table itself."""

    def __init__(self, latent: Latent):
        self._latent = latent

    def consumed(self, is_read: bool, index: str) -> Callable[[Table, int, int], Grid]:
        """Capacity units, each request taking one."""

        def read(table: Table, first: int, last: int) -> Grid:
            if index and index not in table.indexes:
                return _nothing(first, last)
            measure = quantities.table_reads if is_read else quantities.table_writes
            counts = self._latent.split(table, measure(table, index, first, last), first, last)
            return Grid(np.ones_like(counts), counts)

        return read

    def provisioned(self, is_read: bool, index: str) -> Callable[[Table, int, int], Grid]:
        """Capacity units a second; a table on demand has none and sends none."""

        def read(table: Table, first: int, last: int) -> Grid:
            if table.mode != "PROVISIONED" or (index and index not in table.indexes):
                return _nothing(first, last)
            units = quantities.provisioned_units(table, table.read_units if is_read else table.write_units, index)
            return Grid(np.full((last - first, _SLOTS), float(units)), is_sent=table.exists(first, last)[:, None])

        return read


def _nothing(first: int, last: int) -> Grid:
    return Grid(np.zeros((last - first, 1)), is_sent=np.zeros((1, 1), dtype=bool))


def list_sources(latent: Latent) -> Iterator[Source]:
    """The metrics of all tables and their indexes."""
    sender = _Sender(latent)
    for things in group_by_id(latent.estate.each(Table)):
        name = {"TableName": things[-1].name}
        indexes = sorted({index for table in things for index in table.indexes})
        for index in ("", *indexes):
            dimensions = name | ({"GlobalSecondaryIndexName": index} if index else {})
            kinds = tuple(
                Kind(f"{what}{side}CapacityUnits", "Count", make(side == "Read", index))
                for what, make in (("Consumed", sender.consumed), ("Provisioned", sender.provisioned))
                for side in ("Read", "Write")
            )
            yield from name_sources("AWS/DynamoDB", dimensions, kinds, things)
