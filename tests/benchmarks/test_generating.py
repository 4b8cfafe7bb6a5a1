"""How long the simulated account takes to make, beside DuckDB writing the same rows to files of the same kind.

`make bench` prints the tables of docs/benchmarks.md; BENCH_RESOURCES is the size of the large account (10,000 there).
"""

import csv
import os
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from demo.generation import generate, open_books
from demo.journal import Journal
from demo.parameters import Parameters, parse_end
from demo.telemetry.export import write_points
from demo.telemetry.samples import Metric
from demo.telemetry.truth import Truth
from tests import simulated
from tests.benchmarks.raw_points import fill_raw_points
from tests.benchmarks.test_loading import describe_machine
from tests.databases import CHECKOUT
from tests.simulated import Product

END = parse_end(simulated.PRESENT)
LARGE = int(os.environ.get("BENCH_RESOURCES", "1000"))
ACCOUNTS = {
    "300 resources, 13 months, CSV.gz": Parameters(1, END),
    f"{LARGE:,} resources, 90 days, Parquet": Parameters(1, END, LARGE, months=4, reports=("legacy-parquet",)),
}


def measure_yardstick(directory: Path, scratch: Path, is_csv: bool) -> tuple[int, float]:
    """Rows of all the account's files, and seconds that DuckDB takes to write them once more from its own memory."""
    files = sorted(
        map(str, (directory / "s3" / "example-corp-billing").rglob("*.csv.gz" if is_csv else "*.snappy.parquet"))
    )
    kind = "format csv, compression gzip" if is_csv else "format parquet"
    rows, seconds = 0, 0.0
    with duckdb.connect() as connection:
        connection.execute(f"set threads = {os.cpu_count()}")
        for number in range(0, len(files), 8):
            some = files[number : number + 8]
            read = (
                f"read_csv({some}, union_by_name = true, all_varchar = true)"
                if is_csv
                else f"read_parquet({some}, union_by_name = true)"
            )
            connection.execute(f"create or replace table lines as select * from {read}")
            started = time.perf_counter()
            connection.execute(f"copy lines to '{scratch / 'yardstick'}' ({kind})")
            seconds += time.perf_counter() - started
            rows += int(connection.execute("select count(*) from lines").fetchall()[0][0])
    return rows, seconds


@pytest.mark.full
def test_generating(tmp_path: Path) -> None:
    table = []
    for name, parameters in ACCOUNTS.items():
        directory = tmp_path / f"account {len(table)}"
        started = time.perf_counter()
        assert generate(directory, parameters)
        ours = time.perf_counter() - started
        rows, yardstick = measure_yardstick(directory, tmp_path, parameters.reports[0] == "legacy-csv")
        table.append((name, rows, ours, yardstick))
    print(f"\n\n{describe_machine()}\n")
    print("| what | rows written | s | DuckDB writing them s | ratio |\n|---|---|---|---|---|")
    for name, rows, ours, yardstick in table:
        print(f"| {name} | {rows:,} | {ours:.1f} | {yardstick:.1f} | {ours / yardstick:.1f} |")
    assert all(rows > 100_000 for _, rows, _, _ in table)


@pytest.mark.full
def test_metrics_without_the_wire(create_product: Callable[..., Product], tmp_path: Path) -> None:
    """The catalogue's metrics of 33 days, hourly, straight into the raw tables."""
    with (CHECKOUT / "seeds" / "metric_catalog.csv").open(newline="") as file:
        catalog = {
            (row["namespace"], row["metric_name"], row["dimension_names"]): row
            for row in csv.DictReader(file)
            if row["period_seconds"] == "3600"
        }

    def is_wanted(metric: Metric) -> bool:
        return (metric.namespace, metric.name, "|".join(name for name, _ in metric.dimensions)) in catalog

    parameters = Parameters(1, END, LARGE, months=2)
    truth = Truth(open_books(parameters, Journal(END)).estate)
    started = time.perf_counter()
    written = write_points(truth, tmp_path, END - 33 * 24, END, 3600, is_wanted=is_wanted)
    exported = time.perf_counter() - started
    product = create_product()
    assert product.run("status").returncode == 0
    assert product.run("database", "start").returncode == 0
    started = time.perf_counter()
    stored = fill_raw_points(
        product, tmp_path, {name: row["resource_dimension"].split("|") for name, row in catalog.items()}
    )
    filled = time.perf_counter() - started
    assert stored == written
    assert product.query("select count(*) from raw.cloudwatch_datapoints") == [(written,)]
    product.drop()
    print(f"\n\n| {LARGE:,} resources, 33 days hourly | {written:,} | {exported:.1f} | {filled:.1f} |")
