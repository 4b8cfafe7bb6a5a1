"""The ledger `raw.loads`: written in the transaction of the rows it speaks of, read to know what is there already."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ingest.database import connect, describe_server
from ingest.errors import IngestError

_SCHEMA = Path(__file__).with_name("raw_schema.sql")


@dataclass
class Load:
    """One load. `load_id` is drawn when it begins; the row appears when it commits."""

    load_id: int
    source_name: str
    partition_key: str
    source_uri: str
    source_version: str
    row_count: int = 0
    byte_count: int = 0
    request_count: int = 0
    data_from_at: datetime | None = None
    data_until_at: datetime | None = None
    statistics: dict[str, Any] = field(default_factory=dict)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def create_raw_schema() -> None:
    """Make or complete the raw schema.

    Raises:
        IngestError: the database can't be reached, or somebody's own view stands on a table that is to be replaced;
            everything is as it was.
    """
    with connect() as connection:
        # Two syncs that start together on a new database must not both create the tables.
        connection.execute("select pg_advisory_xact_lock(hashtextextended('tieout raw schema', 0))")
        try:
            connection.execute(_SCHEMA.read_text().encode())
        except psycopg.errors.DependentObjectsStillExist as error:
            told = ", ".join((error.diag.message_detail or str(error)).splitlines())
            raise IngestError(
                f"{describe_server()} is of an earlier version, and tables of it are to be replaced that something of "
                f"your own stands on ({told}): keep its definition (pg_get_viewdef), drop it, run this command again, "
                "and create it anew; nothing is changed yet"
            ) from error


def lock_partition(cursor: Any, source_name: str, partition_key: str) -> None:
    """Wait until nobody else loads this partition; held until the transaction ends.

    Args:
        cursor: ADBC cursor of the load's transaction.
    """
    cursor.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", (f"{source_name} {partition_key}",))
    cursor.fetchall()


@contextmanager
def hold_partition(
    connection: psycopg.Connection[Any], source_name: str, partition_key: str, tell_waiting: Callable[[], object]
) -> Iterator[None]:
    """Be the only one to load this partition, over several transactions; `lock_partition` waits for it and it for that.

    Args:
        connection: commits each statement; the lock is its session's.
        tell_waiting: called once where somebody else is at it.
    """
    key = f"{source_name} {partition_key}"
    free = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", [key]).fetchone()
    if free is None or not free[0]:
        tell_waiting()
        connection.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [key])
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [key])


def read_origin() -> str:
    """Whose data this process loads: `demo` where TIEOUT_DATA_ORIGIN says so, else `account`."""
    return os.environ.get("TIEOUT_DATA_ORIGIN") or "account"


def refuse_other_origin() -> None:
    """Stop before data of the demo and of a real account stand in one database.

    Raises:
        IngestError: the database holds loads of the other kind, or can't be reached.
    """
    with connect() as connection:
        found = connection.execute(
            "select source_uri from raw.loads where is_current and origin <> %s limit 1", [read_origin()]
        ).fetchone()
    if found is not None:
        kind = "the demo's data" if read_origin() == "account" else "a real account's data"
        raise IngestError(
            f"{describe_server()} holds {kind} ({found[0]}), and the two would mix: set PGDATABASE to another "
            "database, or remove this one with `make clean`"
        )


@contextmanager
def hold_lock(name: str, tell_waiting: Callable[[], object]) -> Iterator[None]:
    """Be the only one on this database to do `name`; `tell_waiting` is called once where somebody else is at it.

    Raises:
        IngestError: the database can't be reached.
    """
    with connect(autocommit=True) as connection:
        key = f"tieout {name}"
        free = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", [key]).fetchone()
        if free is None or not free[0]:
            tell_waiting()
            connection.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [key])
        yield


def find_last_load_at() -> datetime | None:
    """When the newest load of any source was put in place; None where nothing was ever loaded.

    Raises:
        IngestError: the database can't be reached.
    """
    with connect(autocommit=True) as connection:
        if connection.execute("select to_regclass('raw.loads')").fetchone() == (None,):
            return None
        row = connection.execute("select max(loaded_at) from raw.loads").fetchone()
    return None if row is None else row[0]


def try_hold_load(connection: psycopg.Connection[Any], load_id: int) -> bool:
    """Take the lock by which a load shows that it is alive; False where somebody else holds it."""
    row = connection.execute(
        "select pg_try_advisory_lock(hashtextextended(%s, 0))", [f"tieout load {load_id}"]
    ).fetchone()
    return row is not None and bool(row[0])


def release_load(connection: psycopg.Connection[Any], load_id: int) -> None:
    """Give that lock back."""
    connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [f"tieout load {load_id}"])


def begin_load(cursor: Any, source_name: str, partition_key: str, source_uri: str, source_version: str) -> Load:
    """Draw a load id. A load that never commits leaves a hole in the numbers and nothing else."""
    cursor.execute("select nextval(pg_get_serial_sequence('raw.loads', 'load_id'))")
    return Load(cursor.fetchone()[0], source_name, partition_key, source_uri, source_version)


def find_current_loads(cursor: Any, source_name: str, partition_key: str) -> list[tuple[int, str]]:
    """(load_id, source_version) of the loads whose rows stand for this partition now."""
    cursor.execute(
        "select load_id, source_version from raw.loads where source_name = $1 and partition_key = $2 and is_current",
        (source_name, partition_key),
    )
    return [(int(row[0]), str(row[1])) for row in cursor.fetchall()]


def retire_loads(cursor: Any, load_ids: list[int]) -> None:
    """Say that a later load has replaced the rows of these."""
    for load_id in load_ids:
        cursor.execute("update raw.loads set is_current = false where load_id = $1", (load_id,))


def record_load(cursor: Any, load: Load) -> None:
    """Write the ledger row, as the last statement before the commit."""
    cursor.execute(
        """
        insert into raw.loads (
            load_id, source_name, partition_key, source_uri, source_version, row_count, byte_count, request_count,
            data_from_at, data_until_at, statistics, started_at, origin
        ) values (
            $1, $2, $3, $4, $5, $6, $7, $8, $9::timestamptz, $10::timestamptz, $11::text::jsonb, $12::timestamptz, $13
        )
        """,
        (
            load.load_id,
            load.source_name,
            load.partition_key,
            load.source_uri,
            load.source_version,
            load.row_count,
            load.byte_count,
            load.request_count,
            _text(load.data_from_at),
            _text(load.data_until_at),
            json.dumps(load.statistics, sort_keys=True),
            _text(load.started_at),
            read_origin(),
        ),
    )


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def read_current_loads() -> list[dict[str, Any]]:
    """Every current ledger row as a dict of its columns, by source and partition; [] where nothing was ever loaded.

    Of a billing period (raw.billing_periods), and null for other sources: `period_state`, how settled it is;
    `unblended_cost`, its total, and `replaced_unblended_cost`, that of the delivery before.

    `total_row_count` is what all loads of the partition brought together where each adds to the ones before
    (CloudWatch), else `row_count`.

    Raises:
        IngestError: the database can't be reached.
    """
    with connect() as connection:
        made = connection.execute("select to_regclass('raw.loads'), to_regclass('raw.api_requests')").fetchone()
        if made is None or made[0] is None:
            return []
    if made[1] is None:
        create_raw_schema()  # a database of an earlier version
    with connect(row_factory=dict_row) as connection:
        return connection.execute(
            """
            with added as (
                select source_name, partition_key, sum(row_count)::bigint as row_count
                from raw.loads where source_name = 'cloudwatch' group by source_name, partition_key
            )
            select
                loads.load_id, loads.source_name, loads.partition_key, loads.source_uri, loads.source_version,
                loads.row_count, coalesce(added.row_count, loads.row_count) as total_row_count, loads.byte_count,
                loads.request_count, loads.data_from_at, loads.data_until_at, loads.statistics,
                loads.started_at, loads.loaded_at, periods.period_state, periods.unblended_cost,
                periods.replaced_unblended_cost
            from raw.loads
            left join raw.billing_periods as periods on loads.load_id = periods.load_id
            left join added
                on loads.source_name = added.source_name and loads.partition_key = added.partition_key
            where loads.is_current
            order by loads.source_name, loads.partition_key, loads.load_id
            """
        ).fetchall()


def list_months(source_name: str, payer_account_id: str) -> set[date]:
    """First days of the billing months of a payer that a source's current loads hold.

    Raises:
        IngestError: the database can't be reached.
    """
    with connect() as connection:
        rows = connection.execute(
            """
            select distinct right(partition_key, 7)
            from raw.loads
            where
                is_current
                and source_name = %(source_name)s
                and (
                    split_part(partition_key, '/', 1) = %(payer_account_id)s
                    or statistics -> 'payer_account_ids' ? %(payer_account_id)s
                )
            """,
            {"source_name": source_name, "payer_account_id": payer_account_id},
        ).fetchall()
    return {date.fromisoformat(f"{row[0]}-01") for row in rows}
