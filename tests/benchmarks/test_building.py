"""`dbt build` of 13 months, the last of them by the hour: whole, and after the last month was delivered anew.

`make bench` prints the table of docs/benchmarks.md; BENCH_RESOURCES is the size (10,000: 6.4 million lines by the hour,
2.9 million by the day). The yardstick is DuckDB, which sums the same files once, by day and resource.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.benchmarks import billing
from tests.benchmarks.reports import Report, copy_report
from tests.benchmarks.test_loading import describe_machine
from tests.simulated import Product

LARGE = int(os.environ.get("BENCH_RESOURCES", "1000"))
SLOWEST = 8

pytestmark = pytest.mark.full


def build(product: Product) -> tuple[float, list[tuple[float, str]]]:
    """Seconds of the flows' own build (unit tests don't depend on the data), and of each node, longest first."""
    started = time.perf_counter()
    built = product.dbt("build", "--exclude-resource-type", "unit_test")
    seconds = time.perf_counter() - started
    assert built.returncode == 0, built.stdout[-4000:]
    nodes = [
        (float(found[2]), found[1])
        for found in re.finditer(r"(?:model|PASS) (?:\w+\.)?(\w+) \.+ \[.* in ([0-9.]+)s\]", built.stdout)
    ]
    return seconds, sorted(nodes, reverse=True)


def deliver_last_month_anew(report: Report) -> None:
    """The same files under another assembly: a delivery in which nothing has changed is read and built all the same."""
    manifest = sorted(report.folder.glob("*/*-Manifest.json"))[-1]
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**told, "assemblyId": "delivered-anew"}))


def time_duckdb(report: Report) -> float:
    """Seconds in which DuckDB reads the files once and sums two costs by day, account, resource and line item type."""
    started = time.perf_counter()
    with duckdb.connect() as connection:
        connection.execute(f"set threads = {os.cpu_count()}")
        connection.execute(
            f"""
            create table daily as
            select
                "lineItem/UsageStartDate"[:10], "lineItem/UsageAccountId", "lineItem/ResourceId",
                "lineItem/LineItemType", "lineItem/UsageType", count(*),
                sum(try_cast("lineItem/UnblendedCost" as decimal(38, 18))),
                sum(try_cast("lineItem/BlendedCost" as decimal(38, 18)))
            from {billing.read_csv(report.files).replace("header = true", "header = true, union_by_name = true")}
            group by all
            """
        )
    return time.perf_counter() - started


def test_building(create_product: Callable[..., Product], tmp_path: Path) -> None:
    report = copy_report(billing.make_year(billing.find_directory(), LARGE), tmp_path)
    product = create_product()
    loaded = product.run("cur", "--source", str(report.folder))
    assert loaded.returncode == 0, loaded.stderr
    whole, nodes = build(product)
    costs = "select count(*), sum(unblended_cost_usd), sum(net_amortized_cost_usd) from marts.fct_resource_costs_daily"
    before = product.query(costs)
    deliver_last_month_anew(report)
    loaded = product.run("cur", "--source", str(report.folder))
    assert loaded.stdout.count("loaded") == 1, loaded.stdout
    again, nodes_again = build(product)
    assert product.query(costs) == before
    yardstick = time_duckdb(report)
    product.drop()
    print(
        f"\n\n{describe_machine()}; load average before {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}\n\n"
        "| dbt build, 13 months | lines | whole s | one month anew s | DuckDB reads and sums once s | ratio |\n"
        "|---|---|---|---|---|---|\n"
        f"| {LARGE:,} resources | {report.row_count:,} | {whole:.1f} | {again:.1f} | {yardstick:.1f} "
        f"| {whole / yardstick:.1f} |\n\n| slowest, whole | s | slowest, one month | s |\n|---|---|---|---|"
    )
    for (seconds, name), (seconds_again, name_again) in zip(nodes[:SLOWEST], nodes_again[:SLOWEST], strict=True):
        print(f"| {name} | {seconds:.1f} | {name_again} | {seconds_again:.1f} |")
    assert again < whole
