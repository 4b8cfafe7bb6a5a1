"""CUR from S3: what is new is loaded, what is unchanged isn't read, and nobody ever sees half a month."""

import csv
import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Estate
from tests.simulated import (
    SOURCE,
    Cloud,
    Product,
    deliver,
    is_download,
    line_item,
    list_tables,
    month_of,
    read_state,
    sole_error,
    write_csv,
)

COSTS = ("lineItem/UnblendedCost", "lineItem/UsageAmount", "reservation/EffectiveCost")


def sum_files(cloud: Cloud) -> dict[tuple[str, str], tuple[int, ...]]:
    """Rows and three exact sums by month and line item type, by Python's own CSV reader, of the newest assemblies."""
    found: dict[tuple[str, str], list[Any]] = {}
    report = cloud.bucket("example-corp-billing") / "cur" / "example-hourly"
    for manifest_file in report.glob("*/*-Manifest.json"):
        manifest = json.loads(manifest_file.read_text())
        for key in manifest["reportKeys"]:
            with gzip.open(cloud.bucket(manifest["bucket"]) / key, "rt", encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    name = manifest["billingPeriod"]["start"][:6], row["lineItem/LineItemType"]
                    sums = found.setdefault(name, [0, *(Decimal(0) for _ in COSTS)])
                    sums[0] += 1
                    for place, header in enumerate(COSTS, start=1):
                        sums[place] += Decimal(row.get(header) or 0)
    return {name: tuple(sums) for name, sums in found.items()}


def test_everything_of_the_account_is_loaded(estate: Estate) -> None:
    stored = estate.product.query(
        """
        select to_char(bill_billing_period_start_date at time zone 'UTC', 'YYYYMM'), line_item_line_item_type, count(*),
            sum(line_item_unblended_cost), sum(line_item_usage_amount), coalesce(sum(reservation_effective_cost), 0)
        from raw.cur_line_items group by 1, 2
        """
    )
    assert {(row[0], row[1]): row[2:] for row in stored} == sum_files(estate.cloud)


def test_a_second_sync_downloads_nothing(estate: Estate) -> None:
    before = read_state(estate.product)
    with estate.cloud.noting() as requests:
        again = estate.product.call("cur", "--source", SOURCE)
    assert again.returncode == 0, again.stderr
    assert [line.split(",")[0] for line in again.stdout.splitlines()] == [
        f"111122223333/example-hourly/{month}: unchanged" for month in ("2026-11", "2026-10", "2026-09")
    ]
    assert not [request.path for request in requests if is_download(request)]
    # A listing of the report, one of each month, their manifests, and who we are.
    assert len(requests) <= 10, [(request.method, request.path, request.query) for request in requests]
    assert read_state(estate.product) == before


# --- small reports in a bucket of their own ---------------------------------------------------------------------------


@pytest.fixture
def bucket(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Path]:
    folder = cloud.bucket("test-" + request.node.name.replace("_", "-").lower()[:50])
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def small(cloud: Cloud, create_product: Callable[..., Product]) -> Iterator[Product]:
    """A product with an empty database and the account's credentials."""
    made = create_product(**cloud.variables)
    yield made
    made.drop()


def sync(product: Product, bucket: Path, *arguments: str) -> list[str]:
    synced = product.call("cur", "--source", f"s3://{bucket.name}/small", *arguments)
    assert synced.returncode == 0, synced.stderr
    return synced.stdout.splitlines()


def read_ids(product: Product) -> list[tuple[str, str, Decimal]]:
    return product.query(
        """
        select to_char(bill_billing_period_start_date at time zone 'UTC', 'YYYY-MM'), identity_line_item_id,
            line_item_unblended_cost
        from raw.cur_line_items order by 1, 2
        """
    )


def test_a_new_assembly_replaces_exactly_its_month(small: Product, bucket: Path) -> None:
    report = bucket / "small"
    october = [
        line_item(identity__LineItemId="kept"),
        line_item(identity__LineItemId="vanishing", resourceTags__user_Old="leaving"),
    ]
    deliver(report, "2026-10", {"a.csv.gz": write_csv(october[:1]), "b.csv.gz": write_csv(october[1:])})
    september = line_item(identity__LineItemId="september", **month_of("2026-09"))
    deliver(report, "2026-09", {"a.csv.gz": write_csv([september])})
    assert sync(small, bucket) == [
        "012345678901/small/2026-10: loaded, 2 rows read",
        "012345678901/small/2026-09: loaded, 1 rows read",
    ]
    first = small.query("select load_id from raw.loads where partition_key = '012345678901/small/2026-10'")

    restated = [
        line_item(identity__LineItemId="kept", lineItem__UnblendedCost="7.25", savingsPlan__SavingsPlanARN="arn:new"),
        line_item(identity__LineItemId="new"),
    ]
    deliver(report, "2026-10", {"a.csv.gz": write_csv(restated)}, assembly="second")
    assert sync(small, bucket) == [
        "012345678901/small/2026-10: loaded, 2 rows read",
        "012345678901/small/2026-09: unchanged, 0 rows read",
    ]

    assert read_ids(small) == [
        ("2026-09", "september", Decimal("1.0000000001")),
        ("2026-10", "kept", Decimal("7.25")),
        ("2026-10", "new", Decimal("1.0000000001")),
    ]
    # A column came, another went; neither changes the table that people read.
    assert small.query(
        "select savings_plan_savings_plan_arn from raw.cur_line_items order by 1 nulls last limit 1"
    ) == [("arn:new",)]
    assert small.query("select count(*) from raw.cur_attributes where attributes::text like '%leaving%'") == [(0,)]
    ledger = small.query(
        "select partition_key, split_part(source_version, '/', 1), is_current from raw.loads order by load_id"
    )
    assert ledger == [
        ("012345678901/small/2026-10", "first", False),
        ("012345678901/small/2026-09", "first", True),
        ("012345678901/small/2026-10", "second", True),
    ]
    assert not [name for name in list_tables(small) if name.startswith(f"cur_amounts_{first[0][0]}")]


def test_only_the_period_that_is_asked_for(small: Product, bucket: Path) -> None:
    for period in ("2026-08", "2026-09", "2026-10"):
        deliver(bucket / "small", period, {"a.csv.gz": write_csv([line_item(**month_of(period))])})
    assert sync(small, bucket, "--period", "2026-09") == ["012345678901/small/2026-09: loaded, 1 rows read"]
    assert sync(small, bucket, "--period", "2026-09", "--period", "2026-08") == [
        "012345678901/small/2026-09: unchanged, 0 rows read",
        "012345678901/small/2026-08: loaded, 1 rows read",
    ]
    assert [row[0] for row in read_ids(small)] == ["2026-08", "2026-09"]


def test_a_second_report_of_the_same_payer_is_refused(small: Product, bucket: Path) -> None:
    deliver(bucket / "small", "2026-10", {"a.csv.gz": write_csv([line_item()])})
    sync(small, bucket)
    before = read_state(small)
    deliver(bucket / "other", "2026-10", {"a.csv.gz": write_csv([line_item()])})
    line = sole_error(small.call("cur", "--source", f"s3://{bucket.name}/other"))
    assert f"s3://{bucket.name}/other/20261001-20261101/other-Manifest.json" in line
    assert f"s3://{bucket.name}/small" in line
    assert "load one report per payer" in line
    assert read_state(small) == before
