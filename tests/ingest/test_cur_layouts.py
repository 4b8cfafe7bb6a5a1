"""Small deliveries in every layout: zipped, monthly, with maps, several at once, with columns that come and go."""

import csv
import os
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest

from ingest.cur import reading, storing
from tests.ingest.delivered import find_differences, open_files, read_delivered, read_stored, sum_delivered, sum_stored
from tests.ingest.deliveries import (
    OWNER,
    deliver_export,
    deliver_parquet,
    sync,
    to_export,
    to_table,
    write_parquet,
    write_rows,
    write_zip,
)
from tests.real_data import lay_out_csv_report
from tests.simulated import Product, deliver, line_item, list_tables, month_of, write_csv


def load(product: Product, source: Path | str) -> list[str]:
    return sync(product, source, options=["--replace", "--force"])


def read(product: Product, *columns: str, period: str = "2026-10") -> list[tuple[Any, ...]]:
    return product.query(
        f"select {', '.join(columns)} from raw.cur_line_items where bill_billing_period_start_date = %s order by 1",
        datetime.fromisoformat(f"{period}-01T00:00:00+00:00"),
    )


# --- forms -----------------------------------------------------------------------------------------------------------


def test_a_real_file_zipped(shared: Product, tmp_path: Path) -> None:
    """AWS's third form of legacy CUR: the converters' sample as `.csv.zip`, value for value."""
    report = lay_out_csv_report(tmp_path)
    (file,) = report.glob("*/*/*.csv")
    file.with_name("sample-1.csv.zip").write_bytes(write_zip(**{"sample-1": file.read_bytes()}))
    manifest = report / "20231101-20231201" / "sample-Manifest.json"
    manifest.write_text(manifest.read_text().replace("sample-1.csv", "sample-1.csv.zip"))
    delivered = open_files([file])
    unzipped = tmp_path / "elsewhere.csv"
    file.rename(unzipped)
    assert load(shared, report) == ["unknown account/sample/2023-11: loaded, 1,281 rows read"]
    assert sum_stored(shared, "2023-11") == sum_delivered(delivered)
    with unzipped.open(newline="") as opened:
        expected = sum(Decimal(row["lineItem/UnblendedCost"]) for row in csv.DictReader(opened))
    assert shared.query("select sum(line_item_unblended_cost) from raw.cur_line_items") == [(expected,)]


def test_a_data_export_with_maps_in_several_row_groups(shared: Product, tmp_path: Path) -> None:
    """Rows of CUR 2.0, each with other tags and another discount; AWS's Parquet files have several row groups."""
    plain = {name: text for name, text in to_export(line_item()).items() if name != "product_region"}
    rows = [
        plain
        | {
            "identity_line_item_id": f"line-{number}",
            "product": {"region": "eu-west-1", "empty": "", "null": None},
            "resource_tags": {"user_name": f"name-{number}"} if number % 2 else {},
            "cost_category": None,
            "discount": {"total_discount": -0.25 * (number + 1), "bundled_discount": 0.5},
        }
        for number in range(7)
    ]
    table = to_table(rows, discount=pa.map_(pa.string(), pa.float64()))
    deliver_export(tmp_path / "export", "2026-10", {"a-1.snappy.parquet": write_parquet(table, row_group_size=4)})
    assert load(shared, tmp_path / "export") == [f"{OWNER}/export/2026-10: loaded, 7 rows read"]
    expected = [
        {"product_region": "eu-west-1", "discount_bundled_discount": "0.5"}
        | ({"resource_tags_user_name": f"name-{number}"} if number % 2 else {})
        | {"discount_total_discount": f"{-0.25 * (number + 1):g}"}
        for number in range(7)
    ]
    assert read(shared, "identity_line_item_id", "attributes") == [
        (f"line-{number}", attributes) for number, attributes in enumerate(expected)
    ]


@pytest.mark.parametrize("is_parquet", [False, True], ids=["csv", "parquet"])
def test_monthly_and_daily_rows_without_resources(shared: Product, tmp_path: Path, is_parquet: bool) -> None:
    """A report without resource ids has no such column; a month's row ends a second before the month does."""
    rows = [
        line_item(
            identity__LineItemId=name,
            identity__TimeInterval=interval,
            lineItem__UsageStartDate=interval.split("/")[0],
            lineItem__UsageEndDate=interval.split("/")[1],
        )
        for name, interval in (
            ("a-month", "2026-10-01T00:00:00Z/2026-10-31T23:59:59Z"),
            ("b-day", "2026-10-02T00:00:00Z/2026-10-03T00:00:00Z"),
        )
    ]
    # The interval of a daily row of which one hour was used is the day.
    rows.append(rows[1] | {"identity/LineItemId": "c-hour", "lineItem/UsageEndDate": "2026-10-02T01:00:00Z"})
    for row in rows:
        del row["lineItem/ResourceId"]
    if is_parquet:
        table = to_table([to_export(row) for row in rows])
        report = deliver_parquet(tmp_path / "monthly", "2026-10", {"a.parquet": write_parquet(table)})
    else:
        report = deliver(tmp_path / "monthly", "2026-10", write_rows(*rows))
    assert load(shared, tmp_path / "monthly") == [f"{OWNER}/monthly/2026-10: loaded, 3 rows read"]
    assert read(shared, "identity_line_item_id", "identity_time_interval", "line_item_resource_id") == [
        ("a-month", "2026-10-01T00:00:00Z/2026-10-31T23:59:59Z", None),
        ("b-day", "2026-10-02T00:00:00Z/2026-10-03T00:00:00Z", None),
        ("c-hour", "2026-10-02T00:00:00Z/2026-10-03T00:00:00Z", None),
    ]
    stored, types = read_stored(shared, "2026-10")
    assert find_differences(stored, read_delivered(open_files(report.files), types)) == []


def test_an_interval_that_was_not_delivered_is_null(shared: Product, tmp_path: Path) -> None:
    """A Data Export's SQL may leave columns out; what isn't there is null."""
    row = line_item()
    del row["identity/TimeInterval"]
    deliver(tmp_path / "subset", "2026-10", write_rows(row))
    load(shared, tmp_path / "subset")
    assert read(shared, "identity_time_interval") == [(None,)]


@pytest.mark.parametrize("kind", ["timestamp without a zone", "nanoseconds (int96)"])
def test_other_timestamps_of_parquet(shared: Product, tmp_path: Path, kind: str) -> None:
    """What other writers make of a report (Athena, Spark): instants without a zone are UTC, as AWS's all are."""
    is_old = kind.startswith("nano")
    naive = pa.timestamp("ns" if is_old else "ms")
    table = to_table([to_export(line_item())])
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            column = table.column(place).cast(pa.timestamp(naive.unit, "UTC")).cast(naive)
            table = table.set_column(place, field.name, column)
    content = write_parquet(table, use_deprecated_int96_timestamps=is_old)
    deliver_parquet(tmp_path / "times", "2026-10", {"a.parquet": content})
    load(shared, tmp_path / "times")
    is_right = "line_item_usage_start_date = '2026-10-01Z' and bill_billing_period_end_date = '2026-11-01Z'"
    assert read(shared, is_right) == [(True,)]


# --- layouts ---------------------------------------------------------------------------------------------------------


def test_the_newest_execution_of_an_export_that_keeps_its_versions(shared: Product, tmp_path: Path) -> None:
    """Where no manifest stands beside the executions' folders, the one that was written last counts."""
    for place, execution in enumerate(("zz-first", "aa-second")):
        files = write_rows(to_export(line_item(identity__LineItemId=execution)))
        made = deliver_export(tmp_path / "kept", "2026-10", files, execution, is_versioned=True, has_latest=False)
        os.utime(made.manifest, (1_790_000_000 + place, 1_790_000_000 + place))
    load(shared, tmp_path / "kept")
    assert read(shared, "identity_line_item_id") == [("aa-second",)]


def test_months_with_and_without_a_leading_zero(shared: Product, tmp_path: Path) -> None:
    """AWS writes month=1, the Well-Architected Labs month=01."""
    row = to_export(line_item(**month_of("2026-01")))
    made = deliver_parquet(tmp_path / "zero", "2026-01", {"a.parquet": write_parquet(to_table([row]))})
    made.folder.rename(made.folder.with_name("month=01"))
    manifest = made.folder.with_name("month=01") / made.manifest.name
    manifest.write_text(manifest.read_text().replace("month=1/", "month=01/"))
    assert load(shared, tmp_path / "zero") == [f"{OWNER}/zero/2026-01: loaded, 1 rows read"]


@pytest.mark.parametrize("reader_count", [1, 3])
def test_many_files_are_read_side_by_side_and_land_whole(shared: Product, tmp_path: Path, reader_count: int) -> None:
    """Whoever reads a file, its rows, their number and what describes them are the same; two files share a line."""
    files = {
        f"a-{number}.csv.gz": write_csv([line_item(identity__LineItemId=f"{number}-{row}") for row in range(5)])
        for number in range(1, 8)
    }
    made = deliver(tmp_path / f"many-{reader_count}", "2026-10", files)
    with (
        mock.patch.object(reading, "count_readers", lambda _: reader_count),
        mock.patch.object(storing, "_MOST_PENDING_BYTES", 3),
    ):
        assert load(shared, made.folder.parent) == [f"{OWNER}/many-{reader_count}/2026-10: loaded, 35 rows read"]
    assert read(shared, "identity_line_item_id", "file_number") == sorted(
        (f"{number}-{row}", number) for number in range(1, 8) for row in range(5)
    )
    ((load_id,),) = shared.query("select load_id from raw.loads where is_current and partition_key like '%/2026-10'")
    assert shared.query("select count(*) from raw.cur_attributes where load_id = %s", load_id) == [(35,)]
    # What was replaced is gone, whatever number of tables it stood in.
    of_loads = [name for name in list_tables(shared) if name.startswith("cur_amounts_")]
    current = dict(shared.query("select load_id::text, is_current from raw.loads"))
    assert [name for name in of_loads if not current[name.split("_")[2]]] == []


# --- several at once -------------------------------------------------------------------------------------------------


def test_several_reports_and_payers_of_one_prefix_and_of_two_sources(product: Product, tmp_path: Path) -> None:
    """A bucket that collects what three payers deliver, legacy and Data Export, and a folder of a fourth."""
    deliver(tmp_path / "bucket" / "one", "2026-10", write_rows(line_item()))
    payers = {"222222222222": "two", "333333333333": "three", "444444444444": "four"}
    for payer, name in payers.items():
        row = to_export(line_item(bill__PayerAccountId=payer, lineItem__UnblendedCost=payer[:2]))
        bucket, prefix = ("elsewhere", "") if name == "four" else ("bucket", "exports/2026")
        deliver_export(tmp_path / bucket / prefix / name, "2026-10", write_rows(row), account=payer, prefix=prefix)
    told = sync(product, tmp_path / "bucket", tmp_path / "elsewhere")
    assert sorted(told) == [
        f"{OWNER}/one/2026-10: loaded, 1 rows read",
        *(f"{payer}/{name}/2026-10: loaded, 1 rows read" for payer, name in payers.items()),
    ]
    assert read(product, "bill_payer_account_id", "line_item_unblended_cost") == [
        (OWNER, Decimal("1.0000000001")),
        ("222222222222", 22),
        ("333333333333", 33),
        ("444444444444", 44),
    ]
