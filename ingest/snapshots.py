"""What a source says as a whole, put in place of what it said before: all tables of a partition and its ledger row in
one transaction, so that a reader sees the old state or the new one and a failure leaves the old."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ingest import bulk, ledger

Rows = list[dict[str, Any]]


def replace_partition(
    source_name: str,
    partition_key: str,
    source_uri: str,
    version: str,
    tables: Mapping[str, tuple[pa.Schema, Rows]],
    request_count: int,
) -> int:
    """Replace a partition's rows in tables of the raw schema; returns how many there are now.

    Args:
        version: what tells this state from another one, for the ledger.
        tables: table name -> schema of its columns after load_id, and rows by column name.

    Raises:
        IngestError: the database refuses; everything is as it was.
    """
    with bulk.open_load() as (connection, cursor):
        ledger.lock_partition(cursor, source_name, partition_key)
        current = [load_id for load_id, _ in ledger.find_current_loads(cursor, source_name, partition_key)]
        load = ledger.begin_load(cursor, source_name, partition_key, source_uri, version)
        load.request_count = request_count
        load.data_until_at = load.started_at
        for table, (schema, rows) in tables.items():
            for load_id in current:
                cursor.execute(f"delete from raw.{table} where load_id = $1", (load_id,))  # noqa: S608 - our own names
            whole = schema.insert(0, pa.field("load_id", pa.int64()))
            given = [{"load_id": load.load_id, **row} for row in rows]
            load.row_count += bulk.copy_table(cursor, table, pa.Table.from_pylist(given, schema=whole))
            cursor.execute(f"analyze raw.{table}")
        ledger.retire_loads(cursor, current)
        ledger.record_load(cursor, load)
        connection.commit()
    return load.row_count
