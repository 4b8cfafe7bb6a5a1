"""Answers as rows, and five minutes added up to hours: against plain Python and exact numbers."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.telemetry.samples import Samples
from ingest.cloudwatch.assembling import SCHEMA, add_up_hours, assemble_rows
from ingest.cloudwatch.catalog import STATISTIC_COLUMNS, CatalogMetric
from ingest.cloudwatch.discovery import Series
from ingest.cloudwatch.planning import Call, Known, Query, Window
from ingest.cloudwatch.requesting import Answer, Points, Refusals, request_points
from ingest.errors import IngestError
from ingest.requests import CapReached
from tests.ingest.metrics import DAY, FINE, HOUR, compute_points

START = 1_790_000_000 // DAY * DAY
BOTH = ("Average", "Maximum", "Minimum", "Sum", "SampleCount")


def known(series_id: int = 1, *statistics: str) -> Known:
    metric = CatalogMetric(
        "AWS/EC2", "CPUUtilization", frozenset({"InstanceId"}), ("InstanceId",), statistics or ("Average",)
    )
    return Known(series_id, Series("1", "r", metric, (("InstanceId", f"i-{series_id}"),)), None)


def answer(series: Known, statistic: str, period: int, points: dict[int, float] | list[tuple[int, float]]) -> Points:
    pairs = list(points.items() if isinstance(points, dict) else points)
    return Points(
        Query(series, statistic, period),
        np.array([second for second, _ in pairs], dtype=np.int64),
        np.array([value for _, value in pairs], dtype=np.float64),
    )


def read(rows: pa.Table) -> dict[tuple[int, int], dict[str, float]]:
    """Values by series and second; what is null is left out."""
    assert rows.schema == SCHEMA
    statistics = {column: name for name, column in STATISTIC_COLUMNS.items()}
    told = {}
    for row in rows.to_pylist():
        place = (row["series_id"], int(row["period_start_at"].timestamp()))
        assert place not in told, "a row twice"
        told[place] = {statistics[key]: row[key] for key in statistics if row[key] is not None}
    assert list(told) == sorted(told)
    return told


# --- rows ----------------------------------------------------------------------------------------------------------

VALUES = st.floats(allow_nan=False, allow_infinity=False, width=64)
ANSWERS = st.dictionaries(
    st.tuples(st.integers(1, 2**40), st.sampled_from(sorted(STATISTIC_COLUMNS))),
    st.dictionaries(st.integers(0, 2**22).map(lambda number: number * HOUR), VALUES, max_size=6),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(answers=ANSWERS, period=st.sampled_from([FINE, HOUR, DAY]))
def test_each_value_stands_in_its_row_and_column(answers: dict[tuple[int, str], dict[int, float]], period: int) -> None:
    expected: dict[tuple[int, int], dict[str, float]] = {}
    for (series_id, statistic), points in answers.items():
        for second, value in points.items():
            expected.setdefault((series_id, second), {})[statistic] = value
    series = {series_id: known(series_id) for series_id, _ in answers}
    given_answers = [answer(series[number], name, period, points) for (number, name), points in answers.items()]
    other = FINE + HOUR + DAY - period
    noise = [answer(known(7), "Sum", other, {0: 1.0})]
    rows = assemble_rows([*noise, *given_answers], period, 42)
    assert read(rows) == expected
    assert set(rows["load_id"].to_pylist()) <= {42} and set(rows["period_seconds"].to_pylist()) <= {period}


def test_a_statistic_that_did_not_come_is_null() -> None:
    series = known(5, "Average", "Maximum")
    rows = assemble_rows(
        [
            answer(series, "Average", HOUR, {START: 1.0, START + HOUR: 2.0}),
            answer(series, "Maximum", HOUR, {START: 3.0}),
        ],
        HOUR,
        1,
    )
    assert read(rows) == {(5, START): {"Average": 1.0, "Maximum": 3.0}, (5, START + HOUR): {"Average": 2.0}}
    assert rows["maximum_value"].to_pylist() == [3.0, None]
    assert rows["sum_value"].null_count == rows["p99_value"].null_count == 2


def test_where_a_point_came_twice_the_later_one_stands() -> None:
    series = known(5)
    pages = [
        answer(series, "Average", HOUR, [(START, 1.0), (START, 2.0)]),
        answer(series, "Average", HOUR, {START: 3.0}),
    ]
    assert read(assemble_rows(pages, HOUR, 1)) == {(5, START): {"Average": 3.0}}


@pytest.mark.parametrize("period", [FINE, HOUR, DAY])
def test_no_answers_no_rows(period: int) -> None:
    assert read(assemble_rows([], period, 1)) == {}
    assert read(assemble_rows([answer(known(), "Sum", period, {})], period, 1)) == {}
    assert read(add_up_hours(SCHEMA.empty_table())) == {}


# --- hours from five minutes ---------------------------------------------------------------------------------------

# Samples a minute apart, some minutes silent, some with several values of several counts.
SAMPLES = st.dictionaries(
    st.integers(0, 4 * 60 - 1),
    st.lists(st.tuples(st.floats(-1e9, 1e9, allow_subnormal=False), st.integers(1, 20)), min_size=1, max_size=3),
    max_size=60,
)


def read_samples(minutes: dict[int, list[tuple[float, int]]]) -> Samples:
    flat = [(START + 60 * minute, *pair) for minute in sorted(minutes) for pair in minutes[minute]]
    return Samples(
        np.array([second for second, _, _ in flat], dtype=np.int64),
        np.array([value for _, value, _ in flat]),
        np.array([float(count) for _, _, count in flat]),
    )


def expect_hours(minutes: dict[int, list[tuple[float, int]]]) -> dict[int, dict[str, Fraction]]:
    """Exactly, from the samples themselves."""
    hours: dict[int, list[tuple[Fraction, int]]] = {}
    for minute, pairs in minutes.items():
        hours.setdefault(START + minute // 60 * HOUR, []).extend((Fraction(value), count) for value, count in pairs)
    expected = {}
    for hour, weighed in hours.items():
        total = sum((value * count for value, count in weighed), Fraction(0))
        count = Fraction(sum(count for _, count in weighed))
        values = [value for value, _ in weighed]
        expected[hour] = {
            "Average": total / count,
            "Maximum": max(values),
            "Minimum": min(values),
            "Sum": total,
            "SampleCount": count,
        }
    return expected


@settings(max_examples=60, deadline=None)
@given(series=st.lists(SAMPLES, min_size=1, max_size=3))
def test_hours_are_those_of_the_samples(series: list[dict[int, list[tuple[float, int]]]]) -> None:
    """Whatever is silent: whole hours of five minutes, single ones, the hour itself."""
    answers = []
    # Numbers are drawn for every listing of a series, so that those of new ones become large.
    for series_id, minutes in enumerate(series, start=2**40):
        points = compute_points(read_samples(minutes), BOTH, FINE)
        answers += [
            answer(known(series_id), name, FINE, {second: each[name] for second, each in points.items()})
            for name in BOTH
        ]
    hours = add_up_hours(assemble_rows(answers, FINE, 9))
    assert set(hours["period_seconds"].to_pylist()) <= {HOUR} and set(hours["load_id"].to_pylist()) <= {9}
    told = read(hours)
    expected = {
        (series_id, hour): values
        for series_id, minutes in enumerate(series, start=2**40)
        for hour, values in expect_hours(minutes).items()
    }
    assert set(told) == set(expected)
    for place, values in expected.items():
        scale = float(max(abs(values["Maximum"]), abs(values["Minimum"])))
        for name, value in values.items():
            slack = 0 if name in ("Maximum", "Minimum", "SampleCount") else 1e-12 * scale * float(values["SampleCount"])
            assert told[place][name] == pytest.approx(float(value), rel=1e-12, abs=slack), (place, name)


def test_an_average_without_its_sample_count_does_not_weigh_and_percentiles_do_not_add_up() -> None:
    series = known(3)
    second, third = START + FINE, START + 2 * FINE
    fine = assemble_rows(
        [
            answer(series, "Average", FINE, {START: 10.0, second: 40.0, third: 7.0}),
            answer(series, "SampleCount", FINE, {START: 1.0, second: 2.0}),
            answer(series, "p95", FINE, {START: 5.0}),
            answer(series, "Maximum", FINE, {third: 9.0}),
        ],
        FINE,
        1,
    )
    assert read(add_up_hours(fine)) == {(3, START): {"Average": 30.0, "SampleCount": 3.0, "Maximum": 9.0}}
    silent = assemble_rows([answer(series, "Average", FINE, {START: 10.0})], FINE, 1)
    assert read(add_up_hours(silent)) == {(3, START): {}}, "unknown, and neither zero nor the one average"


# --- asking --------------------------------------------------------------------------------------------------------


@dataclass
class Client:
    """GetMetricData by rote: each request is answered by the next entry of `pages`, a list of its results."""

    pages: list[list[dict[str, Any]]]
    tokens: list[str | None] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def get_metric_data(self, **request: Any) -> dict[str, Any]:
        self.asked.append(json.loads(json.dumps(request, default=str)))
        token = self.tokens.pop(0) if self.tokens else None
        return {"MetricDataResults": self.pages.pop(0), **({"NextToken": token} if token else {})}


def result(place: int, status: str = "Complete", *points: tuple[int, float]) -> dict[str, Any]:
    stamps = [datetime.fromtimestamp(second, UTC) for second, _ in points]
    return {"Id": f"q{place}", "StatusCode": status, "Timestamps": stamps, "Values": [value for _, value in points]}


WINDOW = Window(datetime.fromtimestamp(START, UTC), datetime.fromtimestamp(START, UTC) + timedelta(hours=2))
AVERAGE, MAXIMUM = (Query(known(1), name, HOUR) for name in ("Average", "Maximum"))


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def ask(client: Client, pool: Executor, counted: list[int] | None = None, pauses: Sequence[float] = (0, 0)) -> Answer:
    count = (counted if counted is not None else []).append
    (told,) = request_points(
        client, [Call(WINDOW, [AVERAGE, MAXIMUM])], pool, lambda queries: count(len(queries)), 2, pauses
    )
    return told


def read_answer(told: Answer) -> dict[str, list[tuple[int, float]]]:
    return {
        each.query.statistic: list(zip(each.seconds.tolist(), each.values.tolist(), strict=True))
        for each in told.points
    }


def test_pages_are_put_together(pool: Executor) -> None:
    """A query that a page's end cuts is PartialData there, and goes on on the next."""
    client = Client(
        [
            [result(0, "Complete", (START, 1.0), (START + HOUR, 2.0)), result(1, "PartialData", (START, 3.0))],
            [result(1, "Complete", (START + HOUR, 4.0))],
        ],
        ["more"],
    )
    counted: list[int] = []
    told = ask(client, pool, counted)
    assert read_answer(told) == {
        "Average": [(START, 1.0), (START + HOUR, 2.0)],
        "Maximum": [(START, 3.0), (START + HOUR, 4.0)],
    }
    assert told.incomplete == {}
    assert [each.get("NextToken") for each in client.asked] == [None, "more"]
    assert counted == [2, 2], "each page is a request, counted before it"


@pytest.mark.parametrize("status", ["InternalError", "PartialData"])
def test_what_did_not_come_whole_is_asked_for_again_alone(pool: Executor, status: str) -> None:
    client = Client(
        [
            [result(0, "Complete", (START, 1.0)), result(1, status, (START, 3.0))],
            [result(0, "Complete", (START, 5.0), (START + HOUR, 6.0))],
        ]
    )
    told = ask(client, pool)
    assert read_answer(told) == {"Average": [(START, 1.0)], "Maximum": [(START, 5.0), (START + HOUR, 6.0)]}
    assert told.incomplete == {}
    again = client.asked[1]["MetricDataQueries"]
    assert [query["MetricStat"]["Stat"] for query in again] == ["Maximum"]


@pytest.mark.parametrize(
    ("second", "requests"),
    [(result(1, "InternalError"), 3), (result(1, "Forbidden"), 1), (None, 3)],
    ids=["error", "forbidden", "no answer"],
)
def test_what_never_comes_whole_is_told(pool: Executor, second: dict[str, Any] | None, requests: int) -> None:
    """A refusal isn't asked again: nothing would change."""
    again = [{**second, "Id": "q0"}] if second else []
    client = Client([[result(0, "Complete", (START, 1.0)), *([second] if second else [])], again, again])
    told = ask(client, pool)
    assert read_answer(told) == {"Average": [(START, 1.0)]}
    assert told.incomplete == {MAXIMUM: second["StatusCode"] if second else "no answer"}
    assert len(client.asked) == requests


def test_what_is_no_number_is_dropped_and_counted(pool: Executor) -> None:
    client = Client(
        [
            [
                result(0, "Complete", (START, float("nan")), (START + HOUR, 2.0)),
                result(1, "Complete", (START, float("inf")), (START + HOUR, float("-inf"))),
            ]
        ]
    )
    told = ask(client, pool)
    assert read_answer(told) == {"Average": [(START + HOUR, 2.0)], "Maximum": []}
    assert (told.dropped_count, told.incomplete) == (3, {})


def test_answers_come_in_the_order_of_their_calls_and_what_was_asked_before_a_cap_comes_yet(pool: Executor) -> None:
    client = Client([[result(0, "Complete", (START, float(number)))] for number in range(6)])
    calls = [Call(WINDOW, [Query(known(number), "Average", HOUR)]) for number in range(9)]
    left = iter(range(6))

    def count(_: Sequence[Query]) -> None:
        if next(left, None) is None:
            raise CapReached("enough")

    came = []
    with pytest.raises(CapReached, match="enough"):
        for told in request_points(client, calls, pool, count, 2):
            came += [each.query.known.series_id for each in told.points]
    assert came == list(range(6))
    assert client.pages == []


@pytest.mark.parametrize(("refused", "expected"), [(0, [1, 2]), (2, [0, 1, 3, 4])])
def test_what_was_under_way_beside_a_denied_call_comes_yet_and_nothing_more_is_asked(
    pool: Executor, refused: int, expected: list[int]
) -> None:
    """It is paid for."""

    asked = []

    class Denying:
        def get_metric_data(self, **request: Any) -> dict[str, Any]:
            (query,) = request["MetricDataQueries"]
            (dimension,) = query["MetricStat"]["Metric"]["Dimensions"]
            asked.append(dimension["Value"])
            if dimension["Value"] == f"i-{refused}":
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetMetricData")
            return {"MetricDataResults": [result(0, "Complete", (START, 1.0))]}

    calls = [Call(WINDOW, [Query(known(number), "Average", HOUR)]) for number in range(9)]
    came = []
    with pytest.raises(IngestError, match="AccessDenied"):
        for told in request_points(Denying(), calls, pool, lambda _: None, 3):
            came += [each.query.known.series_id for each in told.points]
    assert came == expected
    assert sorted(asked) == [f"i-{number}" for number in sorted([*expected, refused])]


# --- calls that are refused for one of their metrics ---------------------------------------------------------------


def refuse(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "The parameter Value is not valid"}}, "GetMetricData")


@dataclass
class Strict:
    """A CloudWatch client that refuses calls with a query of these metrics, and answers 1 to each of the others."""

    guilty: frozenset[str]
    code: str = "ValidationError"
    asked: list[list[str]] = field(default_factory=list)

    def get_metric_data(self, **request: Any) -> dict[str, Any]:
        queries = request["MetricDataQueries"]
        names = [query["MetricStat"]["Metric"]["Dimensions"][0]["Value"] for query in queries]
        self.asked.append(names)
        if self.guilty.intersection(names):
            raise refuse(self.code)
        return {"MetricDataResults": [result(place, "Complete", (START, 1.0)) for place in range(len(queries))]}


def ask_strictly(client: Strict, count: int, pool: Executor, most_calls: int = 200) -> list[Answer]:
    """Calls of 250 metrics with two statistics each, as a collection makes them."""
    queries = [Query(known(number), name, HOUR) for number in range(count) for name in ("Average", "Maximum")]
    calls = [Call(WINDOW, queries[first : first + 500]) for first in range(0, len(queries), 500)]
    return list(request_points(client, calls, pool, lambda _: None, 1, (0,), Refusals(most_calls)))


@pytest.mark.parametrize("code", ["ValidationError", "InvalidParameterValue", "InvalidParameterCombinationException"])
@pytest.mark.parametrize("guilty", [{0}, {249}, {7, 130}, {0, 1, 2, 248}])
def test_a_metric_that_makes_a_call_refused_is_found_and_left_out(pool: Executor, guilty: set[int], code: str) -> None:
    client = Strict(frozenset(f"i-{number}" for number in guilty), code)
    (told,) = ask_strictly(client, 250, pool)
    assert [each.query.known.series_id for each in told.points] == [
        number for number in range(250) if number not in guilty for _ in range(2)
    ]
    assert {query.known.series_id for query in told.refused} == guilty
    assert len(told.refused) == 2 * len(guilty)
    assert set(told.refused.values()) == {f"AWS answered {code} (The parameter Value is not valid)"}
    assert told.incomplete == {}
    assert len(client.asked) <= 1 + len(guilty) * 2 * 8, "halves of 250 are single ones after eight times"


def test_a_metric_that_was_refused_is_not_asked_for_in_the_other_calls(pool: Executor) -> None:
    """Its other windows: a metric of 93 days has three or four."""
    client = Strict(frozenset({"i-3"}))
    calls = [Call(WINDOW, [Query(known(number), "Average", HOUR) for number in range(8)]) for _ in range(3)]
    told = list(request_points(client, calls, pool, lambda _: None, 1, (0,)))
    assert [len(each.points) for each in told] == [7, 7, 7]
    assert [{query.known.series_id for query in each.refused} for each in told] == [{3}] * 3
    assert [names for names in client.asked[-2:] if "i-3" in names] == []
    assert len(client.asked) == (1 + 2 * 3) + 1 + 1


@pytest.mark.parametrize(
    "code", ["AccessDenied", "Throttling", "ThrottlingException", "InternalFailure", "ExpiredToken"]
)
def test_what_is_refused_for_another_reason_is_not_taken_apart(pool: Executor, code: str) -> None:
    client = Strict(frozenset({"i-3"}), code)
    with pytest.raises(IngestError, match=code):
        ask_strictly(client, 10, pool)
    assert len(client.asked) == 1


def test_where_everything_is_refused_the_search_ends(pool: Executor) -> None:
    client = Strict(frozenset(f"i-{number}" for number in range(250)))
    with pytest.raises(IngestError, match="ValidationError"):
        ask_strictly(client, 250, pool, most_calls=20)
    assert len(client.asked) <= 21


def test_a_call_of_one_metric_is_refused_without_a_search(pool: Executor) -> None:
    client = Strict(frozenset({"i-0"}))
    (told,) = ask_strictly(client, 1, pool, most_calls=0)
    assert ([*told.points], {query.statistic for query in told.refused}) == ([], {"Average", "Maximum"})
    assert len(client.asked) == 1
