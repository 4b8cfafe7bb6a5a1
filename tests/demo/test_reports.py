"""Reports as files: every form read back by another engine holds the charges it was made from, to the last digit."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from demo.billing.records import Charge
from demo.journal import Event
from demo.money import SCALE
from demo.parameters import REPORT_FORMS, Parameters, parse_end
from demo.reports.columns import EXPORT_COLUMNS
from demo.reports.deliveries import early_delivery, known_to_reports
from demo.reports.delivering import Deliverer, read_state
from demo.reports.forms import FORMS, Form
from demo.reports.spend import SPEND_FOLDER, read_spend
from demo.timeline import INVOICE_HOURS, SUPPORT_HOURS, BillingPeriod, Horizon, draw_horizon
from demo.world.accounts import DEVELOPMENT, HOME_REGION, PAYER, PRODUCTION

AWKWARD = 'web "blue" <canary>, eu\nsecond line'
MOST = 5 * 10**18
PARAMETERS = Parameters(
    seed=3, end_hour=parse_end("2026-11-23"), resources=100, months=3, hourly_days=40, reports=REPORT_FORMS
)
NOW = PARAMETERS.end_hour


@dataclass(frozen=True)
class Estate:
    """The parts of an estate that reports look at."""

    parameters: Parameters
    horizon: Horizon


@dataclass(frozen=True)
class Books:
    """A small bill made by hand: usage by the hour or day, commitments' lines, a tax on final bills, a late refund."""

    estate: Estate
    refund_hour: int = 10**9

    def charges(self, period: BillingPeriod, known_to: int) -> list[Charge]:
        length = 1 if period.is_hourly else 24
        starts = np.arange(period.start, min(period.end, known_to), length, dtype=np.int64)
        random = np.random.default_rng(period.start)
        # Drawn for the whole month, so that a later report repeats what an earlier one said.
        cost = random.integers(-(10**6), 10**11, period.hours)[: len(starts)]
        large = random.integers(0, MOST, period.hours)[: len(starts)]
        compute = {
            "lineItem/ProductCode": "AmazonEC2",
            "lineItem/UsageType": "BoxUsage:t3.micro",
            "lineItem/ResourceId": "i-0123",
            "lineItem/NormalizationFactor": "0.5",
            "lineItem/UnblendedRate": "0.0104000000",
            "product/ProductName": "Amazon Elastic Compute Cloud",
            "product/instanceType": "t3.micro",
            "product/instanceTypeFamily": "t3",
            "pricing/unit": "Hrs",
            "resourceTags/user:Name": AWKWARD,
            "resourceTags/user:CostCenter": "42",
            "costCategory/Team": "shop",
        }
        result = [
            _charge("Usage", starts, length, np.full(len(starts), SCALE), cost, compute),
            _charge(
                "DiscountedUsage",
                starts,
                length,
                cost // 7,
                np.zeros(len(starts), dtype=np.int64),
                {"lineItem/UsageType": "BoxUsage:m5.large", "reservation/ReservationARN": "arn:ri", "product/": ""},
                {"reservation/EffectiveCost": cost // 3, "lineItem/BlendedRate": cost // 11},
                amortized=cost // 3,
            ),
            _charge(
                "Usage", starts, length, large, large // 10**9, {"lineItem/UsageType": "Requests"}, unit="Requests"
            ),
            _monthly("RIFee", period.start, 12_3456789012, {"reservation/NumberOfReservations": "1"}),
            _monthly("Credit", period.start, -5_0000000001, {}),
            _monthly("Credit", period.start, -5_0000000001, {}),
        ]
        if self.estate.horizon.is_final(period, known_to):
            invoice = {"bill/InvoiceId": "123456789"}
            result = [replace(charge, columns=charge.columns | invoice) for charge in result]
            result.append(_monthly("Tax", period.start, 7_0100000000, {"lineItem/TaxType": "VAT"} | invoice))
        if self.refund_hour <= known_to and period.label == "2026-09":
            late = _monthly("Refund", period.start, -9_9900000000, {"bill/InvoiceId": "123456789"})
            result.append(replace(late, known_from=self.refund_hour))
        return result


def _charge(
    line_type: str,
    starts: np.ndarray,
    length: int | None,
    quantity: np.ndarray,
    cost: np.ndarray,
    columns: dict[str, str],
    measures: dict[str, np.ndarray] | None = None,
    amortized: np.ndarray | None = None,
    unit: str = "Hrs",
) -> Charge:
    accrual = cost if amortized is None else amortized
    return Charge(
        account=PAYER if length is None else DEVELOPMENT if unit == "Requests" else PRODUCTION,
        line_type=line_type,
        service="Amazon Elastic Compute Cloud - Compute",
        record_type=line_type,
        region=None if length is None else HOME_REGION,
        unit=unit,
        starts=starts,
        length=length,
        quantity=quantity,
        unblended=cost,
        blended=cost + 1,
        amortized=accrual,
        net_unblended=cost - 1,
        net_amortized=accrual - 1,
        columns=columns,
        measures=measures or {},
    )


def _monthly(line_type: str, start: int, cost: int, columns: dict[str, str]) -> Charge:
    one = np.array([start], dtype=np.int64)
    return _charge(line_type, one, None, np.array([SCALE]), np.array([cost]), columns, unit="")


def keep(parameters: Parameters = PARAMETERS, now: int = NOW, refund_hour: int = 10**9) -> Books:
    return Books(Estate(parameters, draw_horizon(parameters, now)), refund_hour)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An account with every form, made by two processes."""
    root = tmp_path_factory.mktemp("reports") / "account"
    root.mkdir()
    Deliverer(keep(), root, rows_per_file=500).deliver(processes=2)
    return root


def bucket(root: Path) -> Path:
    return root / "s3" / "example-corp-billing"


def digests(root: Path) -> dict[str, tuple[str, int]]:
    return {
        path.relative_to(root).as_posix(): (hashlib.sha256(path.read_bytes()).hexdigest(), int(path.stat().st_mtime))
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def manifest_of(root: Path, form: Form, period: BillingPeriod) -> tuple[dict[str, Any], list[Path]]:
    """The manifest that a reader follows, and the files it names."""
    folder = bucket(root) / form.folder
    if form.is_export:
        path = folder / "metadata" / f"BILLING_PERIOD={period.label}" / f"{form.name}-Manifest.json"
        manifest = json.loads(path.read_text())
        return manifest, [
            bucket(root) / key.removeprefix("s3://example-corp-billing/") for key in manifest["dataFiles"]
        ]
    place = period.folder
    if form.is_parquet:
        year, month = period.label.split("-")
        place = f"{form.name}/year={year}/month={int(month)}"
    manifest = json.loads((folder / place / f"{form.name}-Manifest.json").read_text())
    return manifest, [bucket(root) / key for key in manifest["reportKeys"]]


def read_rows(form: Form, files: Sequence[Path]) -> list[tuple[Any, ...]]:
    """Account, type, start, end, usage type, amount, cost, effective cost and name of each row, by DuckDB."""
    names = "', '".join(str(file) for file in files)
    if form.is_parquet:
        source = f"read_parquet(['{names}'], hive_partitioning=false)"
    else:
        source = f"read_csv(['{names}'], all_varchar=true, header=true, quote='\"', escape='\"', delim=',')"
    is_snake = form.is_parquet or form.is_export
    headers = [
        ("lineItem/UsageAccountId", "line_item_usage_account_id"),
        ("lineItem/LineItemType", "line_item_line_item_type"),
        ("lineItem/UsageStartDate", "line_item_usage_start_date"),
        ("lineItem/UsageEndDate", "line_item_usage_end_date"),
        ("lineItem/UsageType", "line_item_usage_type"),
        ("lineItem/UsageAmount", "line_item_usage_amount"),
        ("lineItem/UnblendedCost", "line_item_unblended_cost"),
        ("reservation/EffectiveCost", "reservation_effective_cost"),
    ]
    parts = [f'"{snake if is_snake else plain}"' for plain, snake in headers]
    parts[2:4] = [f"epoch({part}::timestamptz)::bigint" for part in parts[2:4]]
    parts[4] = f"coalesce({parts[4]}, '')"
    number = "double" if form.is_parquet else "decimal(38,10)"
    parts[5:8] = [f"coalesce({part}::{number}, 0)" for part in parts[5:8]]
    if form.is_export:
        parts.append("resource_tags['user_name']" if form.is_parquet else "resource_tags->>'user_name'")
    else:
        parts.append("resource_tags_user_name" if form.is_parquet else '"resourceTags/user:Name"')
    parts[8] = f"coalesce({parts[8]}, '')"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        return sorted(connection.execute(f"select {', '.join(parts)} from {source}").fetchall())


def query(text: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(text).fetchall()


def expect_rows(charges: Sequence[Charge], period: BillingPeriod, is_parquet: bool) -> list[tuple[Any, ...]]:
    def number(value: int) -> Decimal | float:
        exact = Decimal(int(value)).scaleb(-10)
        return float(exact) if is_parquet else exact

    rows: list[tuple[Any, ...]] = []
    for charge in charges:
        effective = charge.measures.get("reservation/EffectiveCost", np.zeros(len(charge.starts), dtype=np.int64))
        for index, start in enumerate(charge.starts.tolist()):
            end = period.end * 3600 - 1 if charge.length is None else (start + charge.length) * 3600
            rows.append(
                (
                    charge.account.account_id,
                    charge.line_type,
                    start * 3600,
                    end,
                    charge.columns.get("lineItem/UsageType", ""),
                    number(charge.quantity[index]),
                    number(charge.unblended[index]),
                    number(effective[index]),
                    charge.columns.get("resourceTags/user:Name", ""),
                )
            )
    return sorted(rows)


@pytest.mark.parametrize("key", REPORT_FORMS)
def test_every_form_holds_the_charges(delivered: Path, key: str) -> None:
    """Same rows and values, exact in CSV, the nearest double in Parquet: also beyond 2^53 and with awkward names."""
    books, form = keep(), FORMS[key]
    for period in books.estate.horizon.periods:
        _, files = manifest_of(delivered, form, period)
        charges = books.charges(period, books.estate.horizon.cur_end)
        assert read_rows(form, files) == expect_rows(charges, period, form.is_parquet)
    assert sum(1 for _ in files) > 1


@pytest.mark.parametrize("key", ["legacy-csv", "exports-csv", "legacy-parquet"])
def test_line_ids_are_keys_and_other_ones_in_every_version(delivered: Path, key: str) -> None:
    seen: set[str] = set()
    form = FORMS[key]
    for period in keep().estate.horizon.periods:
        names = "', '".join(str(file) for file in manifest_of(delivered, form, period)[1])
        source = f"read_parquet(['{names}'])" if form.is_parquet else f"read_csv(['{names}'], all_varchar=true)"
        columns = ("identity_line_item_id", "identity_time_interval")
        if key == "legacy-csv":
            columns = ('"identity/LineItemId"', '"identity/TimeInterval"')
        rows = query(f"select {columns[0]}, {columns[1]} from {source}")
        assert len(set(rows)) == len(rows)
        ids = {row[0] for row in rows}
        assert len(ids) < len(rows) and not ids & seen
        seen |= ids


def test_columns_come_and_go(delivered: Path) -> None:
    """Legacy columns are those that a delivery fills, a tag's from its activation on; those of CUR 2.0 never vary."""
    headers = {}
    for period in keep().estate.horizon.periods:
        manifest, files = manifest_of(delivered, FORMS["legacy-csv"], period)
        named = [f"{column['category']}/{column['name']}" for column in manifest["columns"]]
        for file in files:
            with gzip.open(file, "rt", newline="") as text:
                assert next(csv.reader(text)) == named
        headers[period.label] = set(named)
        manifest, files = manifest_of(delivered, FORMS["legacy-parquet"], period)
        schema = pq.read_schema(files[0])
        assert len(schema) == len(manifest["columns"]) == len(named)
        for key in ("exports-csv", "exports-parquet"):
            manifest, files = manifest_of(delivered, FORMS[key], period)
            assert tuple(column["name"] for column in manifest["columns"]) == EXPORT_COLUMNS
    assert headers["2026-10"] - headers["2026-09"] == {"resourceTags/user:CostCenter"}
    assert "lineItem/NetUnblendedCost" not in headers["2026-10"]
    assert str(schema.field("line_item_unblended_cost").type) == "double"
    assert str(schema.field("line_item_unblended_rate").type) == "string"
    assert str(schema.field("line_item_usage_start_date").type) == "timestamp[ms, tz=UTC]"


def test_maps_and_missing_values_of_cur_2(delivered: Path) -> None:
    period = keep().estate.horizon.periods[-1]
    names = "', '".join(str(file) for file in manifest_of(delivered, FORMS["exports-parquet"], period)[1])
    rows = query(f"""
        select distinct product, resource_tags, cost_category, discount, product_instance_type,
            line_item_net_unblended_cost, reservation_effective_cost, bill_payer_account_name,
            line_item_usage_account_name, bill_invoice_id
        from read_parquet(['{names}']) where line_item_resource_id = 'i-0123'""")
    assert rows == [
        (
            {"product_name": "Amazon Elastic Compute Cloud", "instance_type_family": "t3"},
            {"user_cost_center": "42", "user_name": AWKWARD},
            {"team": "shop"},
            {},
            "t3.micro",
            None,
            None,
            PAYER.name,
            PRODUCTION.name,
            None,
        )
    ]


def test_negotiated_discount_brings_net_columns(tmp_path: Path) -> None:
    parameters = replace(PARAMETERS, negotiated_discount_pct=5, months=1, reports=("legacy-csv", "exports-parquet"))
    books = keep(parameters)
    Deliverer(books, tmp_path).deliver(processes=1)
    period = books.estate.horizon.periods[0]
    names = "', '".join(str(file) for file in manifest_of(tmp_path, FORMS["legacy-csv"], period)[1])
    net = query(
        f"""select sum("lineItem/NetUnblendedCost"::decimal(38,10)) from read_csv(['{names}'], all_varchar=true)"""
    )[0][0]
    charges = books.charges(period, books.estate.horizon.cur_end)
    assert net == Decimal(sum(int(charge.net_unblended.sum()) for charge in charges)).scaleb(-10)
    manifest, _ = manifest_of(tmp_path, FORMS["exports-parquet"], period)
    assert not [column for column in manifest["columns"] if column["name"].startswith("discount")]


def test_layout_versions_and_manifests(delivered: Path) -> None:
    """Create-new keeps an early version and one under way; overwrite holds only what its manifest names."""
    horizon = keep().estate.horizon
    for form in FORMS.values():
        named: set[Path] = set()
        manifests = list((bucket(delivered) / form.folder).rglob(f"{form.name}-Manifest.json"))
        for path in manifests:
            content = json.loads(path.read_text())
            keys = content.get("reportKeys") or [
                key.removeprefix("s3://example-corp-billing/") for key in content["dataFiles"]
            ]
            data = {bucket(delivered) / name for name in keys}
            assert all(file.stat().st_mtime <= path.stat().st_mtime for file in data)
            named |= data
        present = set((bucket(delivered) / form.folder).rglob(f"*-*.{form.extension}"))
        # One per version, and one per period that names the newest.
        assert len(manifests) == (9 if form.keeps_versions else 3)
        assert len(present - named) == (1 if form.keeps_versions and not form.is_parquet else 0)
        assert named <= present
    for period in horizon.periods:
        manifest, files = manifest_of(delivered, FORMS["legacy-csv"], period)
        bounds = manifest["billingPeriod"]
        assert bounds["start"][:8] + "-" + bounds["end"][:8] == period.folder
        for number, file in enumerate(files, 1):
            assert file.name == f"example-hourly-{number}.csv.gz" and file.parent.name == manifest["assemblyId"]
        written = horizon.end - 2
        if period.end < horizon.cur_end:
            # The invoice is out and so is support: nothing has changed since.
            written = period.end + SUPPORT_HOURS + 4
        assert files[0].stat().st_mtime == written * 3600
    beside = bucket(delivered) / "cur/example-athena/example-athena"
    assert (beside / "cost_and_usage_data_status" / "cost_and_usage_data_status.parquet").exists()
    assert (beside / "year=2026" / "month=9" / "example-athena-create-table.sql").exists()


def test_equal_parameters_give_equal_bytes(delivered: Path, tmp_path: Path) -> None:
    """Whatever the number of processes."""
    Deliverer(keep(), tmp_path, rows_per_file=500).deliver(processes=1)
    assert digests(tmp_path) == digests(delivered)


def test_advancing_adds_and_leaves_closed_months_alone(tmp_path: Path) -> None:
    parameters = replace(PARAMETERS, reports=("legacy-csv", "exports-parquet-overwrite"))
    Deliverer(keep(parameters), tmp_path).deliver(processes=1)
    before = digests(tmp_path)
    Deliverer(keep(parameters, NOW + 30), tmp_path).deliver(processes=1)
    after = digests(tmp_path)
    changed = {name for name in before if after.get(name) != before[name]}
    added = set(after) - set(before)
    assert changed and all("202611" in name or "2026-11" in name or name == "deliveries.json" for name in changed)
    assert added and all("20261101-20261201" in name for name in added)
    kept = [name for name in before if name.endswith(".csv.gz") and name not in changed]
    assert len([name for name in kept if "20261101-" in name]) >= 2, "older versions of the open month stay"
    # Into the next month: the open one closes and a new one begins.
    horizon = draw_horizon(parameters, NOW + 12 * 24)
    Deliverer(keep(parameters, NOW + 12 * 24), tmp_path).deliver(processes=1)
    closed = horizon.periods[-2]
    assert horizon.periods[-1].label == "2026-12" and read_state(tmp_path)["periods"][closed.label]["reports"] == (
        closed.end + INVOICE_HOURS
    )
    books = keep(parameters, NOW + 12 * 24)
    for period in horizon.periods:
        for key in parameters.reports:
            rows = read_rows(FORMS[key], manifest_of(tmp_path, FORMS[key], period)[1])
            charges = books.charges(period, horizon.cur_end)
            assert rows == expect_rows(charges, period, FORMS[key].is_parquet)


def test_a_late_refund_reopens_its_month_alone(tmp_path: Path) -> None:
    parameters = replace(PARAMETERS, reports=("legacy-csv",))
    Deliverer(keep(parameters), tmp_path).deliver(processes=1)
    before = digests(tmp_path)
    books = keep(parameters, NOW + 24, refund_hour=NOW + 1)
    Deliverer(books, tmp_path).deliver(processes=1)
    changed = {name for name in digests(tmp_path) if digests(tmp_path)[name] != before.get(name)}
    assert {name.split("/")[4][:6] for name in changed if name.startswith("s3")} == {"202609", "202611"}
    manifest, files = manifest_of(tmp_path, FORMS["legacy-csv"], books.estate.horizon.periods[0])
    assert [row for row in read_rows(FORMS["legacy-csv"], files) if row[1] == "Refund"]
    refunds = [cell for cell in read_spend(tmp_path / SPEND_FOLDER) if cell.record_type == "Refund"]
    assert not refunds, "Cost Explorer is a day behind"
    Deliverer(keep(parameters, NOW + 48, refund_hour=NOW + 1), tmp_path).deliver(processes=1)
    assert [c.unblended for c in read_spend(tmp_path / SPEND_FOLDER) if c.record_type == "Refund"] == [-99900000000]


def test_delayed_reports_know_less() -> None:
    horizon = draw_horizon(PARAMETERS, NOW + 100)
    delay = Event(NOW + 10, PAYER.account_id, "us-east-1", "DelayReports", "", {"hours": 48})
    assert known_to_reports(horizon, NOW, []) == horizon.cur_end
    assert known_to_reports(horizon, NOW, [delay]) == NOW + 100 - 6 - 48
    soon = draw_horizon(PARAMETERS, NOW + 20)
    assert known_to_reports(soon, NOW, [delay]) == NOW + 10 - 6, "what was delivered stays"
    again = replace(delay, hour=NOW + 90, details={"hours": 0})
    assert known_to_reports(horizon, NOW, [delay, again]) == horizon.cur_end


def test_early_versions_are_of_the_last_periods() -> None:
    horizon = draw_horizon(replace(PARAMETERS, months=6), NOW)
    early = [early_delivery(horizon, period, horizon.cur_end) for period in horizon.periods]
    assert [version is not None for version in early] == [False] * 3 + [True] * 3
    first_hours = draw_horizon(PARAMETERS, parse_end("2026-12-01T08:00:00"))
    assert early_delivery(first_hours, first_hours.periods[-1], first_hours.cur_end) is None


def test_the_first_hours_of_an_account(tmp_path: Path) -> None:
    """Two hours of a month are a whole report, and nothing yet for Cost Explorer."""
    parameters = replace(PARAMETERS, end_hour=parse_end("2026-12-01T08:00:00"), months=1, reports=("exports-csv",))
    books = keep(parameters, parameters.end_hour)
    Deliverer(books, tmp_path).deliver(processes=1)
    period = books.estate.horizon.periods[0]
    rows = read_rows(FORMS["exports-csv"], manifest_of(tmp_path, FORMS["exports-csv"], period)[1])
    assert rows == expect_rows(books.charges(period, books.estate.horizon.cur_end), period, False)
    assert read_spend(tmp_path / SPEND_FOLDER) == []


def test_cost_explorer_sums_are_the_charges(delivered: Path) -> None:
    """Per day and measure, also where a sum of requests leaves 64 bits; nothing from its own lag."""
    books = keep()
    horizon = books.estate.horizon
    cells = read_spend(delivered / SPEND_FOLDER)
    assert max(cell.day for cell in cells) == (horizon.cost_explorer_end - 1) // 24
    measures = ("quantity", "unblended", "blended", "amortized", "net_unblended", "net_amortized")
    expected: dict[tuple[int, str], list[int]] = {}
    for period in horizon.periods:
        for charge in books.charges(period, horizon.cost_explorer_end):
            for index, start in enumerate(charge.starts.tolist()):
                sums = expected.setdefault((start // 24, charge.record_type + charge.unit), [0] * len(measures))
                for place, measure in enumerate(measures):
                    sums[place] += int(getattr(charge, measure)[index])
    found: dict[tuple[int, str], list[int]] = {}
    for cell in cells:
        sums = found.setdefault((cell.day, cell.record_type + cell.unit), [0] * len(measures))
        for place, measure in enumerate(measures):
            sums[place] += getattr(cell, measure)
    assert found == expected
    assert max(cell.quantity for cell in cells) > 2**64
    assert {cell.usage_type for cell in cells} == {"", "BoxUsage:t3.micro", "BoxUsage:m5.large", "Requests"}
