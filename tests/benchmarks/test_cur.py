"""Loading a Cost & Usage Report of 1 GB and keeping 13 months of one fresh, against DuckDB reading the same files.

`make bench` prints the tables of docs/benchmarks.md; `make test-full` makes them at a tenth of the size.
BENCH_RESOURCES is the size (10,000: 1 GB), BENCH_DIR where the reports are kept.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.generation import generate
from demo.parameters import Parameters
from demo.reports.forms import FORMS
from tests import simulated
from tests.benchmarks import access_paths, billing
from tests.benchmarks.measuring import Run, drop_caches, watch
from tests.benchmarks.reports import Report, copy_report, deliver_next
from tests.benchmarks.test_loading import REPEATS, describe_machine, time_best
from tests.benchmarks.yardstick import Totals, measure_duckdb, read_totals
from tests.simulated import Product

LARGE = int(os.environ.get("BENCH_RESOURCES", "1000"))
FULL = 10_000
HISTORY = LARGE * 6 // 100  # a mid-size account, for its 13 months' sake

pytestmark = pytest.mark.full


@dataclass(frozen=True)
class Loaded:
    """A report in a new database, and what loading it took."""

    report: Report
    product: Product
    run: Run


def load(create_product: Callable[..., Product], report: Report) -> Loaded:
    """The whole command, with nothing of the files in the system's memory where that can be had."""
    product = create_product()
    drop_caches()
    run = sync(product, report)
    assert "loaded" in run.output
    return Loaded(report, product, run)


def sync(product: Product, report: Report) -> Run:
    """`python -m ingest cur`, watched."""
    return watch(lambda: product.start("cur", "--source", str(report.folder)), find_server(product))


def find_server(product: Product) -> int:
    """The process id of the server's first process."""
    ((folder,),) = product.query("show data_directory")
    return int((Path(folder) / "postmaster.pid").read_text().split("\n", 1)[0])


@pytest.fixture(scope="module")
def month(create_product: Callable[..., Product]) -> Iterator[Loaded]:
    """The month as CSV, loaded."""
    loaded = load(create_product, billing.make_month(billing.find_directory(), LARGE))
    yield loaded
    loaded.product.drop()


@pytest.fixture(scope="module", autouse=True)
def _describe() -> None:
    can_drop = "dropped before each load" if drop_caches() else "kept, since only root may drop it"
    print(f"\n\n{describe_machine()}; one run each, file cache {can_drop}")


def sum_up(product: Product) -> Totals:
    rows = product.query(
        "select line_item_line_item_type, count(*), sum(line_item_unblended_cost) from raw.cur_line_items group by 1"
    )
    return {kind: (count, cost) for kind, count, cost in rows}


def test_month_beside_duckdb(create_product: Callable[..., Product], month: Loaded, tmp_path: Path) -> None:
    assert len(month.report.headers) >= 120 and len(month.report.files) >= 10
    if LARGE >= FULL:
        assert month.report.byte_count >= 1_000_000_000 and month.report.row_count >= 6_000_000
    parquet = load(create_product, billing.make_parquet_month(billing.find_directory(), LARGE))
    results = []
    for loaded in (month, parquet):
        database = tmp_path / "yardstick.duckdb"
        drop_caches()
        yardstick, yardstick_run = measure_duckdb(loaded.report, database)
        totals = read_totals(database)
        assert sum_up(loaded.product) == totals
        assert sum(count for count, _ in totals.values()) == loaded.report.row_count
        ((size,),) = loaded.product.query("select pg_database_size(current_database())")
        results.append((loaded, size, yardstick, yardstick_run, database.stat().st_size))
        database.unlink()
    parquet.product.drop()

    print("\n| October 2026, hourly | MB | rows | columns | load s | rows/s | MB/s | DuckDB s | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    for loaded, _, yardstick, _, _ in results:
        report, seconds = loaded.report, loaded.run.seconds
        print(
            f"| {name(report)}, {len(report.files)} files | {report.byte_count / 1e6:,.0f} | {report.row_count:,}"
            f" | {len(report.headers)} | {seconds:.1f} | {report.row_count / seconds:,.0f}"
            f" | {report.byte_count / 1e6 / seconds:.1f} | {yardstick:.1f} | {seconds / yardstick:.1f} |"
        )
    print("\n| what | on disk MB | memory MB | server's memory MB | processor s | server's | others' | load before |")
    print("|---|---|---|---|---|---|---|---|")
    for loaded, size, _, yardstick_run, yardstick_size in results:
        print(describe_run(f"{name(loaded.report)}, load", loaded.run, size))
        print(describe_run(f"{name(loaded.report)}, DuckDB", yardstick_run, yardstick_size))
    if month.report.row_count >= 6_000_000:  # a small report is the start of Python and little else
        assert all(loaded.run.seconds <= 1.5 * yardstick for loaded, _, yardstick, _, _ in results)
        assert all(loaded.run.memory < 2 * 1024**3 for loaded, _, _, _, _ in results)


def name(report: Report) -> str:
    return "Parquet" if report.is_parquet else "CSV.gz"


def describe_run(what: str, run: Run, byte_count: int) -> str:
    return (
        f"| {what} | {byte_count / 1e6:,.0f} | {run.memory / 1e6:,.0f} | {run.server_memory / 1e6:,.0f}"
        f" | {run.processor_seconds:.1f} | {run.server_processor_seconds:.1f}"
        f" | {run.other_processor_seconds:.1f} | {run.load_average:.1f} |"
    )


def test_access_paths(month: Loaded) -> None:
    table = access_paths.find_table(month.product)
    print(f"\n{access_paths.describe_table(month.product, table)}\n")
    print("| way | build s | MB | one day ms | pages | one hour ms | pages | planner takes it |")
    print("|---|---|---|---|---|---|---|---|")
    for path in access_paths.measure_paths(month.product, table):
        day, hour = path.readings["day"], path.readings["hour"]
        chosen = ", ".join(stretch for stretch, is_chosen in path.is_chosen.items() if is_chosen)
        print(
            f"| {path.name} | {path.build_seconds:.1f} | {path.byte_count / 1e6:.2f} | {day.milliseconds:.1f}"
            f" | {day.page_count:,} | {hour.milliseconds:.1f} | {hour.page_count:,} | {chosen} |"
        )
        assert day.is_by_index == hour.is_by_index == (path.byte_count > 0)
        assert day.milliseconds < 60_000


def test_refresh_at_the_end_of_a_month(create_product: Callable[..., Product], tmp_path: Path) -> None:
    """13 months are loaded; then the last day is delivered, and all of them are asked for again."""
    kept = billing.make_history(billing.find_directory(), HISTORY)
    full = load(create_product, copy_report(kept, tmp_path))
    history, product = full.report, full.product
    assert product.query("select count(*) from raw.cur_line_items") == [(history.row_count,)]
    unchanged = time_syncs(product, str(history.folder), len(history.manifests))
    deliver_next(history)
    drop_caches()
    refresh = sync(product, history)
    assert refresh.output.count("unchanged") == len(history.manifests) - 1
    ((rows, until),) = product.query("select count(*), max(line_item_usage_start_date) from raw.cur_line_items")
    assert rows > history.row_count and f"{until:%Y-%m-%d}" == "2026-10-31"
    product.drop()
    saved = 1 - refresh.seconds / full.run.seconds
    print("\n| 13 months, hourly, CSV.gz | MB | rows | full load s | refresh s | saved | nothing new s |")
    print("|---|---|---|---|---|---|---|")
    print(
        f"| the last month delivered anew | {history.byte_count / 1e6:,.0f} | {rows:,} | {full.run.seconds:.1f}"
        f" | {refresh.seconds:.1f} | {saved:.1%} | {unchanged:.2f} |"
    )
    print(
        f"\nOther processes took {full.run.other_processor_seconds:.1f} s of the processors during the load and"
        f" {refresh.other_processor_seconds:.1f} s during the refresh; load average before them"
        f" {full.run.load_average:.1f} and {refresh.load_average:.1f}."
    )
    assert saved > 0.7


def time_syncs(product: Product, source: str, months: int) -> float:
    """Seconds of the whole command where nothing is new."""

    def sync_again() -> None:
        again = product.run("cur", "--source", source)
        assert again.returncode == 0 and again.stdout.count("unchanged") == months, again.stderr

    return time_best(sync_again)


def test_nothing_new(create_product: Callable[..., Product], month: Loaded, tmp_path: Path) -> None:
    """Of one month in a folder, and of 13 in S3: the simulated account's by the day, whose size doesn't matter here."""
    local = time_syncs(month.product, str(month.report.folder), 1)
    generate(tmp_path / "account", Parameters(1, billing.END, months=13, hourly_days=1), also=())
    with simulated.serve(tmp_path / "account") as cloud:
        product = create_product(**cloud.variables)
        source = FORMS["legacy-csv"].source
        loaded = product.run("cur", "--source", source)
        assert loaded.returncode == 0 and loaded.stdout.count("loaded") == 13, loaded.stderr
        remote = time_syncs(product, source, 13)
    product.drop()
    print(f"\n| nothing new, best of {REPEATS} | s |\n|---|---|")
    print(f"| 1 month, local folder | {local:.2f} |\n| 13 months, S3 | {remote:.2f} |")
    assert local < 5 and remote < 5  # the goal is 2 s on a quiet machine
