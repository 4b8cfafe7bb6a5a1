"""Cost Explorer's rows against the account's own answer, and months that are replaced whole."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import boto3
import pytest

from demo.wire import Request, ServiceError
from ingest.cost_explorer import plan_months
from tests.conftest import Estate
from tests.simulated import Cloud, Product, sole_error

METRICS = ["UnblendedCost", "BlendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost"]
ROWS = """
    select usage_date, account_id, service_name, unblended_cost, blended_cost, amortized_cost, net_unblended_cost,
        net_amortized_cost, is_estimated, currency_code
    from raw.cost_explorer_costs_daily order by 1, 2, 3
"""


def ask_account(cloud: Cloud) -> tuple[list[tuple[Any, ...]], int]:
    """Every day since September by account and service through boto3 itself; the rows and the number of pages."""
    client = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b").client(
        "ce", region_name="us-east-1", endpoint_url=cloud.endpoint.endpoint
    )
    request: dict[str, Any] = {
        "TimePeriod": {"Start": "2026-09-01", "End": "2026-11-24"},
        "Granularity": "DAILY",
        "Metrics": METRICS,
        "GroupBy": [{"Type": "DIMENSION", "Key": key} for key in ("LINKED_ACCOUNT", "SERVICE")],
    }
    rows: list[tuple[Any, ...]] = []
    pages = 0
    while True:
        page = client.get_cost_and_usage(**request)
        pages += 1
        for day in page["ResultsByTime"]:
            for group in day["Groups"]:
                amounts = [Decimal(group["Metrics"][name]["Amount"]) for name in METRICS]
                start = date.fromisoformat(day["TimePeriod"]["Start"])
                rows.append((start, *group["Keys"], *amounts, day["Estimated"], "USD"))
        if "NextPageToken" not in page:
            return sorted(rows), pages
        request["NextPageToken"] = page["NextPageToken"]


def test_rows_equal_the_accounts_own_answer(estate: Estate) -> None:
    expected, pages = ask_account(estate.cloud)
    assert sorted(estate.product.query(ROWS)) == expected
    assert len(expected) > 500
    assert pages > 3
    assert {row[-2] for row in expected} == {True, False}
    # Each page is a request, and each request costs a cent.
    asked = estate.product.query(
        """
        select operation, region, account_id, sum(request_count), sum(billed_unit_count), sum(request_cost_usd)
        from raw.api_requests where source_name = 'cost_explorer' group by 1, 2, 3
        """
    )
    requests = estate.product.query("select sum(request_count) from raw.loads where source_name = 'cost_explorer'")[0][
        0
    ]
    assert asked == [("GetCostAndUsage", "us-east-1", "111122223333", requests, requests, requests * Decimal("0.01"))]
    assert requests > 3


def test_account_names(estate: Estate) -> None:
    assert dict(estate.product.query("select account_id, account_name from marts.dim_accounts")) == {
        "111122223333": "Example Corp payer",
        "444455556666": "Example Corp production",
        "012345678901": "Example Corp development",
        "777788889999": "Example Corp analytics",
    }


@pytest.fixture
def copied(estate: Estate) -> Iterator[Product]:
    copy = estate.product.copy(f"{estate.product.database}_cost_explorer")
    yield copy
    copy.drop()


def test_a_month_is_replaced_not_doubled(copied: Product, cloud: Cloud) -> None:
    before = copied.query(ROWS)
    copied.change(
        "update raw.cost_explorer_costs_daily set unblended_cost = 1, service_name = service_name || ' (stale)'"
        " where usage_date >= '2026-11-01'"
    )
    again = copied.call_at(cloud.present, "cost-explorer", "--months", "1")
    assert again.returncode == 0, again.stderr
    assert copied.query(ROWS) == before
    ledger = copied.query(
        """
        select partition_key, count(*), count(*) filter (where is_current)
        from raw.loads where source_name = 'cost_explorer' group by 1 order by 1
        """
    )
    assert ledger == [("111122223333/2026-09", 1, 1), ("111122223333/2026-10", 1, 1), ("111122223333/2026-11", 2, 1)]
    accounts = copied.query("select count(*), count(distinct (load_id, account_id)) from raw.cost_explorer_accounts")
    assert accounts[0][0] == accounts[0][1]
    stale = copied.query(
        "select count(*) from raw.cost_explorer_accounts"
        " where load_id not in (select load_id from raw.loads where is_current)"
    )
    assert stale == [(0,)]


def test_a_billed_month_that_was_never_asked_for_is_asked_for_once(copied: Product, cloud: Cloud) -> None:
    before = copied.query(ROWS)
    copied.change(
        "delete from raw.cost_explorer_costs_daily where usage_date between '2026-09-01' and '2026-09-30'",
        "update raw.loads set is_current = false where partition_key = '111122223333/2026-09'",
    )
    months = []
    for _ in range(2):
        finished = copied.call_at(cloud.present, "cost-explorer", "--months", "1")
        assert finished.returncode == 0, finished.stderr
        months.append([text.split(":")[0] for text in finished.stdout.splitlines()])
    assert months == [["111122223333/2026-11", "111122223333/2026-09"], ["111122223333/2026-11"]]
    assert copied.query(ROWS) == before


def test_a_month_that_is_refused_leaves_the_others_and_its_own_rows(copied: Product, cloud: Cloud) -> None:
    before = copied.query(ROWS)

    def refuse(request: Request) -> ServiceError | None:
        if b"GetCostAndUsage" not in request.headers.get("x-amz-target", "").encode():
            return None
        start = json.loads(request.body)["TimePeriod"]["Start"]
        message = "User is not authorized\nto perform ce:GetCostAndUsage"
        return ServiceError(400, "AccessDeniedException", message) if start == "2026-10-01" else None

    with cloud.refusing(refuse):
        finished = copied.call_at(cloud.present, "cost-explorer")
    line = sole_error(finished)
    assert "Cost Explorer 111122223333 2026-10: AWS answered AccessDeniedException" in line
    assert "docs/iam-policy.json" in line
    assert [text.split(":")[0] for text in finished.stdout.splitlines()] == [
        "111122223333/2026-11",
        "111122223333/2026-09",
    ]
    assert copied.query(ROWS) == before


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 11, 23), [(date(2026, 11, 1), date(2026, 11, 24)), (date(2026, 10, 1), date(2026, 11, 1))]),
        (date(2026, 1, 1), [(date(2026, 1, 1), date(2026, 1, 2)), (date(2025, 12, 1), date(2026, 1, 1))]),
        (date(2024, 3, 31), [(date(2024, 3, 1), date(2024, 4, 1)), (date(2024, 2, 1), date(2024, 3, 1))]),
    ],
)
def test_months_asked_for_have_no_hole(today: date, expected: list[tuple[date, date]]) -> None:
    assert plan_months(today, 2) == expected
