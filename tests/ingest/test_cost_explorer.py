"""Cost Explorer's rows against the account's own answer, months that are replaced whole, and what isn't asked again."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import boto3
import pytest

from demo.wire import Request, ServiceError
from ingest.cost_explorer.answers import read_daily, read_totals
from ingest.cost_explorer.planning import AccountMonth, find_moved, plan_months
from ingest.errors import IngestError
from tests.conftest import Estate
from tests.simulated import Cloud, Product, sole_error

ACCOUNTS = ("111122223333", "444455556666", "012345678901", "777788889999")
ANALYTICS = "777788889999"
COSTS = ["UnblendedCost", "BlendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost"]
ROWS = """
    select usage_date, account_id, service_name, record_type, unblended_cost, blended_cost, amortized_cost,
        net_unblended_cost, net_amortized_cost, usage_quantity, usage_unit, is_estimated, currency_code
    from raw.cost_explorer_costs_daily order by 1, 2, 3, 4
"""
ESTIMATES = """
    select usage_date, account_id, service_name, record_type, unblended_cost, currency_code
    from raw.cost_explorer_estimates where payer_account_id = '111122223333' order by 1, 2, 3, 4
"""


def ask_account(cloud: Cloud) -> list[tuple[Any, ...]]:
    """Every day since September by account, service and record type through boto3 itself."""
    client = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b").client(
        "ce", region_name="us-east-1", endpoint_url=cloud.endpoint.endpoint
    )
    rows: list[tuple[Any, ...]] = []
    for account_id in ACCOUNTS:
        request: dict[str, Any] = {
            "TimePeriod": {"Start": "2026-09-01", "End": "2026-11-24"},
            "Granularity": "DAILY",
            "Metrics": [*COSTS, "UsageQuantity"],
            "GroupBy": [{"Type": "DIMENSION", "Key": key} for key in ("SERVICE", "RECORD_TYPE")],
            "Filter": {"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": [account_id]}},
        }
        while True:
            page = client.get_cost_and_usage(**request)
            for day in page["ResultsByTime"]:
                for group in day["Groups"]:
                    amounts = [Decimal(group["Metrics"][name]["Amount"]) for name in COSTS]
                    used = group["Metrics"]["UsageQuantity"]
                    has_unit = used["Unit"] not in ("N/A", "")
                    quantity = (Decimal(used["Amount"]), used["Unit"]) if has_unit else (None, None)
                    start = date.fromisoformat(day["TimePeriod"]["Start"])
                    rows.append((start, account_id, *group["Keys"], *amounts, *quantity, day["Estimated"], "USD"))
            if "NextPageToken" not in page:
                break
            request["NextPageToken"] = page["NextPageToken"]
    return rows


def spell(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """In an order that nulls don't disturb."""
    return sorted(rows, key=lambda row: tuple(map(str, row)))


def test_rows_equal_the_accounts_own_answer(estate: Estate) -> None:
    expected = ask_account(estate.cloud)
    found = estate.product.query(ROWS)
    assert {row[:4]: row[4:] for row in found} == {row[:4]: row[4:] for row in expected}
    assert len(found) == len(expected) > 2000
    assert {row[3] for row in expected} >= {"Usage", "SavingsPlanCoveredUsage", "Recurring", "Tax", "Credit", "Support"}
    assert {row[-2] for row in expected} == {True, False}
    # Hours and gigabytes of one service don't add up; those of many services do.
    assert {row[10] for row in expected} > {None, "Hrs"}


def test_each_request_is_counted_and_priced(estate: Estate) -> None:
    """Each page is a request, and each request costs a cent."""
    asked = estate.product.query(
        """
        select operation, region, account_id, sum(request_count), sum(billed_unit_count), sum(request_cost_usd)
        from raw.api_requests where source_name = 'cost_explorer' group by 1, 2, 3
        """
    )
    [(of_months,)] = estate.product.query(
        "select sum(request_count) from raw.loads where source_name = 'cost_explorer'"
    )
    requests = of_months + 1  # the sums by account, which tell whom to ask about
    assert asked == [("GetCostAndUsage", "us-east-1", "111122223333", requests, requests, requests * Decimal("0.01"))]
    assert of_months > 3 * len(ACCOUNTS)


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


def read_ledger(product: Product) -> list[tuple[Any, ...]]:
    return product.query(
        """
        select right(partition_key, 7), count(*), count(*) filter (where is_current)
        from raw.loads where source_name = 'cost_explorer' group by 1 order by 1
        """
    )


def sync(product: Product, cloud: Cloud, *arguments: str) -> tuple[list[str], list[Any]]:
    """Read again; the lines told, and the body of each request."""
    with cloud.noting() as requests:
        finished = product.call_at(cloud.present, "cost-explorer", *arguments)
    assert finished.returncode == 0, finished.stderr
    bodies = [json.loads(each.body) for each in requests if b"TimePeriod" in each.body]
    return finished.stdout.splitlines(), bodies


def test_a_month_is_replaced_not_doubled(copied: Product, cloud: Cloud) -> None:
    before = copied.query(ROWS)
    copied.change(
        "update raw.cost_explorer_costs_daily set unblended_cost = 1, service_name = service_name || ' (stale)'"
        " where usage_date >= '2026-11-01'"
    )
    sync(copied, cloud, "--months", "1")
    assert copied.query(ROWS) == before
    assert read_ledger(copied) == [("2026-09", 1, 1), ("2026-10", 1, 1), ("2026-11", 2, 1)]
    accounts = copied.query("select count(*), count(distinct (load_id, account_id)) from raw.cost_explorer_accounts")
    assert accounts[0][0] == accounts[0][1] == 3 * len(ACCOUNTS)
    stale = copied.query(
        "select count(*) from raw.cost_explorer_accounts"
        " where load_id not in (select load_id from raw.loads where is_current)"
    )
    assert stale == [(0,)]


def test_only_accounts_whose_sums_moved_are_asked_for_again(copied: Product, cloud: Cloud) -> None:
    before = copied.query(ROWS)
    lines, asked = sync(copied, cloud)
    assert len(asked) == 1 and asked[0]["Granularity"] == "MONTHLY"
    assert [line.split(", ")[-1] for line in lines] == ["0 requests"] * 3
    assert read_ledger(copied) == [("2026-09", 1, 1), ("2026-10", 1, 1), ("2026-11", 1, 1)]
    copied.change(
        f"update raw.cost_explorer_costs_daily set amortized_cost = amortized_cost + 0.0001 where (usage_date,"
        f" account_id, service_name) = ('2026-10-07', '{ANALYTICS}', 'EC2 - Other')",
        # An account that Cost Explorer doesn't name any more.
        "update raw.cost_explorer_costs_daily set account_id = '999999999999'"
        " where usage_date = '2026-09-03' and account_id = '012345678901' and service_name = 'AmazonCloudWatch'",
        """
        insert into raw.cost_explorer_costs_daily (
            load_id, usage_date, account_id, service_name, record_type, currency_code, unblended_cost, blended_cost,
            amortized_cost, net_unblended_cost, net_amortized_cost, is_estimated
        )
        select load_id, usage_date, '999999999998', service_name, record_type, currency_code, 1, 1, 1, 1, 1, false
        from raw.cost_explorer_costs_daily where usage_date = '2026-09-04' limit 1
        """,
    )
    _, asked = sync(copied, cloud)
    days = [body for body in asked if body["Granularity"] == "DAILY" and "NextPageToken" not in body]
    assert [(body["TimePeriod"]["Start"], body["Filter"]["Dimensions"]["Values"]) for body in days] == [
        ("2026-10-01", [ANALYTICS])
    ]
    assert copied.query(ROWS) == before
    assert read_ledger(copied) == [("2026-09", 2, 1), ("2026-10", 2, 1), ("2026-11", 1, 1)]


@pytest.mark.parametrize(
    ("told", "is_moved"),
    [
        pytest.param(AccountMonth({"Usage": (Decimal(5), Decimal(7))}), False, id="equal"),
        pytest.param(AccountMonth({"Usage": (Decimal("5.000000003"), Decimal(7))}), False, id="rounding"),
        pytest.param(AccountMonth({"Usage": (Decimal("5.0000000031"), Decimal(7))}), True, id="over rounding"),
        pytest.param(AccountMonth({"Usage": (Decimal(5), Decimal(8))}), True, id="another cost"),
        pytest.param(AccountMonth({"Usage": (Decimal(5), Decimal(7)), "Tax": (Decimal(1),) * 2}), True, id="new type"),
        pytest.param(AccountMonth({"Usage": (Decimal(5), Decimal(7)), "Tax": (Decimal(0),) * 2}), False, id="of zero"),
        pytest.param(AccountMonth({}), True, id="type gone"),
        pytest.param(AccountMonth({"Usage": (Decimal(5), Decimal(7))}, is_estimated=True), True, id="estimated again"),
    ],
)
def test_what_has_moved(told: AccountMonth, is_moved: bool) -> None:
    loaded = AccountMonth({"Usage": (Decimal(5), Decimal(7))}, row_count=2)
    assert find_moved({"1": told}, {"1": loaded}) == (["1"] if is_moved else [])


def test_new_and_gone_accounts_have_moved() -> None:
    month = AccountMonth({"Usage": (Decimal(5),)}, row_count=2)
    assert find_moved({"1": month, "3": month}, {"1": month, "2": month}) == ["2", "3"]


def test_a_billed_month_that_was_never_asked_for_is_asked_for_once(copied: Product, cloud: Cloud) -> None:
    before = copied.query(ROWS)
    copied.change(
        "delete from raw.cost_explorer_costs_daily where usage_date between '2026-09-01' and '2026-09-30'",
        "update raw.loads set is_current = false"
        " where source_name = 'cost_explorer' and partition_key = '111122223333/2026-09'",
    )
    months = [[text.split(":")[0] for text in sync(copied, cloud, "--months", "1")[0]] for _ in range(2)]
    assert months == [["111122223333/2026-11", "111122223333/2026-09"], ["111122223333/2026-11"]]
    assert copied.query(ROWS) == before


def test_rows_of_an_earlier_version_are_asked_for_by_record_type(copied: Product, cloud: Cloud) -> None:
    """Its table has neither record types nor quantities; months that are asked for once are asked for once more."""
    before = copied.query(ROWS)
    copied.change(
        """
        create table earlier as
        select load_id, usage_date, account_id, service_name, currency_code, sum(unblended_cost) as unblended_cost,
            sum(blended_cost) as blended_cost, sum(amortized_cost) as amortized_cost,
            sum(net_unblended_cost) as net_unblended_cost, sum(net_amortized_cost) as net_amortized_cost,
            bool_or(is_estimated) as is_estimated
        from raw.cost_explorer_costs_daily group by 1, 2, 3, 4, 5
        """,
        "drop table raw.cost_explorer_costs_daily cascade",
        "drop table raw.cost_explorer_estimates, raw.cost_explorer_costs_hourly, raw.invoice_summaries cascade",
        "alter table earlier rename to cost_explorer_costs_daily",
        "alter table cost_explorer_costs_daily set schema raw",
        """
        alter table raw.cost_explorer_costs_daily add constraint cost_explorer_costs_daily_pkey
        primary key (load_id, usage_date, account_id, service_name)
        """,
    )
    lines, _ = sync(copied, cloud, "--months", "1")
    assert len(lines) == 3
    assert copied.query(ROWS) == before


def test_a_month_that_is_refused_leaves_the_others_and_its_own_rows(copied: Product, cloud: Cloud) -> None:
    copied.change("update raw.cost_explorer_costs_daily set unblended_cost = unblended_cost + 1")
    before = copied.query(ROWS)

    def refuse(request: Request) -> ServiceError | None:
        if b"GetCostAndUsage" not in request.headers.get("x-amz-target", "").encode():
            return None
        body = json.loads(request.body)
        message = "User is not authorized\nto perform ce:GetCostAndUsage"
        is_last = body["TimePeriod"]["Start"] == "2026-10-01" and ANALYTICS in str(body.get("Filter"))
        return ServiceError(400, "AccessDeniedException", message) if is_last else None

    with cloud.refusing(refuse):
        finished = copied.call_at(cloud.present, "cost-explorer")
    line = sole_error(finished)
    assert f"Cost Explorer 111122223333 2026-10, account {ANALYTICS}: AWS answered AccessDeniedException" in line
    assert "docs/iam-policy.json" in line
    assert [text.split(":")[0] for text in finished.stdout.splitlines()] == [
        "111122223333/2026-11",
        "111122223333/2026-09",
    ]
    after = copied.query(ROWS)
    assert [row for row in after if row[0].month == 10] == [row for row in before if row[0].month == 10]
    assert [row for row in after if row[0].month != 10] != [row for row in before if row[0].month != 10]


def test_without_any_permission_there_is_one_line(copied: Product, cloud: Cloud) -> None:
    before = copied.query(ROWS)
    with cloud.refusing(
        lambda request: ServiceError(400, "AccessDeniedException", "no") if _is_cost(request) else None
    ):
        line = sole_error(copied.run_at(cloud.present, "cost-explorer"))
    assert "Cost Explorer 111122223333 2026-09: AWS answered AccessDeniedException" in line
    assert copied.query(ROWS) == before


def _is_cost(request: Request) -> bool:
    return "GetCostAndUsage" in request.headers.get("x-amz-target", "")


# --- days that the bill doesn't hold yet ----------------------------------------------------------------------------


def move_bill_to(product: Product, until: str) -> None:
    """As if the newest bill reached no further."""
    product.change(
        f"update raw.loads set data_until_at = '{until}'"
        " where source_name = 'cur' and is_current and partition_key like '%/2026-11'"
    )


def move_costs(product: Product) -> None:
    """Another sum than Cost Explorer's, so that the accounts are asked for again."""
    product.change("update raw.cost_explorer_costs_daily set unblended_cost = unblended_cost + 1")


def test_estimates_are_kept_of_the_days_that_the_bill_lacks(copied: Product, cloud: Cloud) -> None:
    assert copied.query(ESTIMATES) == []  # the bill is ahead of Cost Explorer in this account
    move_bill_to(copied, "2026-11-19 12:00:00+00")
    move_costs(copied)
    sync(copied, cloud)
    told = copied.query(
        """
        select usage_date, account_id, service_name, record_type, unblended_cost, currency_code
        from raw.cost_explorer_costs_daily where usage_date >= '2026-11-19' order by 1, 2, 3, 4
        """
    )
    assert copied.query(ESTIMATES) == told
    assert {row[0] for row in told} == {date(2026, 11, day) for day in (19, 20, 21)}
    # The bill has come to hold two of the days: what was estimated of them stands, the third is estimated anew.
    copied.change("update raw.cost_explorer_estimates set unblended_cost = 7, service_name = service_name || ' (then)'")
    then = copied.query(ESTIMATES)
    move_bill_to(copied, "2026-11-21 00:00:00+00")
    move_costs(copied)
    sync(copied, cloud)
    assert copied.query(ESTIMATES) == [row for row in then if row[0].day < 21] + [
        row for row in told if row[0].day == 21
    ]
    # Another payer's are its own.
    copied.change("update raw.cost_explorer_estimates set payer_account_id = '1'")
    move_bill_to(copied, "2026-11-22 18:00:00+00")
    move_costs(copied)
    sync(copied, cloud)
    assert copied.query(ESTIMATES) == []
    [(others,)] = copied.query("select count(*) from raw.cost_explorer_estimates")
    assert others == len(told)


# --- answers --------------------------------------------------------------------------------------------------------


def page(*groups: dict[str, Any], start: str = "2026-11-01") -> dict[str, Any]:
    return {"ResultsByTime": [{"TimePeriod": {"Start": start}, "Groups": list(groups), "Estimated": True}]}


def group(keys: list[str], cost: str = "1.5", unit: str = "USD", quantity: str = "3", used: str = "Hrs") -> Any:
    metrics = {name: {"Amount": cost, "Unit": unit} for name in COSTS}
    return {"Keys": keys, "Metrics": metrics | {"UsageQuantity": {"Amount": quantity, "Unit": used}}}


@pytest.mark.parametrize(
    ("unit", "expected"), [("Hrs", (Decimal(3), "Hrs")), ("N/A", (None, None)), ("", (None, None))]
)
def test_a_quantity_over_several_units_is_none(unit: str, expected: tuple[Any, Any]) -> None:
    (row,) = read_daily([page(group(["a", "Usage"], used=unit))], "1", "here")
    assert (row["usage_quantity"], row["usage_unit"]) == expected
    assert (row["account_id"], row["service_name"], row["record_type"]) == ("1", "a", "Usage")
    assert (row["unblended_cost"], row["currency_code"], row["is_estimated"]) == (Decimal("1.5"), "USD", True)


def test_an_amount_that_is_no_number_and_a_row_of_two_currencies_are_told() -> None:
    with pytest.raises(IngestError, match="^here: the amount 'much' is not a number$"):
        read_daily([page(group(["a", "Usage"], cost="much"))], "1", "here")
    mixed = group(["a", "Usage"])
    mixed["Metrics"]["BlendedCost"]["Unit"] = "EUR"
    with pytest.raises(IngestError, match=r"^here: several currencies in one row \(EUR, USD\)$"):
        read_daily([page(mixed)], "1", "here")


def test_sums_of_a_month_that_begins_late_are_the_months() -> None:
    """Cost Explorer names a cut period by its own first day."""
    found = read_totals([page(group(["1", "Usage"]), start="2026-11-05"), page(group(["1", "Tax"]))], "here")
    assert set(found) == {date(2026, 11, 1)}
    assert found[date(2026, 11, 1)]["1"].totals == {"Usage": (Decimal("1.5"),) * 5, "Tax": (Decimal("1.5"),) * 5}


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


# --- before anything is asked ---------------------------------------------------------------------------------------


def test_the_plan_tells_requests_and_dollars_and_asks_nothing(copied: Product, cloud: Cloud) -> None:
    with cloud.noting() as requests:
        planned = copied.call_at(cloud.present, "cost-explorer", "--plan")
    assert planned.returncode == 0, planned.stderr
    assert requests == []
    months = dict(
        copied.query("select right(partition_key, 7), request_count from raw.loads where source_name = 'cost_explorer'")
    )
    for month, count in months.items():
        assert f"111122223333/{month}" in planned.stdout
        line = next(line for line in planned.stdout.splitlines() if f"/{month}" in line)
        assert line.split()[1:] == ["4", str(count), f"{count * Decimal('0.01'):.4f}"]
    total = sum(months.values()) + 1
    assert f"{total} requests, ${total * Decimal('0.01'):.4f}" in planned.stdout
    assert "isn't known beforehand" in planned.stdout
    assert "hourly and resource-level costs: off" in planned.stdout
    assert "stopped at the cap" not in planned.stdout
    # What was planned is an upper bound of what is asked for when everything has moved.
    move_costs(copied)
    _, asked = sync(copied, cloud)
    assert len(asked) == total


def test_the_plan_prices_hourly_costs(copied: Product, cloud: Cloud) -> None:
    capped = copied.with_variables(TIEOUT_COST_EXPLORER_HOURLY="1", TIEOUT_MONTHLY_REQUEST_CAP_USD="0.4")
    planned = capped.call_at(cloud.present, "cost-explorer", "--plan")
    [(records,)] = copied.query(
        """
        select count(*) from raw.cur_line_items
        where line_item_usage_start_date >= '2026-11-10T00:00:00Z'
            and line_item_usage_end_date - line_item_usage_start_date <= interval '1 hour'
        """
    )
    assert "hourly costs of 14 days: 2 requests, $0.0200" in planned.stdout
    assert f"about {records:,} usage records" in planned.stdout
    assert f"$0.00000033 a day: ${records * Decimal('0.00000033'):.4f} a day" in planned.stdout
    assert "this read would be stopped at the cap" in planned.stdout


def test_nothing_is_planned_where_no_account_is_known(product: Product, cloud: Cloud) -> None:
    line = sole_error(product.call_at(cloud.present, "cost-explorer", "--plan"))
    assert "no account is known to plan for; load a bill first" in line
