"""Which window each series is asked for, and how windows are packed into calls."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.cloudwatch.catalog import CatalogMetric
from ingest.cloudwatch.discovery import Series
from ingest.cloudwatch.planning import (
    DATAPOINTS_PER_CALL,
    HISTORY_DAYS,
    HOURLY_DAYS,
    OVERLAP,
    Call,
    Known,
    Window,
    is_due,
    list_due,
    list_windows,
    plan_calls,
)
from tests.ingest.metrics import DAY, FINE, HOUR, QUERIES_PER_CALL

END = datetime(2026, 11, 23, 7, tzinfo=UTC)
# By the age of their start CloudWatch holds points of 300 s for 63 days, of 3600 s for 455.
RETAINED_DAYS = {FINE: 63, HOUR: 455, DAY: 455}


def metric(
    *statistics: str, fine_days: int = 1, kept_days: int = 3, collected: str = "hourly", period: int = HOUR
) -> CatalogMetric:
    finest = DAY if period == DAY else FINE if fine_days else HOUR
    return CatalogMetric(
        "AWS/EC2",
        "CPUUtilization",
        frozenset({"InstanceId"}),
        ("InstanceId",),
        statistics or ("Average",),
        period,
        finest,
        fine_days,
        kept_days,
        collected,  # type: ignore[arg-type]
    )


def known(each: CatalogMetric, until: datetime | None = None, number: int = 1) -> Known:
    return Known(number, Series("1", "r", each, (("InstanceId", f"i-{number}"),)), until)


def days(count: float) -> timedelta:
    return timedelta(days=count)


HOURLY, CPU, LATENCY = metric(), metric(fine_days=14, kept_days=93), metric(fine_days=0, kept_days=0)
DAILY, STORAGE = metric(collected="daily"), metric(fine_days=0, kept_days=0, collected="daily", period=DAY)
MIDNIGHT = END.replace(hour=0)
EARLIEST = MIDNIGHT - days(HISTORY_DAYS)
HOURLY_FROM = MIDNIGHT - days(HOURLY_DAYS)


@pytest.mark.parametrize(
    ("each", "until", "expected"),
    [
        pytest.param(
            HOURLY,
            None,
            [(DAY, EARLIEST, HOURLY_FROM), (HOUR, HOURLY_FROM, END - days(1)), (FINE, END - days(1), END)],
            id="new",
        ),
        pytest.param(
            CPU,
            None,
            [(DAY, EARLIEST, HOURLY_FROM), (HOUR, HOURLY_FROM, END - days(14)), (FINE, END - days(14), END)],
            id="new-two-weeks-fine",
        ),
        pytest.param(LATENCY, None, [(DAY, EARLIEST, HOURLY_FROM), (HOUR, HOURLY_FROM, END)], id="new-never-fine"),
        pytest.param(STORAGE, None, [(DAY, EARLIEST, MIDNIGHT)], id="new-storage"),
        pytest.param(HOURLY, END - timedelta(hours=1), [(FINE, END - timedelta(hours=2), END)], id="an-hour-ago"),
        pytest.param(LATENCY, END - timedelta(hours=1), [(HOUR, END - timedelta(hours=2), END)], id="never-fine"),
        pytest.param(DAILY, END - timedelta(hours=25), [(FINE, END - timedelta(hours=49), END)], id="a-day-ago"),
        pytest.param(STORAGE, END - days(1), [(DAY, MIDNIGHT - days(4), MIDNIGHT)], id="storage-a-day-ago"),
        pytest.param(
            HOURLY,
            END - days(10),
            [(HOUR, END - days(10) - timedelta(hours=1), END - days(3)), (FINE, END - days(3), END)],
            id="gap-longer-than-fine-is-kept",
        ),
        pytest.param(
            HOURLY,
            END - days(40),
            [
                (HOUR, END - days(40) - timedelta(hours=1), MIDNIGHT - days(39)),
                (DAY, MIDNIGHT - days(39), HOURLY_FROM),
                (HOUR, HOURLY_FROM, END - days(3)),
                (FINE, END - days(3), END),
            ],
            id="gap-of-forty-days",
        ),
        pytest.param(
            CPU,
            END - days(40),
            [(FINE, END - days(40) - timedelta(hours=1), END)],
            id="gap-of-forty-days-kept-fine",
        ),
        pytest.param(
            CPU,
            END - days(100),
            [
                (DAY, EARLIEST, MIDNIGHT - days(62)),
                (HOUR, MIDNIGHT - days(62), END - days(62)),
                (FINE, END - days(62), END),
            ],
            id="gap-of-a-hundred-days-kept-fine",
        ),
        pytest.param(
            HOURLY,
            END - days(100),
            [(DAY, EARLIEST, HOURLY_FROM), (HOUR, HOURLY_FROM, END - days(3)), (FINE, END - days(3), END)],
            id="gap-of-a-hundred-days",
        ),
        pytest.param(STORAGE, END - days(100), [(DAY, EARLIEST, MIDNIGHT)], id="storage-gap-of-a-hundred-days"),
    ],
)
def test_windows(each: CatalogMetric, until: datetime | None, expected: list[tuple[int, datetime, datetime]]) -> None:
    windows = list_windows(known(each, until), END)
    assert [(period, window.start_at, window.end_at) for period, window in windows] == expected


def test_two_weeks_read_again_are_two_weeks_of_five_minutes_of_what_rightsizing_judges() -> None:
    """How a database of an earlier version, which knew hours alone, gets them: `--reread-hours 336`."""
    until, weeks = END - timedelta(hours=1), timedelta(hours=336)
    cpu, other = (list(list_windows(known(each, until), END, weeks)) for each in (CPU, HOURLY))
    assert cpu == [(FINE, Window(until - weeks, END))]
    assert other == [(HOUR, Window(until - weeks, END - days(3))), (FINE, Window(END - days(3), END))]


METRICS = st.one_of(
    st.just(STORAGE),
    st.builds(
        lambda fine, more, collected: metric(fine_days=fine, kept_days=fine + more if fine else 0, collected=collected),
        st.sampled_from([0, 1, 2, 14, 62]),
        st.integers(0, 60),
        st.sampled_from(["hourly", "daily"]),
    ),
)
ENDS = st.integers(0, 9000).map(lambda hours: END + timedelta(hours=hours))
AGES = st.one_of(st.none(), st.integers(1, 72), st.integers(1, 130 * 24)).map(
    lambda hours: None if hours is None else timedelta(hours=hours)
)
REREADS = st.one_of(st.none(), st.integers(1, 24 * 33).map(lambda hours: timedelta(hours=hours)))


@settings(max_examples=400, deadline=None)
@given(each=METRICS, end_at=ENDS, age=AGES, reread=REREADS)
def test_windows_of_a_series_follow_each_other_from_start_to_end(
    each: CatalogMetric, end_at: datetime, age: timedelta | None, reread: timedelta | None
) -> None:
    until = None if age is None else end_at - age
    windows = list(list_windows(known(each, until), end_at, reread))
    midnight = end_at.replace(hour=0)
    for period, window in windows:
        assert window.start_at < window.end_at
        assert window.start_at.timestamp() % period == window.end_at.timestamp() % period == 0
        assert end_at - window.start_at <= days(RETAINED_DAYS[period])
        assert period in {each.period_seconds, each.finest_period_seconds, DAY}
    if not windows:
        assert each.period_seconds == DAY
        return
    edges = [(window.start_at, window.end_at) for _, window in windows]
    assert [end for _, end in edges[:-1]] == [start for start, _ in edges[1:]], "an overlap, or a hole"
    start = edges[0][0]
    if each.period_seconds == DAY:
        assert edges[-1][1] == midnight
        assert until is None or start <= max(midnight - days(HISTORY_DAYS), until - days(reread is None))
    else:
        assert edges[-1][1] == end_at
    earliest = midnight - days(HISTORY_DAYS)
    if until is None:
        assert start == earliest
    else:
        assert start >= earliest
        back = reread or OVERLAP[each.collected]
        assert start <= max(earliest, until - back), "late datapoints wouldn't be seen"
        if each.period_seconds != DAY:
            assert start == max(earliest, until - back)


@settings(max_examples=200, deadline=None)
@given(each=METRICS.filter(lambda each: each.period_seconds == HOUR), end_at=ENDS, age=AGES)
def test_what_is_lately_kept_fine_is_asked_for_fine(
    each: CatalogMetric, end_at: datetime, age: timedelta | None
) -> None:
    """What stands in fine rows is never brought up to date from coarser ones, nor are hours from days."""
    until = None if age is None else end_at - age
    fine_from = end_at - days(each.fine_history_days if until is None else max(each.fine_history_days, 1))
    for period, window in list_windows(known(each, until), end_at):
        if each.is_fine and window.start_at >= fine_from:
            assert period == FINE
        if window.start_at >= end_at.replace(hour=0) - days(HOURLY_DAYS):
            assert period <= HOUR


def draw_due(draw: st.DrawFn) -> list[Known]:
    count = draw(st.integers(1, 120))
    kinds = draw(st.lists(METRICS, min_size=1, max_size=4))
    ages = draw(st.lists(AGES, min_size=1, max_size=3))
    statistics = ("Average", "Maximum", "Minimum", "SampleCount")
    due = []
    for number in range(count):
        kind, age = kinds[number % len(kinds)], ages[number % len(ages)]
        each = metric(
            *statistics[: 1 + number % 4],
            fine_days=kind.fine_history_days,
            kept_days=kind.fine_kept_days,
            collected=kind.collected,
            period=kind.period_seconds,
        )
        due.append(known(each, None if age is None else END - age, number))
    return due


DUE = st.composite(draw_due)()


def list_asked(calls: list[Call]) -> "Counter[tuple[int, str, int, Window]]":
    return Counter(
        (query.known.series_id, query.statistic, query.period_seconds, call.window)
        for call in calls
        for query in call.queries
    )


@settings(max_examples=60, deadline=None)
@given(due=DUE)
def test_every_statistic_of_every_window_is_asked_for_exactly_once_within_the_limits(due: list[Known]) -> None:
    calls = plan_calls(due, END)
    assert list_asked(calls) == Counter(
        (each.series_id, statistic, period, window)
        for each in due
        for period, window in list_windows(each, END)
        for statistic in each.metric.statistics
    )
    for call in calls:
        assert 1 <= len(call.queries) <= QUERIES_PER_CALL
        seconds = (call.window.end_at - call.window.start_at).total_seconds()
        datapoints = sum(ceil(seconds / query.period_seconds) for query in call.queries)
        assert datapoints == call.datapoint_count <= 100_800 == DATAPOINTS_PER_CALL


@pytest.mark.parametrize("count", [1, 62, 63, 125, 126, 1000])
def test_as_few_calls_as_can_be(count: int) -> None:
    """Eight queries a resource, an hour later: two hours of five minutes fit 500 queries, and so do their points."""
    kinds = [metric("Sum", "SampleCount")] * 2 + [metric("Average", "Maximum", "Minimum", "SampleCount")]
    due = [
        known(kind, END - timedelta(hours=1), len(kinds) * number + place)
        for number in range(count)
        for place, kind in enumerate(kinds)
    ]
    calls = plan_calls(due, END)
    assert len(calls) == ceil(8 * count / 500)
    assert all(len(call.queries) == 500 for call in calls[:-1])
    assert {call.window for call in calls} == {Window(END - timedelta(hours=2), END)}


def test_windows_of_several_periods_and_lengths_each_have_their_own_calls() -> None:
    due = [known(each, None, number) for number, each in enumerate([HOURLY, LATENCY, STORAGE] * 300)]
    sizes: Counter[Window] = Counter()
    for each in due:
        for _, window in list_windows(each, END):
            sizes[window] += 1
    assert set(sizes.values()) == {300, 600}
    points = {window: size * (window.end_at - window.start_at) / timedelta(hours=1) for window, size in sizes.items()}
    calls = Counter(call.window for call in plan_calls(due, END))
    assert sum(calls.values()) > len(sizes)
    for window, size in sizes.items():
        if points[window] <= 100_800 and size <= 500:
            assert calls[window] == 1
        # One window's queries may be of several periods; no call is left half full but a window's last.
        assert calls[window] <= ceil(size / 500) + ceil(points[window] * 12 / 100_800)


def test_datapoints_bound_a_call_before_queries_do() -> None:
    """Fourteen days of five minutes are 4,032 points: 25 queries a call."""
    due = [known(CPU, None, number) for number in range(60)]
    fine = [call for call in plan_calls(due, END) if call.queries[0].period_seconds == FINE]
    assert [len(call.queries) for call in fine] == [25, 25, 10]


def test_hourly_metrics_come_before_daily_ones() -> None:
    """So that a cap meets what is judged on least."""
    series = [known(each, END - days(2), number) for number, each in enumerate([DAILY, HOURLY] * 400)]
    due = list_due(series, END)
    collected = [query.known.metric.collected for call in plan_calls(due, END) for query in call.queries]
    assert collected == ["hourly"] * 400 + ["daily"] * 400


def test_what_was_refused_is_asked_for_once_a_day_alone_and_last() -> None:
    """Others in its call would be refused with it."""
    refused = [
        replace(known(each, END - days(9), number), refused_at=END - timedelta(hours=hours))
        for number, (each, hours) in enumerate([(HOURLY, 24), (HOURLY, 25), (DAILY, 25)], start=100)
    ]
    series = [*refused, *(known(each, END - days(9), number) for number, each in enumerate([DAILY, HOURLY]))]
    due = list_due(series, END)
    assert [each.series_id for each in due] == [1, 0, 101, 102]
    together = [{query.known.series_id for query in call.queries} for call in plan_calls(due, END)]
    assert {0, 1} in together, "five minutes of the last three days"
    assert [ids for ids in together if ids & {101, 102} and len(ids) > 1] == []
    assert together[-1] == {102}
    assert [each.series_id for each in list_due(series, END, timedelta(hours=1))] == [1, 0, 100, 101, 102]


@pytest.mark.parametrize(
    ("each", "hours", "expected"),
    [
        (HOURLY, 0, False),
        (HOURLY, 1, True),
        (DAILY, 1, False),
        (DAILY, 24, False),
        (DAILY, 25, True),
        (STORAGE, 24, False),
    ],
)
def test_due(each: CatalogMetric, hours: int, expected: bool) -> None:
    assert is_due(known(each, END - timedelta(hours=hours)), END) is expected
    assert is_due(known(each, None), END)
    series = [known(each, END - timedelta(hours=hours))]
    assert list_due(series, END) == (series if expected else [])
    assert list_due(series, END, timedelta(hours=1)) == series, "what is to be read again is due"
