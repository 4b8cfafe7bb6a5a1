"""DuckDB reading a report into a table of its own file, typed as the product types it: near the least there is to do.

    python -m tests.benchmarks.yardstick REPORT DATABASE

It keeps no ledger and checks nothing, and nobody watches a month being replaced. A process of its own, so that what it
took is free again.
"""

import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import duckdb

from ingest.cur.columns import CORE_COLUMNS, map_columns
from tests.benchmarks.measuring import Run, watch
from tests.benchmarks.reports import Report
from tests.databases import CHECKOUT

_TYPES = {"text": "varchar", "number": "decimal(38, 18)", "instant": "timestamptz"}

Totals = dict[str, tuple[int, Decimal]]


def measure_duckdb(report: Report, database: Path) -> tuple[float, Run]:
    """Read all columns of a report: seconds from opening the file until it is on the disk, and the process's run."""
    command = [sys.executable, "-m", "tests.benchmarks.yardstick", str(report.folder), str(database)]
    pipe = subprocess.PIPE
    run = watch(lambda: subprocess.Popen(command, cwd=CHECKOUT, stdout=pipe, stderr=pipe, text=True))
    return float(run.output), run


def read_totals(database: Path) -> Totals:
    """Rows and unblended cost by line item type."""
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(
            "select line_item_line_item_type, count(*), sum(line_item_unblended_cost) from line_items group by 1"
        ).fetchall()
    return {kind: (count, cost) for kind, count, cost in rows}


def describe_relation(report: Report) -> str:
    """What to select from: the report's files with every column under the product's name and in its type.

    A Parquet file's doubles are amounts of ten decimals, and are brought to them first.
    """
    files = [str(path) for path in report.files]
    if not report.is_parquet:
        mapped = map_columns(report.headers, str(report.folder))
        types = {name: _TYPES[CORE_COLUMNS.get(name, "text")] for name in mapped.values()}
        return f"read_csv({files}, columns = {types}, header = true, delim = ',', quote = '\"')"
    read = f"read_parquet({files}, hive_partitioning = false)"
    with duckdb.connect() as connection:
        described = connection.execute(f"describe select * from {read}").fetchall()
    columns = []
    for header, name in map_columns([row[0] for row in described], str(report.folder)).items():
        kind = CORE_COLUMNS.get(name, "text")
        value = f'"{header}"::decimal(38, 10)' if kind == "number" else f'"{header}"'
        columns.append(f'{value}::{_TYPES[kind]} as "{name}"')
    return f"(select {', '.join(columns)} from {read})"


def main(folder: str, database: str) -> None:
    """Read a report and print the seconds."""
    relation = describe_relation(Report(Path(folder), 0))
    started = time.perf_counter()
    with duckdb.connect(database) as connection:
        connection.execute(f"set threads = {os.cpu_count()}; set timezone = 'UTC'")
        connection.execute(f"create table line_items as from {relation}")
    os.sync()
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
