"""RDS instances, Aurora clusters and DynamoDB tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from demo import money
from demo.billing import quantities
from demo.billing.meters.windows import Window, meter, units
from demo.billing.records import Meter
from demo.money import SCALE
from demo.prices.databases import database_key
from demo.world.resources import Database, DatabaseCluster, Table


def measure_database(thing: Database, window: Window) -> Iterator[Meter]:
    """Hours while it runs, storage while it exists (an Aurora member's is its cluster's)."""
    span = (window.first, window.last)
    key = database_key(thing.database_class, thing.engine, thing.is_multi_az)
    # Reports name the region where others name a zone.
    yield from meter(thing, key, units(thing.runs(*span)), thing.region.code)
    if thing.cluster is None:
        copies = "-multi-az" if thing.is_multi_az else ""
        stored = window.parts(units(thing.exists(*span), thing.storage_gb * SCALE))
        yield from meter(thing, f"rds/{thing.storage_type}{copies}", stored)


def measure_cluster(thing: DatabaseCluster, window: Window) -> Iterator[Meter]:
    """What an Aurora cluster stores and the requests to it."""
    span = (window.first, window.last)
    yield from meter(thing, "aurora/storage", window.parts(units(thing.exists(*span), thing.storage_gb * SCALE)))
    yield from meter(thing, "aurora/requests", quantities.whole_units(quantities.cluster_requests(thing, *span)))


def measure_table(thing: Table, window: Window) -> Iterator[Meter]:
    """Capacity of the table and its indexes, provisioned or consumed, and storage."""
    span = (window.first, window.last)
    here = thing.exists(*span)
    names = ("", *sorted(thing.indexes))
    if thing.mode == "PROVISIONED":
        reads = sum(quantities.provisioned_units(thing, thing.read_units, name) for name in names)
        writes = sum(quantities.provisioned_units(thing, thing.write_units, name) for name in names)
        yield from meter(thing, "dynamodb/read-hours", units(here, reads * SCALE))
        yield from meter(thing, "dynamodb/write-hours", units(here, writes * SCALE))
    else:
        nothing = np.zeros(window.last - window.first, dtype=np.int64)
        reads_made = sum((quantities.table_reads(thing, name, *span) for name in names), nothing)
        writes_made = sum((quantities.table_writes(thing, name, *span) for name in names), nothing)
        yield from meter(thing, "dynamodb/read-requests", quantities.whole_units(reads_made))
        yield from meter(thing, "dynamodb/write-requests", quantities.whole_units(writes_made))
    yield from meter(thing, "dynamodb/storage", window.parts(units(here, money.parse(str(thing.stored_gb)))))
