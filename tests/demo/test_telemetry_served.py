"""CloudWatch through unmodified boto3 clients, in each protocol that botocore speaks, against the truth."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from demo.services.cloudwatch import MetricService
from demo.telemetry.samples import Metric
from demo.telemetry.truth import Truth
from demo.world.accounts import ANALYTICS, DEVELOPMENT, PRODUCTION
from tests.demo.telemetry_world import END, Monitored, make_estate

NOW = END * 3600
PRESENT = datetime.fromtimestamp(NOW, UTC)
DAY = 86_400
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
    return Truth(make_estate())


@pytest.fixture(scope="module")
def monitored(truth: Truth) -> Monitored:
    return Monitored(MetricService(truth, metrics_per_page=25))


@pytest.fixture(scope="module")
def watch(monitored: Monitored) -> Any:
    return monitored.client()


@pytest.fixture(params=["smithy-rpc-v2-cbor", "json", "query"])
def watch_by_protocol(
    request: pytest.FixtureRequest, monitored: Monitored, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A client of each protocol that older and newer botocore choose for CloudWatch."""
    from botocore import model

    order = sorted(model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS, key=lambda protocol: protocol != request.param)
    monkeypatch.setattr(model, "PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", order)
    client = monitored.client()
    assert client.meta.service_model.resolved_protocol == request.param
    yield client


def _wanted(metric: Metric) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in reversed(metric.dimensions)]
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}


def _query(name: str, metric: Metric, period: int, statistic: str, **more: Any) -> dict[str, Any]:
    return {"Id": name, "MetricStat": {"Metric": _wanted(metric), "Period": period, "Stat": statistic}, **more}


def _pick(truth: Truth, name: str = "CPUUtilization", value: str = "i-steady") -> Metric:
    found = [m for m in truth.metrics if m.name == name and value in dict(m.dimensions).values()]
    return min(found, key=lambda metric: len(metric.dimensions))


def _processors(truth: Truth) -> list[Metric]:
    return [
        m
        for m in truth.metrics
        if m.namespace == "AWS/EC2" and m.name == "CPUUtilization" and m.account_id == PRODUCTION.account_id
    ]


def _seconds(moments: list[datetime]) -> list[int]:
    return [int(moment.timestamp()) for moment in moments]


def _expect(truth: Truth, metric: Metric, start: int, end: int, period: int) -> dict[int, np.ndarray]:
    """Each period's samples written out, by hand and row by row."""
    samples = truth.read(metric, start, end)
    rows: dict[int, list[float]] = {}
    for second, value, size in zip(
        samples.seconds.tolist(), samples.values.tolist(), samples.sizes.tolist(), strict=True
    ):
        rows.setdefault(start + (second - start) // period * period, []).extend([value] * int(size))
    return {second: np.array(values) for second, values in rows.items()}


def _one_of_each_namespace(truth: Truth) -> list[Metric]:
    """The metric of each namespace with the most samples of the last six hours: the hardest one."""
    chosen: dict[str, Metric] = {}
    for metric in truth.metrics:
        best = chosen.get(metric.namespace)
        size = len(truth.read(metric, NOW - 6 * 3600, NOW).seconds)
        if best is None or size > len(truth.read(best, NOW - 6 * 3600, NOW).seconds):
            chosen[metric.namespace] = metric
    return list(chosen.values())


@pytest.mark.parametrize(
    ("period", "hours"), [(60, 5), (300, 26), (3600, 50), (86_400, 72)], ids=["60", "300", "3600", "86400"]
)
def test_served_statistics_equal_the_truth_in_every_namespace(
    monitored: Monitored, truth: Truth, period: int, hours: int
) -> None:
    metrics = _one_of_each_namespace(truth)
    assert len(metrics) >= 15
    start, end = NOW - (hours + 24) * 3600, NOW - 24 * 3600
    for metric in metrics:
        client = monitored.of(metric.account_id, metric.region)
        results = client.get_metric_data(
            MetricDataQueries=[_query(f"q{index}", metric, period, name) for index, name in enumerate(STATISTICS)],
            StartTime=start,
            EndTime=end,
            ScanBy="TimestampAscending",
        )["MetricDataResults"]
        expected = _expect(truth, metric, start, end, period)
        assert expected
        for result, (name, compute) in zip(results, STATISTICS.items(), strict=True):
            assert result["StatusCode"] == "Complete"
            assert result["Label"] == metric.name
            assert _seconds(result["Timestamps"]) == list(expected), metric
            values = [compute(values) for values in expected.values()]
            np.testing.assert_allclose(result["Values"], values, rtol=1e-11, err_msg=f"{metric} {name}")


def test_every_protocol_answers_alike(watch_by_protocol: Any, watch: Any, truth: Truth) -> None:
    arguments = {
        "MetricDataQueries": [_query("a", _pick(truth), 3600, "Maximum")],
        "StartTime": PRESENT - timedelta(days=2),
        "EndTime": PRESENT,
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
        watch_by_protocol.get_metric_data(**(arguments | {"EndTime": PRESENT - timedelta(days=9)}))
    assert failure.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(watch_by_protocol.exceptions.InvalidNextToken):
        watch_by_protocol.get_metric_data(**arguments, NextToken="nonsense")
    points = watch_by_protocol.get_metric_statistics(
        **_wanted(_pick(truth, "Duration", "resize")),
        StartTime=PRESENT - timedelta(days=2),
        EndTime=PRESENT,
        Period=3600,
        Statistics=["Sum", "SampleCount"],
        Unit="Milliseconds",
    )["Datapoints"]
    assert len(points) > 40
    assert {point["Unit"] for point in points} == {"Milliseconds"}
    extended = watch_by_protocol.get_metric_statistics(
        **_wanted(_pick(truth, "Duration", "resize")),
        StartTime=PRESENT - timedelta(days=2),
        EndTime=PRESENT,
        Period=3600,
        ExtendedStatistics=["p50", "p99"],
    )["Datapoints"]
    assert len(extended) == len(points)
    for point in extended:
        assert point["Timestamp"].tzinfo is not None
        assert point["ExtendedStatistics"]["p50"] < point["ExtendedStatistics"]["p99"]


def test_data_pages_join_to_the_whole(watch: Any, truth: Truth) -> None:
    queries = [_query(f"q{index}", metric, 3600, "Sum") for index, metric in enumerate(_processors(truth))]
    window = {"StartTime": PRESENT - timedelta(days=7), "EndTime": PRESENT}
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


def test_a_call_holds_at_most_100_800_points(watch: Any, truth: Truth) -> None:
    queries = [_query(f"q{index}", metric, 300, "Average") for index, metric in enumerate(_processors(truth))]
    answer = watch.get_metric_data(MetricDataQueries=queries, StartTime=PRESENT - timedelta(days=62), EndTime=PRESENT)
    assert sum(len(result["Values"]) for result in answer["MetricDataResults"]) == 100_800
    assert answer["NextToken"]


@pytest.mark.parametrize(
    ("age_days", "period", "is_kept"),
    [
        (0.1, 30, False),
        (14, 60, True),
        (16, 60, False),
        (16, 300, True),
        (62, 300, True),
        (64, 300, False),
        (64, 3600, True),
        (454, 3600, True),
        (457, 3600, False),
    ],
)
def test_retention(watch: Any, truth: Truth, age_days: float, period: int, is_kept: bool) -> None:
    """The finest period that points still exist at depends on the age of the start time."""
    start = PRESENT - timedelta(days=age_days)
    answer = watch.get_metric_data(
        MetricDataQueries=[_query("a", _pick(truth), period, "Average")],
        StartTime=start,
        EndTime=start + timedelta(hours=6),
    )
    assert bool(answer["MetricDataResults"][0]["Values"]) is is_kept


def test_what_is_older_than_455_days_is_gone_but_the_rest_is_served(watch: Any, truth: Truth) -> None:
    answer = watch.get_metric_data(
        MetricDataQueries=[_query("a", _pick(truth), 86_400, "Average")],
        StartTime=PRESENT - timedelta(days=460),
        EndTime=PRESENT - timedelta(days=450),
    )
    stamps = _seconds(answer["MetricDataResults"][0]["Timestamps"])
    assert stamps == [NOW - age * DAY for age in range(451, 456)]


def test_listing_pages_hold_every_active_metric_once(monitored: Monitored, truth: Truth) -> None:
    listed: set[str] = set()
    for account in (PRODUCTION, DEVELOPMENT, ANALYTICS):
        for region in ("us-east-1", "eu-west-1"):
            pages = list(monitored.of(account.account_id, region).get_paginator("list_metrics").paginate())
            found = [
                (m["Namespace"], m["MetricName"], tuple((d["Name"], d["Value"]) for d in m["Dimensions"]))
                for page in pages
                for m in page["Metrics"]
            ]
            expected = {
                (m.namespace, m.name, m.dimensions)
                for m in truth.metrics
                if (m.account_id, m.region) == (account.account_id, region)
                and len(truth.read(m, NOW - 14 * DAY, NOW).seconds)
            }
            assert len(found) == len(set(found))
            assert set(found) == expected
            assert all(len(page["Metrics"]) == 25 for page in pages[:-1])
            listed |= {value for _, _, dimensions in found for _, value in dimensions}
    assert {"i-steady", "i-windows", "resize", "b2"} <= listed
    assert not listed & {"i-silent", "i-stopped", "i-gone", "unused"}


def test_a_terminated_instance_is_not_listed_but_its_past_is_served(watch: Any, truth: Truth) -> None:
    gone = _pick(truth, value="i-gone")
    assert not watch.list_metrics(Dimensions=[{"Name": "InstanceId", "Value": "i-gone"}])["Metrics"]
    answer = watch.get_metric_data(
        MetricDataQueries=[_query("a", gone, 3600, "SampleCount")],
        StartTime=PRESENT - timedelta(days=22),
        EndTime=PRESENT,
    )
    stamps = _seconds(answer["MetricDataResults"][0]["Timestamps"])
    assert len(stamps) == 48
    assert max(stamps) == NOW - 20 * DAY - 3600


def test_listing_filters(watch: Any, monitored: Monitored, truth: Truth) -> None:
    """A filter takes every metric that has its dimensions, whatever others it has."""
    by_instance = [{"Name": "InstanceId", "Value": "i-steady"}]
    found = watch.list_metrics(Namespace="CWAgent", MetricName="mem_used_percent", Dimensions=by_instance)["Metrics"]
    assert sorted(len(each["Dimensions"]) for each in found) == [1, 3]
    assert all({"Name": "InstanceId", "Value": "i-steady"} in each["Dimensions"] for each in found)
    named = watch.list_metrics(MetricName="CPUUtilization", Dimensions=[{"Name": "ServiceName"}])["Metrics"]
    assert [each["Namespace"] for each in named] == ["AWS/ECS"]
    assert not watch.list_metrics(Namespace="AWS/Nothing")["Metrics"]
    paused = {"MetricName": "CPUUtilization", "Dimensions": [{"Name": "InstanceId", "Value": "i-paused"}]}
    earlier = Monitored(MetricService(Truth(make_estate(END - 26)))).client()
    assert earlier.list_metrics(**paused)["Metrics"], "silent for 22 hours"
    assert not earlier.list_metrics(**paused, RecentlyActive="PT3H")["Metrics"]
    assert watch.list_metrics(**paused, RecentlyActive="PT3H")["Metrics"]
    for odd in ({"RecentlyActive": "PT6H"}, {"IncludeLinkedAccounts": True}):
        with pytest.raises(ClientError) as failure:
            watch.list_metrics(**odd)
        assert failure.value.response["Error"]["Code"] == "InvalidParameterValue"
    assert any(m.region == "us-east-1" and m.namespace == "AWS/CloudFront" for m in truth.metrics)


def test_another_account_or_region_sees_nothing(monitored: Monitored, truth: Truth) -> None:
    window = {"StartTime": PRESENT - timedelta(days=1), "EndTime": PRESENT}
    for client in (monitored.client(DEVELOPMENT), monitored.client(region="eu-west-1")):
        answer = client.get_metric_data(MetricDataQueries=[_query("a", _pick(truth), 300, "Average")], **window)
        assert answer["MetricDataResults"][0]["Values"] == []
        assert answer["MetricDataResults"][0]["StatusCode"] == "Complete"


def test_refusals(watch: Any, truth: Truth) -> None:
    metric = _pick(truth)
    window = {"StartTime": PRESENT - timedelta(days=1), "EndTime": PRESENT}
    good = _query("a", metric, 300, "Average")
    many = [_query(f"q{index}", metric, 3600, "Average") for index in range(501)]
    for queries in (
        many,
        [good, good],
        [good | {"Id": "Upper"}],
        [_query("a", metric, 90, "Average")],
        [_query("a", metric, 300, "Median")],
        [{"Id": "a", "Expression": "SUM(METRICS())"}],
        [good | {"AccountId": "999999999999"}],
    ):
        with pytest.raises(ClientError) as failure:
            watch.get_metric_data(MetricDataQueries=queries, **window)
        assert failure.value.response["Error"]["Code"] == "ValidationError"
        assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    pages = watch.get_paginator("get_metric_data").paginate(MetricDataQueries=many[:500], **window)
    assert {result["Id"] for page in pages for result in page["MetricDataResults"]} == {q["Id"] for q in many[:500]}


def test_a_token_is_good_for_its_own_request_only(watch: Any, truth: Truth) -> None:
    queries = [_query("a", _pick(truth), 300, "Average")]
    window = {"StartTime": PRESENT - timedelta(days=2), "EndTime": PRESENT}
    token = watch.get_metric_data(MetricDataQueries=queries, MaxDatapoints=10, **window)["NextToken"]
    with pytest.raises(watch.exceptions.InvalidNextToken):
        watch.get_metric_data(MetricDataQueries=queries, MaxDatapoints=11, NextToken=token, **window)


def test_labels_units_and_hidden_results(watch: Any, truth: Truth) -> None:
    metric = _pick(truth)
    label = "${PROP('Dim.InstanceId')} ${LABEL} by ${PROP('Stat')} in ${PROP('Region')}"
    other_unit = _query("c", metric, 300, "Average")
    other_unit["MetricStat"]["Unit"] = "Bytes"
    answer = watch.get_metric_data(
        MetricDataQueries=[
            _query("a", metric, 300, "Average", Label=label),
            _query("b", metric, 300, "Average", ReturnData=False),
            other_unit,
        ],
        StartTime=PRESENT - timedelta(days=1),
        EndTime=PRESENT,
        LabelOptions={"Timezone": "+0530"},
    )["MetricDataResults"]
    assert [each["Id"] for each in answer] == ["a", "c"]
    assert answer[0]["Label"] == "i-steady CPUUtilization by Average in us-east-1"
    assert answer[0]["Values"]
    assert not answer[1]["Values"], "nothing was sent in that unit"


def test_stamps_are_the_periods_starts(watch: Any, truth: Truth) -> None:
    for age, grain in ((DAY, 60), (20 * DAY, 300), (100 * DAY, 3600)):
        start = NOW - age + 17 * 60 + 9
        answer = watch.get_metric_data(
            MetricDataQueries=[_query("a", _pick(truth), 3600, "Average")],
            StartTime=start,
            EndTime=start + 6 * 3600,
            ScanBy="TimestampAscending",
        )
        stamps = _seconds(answer["MetricDataResults"][0]["Timestamps"])
        assert stamps[0] == start - start % grain, "the start is rounded down, the further back the coarser"
        assert len(stamps) in (6, 7)


def test_single_statistics_equal_the_truth_in_no_order(watch: Any, truth: Truth) -> None:
    metric = _pick(truth, "NetworkIn")
    start = NOW - 100 * DAY
    points = watch.get_metric_statistics(
        **_wanted(metric), StartTime=start, EndTime=start + DAY, Period=3600, Statistics=list(STATISTICS)[:5]
    )
    assert points["Label"] == "NetworkIn"
    stamps = _seconds([point["Timestamp"] for point in points["Datapoints"]])
    assert stamps != sorted(stamps)
    expected = _expect(truth, metric, start, start + DAY, 3600)
    assert sorted(stamps) == list(expected)
    for stamp, point in zip(stamps, points["Datapoints"], strict=True):
        for name in list(STATISTICS)[:5]:
            np.testing.assert_allclose(point[name], STATISTICS[name](expected[stamp]), rtol=1e-12)
    for arguments, code in (
        ({"StartTime": NOW - 1441 * 60, "Period": 60, "Statistics": ["Sum"]}, "InvalidParameterCombination"),
        ({"StartTime": start, "Period": 3601, "Statistics": ["Sum"]}, "InvalidParameterValue"),
        ({"StartTime": start, "Period": 86_400}, "MissingParameter"),
    ):
        with pytest.raises(ClientError) as failure:
            watch.get_metric_statistics(**_wanted(metric), EndTime=NOW, **arguments)
        assert failure.value.response["Error"]["Code"] == code
    most = watch.get_metric_statistics(
        **_wanted(metric), StartTime=NOW - 1440 * 300, EndTime=NOW, Period=300, Statistics=["Sum"]
    )
    assert 1430 <= len(most["Datapoints"]) <= 1440
