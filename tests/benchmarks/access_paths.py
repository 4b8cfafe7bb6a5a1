"""How fast a stretch of time is read out of the loaded line items, by the ways that PostgreSQL could take there."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from tests.simulated import Product

COLUMN = "line_item_usage_start_date"
STRETCHES = {"day": ("2026-10-15T00:00Z", "2026-10-16T00:00Z"), "hour": ("2026-10-15T12:00Z", "2026-10-15T13:00Z")}
INDEXES = {
    "BRIN, 32 pages a range": "using brin ({column}) with (pages_per_range = 32)",
    "BRIN, 128 pages a range": "using brin ({column}) with (pages_per_range = 128)",
    "B-tree": "({column})",
}
_REPEATS = 3


@dataclass(frozen=True)
class Reading:
    """The sum of a stretch's cost: the fastest of a few times with everything in memory that fits."""

    milliseconds: float
    page_count: int
    is_by_index: bool


@dataclass(frozen=True)
class AccessPath:
    """One way. `is_chosen`: whether the planner takes it by itself, for each stretch."""

    name: str
    build_seconds: float
    byte_count: int
    readings: dict[str, Reading]
    is_chosen: dict[str, bool]


def find_table(product: Product) -> str:
    """The table whose partitions hold the rows."""
    found = product.query("select to_regclass('raw.cur_line_item_amounts') is not null")
    return "raw.cur_line_item_amounts" if found == [(True,)] else "raw.cur_line_items"


def describe_table(product: Product, table: str) -> str:
    """The table's rows, size and order, and the indexes of its own that begin with the time."""
    ((rows, size),) = product.query(
        "select sum(reltuples)::bigint, sum(pg_relation_size(relid))::bigint from pg_partition_tree(%s::regclass)"
        " join pg_class on oid = relid where isleaf",
        table,
    )
    found = product.query(
        "select round(correlation::numeric, 2) from pg_stats join pg_partition_tree(%s::regclass)"
        " on relid = format('%%I.%%I', schemaname, tablename)::regclass where isleaf and attname = %s",
        table,
        COLUMN,
    )
    correlations = ", ".join(str(row[0]) for row in found) or "unknown"
    with product.connect() as connection:
        own = ", ".join(_list_own_indexes(connection, table)) or "none"
    return f"{table}: {rows:,} rows, {size / 1e6:,.0f} MB; {COLUMN}: correlation {correlations}, indexes {own}"


def measure_paths(product: Product, table: str) -> Iterator[AccessPath]:
    """Each way in turn; the database is left as it was."""
    with _without_indexes(product, table) as connection:
        _read(connection, table, "day")  # the first reading of new rows also writes down that they are visible
        readings = {stretch: _read(connection, table, stretch) for stretch in STRETCHES}
        yield AccessPath("all rows", 0, 0, readings, {})
    for name, definition in INDEXES.items():
        with _without_indexes(product, table) as connection:
            started = time.perf_counter()
            connection.execute(
                sql.SQL("create index bench_idx on {} {}").format(
                    sql.SQL(table), sql.SQL(definition.format(column=COLUMN))
                )
            )
            seconds = time.perf_counter() - started
            ((size,),) = connection.execute(
                "select sum(pg_relation_size(relid))::bigint from pg_partition_tree('raw.bench_idx'::regclass)"
            ).fetchall()
            chosen = {stretch: _read(connection, table, stretch).is_by_index for stretch in STRETCHES}
            connection.execute("set local enable_seqscan = off")
            readings = {stretch: _read(connection, table, stretch) for stretch in STRETCHES}
            yield AccessPath(name, seconds, size, readings, chosen)


@contextmanager
def _without_indexes(product: Product, table: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction in which the table has no index on the time, and that never happened afterwards."""
    with product.connect() as connection:
        for index in _list_own_indexes(connection, table):
            connection.execute(sql.SQL("drop index {}").format(sql.SQL(index)))
        yield connection
        connection.rollback()


def _list_own_indexes(connection: psycopg.Connection[Any], table: str) -> list[str]:
    rows = connection.execute(
        """
        select format('raw.%%I', index_class.relname)
        from pg_index
        join pg_class as index_class on index_class.oid = pg_index.indexrelid
        join pg_attribute on pg_attribute.attrelid = pg_index.indrelid and pg_attribute.attnum = pg_index.indkey[0]
        where
            pg_attribute.attname = %s
            and pg_index.indrelid in (select relid from pg_partition_tree(%s::regclass))
            and not index_class.relispartition
        """,
        (COLUMN, table),
    ).fetchall()
    return [str(row[0]) for row in rows]


def _read(connection: psycopg.Connection[Any], table: str, stretch: str) -> Reading:
    statement = sql.SQL(
        "explain (analyze, buffers, timing off, format json)"
        " select sum(line_item_unblended_cost) from {table} where {column} >= {start} and {column} < {end}"
    ).format(
        table=sql.SQL(table),
        column=sql.Identifier(COLUMN),
        start=sql.Literal(STRETCHES[stretch][0]),
        end=sql.Literal(STRETCHES[stretch][1]),
    )
    readings = []
    for _ in range(_REPEATS):
        ((plans,),) = connection.execute(statement).fetchall()
        plan = plans[0]
        pages = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
        milliseconds = plan["Planning Time"] + plan["Execution Time"]
        readings.append(Reading(milliseconds, pages, '"Index Name"' in json.dumps(plan)))
    return min(readings, key=lambda reading: reading.milliseconds)
