"""A bad day at CloudWatch: what comes in all the same, what is said, and that the next collection heals the rest."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from botocore.config import Config

from demo.faults import Fault
from demo.wire import Numbers, Request, ServiceError
from ingest import aws
from tests.conftest import Estate
from tests.ingest.metrics import (
    ANALYTICS,
    DAY,
    FINE,
    HOUR,
    PAYER,
    PRODUCTION,
    ROLE,
    Answer,
    Genuine,
    answering,
    collect,
    count_by_action,
    count_requests,
    errors_of,
    expect_points,
    hiding,
    is_asking,
    is_for,
    is_signed_for,
    key_of,
    list_catalogued,
    read_asked,
    read_digests,
    read_points,
    read_until,
    variables_of,
)
from tests.simulated import Cloud, Product, sole_error

FUNCTIONS = (PAYER, "us-west-2")


@pytest.fixture(scope="module")
def undisturbed(create_product: Callable[..., Product], cloud: Cloud) -> Iterator[Product]:
    """What `functions` holds after a good day."""
    made = create_product(**variables_of(cloud, "us-west-2"))
    collect(made, cloud)
    yield made
    made.drop()


@pytest.fixture
def faults(cloud: Cloud) -> Iterator[Callable[[Fault], None]]:
    """Adds rules, which are gone at the end."""
    yield cloud.router.faults.add
    cloud.router.faults.clear()


# --- the connection ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([Fault("throttle", service="cloudwatch", times=4)], id="throttled"),
        pytest.param([Fault("drop", service="cloudwatch", share=0.2, seed=5)], id="dropped"),
        pytest.param([Fault("error", service="cloudwatch", share=0.2, seed=5)], id="failing"),
        # boto3's adaptive mode goes on slowly after a storm: half a minute.
        pytest.param(
            [Fault("throttle", service="cloudwatch", share=0.3, seed=5)],
            id="throttled-by-chance",
            marks=pytest.mark.full,
        ),
        pytest.param(
            [Fault("throttle", action="ListMetrics", times=9), Fault("drop", action="GetMetricData", times=3)],
            id="all-of-it",
            marks=pytest.mark.full,
        ),
    ],
)
def test_storms_pass(
    functions: Product,
    undisturbed: Product,
    cloud: Cloud,
    faults: Callable[[Fault], None],
    rules: list[Fault],
) -> None:
    """Asked again by boto3 until it comes: whole, exit code 0, and nothing counted that AWS doesn't bill."""
    for rule in rules:
        faults(rule)
    with cloud.noting() as requests:
        collect(functions, cloud)
    assert read_digests(functions) == read_digests(undisturbed)
    assert count_requests(functions) == count_requests(undisturbed)
    refused = sum(count_by_action(requests).values()) - sum(count for count, _ in count_requests(functions).values())
    assert refused >= 3, "the storm wasn't one"


def test_a_storm_that_does_not_pass_is_told(
    functions: Product, cloud: Cloud, faults: Callable[[Fault], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "_CONFIG", aws._CONFIG.merge(Config(retries={"mode": "standard", "max_attempts": 1})))
    faults(Fault("throttle", action="GetMetricData"))
    line = sole_error(functions.call_at(cloud.present, "cloudwatch"))
    assert f"CloudWatch GetMetricData {PAYER} us-west-2: AWS answered Throttl" in line
    cloud.router.faults.clear()
    collect(functions, cloud)


# --- what is refused -----------------------------------------------------------------------------------------------


def deny(request: Request) -> ServiceError:
    return ServiceError(403, "AccessDenied", "User is not authorized to perform: cloudwatch:GetMetricData")


@dataclass(frozen=True)
class Refusal:
    """`region` refuses what `is_refused`."""

    region: str
    is_refused: Callable[[Request], bool]
    words: tuple[str, ...]

    def decide(self, request: Request) -> ServiceError | None:
        return deny(request) if is_signed_for(request, self.region) and self.is_refused(request) else None


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(
            "us-west-2", lambda request: True, ("ListMetrics", "us-west-2", "AccessDenied", "docs/iam-policy.json")
        ),
        Refusal("eu-west-1", is_asking, ("GetMetricData", "eu-west-1", "AccessDenied", "docs/iam-policy.json")),
    ],
    ids=["region", "points-only"],
)
def test_a_region_that_is_denied_leaves_the_others_loaded(
    create_product: Callable[..., Product], small_estate: Estate, cloud: Cloud, refusal: Refusal
) -> None:
    """Where only the points are refused its series stand, and none as collected."""
    product = create_product(**variables_of(cloud, "us-west-2 eu-west-1", ANALYTICS))
    with cloud.refusing(refusal.decide):
        finished = product.call_at(cloud.present, "cloudwatch")
    assert finished.returncode == 1
    errors = errors_of(finished)
    # The payer has nothing in eu-west-1, so nothing is refused there but the listing.
    places = (
        {(PAYER, "us-west-2"), (ANALYTICS, "us-west-2")}
        if refusal.region == "us-west-2"
        else {(ANALYTICS, "eu-west-1")}
    )
    assert len(errors) == len(places)
    for (account, region), line in zip(sorted(places), sorted(errors), strict=True):
        assert [word for word in (account, region, *refusal.words) if word not in line] == [], line
    until = read_until(product)
    assert {key[:2] for key, end in until.items() if end is not None}.isdisjoint(places)
    loads = {key for (key,) in product.query("select partition_key from raw.loads where is_current")}
    all_places = {(account, region) for account in (PAYER, ANALYTICS) for region in ("us-west-2", "eu-west-1")}
    assert loads == {"/".join(place) for place in all_places - places}
    if refusal.region == "eu-west-1":
        assert read_digests(product) == read_digests(small_estate.product)
        collect(product, cloud)
        assert {key[:2] for key, end in read_until(product).items() if end == cloud.present} >= places
    product.drop()


def test_a_denial_keeps_the_answers_that_were_under_way(
    functions: Product, undisturbed: Product, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are paid for: what they make whole stands, and only the rest is asked for again."""
    monkeypatch.setattr("ingest.cloudwatch.planning.QUERIES_PER_CALL", 2)  # so that calls are of one metric

    def decide(request: Request) -> ServiceError | None:
        names = {query[1] for each in read_asked([request]) for query in each.queries}
        return deny(request) if "Invocations" in names else None

    with cloud.refusing(decide):
        line = sole_error(functions.call_at(cloud.present, "cloudwatch"))
    assert f"CloudWatch GetMetricData {PAYER} us-west-2: AWS answered AccessDenied" in line
    until = read_until(functions)
    kept = {key for key, end in until.items() if end == cloud.present}
    assert kept and kept == {key for key, end in until.items() if end is not None}
    whole = read_digests(undisturbed)
    assert read_digests(functions) == {key: told for key, told in whole.items() if key[:5] in kept}
    with cloud.noting() as requests:
        collect(functions, cloud)
    asked = {query[1] for each in read_asked(requests) for query in each.queries}
    assert asked == {key[3] for key in set(until) - kept} >= {"Invocations"}
    assert read_digests(functions) == whole


def test_a_role_that_can_not_be_assumed_leaves_the_other_accounts_loaded(
    functions: Product, undisturbed: Product, cloud: Cloud
) -> None:
    role = "arn:aws:iam::999999999999:role/TieoutReader"
    roles = f"{role},{ROLE.format(PRODUCTION)}"
    product = functions.with_variables(TIEOUT_ASSUME_ROLE_ARNS=roles)
    line = sole_error(product.call_at(cloud.present, "cloudwatch"))
    assert f"role {role}: AWS answered AccessDenied" in line
    assert "docs/iam-policy.json" in line
    digests = read_digests(product)
    assert {key[0] for key in digests} == {PAYER, PRODUCTION}
    assert {key: told for key, told in digests.items() if key[0] == PAYER} == read_digests(undisturbed)


# --- answers that aren't whole -------------------------------------------------------------------------------------


@dataclass
class Spoiling:
    """Turns the status of chosen results of GetMetricData, at most `times` times, and takes their last points away."""

    status: str
    metric_name: str
    times: int | None = None
    struck: int = 0

    def decide(self, action: str, parameters: Mapping[str, Any], genuine: Genuine) -> Answer:
        answer = genuine()
        if action != "GetMetricData":
            return answer
        names = {each["Id"]: each["MetricStat"]["Metric"]["MetricName"] for each in parameters["MetricDataQueries"]}
        for result in answer["MetricDataResults"]:
            if names[result["Id"]] == self.metric_name and (self.times is None or self.struck < self.times):
                self.struck += 1
                result["StatusCode"] = self.status
                half = len(result["Values"].values) // 2
                result["Values"] = Numbers(result["Values"].values[:half])
                result["Timestamps"] = type(result["Timestamps"])(result["Timestamps"].seconds[:half])
        return answer


@pytest.fixture
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses before asking again are left out."""
    monkeypatch.setattr("ingest.cloudwatch.requesting.time.sleep", lambda _: None)


@pytest.mark.usefixtures("_in_no_time")
@pytest.mark.parametrize("status", ["InternalError", "PartialData"])
def test_what_comes_whole_when_asked_again_is_whole(
    functions: Product, undisturbed: Product, cloud: Cloud, status: str
) -> None:
    spoiling = Spoiling(status, "Duration", times=7)
    with answering(cloud, spoiling.decide):
        collect(functions, cloud)
    assert spoiling.struck == 7
    assert read_digests(functions) == read_digests(undisturbed)


def read_reach(product: Product) -> tuple[datetime | None, datetime | None]:
    """How far the region is collected, and its daily metrics."""
    ((until, daily),) = product.query(
        "select data_until_at, (statistics ->> 'daily_until_at')::timestamptz from raw.loads where is_current"
    )
    return until, daily


def warning_of(finished: "CompletedProcess[str]") -> str:
    """The one warning of a collection that ends well."""
    assert (finished.returncode, errors_of(finished)) == (0, []), finished.stderr
    (line,) = [line for line in finished.stderr.splitlines() if line.startswith("warning: ")]
    return line


@pytest.mark.usefixtures("_in_no_time")
@pytest.mark.parametrize("status", ["InternalError", "PartialData", "Forbidden"])
def test_a_metric_that_never_comes_whole_holds_back_itself_alone(
    functions: Product, undisturbed: Product, own_cloud: Cloud, status: str
) -> None:
    """Exit code 0, a warning that names it, the region goes on; it is asked for again until it comes."""
    product = functions.with_variables(**variables_of(own_cloud, "us-west-2"))
    begun = own_cloud.present
    spoiling = Spoiling(status, "Errors")
    whole = read_digests(undisturbed)
    with answering(own_cloud, spoiling.decide):
        line = warning_of(product.call_at(begun, "cloudwatch"))
        assert f"warning: CloudWatch {PAYER} us-west-2: 1 metric is asked for in vain since 2026-11-23 00:00" in line
        assert "(AWS/Lambda Errors of FunctionName=" in line and f": {status}); it is asked for again" in line
        assert read_digests(product) == {key: told for key, told in whole.items() if key[3] != "Errors"}
        assert {key[3]: end for key, end in read_until(product).items() if end is None} == {"Errors": None}
        assert read_reach(product) == (begun, begun)
        assert f"held back: {PAYER}/us-west-2: 1 metric is asked for in vain" in product.call("status").stdout
    own_cloud.router.advance(1)
    struck = spoiling.struck
    with answering(own_cloud, spoiling.decide), own_cloud.noting() as requests:
        line = warning_of(product.call_at(own_cloud.present, "cloudwatch"))
    assert "1 metric is asked for in vain since 2026-11-23 00:00" in line
    assert spoiling.struck > struck, "it is asked for again"
    listings = [request for request in requests if is_for(request, "ListMetrics")]
    assert listings and all(b"RecentlyActive" in request.body for request in listings), "no listing of everything"
    assert {query[1] for each in read_asked(requests) for query in each.queries} == {
        "Invocations",
        "Errors",
        "Throttles",
    }
    assert read_reach(product) == (own_cloud.present, begun)
    own_cloud.router.advance(24)
    collect(product, own_cloud)
    assert set(read_until(product).values()) == {own_cloud.present}
    assert "held back:" not in product.call("status").stdout
    assert product.query("select count(*) from raw.cloudwatch_series where held_back_reason is not null") == [(0,)]
    (metric,) = [each for each in list_catalogued(own_cloud, FUNCTIONS) if each.name == "Errors"]
    first = int((begun - timedelta(days=20)).timestamp())
    stored = read_points(product, key_of(metric), HOUR)
    assert {second for second in stored if second >= first} == set(
        expect_points(own_cloud, metric, first, int(own_cloud.present.timestamp()), HOUR)
    ), "from where it ended, without a hole"


@pytest.mark.usefixtures("_in_no_time")
def test_a_region_of_which_nothing_comes_whole_is_held_back(functions: Product, cloud: Cloud) -> None:
    """A bad day of CloudWatch isn't a few bad metrics."""
    names = ("Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions")

    def decide(action: str, parameters: Mapping[str, Any], genuine: Genuine) -> Answer:
        answer = genuine()
        for name in names:
            genuine_answer = answer
            answer = Spoiling("InternalError", name).decide(action, parameters, lambda told=genuine_answer: told)
        return answer

    with answering(cloud, decide):
        line = sole_error(functions.call_at(cloud.present, "cloudwatch"))
    assert f"CloudWatch {PAYER} us-west-2: only 0 of 5 metrics came whole (InternalError); run again" in line
    assert read_reach(functions) == (None, None)
    collect(functions, cloud)
    assert read_reach(functions) == (cloud.present, cloud.present)


@pytest.mark.usefixtures("_in_no_time")
def test_many_at_once_are_an_error_and_the_same_ones_later_a_warning(
    functions: Product, own_cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten, or a tenth, say that the region has a bad day; here one of five."""
    monkeypatch.setattr("ingest.cloudwatch.collection._FEW", 1)
    product = functions.with_variables(**variables_of(own_cloud, "us-west-2"))
    with answering(own_cloud, Spoiling("Forbidden", "Errors").decide):
        line = sole_error(product.call_at(own_cloud.present, "cloudwatch"))
        assert "only 4 of 5 metrics came whole (Forbidden); run again" in line
        assert read_reach(product) == (None, None)
    own_cloud.router.advance(1)
    with answering(own_cloud, Spoiling("Forbidden", "Errors").decide):
        assert "1 metric is asked for in vain" in warning_of(product.call_at(own_cloud.present, "cloudwatch"))
        assert read_reach(product) == (own_cloud.present, own_cloud.present)


def test_a_metric_that_cloudwatch_takes_for_invalid_is_left_out_and_named(
    functions: Product, undisturbed: Product, own_cloud: Cloud
) -> None:
    """It would have the whole call refused, and with it the region at every run."""
    product = functions.with_variables(**variables_of(own_cloud, "us-west-2"))

    def refuse(request: Request) -> ServiceError | None:
        if not is_asking(request) or "Errors" not in {query[1] for query in read_asked([request])[0].queries}:
            return None
        return ServiceError(400, "ValidationError", "The value of a dimension\nis not valid")

    whole = read_digests(undisturbed)
    with own_cloud.refusing(refuse):
        line = warning_of(product.call_at(own_cloud.present, "cloudwatch"))
        assert (
            f"warning: CloudWatch {PAYER} us-west-2: 1 metric is asked for in vain since 2026-11-23 00:00 UTC "
            "(AWS/Lambda Errors of FunctionName="
        ) in line
        assert "AWS answered ValidationError (The value of a dimension is not valid)" in line
        assert read_digests(product) == {key: told for key, told in whole.items() if key[3] != "Errors"}
        own_cloud.router.advance(1)
        for _ in range(2):
            with own_cloud.noting() as requests:
                assert "1 metric is asked for in vain" in warning_of(product.call_at(own_cloud.present, "cloudwatch"))
            asked = {query[1] for each in read_asked(requests) for query in each.queries}
            assert asked <= {"Invocations", "Throttles"}, "a refused metric is asked for once a day"
        own_cloud.router.advance(24)
        with own_cloud.noting() as requests:
            assert "1 metric is asked for in vain" in warning_of(product.call_at(own_cloud.present, "cloudwatch"))
        with_it = [each for each in read_asked(requests) if "Errors" in {query[1] for query in each.queries}]
        assert 1 <= len(with_it) <= 3, "in each of its windows at most, which are under way at once"
        assert all({query[1] for query in each.queries} == {"Errors"} for each in with_it), "alone"
    told = product.query(
        "select (statistics ->> 'held_back_series_count')::int, statistics ->> 'held_back_finding' like '%Errors%'"
        " from raw.loads where is_current"
    )
    assert told == [(1, True)]
    own_cloud.router.advance(25)
    collect(product, own_cloud)
    assert set(read_until(product).values()) == {own_cloud.present}


def test_what_is_no_number_is_left_out_and_counted(functions: Product, undisturbed: Product, cloud: Cloud) -> None:
    spoilt: list[int] = []

    def decide(action: str, parameters: Mapping[str, Any], genuine: Genuine) -> Answer:
        answer = genuine()
        if action == "GetMetricData":
            queries = {each["Id"]: each["MetricStat"] for each in parameters["MetricDataQueries"]}
            for result in answer["MetricDataResults"]:
                asked = queries[result["Id"]]
                values = result["Values"].values.copy()
                if (asked["Metric"]["MetricName"], asked["Stat"], asked["Period"]) == ("Duration", "p95", HOUR):
                    values[::10] = [np.nan, np.inf, -np.inf][len(spoilt) % 3]
                    spoilt.append(len(values[::10]))
                    result["Values"] = Numbers(values)
        return answer

    with answering(cloud, decide):
        collect(functions, cloud)
    assert sum(spoilt) > 10
    told = functions.query("select (statistics ->> 'not_a_number_count')::int from raw.loads where is_current")
    assert told == [(sum(spoilt),)]
    assert functions.query("select count(*) from raw.cloudwatch_datapoints where 'NaN' in (p95_value, sum_value)") == [
        (0,)
    ]
    # The other statistics of those hours stand.
    columns = "count(*), count(average_value), count(p99_value), count(p95_value)"
    ours, theirs = (
        product.query(f"select {columns} from raw.cloudwatch_datapoints_3600")[0]
        for product in (functions, undisturbed)
    )
    assert ours == (*theirs[:3], theirs[3] - sum(spoilt))


# --- clocks --------------------------------------------------------------------------------------------------------


def test_a_clock_that_is_ahead_asks_nothing_beyond_the_present_of_aws(
    functions: Product, undisturbed: Product, cloud: Cloud
) -> None:
    """Hours that aren't over would be stored as they stand, and count as collected."""
    with cloud.noting() as requests:
        collect(functions, cloud, present=cloud.present + timedelta(hours=2, minutes=10))
    assert max(each.end_at for each in read_asked(requests)) == cloud.present
    assert set(read_until(functions).values()) == {cloud.present}
    assert read_digests(functions) == read_digests(undisturbed)


def test_a_clock_that_is_behind_brings_just_less(functions: Product, undisturbed: Product, cloud: Cloud) -> None:
    behind = cloud.present - timedelta(hours=2)
    collect(functions, cloud, present=behind)
    assert set(read_until(functions).values()) == {behind}
    latest = functions.query("select max(period_start_at) from raw.cloudwatch_datapoints")
    assert latest[0][0] < behind
    collect(functions, cloud)
    # An hour earlier is a day earlier here, and the hourly rows begin with it.
    ours, whole = (read_digests(product, "2026-10-21T00:00:00Z") for product in (functions, undisturbed))
    equal = {key[3] for key in whole if key[5] == HOUR and ours[key] == whole[key]}
    assert equal == {"Invocations", "Errors", "Throttles"}, "daily metrics aren't due two hours later"


@pytest.mark.parametrize("zone", ["Europe/Berlin", pytest.param("America/St_Johns", marks=pytest.mark.full)])
def test_a_day_of_25_hours_elsewhere_is_one_of_24_here(
    functions: Product, undisturbed: Product, cloud: Cloud, zone: str
) -> None:
    """Clocks went back on 2026-10-25 in Berlin and on 2026-11-01 in St. John's, within the days asked by the hour."""
    with cloud.noting() as requests:
        finished = functions.with_variables(TZ=zone, PGTZ=zone).run_at(cloud.present, "cloudwatch")
    assert (finished.returncode, errors_of(finished)) == (0, [])
    for each in read_asked(requests):
        periods = {query[4] for query in each.queries}
        assert all(edge.timestamp() % period == 0 for edge in each.window for period in periods)
    assert read_digests(functions) == read_digests(undisturbed)
    days = functions.query(
        """
        select date_trunc('day', period_start_at at time zone 'UTC'), count(distinct period_start_at)
        from raw.cloudwatch_datapoints_3600 where period_start_at < '2026-11-23T00:00:00Z' group by 1 order by 1
        """
    )
    counts = {f"{day:%m-%d}": count for day, count in days}
    assert counts["10-25"] == counts["11-01"] == 24


# --- series that come and go ---------------------------------------------------------------------------------------


def test_a_metric_that_appears_late_comes_with_its_whole_history(
    functions: Product, undisturbed: Product, own_cloud: Cloud
) -> None:
    product = functions.with_variables(**variables_of(own_cloud, "us-west-2"))
    with hiding(own_cloud, lambda metric: metric["MetricName"] in ("Errors", "Duration")):
        collect(product, own_cloud)
    names = {key[3] for key in read_until(product)}
    assert names == {"Invocations", "Throttles", "ConcurrentExecutions"}
    own_cloud.router.advance(1)
    with own_cloud.noting() as requests:
        collect(product, own_cloud)
    # What is collected hourly is looked for every hour; the others come with the next day's listing.
    late = [each for each in read_asked(requests) if "Errors" in {query[1] for query in each.queries}]
    assert min(each.start_at for each in late) == datetime(2026, 8, 22, tzinfo=UTC)
    own_cloud.router.advance(25)
    collect(product, own_cloud)
    for metric in list_catalogued(own_cloud, FUNCTIONS):
        first = int(datetime(2026, 10, 25, tzinfo=UTC).timestamp())
        expected = expect_points(own_cloud, metric, first, int(own_cloud.present.timestamp()), HOUR)
        stored = {
            second: each for second, each in read_points(product, key_of(metric), HOUR).items() if second >= first
        }
        assert stored == {second: pytest.approx(values, rel=1e-12) for second, values in expected.items()}, metric
        days = read_points(product, key_of(metric), DAY)
        assert min(days) < int(datetime(2026, 9, 5, tzinfo=UTC).timestamp())
    assert set(read_until(product).values()) == {own_cloud.present}


def test_a_resource_that_is_made_again_under_the_same_name_is_the_same_series(
    functions: Product, own_cloud: Cloud
) -> None:
    """Deleted and re-created three weeks later: ListMetrics forgets and shows it again, the time between is silent."""
    product = functions.with_variables(**variables_of(own_cloud, "us-west-2"))
    collect(product, own_cloud)
    before, series = read_digests(product), read_until(product)
    earlier = {key: read_points(product, key, HOUR) for key in series}
    gone, back = own_cloud.present, own_cloud.present + timedelta(days=21)

    def silence(action: str, parameters: Mapping[str, Any], genuine: Genuine) -> Answer:
        """What the function said between, nobody said."""
        answer = genuine()
        for result in answer.get("MetricDataResults", []):
            seconds = result["Timestamps"].seconds
            is_there = (seconds < gone.timestamp()) | (seconds >= back.timestamp())
            result["Timestamps"] = type(result["Timestamps"])(seconds[is_there])
            result["Values"] = Numbers(result["Values"].values[is_there])
        return answer

    own_cloud.router.advance(20 * 24)
    with hiding(own_cloud, lambda _: True), own_cloud.noting() as requests:
        collect(product, own_cloud)
    assert read_asked(requests) == []
    # What was kept by the five minutes goes when the catalogue says, whether or not its series speaks.
    assert read_digests(product) == {key: told for key, told in before.items() if key[5] != FINE}
    assert set(read_until(product).values()) == {gone}, "nobody knows yet what it will say of this time"

    own_cloud.router.advance(3 * 24)
    with answering(own_cloud, silence), own_cloud.noting() as requests:
        collect(product, own_cloud)
    asked = read_asked(requests)
    assert min(each.start_at for each in asked) == gone - timedelta(days=1), "daily metrics; hourly ones an hour"
    assert max(each.end_at for each in asked) == own_cloud.present
    assert set(read_until(product)) == set(series), "no series twice"
    assert set(read_until(product).values()) == {own_cloud.present}
    for metric in list_catalogued(own_cloud, FUNCTIONS):
        stored = read_points(product, key_of(metric), HOUR)
        assert not [second for second in stored if gone.timestamp() <= second < back.timestamp()], "silence isn't zero"
        since = {second for second in stored if second >= back.timestamp()}
        assert since == set(
            expect_points(own_cloud, metric, int(back.timestamp()), int(own_cloud.present.timestamp()), HOUR)
        )
        kept = {second: each for second, each in stored.items() if second < gone.timestamp()}
        assert kept == earlier[key_of(metric)], "what stood before stands"
