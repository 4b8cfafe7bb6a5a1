"""CUR from S3: what is new is loaded, what is unchanged isn't read, and nobody ever sees half a month."""

import csv
import gzip
import json
import shutil
import time
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
        again = estate.product.run("cur", "--source", SOURCE)
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


def test_two_syncs_at_once_do_not_double(small: Product, cloud: Cloud) -> None:
    arguments = ("cur", "--source", SOURCE, "--period", "2026-11")
    with small.start(*arguments) as one, small.start(*arguments) as other:
        finished = [process.communicate(timeout=120) for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), finished
    assert sorted(output.split(":")[1].split(",")[0].strip() for output, _ in finished) == ["loaded", "unchanged"]
    ((rows, files),) = small.query("select count(*), count(distinct file_number) from raw.cur_line_items")
    assert small.query("select row_count, is_current from raw.loads") == [(rows, True)]
    expected = sum(sums[0] for (month, _), sums in sum_files(cloud).items() if month == "202611")
    assert (rows, files) == (expected, 2)


def test_killed_in_the_middle_leaves_the_earlier_month_whole(
    create_product: Callable[..., Product], cloud: Cloud, bucket: Path
) -> None:
    """The month stands as an early delivery; its newest one is killed while it loads, at one moment after another."""
    source = cloud.bucket("example-corp-billing") / "cur" / "example-hourly" / "20261101-20261201"
    target = bucket / "cur" / "example-hourly" / "20261101-20261201"
    shutil.copytree(source, target)
    newest = (target / "example-hourly-Manifest.json").read_text()
    manifests = [path.read_text() for path in target.glob("*/*-Manifest.json")]
    (early,) = [text for text in manifests if text != newest]
    (target / "example-hourly-Manifest.json").write_text(early)

    product = create_product(**cloud.variables)
    arguments = ("cur", "--source", f"s3://{bucket.name}/cur/example-hourly")
    loaded = product.run(*arguments)
    assert loaded.returncode == 0, loaded.stderr
    whole = read_state(product)
    undisturbed = product.copy(f"{product.database}_undisturbed")

    (target / "example-hourly-Manifest.json").write_text(newest)
    moments: list[Callable[[], bool]] = [
        lambda: is_copying(product),
        lambda: is_copying(product) and time.sleep(0.15) is None,
        lambda: is_copying(product) and time.sleep(0.3) is None,
    ]
    for has_come in moments:
        with product.start(*arguments) as process:
            deadline = time.monotonic() + 60
            while not has_come():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.kill()
            process.communicate()
        wait_until_alone(product)
        assert read_state(product) == whole
    completed = [each.run(*arguments) for each in (product, undisturbed)]
    assert [each.returncode for each in completed] == [0, 0], [each.stderr for each in completed]
    states = [read_state(each) for each in (product, undisturbed)]
    # Load ids differ: a killed load leaves a hole in their numbers, and nothing else.
    assert states[0]["line_items"] == states[1]["line_items"] != whole["line_items"]
    assert states[0]["loads"] == states[1]["loads"]
    assert [row[1] for row in states[0]["attributes"]] == [row[1] for row in states[1]["attributes"]]
    assert len(states[0]["tables"]) == len(states[1]["tables"]) == len(whole["tables"])
    for each in (undisturbed, product):
        each.drop()


def is_copying(product: Product) -> bool:
    """Whether a load is putting rows into its table right now."""
    return bool(
        product.query(
            """
            select 1 from pg_stat_activity
            where datname = current_database() and state <> 'idle' and query ~* '^copy ' and pid <> pg_backend_pid()
            """
        )
    )


def wait_until_alone(product: Product) -> None:
    """The server notices a client's death when it next reads from it; until then the transaction is still open."""
    deadline = time.monotonic() + 30
    while product.query(
        "select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        " and backend_type = 'client backend'"
    ):
        assert time.monotonic() < deadline
        time.sleep(0.02)
