"""What a sync finds to do, which months it misses, how settled each is, and what it refuses to put in place."""

import json
import os
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from demo.wire import Request
from tests.ingest.deliveries import (
    OWNER,
    change_manifest,
    deliver_export,
    deliver_overwriting,
    deliver_parquet,
    sync,
    to_export,
    to_table,
    write_parquet,
    write_rows,
)
from tests.simulated import Cloud, Product, deliver, line_item, month_of, read_state, sole_error


@pytest.fixture
def bucket(cloud: Cloud) -> Iterator[Path]:
    folder = cloud.bucket("periods")
    yield folder
    shutil.rmtree(folder)


# --- what there is to do ---------------------------------------------------------------------------------------------

LAYOUTS = {
    "legacy": lambda report, rows, version: deliver(report, "2026-10", rows, version),
    "overwritten": lambda report, rows, version: deliver_overwriting(report, "2026-10", rows, version),
    "athena": lambda report, rows, version: deliver_parquet(report, "2026-10", rows, version),
    "export": lambda report, rows, version: deliver_export(report, "2026-10", rows, version),
    "versioned": lambda report, rows, version: deliver_export(report, "2026-10", rows, version, is_versioned=True),
}


def write_layout(bucket: Path, layout: str, cost: str, version: str = "first") -> Any:
    """A report of one row in a layout; each layout has a payer of its own."""
    payer = f"payer of {layout}"
    row = line_item(bill__PayerAccountId=payer, lineItem__UnblendedCost=cost)
    if layout != "athena":
        return LAYOUTS[layout](bucket / layout, write_rows(row), version)
    return LAYOUTS[layout](bucket / layout, {"a.parquet": write_parquet(to_table([to_export(row)]))}, version)


def read_cost(product: Product, layout: str) -> list[tuple[Decimal]]:
    return product.query(
        "select line_item_unblended_cost from raw.cur_line_items where bill_payer_account_id = %s",
        f"payer of {layout}",
    )


def names_an_object(request: Request) -> bool:
    """Whether an object is asked for, and not a listing of a bucket."""
    return len(request.path.strip("/").split("/")) > 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_what_is_new_is_read(shared: Product, cloud: Cloud, bucket: Path, layout: str) -> None:
    """Nothing to do costs a listing: neither data nor a manifest is asked for, whatever the layout."""
    source = f"s3://periods/{layout}"
    made = write_layout(bucket, layout, "1")
    assert [line.split(": ")[1] for line in sync(shared, source)] == ["loaded, 1 rows read"]
    before = read_state(shared)
    # The same manifest, copied anew, is still the same; a delivery that has begun has no manifest yet.
    os.utime(made.manifest)
    (made.folder / "begun").mkdir()
    (made.folder / "begun" / "a-1.csv.gz").write_bytes(b"half a file")
    with cloud.noting() as requests:
        assert [line.split(": ")[1] for line in sync(shared, source)] == ["unchanged, 0 rows read"]
    assert [request.path for request in requests if names_an_object(request)] == []
    # Who we are, the report's folder, the folders on the way to the period, the period's own.
    assert len(requests) <= 6
    assert read_state(shared) == before

    write_layout(bucket, layout, "2", "second")
    with cloud.noting() as requests:
        assert [line.split(": ")[1] for line in sync(shared, source)] == ["loaded, 1 rows read"]
    asked = [(request.method, request.path.rpartition("/")[2]) for request in requests if names_an_object(request)]
    name = "a.parquet" if layout == "athena" else "a-1.csv.gz"
    assert asked == [("GET", f"{layout}-Manifest.json"), ("HEAD", name), ("GET", name)]
    assert read_cost(shared, layout) == [(Decimal(2),)]


@pytest.mark.parametrize("is_local", [False, True], ids=["s3", "folder"])
@pytest.mark.parametrize("layout", ["overwritten", "athena"])
def test_a_file_replaced_without_a_new_manifest_is_noticed(
    shared: Product, bucket: Path, layout: str, is_local: bool
) -> None:
    """A layout that overwrites keeps its data beside the manifest, where the listing shows it."""
    source = str(bucket / layout) if is_local else f"s3://periods/{layout}"
    made = write_layout(bucket, layout, "3")
    manifest = made.manifest.read_text(), made.manifest.stat()
    sync(shared, source, options=["--replace", "--force"])
    write_layout(bucket, layout, "4", "elsewhere")
    made.manifest.write_text(manifest[0])
    os.utime(made.manifest, ns=(manifest[1].st_atime_ns, manifest[1].st_mtime_ns))
    assert [line.split(": ")[1] for line in sync(shared, source)] == ["loaded, 1 rows read"]
    assert read_cost(shared, layout) == [(Decimal(4),)]
    assert [line.split(": ")[1] for line in sync(shared, source)] == ["unchanged, 0 rows read"]


# --- missing months --------------------------------------------------------------------------------------------------


def deliver_months(report: Path, *periods: str, **columns: str) -> None:
    for period in periods:
        deliver(report, period, write_rows(line_item(**month_of(period), **columns)))


def test_missing_months_are_told_and_loaded_once_they_are_there(product: Product, tmp_path: Path) -> None:
    """Newest first, so that a long backfill gives the months that people look at first; a gap is nobody's fault."""
    report = tmp_path / "gaps"
    deliver_months(report, "2025-11", "2025-12", "2026-03", "2026-05")
    sync(product, report, options=["--period", "2026-05"])
    synced = product.call("cur", "--source", str(report))
    assert synced.returncode == 0, synced.stderr
    assert synced.stdout.splitlines() == [
        f"{OWNER}/gaps/2026-05: unchanged, 0 rows read",
        f"{OWNER}/gaps/2026-03: loaded, 1 rows read",
        f"{OWNER}/gaps/2025-12: loaded, 1 rows read",
        f"{OWNER}/gaps/2025-11: loaded, 1 rows read",
    ]
    gaps = ["2026-04", "2026-02", "2026-01"]
    warned = synced.stderr.splitlines()
    assert [line.split(": ")[:2] for line in warned] == [["warning", f"{OWNER}/{gap}"] for gap in gaps]
    for line, gap in zip(warned, gaps, strict=True):
        assert f"no delivery of {gap} and none loaded" in line
        assert "ask AWS Support" in line
    status = product.call("status")
    assert [line for line in status.stdout.splitlines() if line.startswith("missing")] == [
        f"missing: {OWNER}/{gap}, though months before and after it are loaded" for gap in gaps
    ]
    assert json.loads(product.call("status", "--json").stdout)["missing"] == [f"{OWNER}/{gap}" for gap in gaps]
    # By the ledger: loaded in this order.
    assert product.query("select right(partition_key, 7) from raw.loads order by load_id") == [
        ("2026-05",),
        ("2026-03",),
        ("2025-12",),
        ("2025-11",),
    ]

    # Another report of the owner has one of them; the others come late.
    deliver_months(tmp_path / "other", "2026-02")
    sync(product, tmp_path / "other")
    deliver_months(report, "2026-01")
    late = product.call("cur", "--source", str(report))
    assert f"{OWNER}/gaps/2026-01: loaded, 1 rows read" in late.stdout.splitlines()
    assert [line.split(": ")[1] for line in late.stderr.splitlines()] == [f"{OWNER}/2026-04"]
    assert json.loads(product.call("status", "--json").stdout)["missing"] == [f"{OWNER}/2026-04"]


def test_no_month_is_missing_at_the_ends_or_of_another_owner(shared: Product, tmp_path: Path) -> None:
    """What lies before the first or after the last month was never billed; each owner has its own first and last."""
    for owner, periods in (("owner-one", ("2024-01", "2024-02")), ("owner-two", ("2024-05", "2024-06"))):
        for period in periods:
            row = line_item(**month_of(period), bill__PayerAccountId=owner)
            change_manifest(deliver(tmp_path / owner, period, write_rows(row)), account=owner)
    synced = shared.call("cur", "--source", str(tmp_path))
    assert (synced.returncode, synced.stderr) == (0, "")


# --- a month or a source that can't be read --------------------------------------------------------------------------


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Three months, of which the manifest of the second is cut short."""
    report = tmp_path / "broken"
    deliver_months(report, "2024-01", "2024-02", "2024-03", bill__PayerAccountId="broken")
    (manifest,) = report.glob("20240201*/*-Manifest.json")
    manifest.write_text(manifest.read_text()[:-20])
    return report


def test_a_month_with_a_broken_manifest_is_not_called_missing(product: Product, broken: Path) -> None:
    """It is there, and its own error says what is wrong with it."""
    synced = product.call("cur", "--source", str(broken))
    assert "20240201-20240301/broken-Manifest.json: the manifest isn't JSON" in sole_error(synced)
    assert len(synced.stderr.splitlines()) == 1
    assert len(synced.stdout.splitlines()) == 2


def test_why_a_month_that_is_asked_for_can_not_be_read(product: Product, broken: Path) -> None:
    line = sole_error(product.call("cur", "--source", str(broken), "--period", "2024-02"))
    assert "20240201-20240301/broken-Manifest.json: the manifest isn't JSON" in line


def test_a_broken_manifest_of_a_month_that_is_not_asked_for(product: Product, broken: Path) -> None:
    """Exit code 0 means that all that was asked is loaded: an hourly sync of one month isn't spoilt by an old one."""
    assert sync(product, broken, options=["--period", "2024-03"]) == [f"{OWNER}/broken/2024-03: loaded, 1 rows read"]


def test_a_source_that_can_not_be_read_does_not_stop_the_others(product: Product, tmp_path: Path) -> None:
    """Payers' buckets are told apart: one that refuses is one line, and the others' bills are loaded."""
    deliver_months(tmp_path / "good", "2024-01")
    synced = product.call("cur", "--source", str(tmp_path / "bad"), "--source", str(tmp_path / "good"))
    assert f"{tmp_path}/bad: no such folder" in sole_error(synced)
    assert synced.stdout.splitlines() == [f"{OWNER}/good/2024-01: loaded, 1 rows read"]
