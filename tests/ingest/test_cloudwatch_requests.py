"""What asking costs: counted before each request, told by `--plan`, stopped at the month's cap."""

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from ingest import requests
from ingest.cloudwatch.catalog import CatalogMetric
from ingest.cloudwatch.discovery import count_pages
from tests.conftest import Estate
from tests.databases import CHECKOUT
from tests.ingest.metrics import (
    ANALYTICS,
    PAYER,
    PRODUCTION,
    ROLE,
    collect,
    count_by_action,
    count_requests,
    errors_of,
    is_cloudwatch,
    read_asked,
    read_digests,
    read_until,
    variables_of,
)
from tests.simulated import Cloud, Product, serve, sole_error

# Amazon CloudWatch pricing: $0.01 per 1,000 metrics asked for, and per 1,000 other requests.
PRICE = Decimal("0.00001")
CAP = "TIEOUT_MONTHLY_REQUEST_CAP_USD"


def cap_at(spent: Decimal) -> dict[str, str]:
    """A cap that CloudWatch meets there: half of one that is so small is kept for Cost Explorer."""
    return {CAP: str(2 * spent)}


def read_spent(product: Product) -> Decimal:
    ((spent,),) = product.query("select coalesce(sum(request_cost_usd), 0) from raw.api_requests")
    return Decimal(spent)


# --- counting ------------------------------------------------------------------------------------------------------


def test_every_request_is_counted_and_priced(functions: Product, cloud: Cloud) -> None:
    with cloud.noting() as noted:
        collect(functions, cloud)
    seen = count_by_action(noted)
    queries = sum(len(each.queries) for each in read_asked(noted))
    assert seen["ListMetrics"] > 10 and seen["GetMetricData"] > 2
    assert count_requests(functions) == {
        "ListMetrics": (seen["ListMetrics"], seen["ListMetrics"]),
        "GetMetricData": (seen["GetMetricData"], queries),
    }
    assert read_spent(functions) == PRICE * (seen["ListMetrics"] + queries)
    places = functions.query("select distinct source_name, account_id, region from raw.api_requests")
    assert places == [("cloudwatch", PAYER, "us-west-2")]
    # The ledger's number is that of the run.
    assert functions.query("select request_count from raw.loads where is_current") == [(sum(seen.values()),)]
    collect(functions, cloud, "--reread-hours", "5")
    rows = functions.query("select operation, count(*) from raw.api_requests group by 1 order by 1")
    assert rows == [("GetMetricData", 2), ("ListMetrics", 2)], "a row a run"


def test_pages_are_requests(create_product: Callable[..., Product], small_estate: Estate, cloud: Cloud) -> None:
    """25 metrics a page: the account's listing has several, each of them billed."""
    product = create_product(**variables_of(cloud, "us-west-2", ANALYTICS))
    with cloud.noting() as noted:
        collect(product, cloud)
    pages = [request for request in noted if is_cloudwatch(request) and b"NextToken" in request.body]
    assert pages
    assert {name: count for name, (count, _) in count_requests(product).items()} == count_by_action(noted)
    assert count_requests(product) == count_requests(small_estate.product)
    product.drop()


# --- the cap -------------------------------------------------------------------------------------------------------


def test_a_cap_stops_politely_and_a_higher_one_goes_on(functions: Product, cloud: Cloud) -> None:
    """Four of the five metrics fit: what was collected stands, is marked, shows in status, and isn't asked again."""
    whole = functions.copy(f"{functions.database}_whole")
    collect(whole, cloud)
    spent = read_spent(whole)
    capped = functions.with_variables(**cap_at(spent - PRICE))
    line = sole_error(capped.call_at(cloud.present, "cloudwatch"))
    found = re.search(
        rf"CloudWatch {PAYER} us-west-2: (\d) of 5 metrics collected, then stopped at this month's cap of "
        rf"\$0\.0012 for requests \({CAP}\), \$0\.000\d of it spent and \$0\.0006 kept for Cost Explorer; "
        r"what was collected stands",
        line,
    )
    assert found, line
    count = int(found.group(1))
    assert 1 <= count <= 4
    assert read_spent(functions) < spent
    until = read_until(functions)
    assert sum(end is not None for end in until.values()) == count
    ours, theirs = read_digests(functions), read_digests(whole)
    assert ours == {key: told for key, told in theirs.items() if until[key[:5]] is not None}
    assert functions.query("select statistics -> 'is_capped' from raw.loads where is_current") == [(True,)]

    told = capped.call_at(cloud.present, "status").stdout
    assert f"capped: {PAYER}/us-west-2: {count} of 5 metrics were collected before the month's cap" in told
    assert f"requests this month: ${read_spent(functions):.4f} of a cap of $0.00 ({CAP}); $0.0006 of it kept" in told

    raised = functions.with_variables(**{CAP: "1"})
    with cloud.noting() as noted:
        collect(raised, cloud)
    asked = {query[1] for each in read_asked(noted) for query in each.queries}
    assert asked == {key[3] for key, end in until.items() if end is None}
    assert read_digests(functions) == theirs
    told = raised.call_at(cloud.present, "status").stdout
    assert "capped:" not in told
    assert "of a cap of $1.00" in told
    whole.drop()


def test_a_cap_may_be_reached_while_listing(functions: Product, cloud: Cloud) -> None:
    with cloud.noting() as noted:
        line = sole_error(functions.with_variables(**cap_at(10 * PRICE)).call_at(cloud.present, "cloudwatch"))
    assert f"CloudWatch {PAYER} us-west-2: stopped at this month's cap of $0.0002 " in line
    assert count_by_action(noted) == {"ListMetrics": 10}
    assert read_spent(functions) == Decimal("0.0001")
    told = functions.call_at(cloud.present, "status").stdout
    assert f"capped: {PAYER}/us-west-2: stopped at the month's cap for requests before its metrics were listed" in told


def test_nothing_is_asked_once_the_cap_is_met_however_small(
    functions: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing costs a hundred-thousandth of a dollar: other regions would go on with those and be told nothing."""
    functions.call("cloudwatch", "--plan")  # makes the schema
    monkeypatch.setenv(CAP, str(2 * 100 * PRICE))
    with functions.connect(autocommit=True) as connection:
        log = requests.RequestLog(connection, "cloudwatch", datetime.fromisoformat("2026-11-23T00:00Z"))
        log.count("ListMetrics", "1", "a")
        for ask in (
            lambda: log.count_metrics("1", "a", [1] * 100),
            lambda: log.count("ListMetrics", "1", "b"),
            lambda: log.count_metrics("2", "c", [1]),
        ):
            with pytest.raises(requests.CapReached, match="stopped at this month's cap"):
                ask()
    assert functions.query("select region, request_count from raw.api_requests") == [("a", 1)]


def test_a_cap_met_while_listing_marks_what_was_collected_before(functions: Product, cloud: Cloud) -> None:
    """Its reach stays as it was, and the next collection goes on from it."""
    collect(functions, cloud)
    reach = "select data_from_at, data_until_at, statistics -> 'daily_until_at' from raw.loads where is_current"
    (before,), rows = functions.query(reach), read_digests(functions)
    capped = functions.with_variables(**cap_at(read_spent(functions)))
    sole_error(capped.call_at(cloud.present, "cloudwatch"))
    assert functions.query(reach) == [before]
    told = capped.call_at(cloud.present, "status").stdout
    assert f"capped: {PAYER}/us-west-2: 0 of 5 metrics were collected before the month's cap" in told
    collect(functions, cloud)
    assert "capped:" not in functions.call_at(cloud.present, "status").stdout
    assert (functions.query(reach), read_digests(functions)) == ([before], rows)


# One of several collections that ask at once: as many requests as the cap allows, once it is told to begin.
_ASKING = """
import sys
from datetime import UTC, datetime
from ingest.requests import CapReached, open_log
count = 0
with open_log("cloudwatch", datetime.now(UTC)) as log:
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        while True:
            log.count("ListMetrics", sys.argv[1], "us-west-2")
            count += 1
    except CapReached:
        print(count)
"""


def test_two_processes_at_once_share_the_cap(product: Product) -> None:
    """To the last request: what one has counted the other can't ask for, however close they are."""
    product.call("cur", "--source", "nowhere")  # makes the schema
    left = 401  # of a number that is even both may take the last one at once, and it adds up
    variables = {**product.environment, CAP: str(PRICE * left * 2)}  # half of it is kept for Cost Explorer

    def start(account: str) -> "Popen[str]":
        command = [sys.executable, "-c", _ASKING, account]
        return Popen(command, cwd=CHECKOUT, env=variables, stdin=PIPE, stdout=PIPE, text=True)

    with start(PAYER) as one, start(ANALYTICS) as other:
        for process in (one, other):
            assert process.stdout and process.stdout.readline() == "ready\n"
        for process in (one, other):
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        counts = [int(process.communicate(timeout=60)[0]) for process in (one, other)]
    assert min(counts) > 0, "one was done before the other began"
    assert sum(counts) == left
    assert read_spent(product) == PRICE * left


def test_a_new_month_has_a_new_cap(functions: Product, cloud: Cloud) -> None:
    collect(functions, cloud)
    spent = read_spent(functions)
    capped = functions.with_variables(**cap_at(spent))
    again = capped.call_at(cloud.present, "cloudwatch", "--reread-hours", "2")
    assert "stopped at this month's cap" in sole_error(again)
    functions.change("update raw.api_requests set first_requested_at = '2026-10-31T23:59:59Z'")
    collect(capped, cloud, "--reread-hours", "2")


def test_other_interfaces_spend_from_the_same_cap(functions: Product, cloud: Cloud) -> None:
    capped = functions.with_variables(**{CAP: "0.015"})
    line = sole_error(capped.call_at(cloud.present, "cost-explorer", "--months", "1"))
    assert f"Cost Explorer {PAYER}/2026-11: stopped at this month's cap of $0.0150 " in line
    assert functions.query("select operation, request_count, request_cost_usd from raw.api_requests") == [
        ("GetCostAndUsage", 1, Decimal("0.01"))
    ]
    assert functions.query("select count(*) from raw.cost_explorer_costs_daily") == [(0,)], "half a month isn't one"


def test_cost_explorer_goes_on_where_cloudwatch_has_met_its_part_of_the_cap(functions: Product, cloud: Cloud) -> None:
    """On 2026-11-23 eight days are left: 12 requests a day are $0.96."""
    functions.call("cloudwatch", "--plan")  # makes the schema
    functions.change(
        """
        insert into raw.api_requests (source_name, operation, account_id, region, request_count, billed_unit_count,
            request_cost_usd, first_requested_at, last_requested_at)
        values ('cloudwatch', 'GetMetricData', '1', 'r', 1, 4040, 4.04, '2026-11-02', '2026-11-02')
        """
    )
    capped = functions.with_variables(**{CAP: "5"})
    line = sole_error(capped.call_at(cloud.present, "cloudwatch"))
    assert f"stopped at this month's cap of $5.00 for requests ({CAP}), $4.04 of it spent and $0.9600 kept for" in line
    asked = capped.call_at(cloud.present, "cost-explorer", "--months", "1")
    assert (asked.returncode, asked.stderr.count("error")) == (0, 0), asked.stderr
    told = capped.call_at(cloud.present, "status").stdout
    spent = read_spent(functions)
    assert f"requests this month: ${spent:.4f} of a cap of $5.00 ({CAP}); ${5 - spent:.4f} of it kept" in told


@pytest.mark.parametrize(
    ("present", "asked", "cap", "kept"),
    [
        pytest.param("2026-11-23T09:30", {}, "5", "0.96", id="never-asked"),
        pytest.param("2026-11-30T23:59", {}, "5", "0.12", id="last-day"),
        pytest.param("2026-12-01T00:00", {}, "50", "3.72", id="first-day"),
        pytest.param("2026-11-23T09:30", {"11-22": "0.50"}, "50", "4.00", id="as-much-as-the-day-before"),
        pytest.param(
            "2026-11-23T09:30", {"11-20": "0.30", "11-21": "0.06", "11-22": "0.04"}, "5", "0.48", id="the-middle-day"
        ),
        pytest.param("2026-11-23T09:30", {"11-21": "0.30", "11-22": "0.06"}, "5", "0.48", id="two-days"),
        pytest.param("2026-11-23T09:30", {"11-22": "0.06", "11-23": "0.04"}, "5", "0.44", id="some-of-it-today"),
        pytest.param("2026-11-30T09:30", {"11-29": "0.06", "11-30": "0.30"}, "5", "0", id="more-than-that-today"),
        pytest.param("2026-11-23T09:30", {"10-23": "2.00"}, "50", "0.96", id="a-month-ago"),
        pytest.param("2026-11-23T09:30", {"11-22": "0.50"}, "5", "2.50", id="half-a-cap-at-most"),
        pytest.param("2026-11-23T09:30", {}, "0", "0", id="no-cap-at-all"),
    ],
)
def test_what_is_kept_for_cost_explorer(
    functions: Product, monkeypatch: pytest.MonkeyPatch, present: str, asked: dict[str, str], cap: str, kept: str
) -> None:
    functions.call("cloudwatch", "--plan")  # makes the schema
    monkeypatch.setenv(CAP, cap)
    with functions.connect() as connection:
        for day, cost in asked.items():
            # Two runs a day, one of them just before midnight.
            for hour in ("00:00", "23:59"):
                connection.execute(
                    """
                    insert into raw.api_requests (source_name, operation, account_id, region, request_count,
                        billed_unit_count, request_cost_usd, first_requested_at, last_requested_at)
                    values ('cost_explorer', 'GetCostAndUsage', '1', 'r', 1, 1, %s, %s, %s)
                    """,
                    [Decimal(cost) / 2, *[f"2026-{day}T{hour}Z"] * 2],
                )
        told = requests.read_budget(connection, datetime.fromisoformat(f"{present}Z"))
    assert (told.kept_usd, told.limit_of("cost_explorer"), told.limit_of("cloudwatch")) == (
        Decimal(kept),
        Decimal(cap),
        Decimal(cap) - Decimal(kept),
    )


@pytest.mark.parametrize("text", ["much", "-1", "nan", "inf"])
def test_a_cap_that_is_no_amount_is_refused(functions: Product, cloud: Cloud, text: str) -> None:
    with cloud.noting() as noted:
        line = sole_error(functions.with_variables(**{CAP: text}).call_at(cloud.present, "cloudwatch"))
    assert f"{CAP} is '{text}'; set it to an amount in US dollars like 250" in line
    assert count_by_action(noted) == {}


@pytest.mark.parametrize(
    ("bill", "cap", "words"),
    [
        ("3000", "15.00", "0.5 % of the bill of 2026-10"),
        ("1000.01", "5.00", "0.5 % of the bill of 2026-10"),
        ("999.99", "5.00", "the bill of 2026-10 is small"),
        ("-40", "5.00", "the bill of 2026-10 is small"),
        (None, "5.00", "no whole month's bill is loaded"),
    ],
)
def test_the_cap_is_half_a_percent_of_the_last_whole_months_bill(
    loaded: Estate, bill: str | None, cap: str, words: str
) -> None:
    """Of all reports of the month together; the open month isn't whole, however dear."""
    with loaded.product.connect() as connection:
        connection.execute("create temporary table bills as select * from raw.billing_periods")
        connection.execute("update bills set unblended_cost = case when period_start_at < '2026-10-01' then 1e6 end")
        connection.execute("update bills set unblended_cost = 1e7 where period_start_at >= '2026-11-01'")
        connection.execute("update bills set unblended_cost = %s where unblended_cost is null", [bill])
        if bill is None:
            connection.execute("delete from bills where period_start_at < '2026-11-01'")
        told = requests.read_budget(Renamed(connection), loaded.cloud.present)  # type: ignore[arg-type]
    assert f"{told.cap_usd:,.2f}" == cap
    assert told.cap_reason.startswith(words)


@dataclass(frozen=True)
class Renamed:
    """A connection that reads the bills of a temporary table."""

    connection: object

    def execute(self, statement: str, values: object = None) -> object:
        return self.connection.execute(statement.replace("raw.billing_periods", "bills"), values)  # type: ignore[attr-defined]


def test_status_tells_the_cap_of_the_loaded_bill(loaded: Estate) -> None:
    ((bill,),) = loaded.product.query(
        "select sum(line_item_unblended_cost) from raw.cur_line_items"
        " where bill_billing_period_start_date = '2026-10-01T00:00:00Z'"
    )
    assert bill > 1000
    told = loaded.product.call_at(loaded.cloud.present, "status").stdout
    spent = read_spent(loaded.product)
    shown = f"${spent:,.4f} of a cap of ${bill / 200:,.2f}"
    assert f"requests this month: {shown} (0.5 % of the bill of 2026-10;" in told
    assert "capped:" not in told


# --- the plan ------------------------------------------------------------------------------------------------------


def read_plan(told: str) -> dict[str, tuple[int, int, int, Decimal]]:
    """Calls, queries, listings and dollars by account/region, and those of the sum."""
    rows = {}
    for line in told.splitlines():
        if found := re.fullmatch(r"(\d{12}/\S+) +[\d,]+ +([\d,]+) +([\d,]+) +[\d,]+ +([\d,]+) +([\d.,]+)", line):
            place, queries, calls, listings, cost = (part.replace(",", "") for part in found.groups())
            rows[place] = (int(calls), int(queries), int(listings), Decimal(cost))
    total = re.search(
        r"this collection: ([\d,]+) calls for ([\d,]+) queries, at most [\d,]+ datapoints, and ([\d,]+) listings, "
        r"\$([\d.]+)",
        told,
    )
    assert total, told
    calls, queries, listings, cost = (part.replace(",", "") for part in total.groups())
    return {**rows, "": (int(calls), int(queries), int(listings), Decimal(cost))}


@pytest.fixture
def whole_pages(account: Path, tmp_path: Path) -> Iterator[Cloud]:
    """The account with as many metrics on a page as AWS puts there, and a clock that may be advanced."""
    folder = Path(shutil.copytree(account, tmp_path / "account"))
    with serve(folder, metrics_per_page=500, refresh=lambda _: None) as served:
        yield served


@pytest.mark.parametrize("hours", [1, 25])
def test_the_plan_is_what_the_collection_does_and_asks_nothing(
    small_estate: Estate, whole_pages: Cloud, hours: int
) -> None:
    """Listings too, of what is collected hourly and of everything."""
    cloud = whole_pages
    product = small_estate.product.copy(f"{small_estate.product.database}_plan{hours}")
    product = product.with_variables(**variables_of(cloud, "us-west-2", ANALYTICS))
    cloud.router.advance(hours)
    before = read_spent(product)
    with cloud.noting() as noted:
        told = product.call_at(cloud.present, "cloudwatch", "--plan")
    assert (told.returncode, told.stderr) == (0, "")
    assert noted == [], "not even for credentials"
    assert read_spent(product) == before
    planned = read_plan(told.stdout)
    with cloud.noting() as noted:
        collect(product, cloud)
    asked = read_asked(noted)
    queries, listings = sum(len(each.queries) for each in asked), count_by_action(noted)["ListMetrics"]
    assert planned[""] == (len(asked), queries, listings, (PRICE * (queries + listings)).quantize(Decimal("0.0001")))
    assert queries > 40 and listings >= 4
    assert set(planned) == {"", f"{PAYER}/us-west-2", f"{ANALYTICS}/us-west-2"}
    for column in range(3):
        assert sum(row[column] for key, row in planned.items() if key) == planned[""][column], column
    later = cloud.present + timedelta(minutes=5)
    nothing = read_plan(product.call_at(later, "cloudwatch", "--plan").stdout)[""]
    with cloud.noting() as noted:
        collect(product, cloud, present=later)
    assert nothing[:3] == (0, 0, count_by_action(noted)["ListMetrics"]), "new metrics are looked for all the same"
    product.drop()


def test_a_month_is_an_hour_730_times_and_a_day_some_thirty(small_estate: Estate) -> None:
    """Listings as collections make them: of everything once a day, of what is collected hourly in the other hours."""
    product, present = small_estate.product, small_estate.cloud.present
    told = product.call_at(present, "cloudwatch", "--plan").stdout
    month = re.search(
        r"a month of it: \$([\d.]+) \(([\d,]+) queries every hour, ([\d,]+) once a day, ([\d,]+) listings\)", told
    )
    assert month, told
    cost, hourly, daily, listings = (Decimal(part.replace(",", "")) for part in month.groups())
    hour, day = (
        read_plan(product.call_at(present + timedelta(hours=hours), "cloudwatch", "--plan").stdout)[""]
        for hours in (1, 25)
    )
    assert (hourly, daily) == (hour[1], day[1] - hour[1])
    days = Decimal(730) / 24
    assert listings == int(days * day[2] + (730 - days) * hour[2])
    assert abs(cost - PRICE * (730 * hourly + days * daily + listings)) < Decimal("0.01")


def test_every_account_and_region_is_listed_whether_or_not_anything_reports_there(small_estate: Estate) -> None:
    """Once a day: where the last listing of everything named nothing, the hours between ask nothing."""
    roles = ",".join(ROLE.format(account) for account in (ANALYTICS, PRODUCTION))
    product = small_estate.product.with_variables(TIEOUT_REGIONS="us-west-2 sa-east-1", TIEOUT_ASSUME_ROLE_ARNS=roles)
    planned = read_plan(product.call_at(small_estate.cloud.present, "cloudwatch", "--plan").stdout)
    places = {
        f"{account}/{region}" for account in (PAYER, ANALYTICS, PRODUCTION) for region in ("us-west-2", "sa-east-1")
    }
    assert set(planned) == {"", *places}
    assert planned[f"{PRODUCTION}/sa-east-1"][:2] == (0, 0)
    assert planned[f"{PRODUCTION}/sa-east-1"][2] >= 10, "a listing a namespace at least"
    assert planned[""][2] == sum(row[2] for key, row in planned.items() if key)


def test_pages_are_counted_from_what_is_known() -> None:
    metrics = [
        CatalogMetric("AWS/Lambda", name, frozenset({"FunctionName"}), ("FunctionName",), ("Sum",))
        for name in ("Invocations", "Errors")
    ]
    known = {("AWS/Lambda", "Invocations"): 501, ("AWS/Lambda", "Errors"): 500, ("AWS/EC2", "CPUUtilization"): 9999}
    assert count_pages(metrics, None, known) == 2 + 1, "a listing a metric"
    assert count_pages(metrics, 10, known) == 3, "one listing of the namespace"
    assert count_pages(metrics, None, {}) == 2
    assert count_pages([], None, known) == 0


def test_a_plan_that_the_cap_would_stop_says_so(small_estate: Estate) -> None:
    """Listings too: to the last of them it may pass."""
    later = small_estate.cloud.present + timedelta(hours=1)
    spent = read_spent(small_estate.product)
    _, queries, listings, _ = read_plan(small_estate.product.call_at(later, "cloudwatch", "--plan").stdout)[""]
    assert listings >= 2
    stopped = "this collection would be stopped at the cap"
    for missing in (PRICE, Decimal(0)):
        product = small_estate.product.with_variables(**cap_at(spent + PRICE * (queries + listings) - missing))
        told = product.call_at(later, "cloudwatch", "--plan").stdout
        assert re.search(rf"of a cap of \$[\d.]+ \({CAP}\)", told)
        assert (stopped in told.splitlines()) == bool(missing), told


def test_before_the_first_collection_the_plan_is_made_from_the_bill(loaded: Estate) -> None:
    """Resources of the newest month times the catalogue's metrics: more than all of them send, not by far."""
    product = loaded.product.copy(f"{loaded.product.database}_plan")
    product.change(
        "truncate raw.cloudwatch_series, raw.cloudwatch_datapoints",
        "delete from raw.loads where source_name = 'cloudwatch'",
        "truncate raw.api_requests",
    )
    with loaded.cloud.noting() as noted:
        told = product.call_at(loaded.cloud.present, "cloudwatch", "--plan")
    assert (told.returncode, noted) == (0, [])
    calls, queries, listings, cost = read_plan(told.stdout)[""]
    ((asked, units),) = loaded.product.query(
        "select sum(request_count), sum(billed_unit_count) from raw.api_requests where operation = 'GetMetricData'"
    )
    assert asked <= calls <= 4 * asked
    assert units <= queries <= 4 * units
    assert cost == (PRICE * (queries + listings)).quantize(Decimal("0.0001"))
    assert (
        "of its metrics were never collected: resources of the newest bill times the catalogue's metrics" in told.stdout
    )
    one = product.call_at(loaded.cloud.present, "cloudwatch", "--plan", "--region", "us-west-2").stdout
    assert {place.partition("/")[2] for place in read_plan(one) if place} == {"us-west-2"}
    empty = read_plan(product.call_at(loaded.cloud.present, "cloudwatch", "--plan", "--region", "ap-south-1").stdout)
    assert empty[""][:2] == (0, 0) and empty[""][2] > 0, "nothing is known there, and that it is so costs a listing"
    product.drop()


@pytest.mark.parametrize("arguments", [["--plan"], []])
def test_a_region_that_is_none_is_one_error(loaded: Estate, arguments: list[str]) -> None:
    with loaded.cloud.noting() as noted:
        line = sole_error(loaded.product.call("cloudwatch", *arguments, "--region", "us-west-2", "--region", "mars-1"))
    assert line.startswith("error: mars-1 is none of AWS's regions; set --region, or TIEOUT_REGIONS, to such as ")
    assert "eu-west-1, us-east-1" in line
    assert noted == []
    named = loaded.product.with_variables(TIEOUT_REGIONS="mars-1")
    assert sole_error(named.call("cloudwatch", *arguments)) == line


def test_nothing_to_plan_from(product: Product) -> None:
    finished = product.call("cloudwatch", "--plan")
    assert "no resource is known to plan for; load a bill first" in sole_error(finished)
    assert errors_of(finished)
