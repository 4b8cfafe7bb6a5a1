"""How long loading and building take, against DuckDB reading the same files into a table of its own in the same run.

`make bench` prints the table of docs/benchmarks.md.
"""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests import simulated
from tests.conftest import Cloud
from tests.real_data import find_real_data, lay_out_parquet_report
from tests.simulated import Product

REPEATS = 3


def time_best(action: Callable[[], object]) -> float:
    """Seconds of the fastest of a few runs: the others measure what else the machine was doing."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def read_with_duckdb(relation: str, database: Path) -> int:
    """The files as a table in DuckDB's own file, everything typed as it finds it; returns the rows."""
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"set threads = {os.cpu_count()}")
        connection.execute(f"create table line_items as select * from {relation}")
        return int(connection.execute("select count(*) from line_items").fetchall()[0][0])


def describe_machine() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = models[0].split(":")[1].strip() if models else platform.processor()
    return f"{os.cpu_count()} cores ({name}), Python {platform.python_version()}, DuckDB {duckdb.__version__}"


@pytest.mark.full
def test_loading_and_building(create_product: Callable[..., Product], cloud: Cloud, tmp_path: Path) -> None:
    rows = []

    def load(source: str, **variables: str) -> Product:
        product = create_product(**variables)
        loaded = product.run("cur", "--source", source)
        assert loaded.returncode == 0, loaded.stderr
        made.append(product)
        return product

    made: list[Product] = []
    workshop = str(lay_out_parquet_report(tmp_path, ("Oct",)))
    parquet = f"'{find_real_data() / 'cur-legacy-parquet' / 'Oct2018-WorkshopCUR-00001.snappy.parquet'}'"
    report = cloud.bucket(simulated.BUCKET) / "cur" / "example-hourly"
    newest = [
        str(path)
        for manifest in sorted(report.glob("*/*-Manifest.json"))
        for path in sorted((manifest.parent / read_assembly(manifest)).glob("*.csv.gz"))
    ]
    csv = f"read_csv({newest}, union_by_name = true, all_varchar = true)"
    for name, source, variables, relation in (
        ("October 2018, Parquet, local folder", workshop, {}, parquet),
        ("simulated account, 3 months, CSV.gz, S3", simulated.SOURCE, cloud.variables, csv),
    ):
        yardstick = time_best(lambda relation=relation: read_with_duckdb(relation, tmp_path / "yardstick.duckdb"))
        ours = time_best(lambda source=source, variables=variables: load(source, **variables))
        ((count,),) = made[-1].query("select count(*) from raw.cur_line_items")
        assert count == read_with_duckdb(relation, tmp_path / "yardstick.duckdb")
        started = time.perf_counter()
        made[-1].build()
        build = time.perf_counter() - started
        rows.append((name, count, ours, yardstick, build))
    for product in made:
        product.drop()

    print(f"\n\n{describe_machine()}; best of {REPEATS}, the build once\n")
    print("| what | rows | load s | rows/s | DuckDB s | ratio | dbt build s |\n|---|---|---|---|---|---|---|")
    for name, count, ours, yardstick, build in rows:
        print(
            f"| {name} | {count:,} | {ours:.1f} | {count / ours:,.0f} | {yardstick:.1f} | {ours / yardstick:.1f} |"
            f" {build:.1f} |"
        )
    # A month of a small organisation must never take a coffee break, whatever else the machine does.
    assert all(ours < 120 and build < 300 for _, _, ours, _, build in rows)


def read_assembly(manifest: Path) -> str:
    import json

    return str(json.loads(manifest.read_text())["assemblyId"])
