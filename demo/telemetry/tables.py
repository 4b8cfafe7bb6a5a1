"""AWS/DynamoDB: capacity that tables and their indexes consumed, by the minute, and what is provisioned, per 5 minutes
(DynamoDB developer guide, "DynamoDB metrics and dimensions"). Nothing consumed is silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from demo.telemetry.amounts import count
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
            per_second = table.reads_per_second if is_read else table.writes_per_second
            if index:
                per_second *= table.indexes.get(index, 0.0)
            counts = self._latent.split(table, count(table, 3600 * per_second, first, last), first, last)
            return Grid(np.ones_like(counts), counts)

        return read

    def provisioned(self, is_read: bool, index: str) -> Callable[[Table, int, int], Grid]:
        """Capacity units a second; a table on demand has none and sends none."""

        def read(table: Table, first: int, last: int) -> Grid:
            units = float(table.read_units if is_read else table.write_units)
            if index:
                units = max(1.0, np.ceil(units * table.indexes.get(index, 0.0)))
            is_sent = table.exists(first, last)[:, None] & (table.mode == "PROVISIONED")
            return Grid(np.full((last - first, _SLOTS), units), is_sent=is_sent)

        return read


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
