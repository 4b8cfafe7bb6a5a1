"""CloudWatch through unmodified boto3 clients, in each protocol that botocore speaks, against the truth series."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from demo.calendars import draw_horizon
from demo.demand import SILENT_ROLES
from demo.estate import Estate, draw_estate
from demo.metrics import Metric, Truth
from tests.demo.conftest import PARAMETERS, Served

PRODUCTION = "444455556666"
STATISTICS = {
    "Average": np.mean,
    "Maximum": np.max,
    "Minimum": np.min,
    "Sum": np.sum,
    "SampleCount": len,
    "p95": lambda values: np.percentile(values, 95),
}


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth(draw_estate(PARAMETERS, draw_horizon(PARAMETERS)))


@pytest.fixture(scope="module")
def estate(truth: Truth) -> Estate:
    return truth.estate


@pytest.fixture(scope="module")
def watch(served: Served) -> Any:
    return served.assumed("cloudwatch", served.at.role_arns[0])


@pytest.fixture(params=["smithy-rpc-v2-cbor", "json", "query"])
def watch_by_protocol(request: pytest.FixtureRequest, served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of each protocol that older and newer botocore choose for CloudWatch."""
    from botocore import model

    order = sorted(model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS, key=lambda protocol: protocol != request.param)
    monkeypatch.setattr(model, "PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", order)
    client = served.assumed("cloudwatch", served.at.role_arns[0])
    assert client.meta.service_model.resolved_protocol == request.param
    yield client


def _query(name: str, metric: Metric, period: int, statistic: str) -> dict[str, Any]:
    key, value = metric.dimension
    wanted = {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": [{"Name": key, "Value": value}]}
    return {"Id": name, "MetricStat": {"Metric": wanted, "Period": period, "Stat": statistic}}


def _production(truth: Truth, name: str = "CPUUtilization", region: str = "us-east-1") -> list[Metric]:
    return [m for m in truth.metrics if (m.account_id, m.region, m.name) == (PRODUCTION, region, name)]


def _seconds(moments: list[datetime]) -> list[int]:
    return [int(moment.timestamp()) for moment in moments]


@pytest.mark.parametrize("period", [60, 300, 3600, 86_400])
def test_served_statistics_equal_the_truth(served: Served, watch: Any, truth: Truth, period: int) -> None:
    metric = _production(truth)[0]
    start, end = served.end - timedelta(days=5), served.end - timedelta(hours=2)
    queries = [_query(f"q{index}", metric, period, statistic) for index, statistic in enumerate(STATISTICS)]
    results = watch.get_metric_data(
        MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
    )["MetricDataResults"]
    series = truth.read(metric)
    first, last = int(start.timestamp()), int(end.timestamp())
    expected: dict[int, list[float]] = {}
    for second, value in zip(series.seconds.tolist(), series.values.tolist(), strict=True):
        if first <= second < last:
            expected.setdefault(first + (second - first) // period * period, []).append(value)
    assert len(expected) > 3
    for result, compute in zip(results, STATISTICS.values(), strict=True):
        assert result["StatusCode"] == "Complete"
        assert _seconds(result["Timestamps"]) == list(expected)
        np.testing.assert_allclose(result["Values"], [compute(values) for values in expected.values()], rtol=1e-12)


def test_every_protocol_answers_alike(watch_by_protocol: Any, served: Served, watch: Any, truth: Truth) -> None:
    arguments = {
        "MetricDataQueries": [_query("a", _production(truth)[0], 3600, "Maximum")],
        "StartTime": served.end - timedelta(days=2),
        "EndTime": served.end,
    }
    here = watch_by_protocol.get_metric_data(**arguments)["MetricDataResults"][0]
    there = watch.get_metric_data(**arguments)["MetricDataResults"][0]
    assert _seconds(here["Timestamps"]) == _seconds(there["Timestamps"])
    assert here["Values"] == there["Values"]
    assert here["Timestamps"] == sorted(here["Timestamps"], reverse=True), "newest first unless asked otherwise"
    page = watch_by_protocol.list_metrics(Namespace="AWS/EC2")
    assert len(page["Metrics"]) == 25
    assert page["NextToken"]
    with pytest.raises(ClientError) as failure:
        watch_by_protocol.get_metric_data(**(arguments | {"EndTime": served.end - timedelta(days=9)}))
    assert failure.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(watch_by_protocol.exceptions.InvalidNextToken):
        watch_by_protocol.get_metric_data(**arguments, NextToken="nonsense")


def test_data_pages_join_to_the_whole(served: Served, watch: Any, truth: Truth) -> None:
    queries = [_query(f"q{index}", metric, 3600, "Sum") for index, metric in enumerate(_production(truth))]
    window = {"StartTime": served.end - timedelta(days=7), "EndTime": served.end}
    whole = watch.get_metric_data(MetricDataQueries=queries, **window)
    assert "NextToken" not in whole
    expected = {result["Id"]: (result["Timestamps"], result["Values"]) for result in whole["MetricDataResults"]}
    pages = list(
        watch.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, MaxDatapoints=100, **window)
    )
    joined: dict[str, tuple[list[Any], list[float]]] = {}
    statuses: dict[str, str] = {}
    for page in pages:
        assert sum(len(result["Values"]) for result in page["MetricDataResults"]) <= 100
        for result in page["MetricDataResults"]:
            stamps, values = joined.setdefault(result["Id"], ([], []))
            stamps += result["Timestamps"]
            values += result["Values"]
            statuses[result["Id"]] = result["StatusCode"]
    assert len(pages) > 5
    assert joined == expected
    assert set(statuses.values()) == {"Complete"}
    assert any(r["StatusCode"] == "PartialData" for page in pages for r in page["MetricDataResults"])


def test_a_call_holds_at_most_100_800_points(served: Served, watch: Any, truth: Truth) -> None:
    queries = [_query(f"q{index}", metric, 300, "Average") for index, metric in enumerate(_production(truth))]
    answer = watch.get_metric_data(
        MetricDataQueries=queries, StartTime=served.end - timedelta(days=60), EndTime=served.end
    )
    assert sum(len(result["Values"]) for result in answer["MetricDataResults"]) == 100_800
    assert answer["NextToken"]


@pytest.mark.parametrize(
    ("age_days", "period", "is_kept"),
    [(14, 60, True), (16, 60, False), (16, 300, True), (62, 300, True), (64, 300, False), (64, 3600, True)],
)
def test_retention(served: Served, watch: Any, truth: Truth, age_days: int, period: int, is_kept: bool) -> None:
    """The finest period that points still exist at depends on the age of the start time."""
    steady = next(m for m in _production(truth) if len(truth.read(m).seconds) > 70 * 288)
    start = served.end - timedelta(days=age_days)
    answer = watch.get_metric_data(
        MetricDataQueries=[_query("a", steady, period, "Average")], StartTime=start, EndTime=start + timedelta(hours=6)
    )
    assert bool(answer["MetricDataResults"][0]["Values"]) is is_kept


def test_listing_pages_hold_every_active_metric_once(served: Served, truth: Truth, estate: Estate) -> None:
    two_weeks_ago = (served.end - timedelta(days=14)).timestamp()
    for role_arn in served.at.role_arns:
        for region in served.at.regions:
            pages = served.assumed("cloudwatch", role_arn, region).get_paginator("list_metrics").paginate()
            found = [
                (m["Namespace"], m["MetricName"], m["Dimensions"][0]["Value"])
                for page in pages
                for m in page["Metrics"]
            ]
            expected = {
                (m.namespace, m.name, m.dimension[1])
                for m in truth.metrics
                if (m.account_id, m.region) == (role_arn.split(":")[4], region)
                and len(truth.read(m).seconds)
                and truth.read(m).seconds[-1] >= two_weeks_ago
            }
            assert len(found) == len(set(found))
            assert set(found) == expected
    silent = {instance.resource_id for instance in estate.instances if instance.role in SILENT_ROLES}
    assert silent
    assert not silent & {metric.dimension[1] for metric in truth.metrics}


def test_listing_filters(served: Served, watch: Any, truth: Truth) -> None:
    metric = _production(truth, "NetworkIn")[0]
    key, value = metric.dimension
    found = watch.list_metrics(Namespace="AWS/EC2", MetricName="NetworkIn", Dimensions=[{"Name": key, "Value": value}])
    assert [one["Dimensions"] for one in found["Metrics"]] == [[{"Name": key, "Value": value}]]
    assert not watch.list_metrics(Namespace="AWS/Nothing")["Metrics"]
    assert watch.list_metrics(Namespace="AWS/EC2", RecentlyActive="PT3H")["Metrics"]


def test_another_account_or_region_sees_nothing(served: Served, truth: Truth) -> None:
    metric = _production(truth)[0]
    window = {"StartTime": served.end - timedelta(days=1), "EndTime": served.end}
    other = served.assumed("cloudwatch", served.at.role_arns[1])
    elsewhere = served.assumed("cloudwatch", served.at.role_arns[0], "eu-west-1")
    for client in (other, elsewhere, served.client("cloudwatch")):
        answer = client.get_metric_data(MetricDataQueries=[_query("a", metric, 300, "Average")], **window)
        assert answer["MetricDataResults"][0]["Values"] == []
        assert answer["MetricDataResults"][0]["StatusCode"] == "Complete"


def test_refusals(served: Served, watch: Any, truth: Truth) -> None:
    metric = _production(truth)[0]
    window = {"StartTime": served.end - timedelta(days=1), "EndTime": served.end}
    good = _query("a", metric, 300, "Average")
    many = [_query(f"q{index}", metric, 300, "Average") for index in range(501)]
    odd_id = good | {"Id": "Upper"}
    for queries in (
        many,
        [good, good],
        [odd_id],
        [_query("a", metric, 90, "Average")],
        [_query("a", metric, 300, "Median")],
        [{"Id": "a", "Expression": "SUM(METRICS())"}],
    ):
        with pytest.raises(ClientError) as failure:
            watch.get_metric_data(MetricDataQueries=queries, **window)
        assert failure.value.response["Error"]["Code"] == "ValidationError"
        assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    pages = watch.get_paginator("get_metric_data").paginate(MetricDataQueries=many[:500], **window)
    assert {result["Id"] for page in pages for result in page["MetricDataResults"]} == {q["Id"] for q in many[:500]}


def test_a_token_is_good_for_its_own_request_only(served: Served, watch: Any, truth: Truth) -> None:
    queries = [_query("a", _production(truth)[0], 300, "Average")]
    window = {"StartTime": served.end - timedelta(days=2), "EndTime": served.end}
    token = watch.get_metric_data(MetricDataQueries=queries, MaxDatapoints=10, **window)["NextToken"]
    with pytest.raises(watch.exceptions.InvalidNextToken):
        watch.get_metric_data(MetricDataQueries=queries, MaxDatapoints=11, NextToken=token, **window)


def test_load_balancers_are_silent_without_requests(truth: Truth, estate: Estate) -> None:
    for balancer in estate.load_balancers:
        metric = Metric(
            balancer.account.account_id,
            balancer.region.code,
            "AWS/ApplicationELB",
            "RequestCount",
            ("LoadBalancer", balancer.dimension),
        )
        series = truth.read(metric)
        assert (series.values > 0).all()
        assert (len(series.values) == 0) == (balancer.role == "idle")


def test_stamps_are_the_periods_starts(served: Served, watch: Any, truth: Truth) -> None:
    metric = _production(truth)[0]
    start = datetime.fromtimestamp(int(served.end.timestamp()) - 86_400 + 17, UTC)
    answer = watch.get_metric_data(
        MetricDataQueries=[_query("a", metric, 3600, "Average")], StartTime=start, EndTime=served.end
    )
    stamps = _seconds(answer["MetricDataResults"][0]["Timestamps"])
    assert stamps
    assert all(stamp % 3600 == 0 for stamp in stamps), "the start is rounded down to the minute"
