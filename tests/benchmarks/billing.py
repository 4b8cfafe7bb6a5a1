"""Reports large enough to measure with, made once and kept: an hourly month as CSV or as Parquet, 13 such months, and
13 months of which the last alone is by the hour.

    python -m tests.benchmarks.billing --directory DIR [--resources 10000] [--form csv|parquet|history|year]

The simulated account's files hold its rows resource by resource, and compress far better than AWS's own, where they
stand hour by hour with the resources of an hour in no order. So its rows are dealt out anew that way.
"""

import argparse
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from demo.generation import generate
from demo.parameters import SMALLEST_ESTATE, Parameters, fingerprint, parse_end
from demo.reports.columns import legacy_parquet_columns
from demo.reports.forms import BUCKET, FORMS
from ingest.environment import find_state_dir
from tests.benchmarks.reports import Report, keep, read_digest

END = parse_end("2026-11-01T00")
# The month has as many files as AWS makes of a gigabyte, whatever its size here; a month of the history is smaller.
MONTH_FILES = 12
HISTORY_FILES = 2
_YESTERDAY = "\"lineItem/UsageStartDate\" < '2026-10-31'"
_DEALT = 'hash("identity/LineItemId", "identity/TimeInterval")'
_ORDER = '"lineItem/UsageStartDate", dealt'
_PARQUET = {"text": "coalesce({0}, '')", "number": "coalesce({0}::double, 0)", "instant": "{0}::timestamptz"}


def find_directory() -> Path:
    """Where reports are kept: BENCH_DIR, or `bench` in the checkout's state folder."""
    return Path(os.environ.get("BENCH_DIR") or Path(find_state_dir()) / "bench").absolute()


def make_month(directory: Path, resources: int) -> Report:
    """October 2026 by the hour as gzipped CSV; at 10,000 resources 1 GB: 6.4 million rows, 145 columns.

    Root volumes count among the resources here; to the account itself they come on top, as many as the others.
    """
    parameters = Parameters(1, END, max(SMALLEST_ESTATE, resources // 2), 2, 30, negotiated_discount_pct=5)

    def fill(scratch: Path) -> Report:
        report = scratch / "bench-hourly"
        with _open_account(scratch, parameters) as (engine, manifests):
            rows = _read_month(engine, manifests[-1])
            _deal(engine, manifests[-1], report, MONTH_FILES)
        return Report(report, rows)

    return keep(directory / f"csv-{resources}", [fingerprint(parameters), _DEALT, _ORDER, MONTH_FILES], fill)


def make_parquet_month(directory: Path, resources: int) -> Report:
    """The month of `make_month` as AWS makes it for Athena: its names, amounts as doubles, nothing null."""
    month = make_month(directory, resources)
    name = "bench-athena"
    place = f"{name}/{name}/year=2026/month=10"
    columns = ", ".join(
        _PARQUET[column.kind].format(f"coalesce({', '.join(_quote(header) for _, header in column.entries)})")
        + f" as {_quote(column.name)}"
        for column in legacy_parquet_columns(month.headers)
    )

    def fill(scratch: Path) -> Report:
        (scratch / place).mkdir(parents=True)
        keys = [f"{place}/{name}-{number:05d}.snappy.parquet" for number in range(1, len(month.files) + 1)]
        with duckdb.connect() as engine:
            engine.execute(f"set threads = {os.cpu_count()}; set timezone = 'UTC'")
            for path, key in zip(month.files, keys, strict=True):
                engine.execute(
                    f"copy (select {columns} from {read_csv([path])}) to '{scratch / key}'"
                    " (format parquet, compression snappy)"
                )
        manifest = json.loads(month.manifests[0].read_text())
        changed = {"reportName": name, "reportKeys": keys, "compression": "Parquet", "contentType": "Parquet"}
        (scratch / place / f"{name}-Manifest.json").write_text(json.dumps({**manifest, **changed}, indent=2))
        return Report(scratch / name, month.row_count)

    return keep(directory / f"parquet-{resources}", [read_digest(month.folder.parent), columns], fill)


def make_history(directory: Path, resources: int) -> Report:
    """13 months by the hour, the last of them as it was a day before its end; whole it lies there as the next assembly.

    The number of rows is that before the last day.
    """
    parameters = Parameters(1, END, max(SMALLEST_ESTATE, resources // 2), 13, 400, negotiated_discount_pct=5)

    def fill(scratch: Path) -> Report:
        report = scratch / "bench-history"
        rows = 0
        with _open_account(scratch, parameters) as (engine, manifests):
            for manifest in manifests:
                rows += _read_month(engine, manifest)
                _deal(engine, manifest, report, HISTORY_FILES)
            rows -= engine.execute(f"select count(*) from lines where not ({_YESTERDAY})").fetchall()[0][0]
            _deal(engine, manifests[-1], report, HISTORY_FILES, is_yesterday=True)
        return Report(report, rows)

    made_from = [fingerprint(parameters), _DEALT, _ORDER, HISTORY_FILES, _YESTERDAY]
    return keep(directory / f"history-{resources}", made_from, fill)


def make_year(directory: Path, resources: int) -> Report:
    """The month of `make_month` after twelve others of the same account by the day: 6.4 and 4 million rows."""
    parameters = Parameters(1, END, max(SMALLEST_ESTATE, resources // 2), 13, 30, negotiated_discount_pct=5)

    def fill(scratch: Path) -> Report:
        report = scratch / "bench-year"
        rows = 0
        with _open_account(scratch, parameters) as (engine, manifests):
            for manifest in manifests:
                rows += _read_month(engine, manifest)
                _deal(engine, manifest, report, MONTH_FILES if manifest == manifests[-1] else HISTORY_FILES)
        return Report(report, rows)

    return keep(directory / f"year-{resources}", [fingerprint(parameters), _DEALT, _ORDER, MONTH_FILES], fill)


@contextmanager
def _open_account(scratch: Path, parameters: Parameters) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[Path]]]:
    """The manifests of an account's months, and an engine to read them into; both are gone after the block."""
    generate(scratch / "account", parameters, also=())
    report = scratch / "account" / "s3" / BUCKET / FORMS["legacy-csv"].folder
    with duckdb.connect(str(scratch / "deal.duckdb")) as engine:
        # The machine has other work, and a file's rows take less than this to sort.
        engine.execute(f"set threads = {os.cpu_count()}; set memory_limit = '8GB'")
        engine.execute("set preserve_insertion_order = false")
        yield engine, sorted(report.glob("*/*-Manifest.json"))
    (scratch / "deal.duckdb").unlink()
    shutil.rmtree(scratch / "account")


def _read_month(engine: duckdb.DuckDBPyConnection, manifest: Path) -> int:
    """The rows of a month of the account as the table `lines`; returns how many they are."""
    bucket = next(parent for parent in manifest.parents if parent.name == BUCKET)
    files = [bucket / key for key in json.loads(manifest.read_text())["reportKeys"]]
    engine.execute(f"create or replace table lines as select *, {_DEALT} as dealt from {read_csv(files)}")
    return int(engine.execute("select count(*) from lines").fetchall()[0][0])


def _deal(
    engine: duckdb.DuckDBPyConnection, source: Path, report: Path, file_count: int, is_yesterday: bool = False
) -> None:
    """Write the table `lines` as a delivery of the month whose manifest is `source`, and make it the newest one."""
    manifest: dict[str, Any] = json.loads(source.read_text())
    assembly = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{manifest['assemblyId']} {is_yesterday}"))
    period = report / source.parent.name
    (period / assembly).mkdir(parents=True)
    names = [f"{report.name}-{number}.csv.gz" for number in range(1, file_count + 1)]

    def write(number: int) -> None:
        with engine.cursor() as cursor:
            cursor.execute(
                f"""
                copy (
                    select * exclude dealt
                    from lines
                    where dealt % {file_count} = {number} and {_YESTERDAY if is_yesterday else "true"}
                    order by {_ORDER}
                ) to '{period / assembly / names[number]}' (format csv, header, compression gzip)
                """
            )

    # One thread alone compresses a file.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, range(file_count)))
    keys = [f"{report.name}/{period.name}/{assembly}/{name}" for name in names]
    changed = {"assemblyId": assembly, "reportName": report.name, "reportKeys": keys}
    for folder in (period / assembly, period):
        (folder / f"{report.name}-Manifest.json").write_text(json.dumps({**manifest, **changed}, indent=2))


def read_csv(files: Sequence[Path]) -> str:
    """What DuckDB reads such files with, every column as text."""
    return f"read_csv({[str(path) for path in files]}, all_varchar = true, header = true, delim = ',', quote = '\"')"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


MAKERS = {"csv": make_month, "parquet": make_parquet_month, "history": make_history, "year": make_year}


def main() -> None:
    """Make a report, or keep the one that is there, and say what it is."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.billing", description=make_month.__doc__)
    parser.add_argument("--directory", type=Path, default=find_directory(), help="default: BENCH_DIR or .tieout/bench")
    parser.add_argument("--resources", type=int, default=10_000, help="default 10,000; a history of so many is large")
    parser.add_argument("--form", choices=MAKERS, default="csv")
    options = parser.parse_args()
    report = MAKERS[options.form](options.directory.absolute(), options.resources)
    print(
        f"{report.folder}: {report.byte_count:,} bytes, {report.row_count:,} rows, {len(report.headers)} columns,"
        f" {len(report.files)} files, {len(report.manifests)} months"
    )


if __name__ == "__main__":
    main()
