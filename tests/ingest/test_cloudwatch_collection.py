"""CloudWatch's points in the database against the account's own truth, and what a later look asks for."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from math import ceil

import pytest

from demo.telemetry.samples import Metric
from tests.conftest import Estate
from tests.ingest.metrics import (
    ANALYTICS,
    DAY,
    FINE,
    HOUR,
    PAYER,
    QUERIES_PER_CALL,
    Asked,
    Key,
    Points,
    collect,
    expect_points,
    find_truth,
    is_for,
    key_of,
    list_catalogued,
    name_of,
    read_asked,
    read_digests,
    read_points,
    read_seed,
    read_until,
    spell,
    variables_of,
)
from tests.simulated import Cloud, Product

HISTORY_DAYS, HOURLY_DAYS = 93, 33
DATAPOINTS_PER_CALL = 100_800


def has_gap(points: Points, period: int) -> bool:
    return bool(points) and len(points) < (max(points) - min(points)) // period + 1


def find_gaps(product: Product) -> set[Key]:
    """Series that seem to be silent for an hour between two others."""
    rows = product.query(
        """
        select account_id, region, namespace, metric_name, dimensions
        from raw.cloudwatch_datapoints_3600 inner join raw.cloudwatch_series using (series_id)
        group by 1, 2, 3, 4, 5
        having count(*) < extract(epoch from max(period_start_at) - min(period_start_at)) / 3600 + 1
        """
    )
    return {row[:5] for row in rows}


def check(estate: Estate, metric: Metric, first: int, end: int, period: int) -> bool:
    """Rows of one period are the truth's, and there are no others; whether there is a gap among them."""
    expected = expect_points(estate.cloud, metric, first, end, period)
    assert read_points(estate.product, key_of(metric), period) == {
        second: pytest.approx(values, rel=1e-12) for second, values in expected.items()
    }, metric
    return has_gap(expected, period)


@pytest.fixture(scope="module")
def by_name(loaded: Estate) -> dict[tuple[str, str, str], list[Metric]]:
    """The account's series by metric."""
    found: dict[tuple[str, str, str], list[Metric]] = {}
    for metric in list_catalogued(loaded.cloud):
        found.setdefault(name_of(metric), []).append(metric)
    assert len(found) > 40
    return found


def test_hourly_rows_are_the_truth(loaded: Estate, by_name: dict[tuple[str, str, str], list[Metric]]) -> None:
    """Two series of each metric, and two of each with a gap; whether asked by the hour or added up, percentiles too."""
    end = int(loaded.cloud.present.timestamp())
    first = end - HOURLY_DAYS * DAY
    with_gap = find_gaps(loaded.product)
    gaps = 0
    for name, metrics in by_name.items():
        if read_seed()[name].period == HOUR:
            chosen = [*metrics[:2], *[metric for metric in metrics[2:] if key_of(metric) in with_gap][:2]]
            gaps += sum(check(loaded, metric, first, end, HOUR) for metric in chosen)
    assert gaps > 10
    assert {"p95", "p99"} <= {statistic for name in by_name for statistic in read_seed()[name].statistics}


def test_five_minute_rows_are_the_truth_for_as_long_as_the_catalogue_says(
    loaded: Estate, by_name: dict[tuple[str, str, str], list[Metric]]
) -> None:
    end = int(loaded.cloud.present.timestamp())
    days = set()
    for name, metrics in by_name.items():
        row = read_seed()[name]
        if row.finest == FINE:
            days.add(row.fine_days)
            for metric in metrics[:2]:
                check(loaded, metric, end - row.fine_days * DAY, end, FINE)
        else:
            assert [read_points(loaded.product, key_of(metric), FINE) for metric in metrics] == [{}] * len(metrics)
    assert days == {1, 14}


def test_daily_rows_are_the_truth_before_the_hourly_ones(
    loaded: Estate, by_name: dict[tuple[str, str, str], list[Metric]]
) -> None:
    """And to the end for what AWS reports once a day."""
    end = int(loaded.cloud.present.timestamp())
    assert end % DAY == 0
    storage = 0
    for name, metrics in by_name.items():
        is_daily = read_seed()[name].period == DAY
        storage += is_daily
        for metric in metrics[: 4 if is_daily else 2]:
            check(loaded, metric, end - HISTORY_DAYS * DAY, end if is_daily else end - HOURLY_DAYS * DAY, DAY)
            assert not is_daily or read_points(loaded.product, key_of(metric), HOUR) == {}
    assert storage == 2


# --- how much is asked ---------------------------------------------------------------------------------------------


def list_first_windows(metric: Metric, end: datetime) -> Iterator[tuple[int, datetime, datetime]]:
    """What a series that was never collected is asked for, as the documentation says."""
    row = read_seed()[name_of(metric)]
    midnight = end.replace(hour=0)
    earliest, hourly = midnight - timedelta(days=HISTORY_DAYS), midnight - timedelta(days=HOURLY_DAYS)
    if row.period == DAY:
        yield DAY, earliest, midnight
        return
    fine = end - timedelta(days=row.fine_days) if row.finest == FINE else end
    yield DAY, earliest, hourly
    yield HOUR, hourly, fine
    if fine < end:
        yield FINE, fine, end


def count_calls(windows: "Counter[tuple[int, datetime, datetime]]") -> int:
    """So many queries of each window take so many requests: 500 a request, and never more than 100,800 datapoints."""
    calls = 0
    for (period, start, end), queries in windows.items():
        fitting = DATAPOINTS_PER_CALL // int((end - start).total_seconds() / period)
        calls += ceil(queries / min(QUERIES_PER_CALL, fitting))
    return calls


def test_a_first_collection_makes_as_few_requests_as_can_be(loaded: Estate) -> None:
    places: dict[tuple[str, str], Counter[tuple[int, datetime, datetime]]] = {}
    for metric in list_catalogued(loaded.cloud):
        windows = places.setdefault((metric.account_id, metric.region), Counter())
        for window in list_first_windows(metric, loaded.cloud.present):
            windows[window] += len(read_seed()[name_of(metric)].statistics)
    asked = loaded.product.query(
        """
        select account_id, region, request_count, billed_unit_count, request_cost_usd from raw.api_requests
        where operation = 'GetMetricData'
        """
    )
    assert {row[:2]: row[2] for row in asked} == {place: count_calls(windows) for place, windows in places.items()}
    assert {row[:2]: row[3] for row in asked} == {place: windows.total() for place, windows in places.items()}
    assert sum(row[2] for row in asked) > 50


@pytest.fixture
def small(small_estate: Estate, own_cloud: Cloud) -> Iterator[Product]:
    """A product that has collected a small place of the account whose clock may be advanced."""
    copy = small_estate.product.copy(f"{small_estate.product.database}_small")
    yield copy.with_variables(**variables_of(own_cloud, "us-west-2", ANALYTICS))
    copy.drop()


def count_series(asked: list[Asked]) -> set[tuple[str, str, str]]:
    return {query[:3] for each in asked for query in each.queries}


def name_series(metrics: list[Metric]) -> set[tuple[str, str, str]]:
    return {(metric.namespace, metric.name, spell(metric)) for metric in metrics}


def list_collected(cloud: Cloud, collected: str) -> list[Metric]:
    """The small place's series that the catalogue has collected hourly, or daily."""
    found = list_catalogued(cloud, (PAYER, "us-west-2"), (ANALYTICS, "us-west-2"))
    return [metric for metric in found if read_seed()[name_of(metric)].collected == collected]


def is_speaking(cloud: Cloud, metric: Metric) -> bool:
    return bool(find_truth(cloud).is_active(metric, int(cloud.present.timestamp()) - 3 * HOUR))


def test_later_collections_ask_for_what_is_due(small: Product, own_cloud: Cloud) -> None:
    present = own_cloud.present
    before = read_digests(small)
    with own_cloud.noting() as requests:
        collect(small, own_cloud)
    assert read_asked(requests) == [], "nothing is due within the hour"
    assert read_digests(small) == before
    for late in (timedelta(minutes=59), timedelta(seconds=1)):
        with own_cloud.noting() as requests:
            collect(small, own_cloud, present=present + late)
        assert read_asked(requests) == []

    own_cloud.router.advance(1)
    hourly = [each for each in list_collected(own_cloud, "hourly") if is_speaking(own_cloud, each)]
    with own_cloud.noting() as requests:
        told = collect(small, own_cloud)
    asked = read_asked(requests)
    end = present + timedelta(hours=1)
    # The last hour again, because CloudWatch may still have completed it, and the new one.
    assert {each.window for each in asked} == {(present - timedelta(hours=1), end)}
    assert count_series(asked) == name_series(hourly) != set()
    expected = ceil_by_place(hourly)
    assert len(asked) == expected, told
    until = read_until(small)
    assert {until[key_of(metric)] for metric in hourly} == {end}
    for metric in hourly[::4]:
        first = int(present.timestamp()) - read_seed()[name_of(metric)].fine_days * DAY
        check(Estate(small, own_cloud), metric, first, int(end.timestamp()), FINE)

    own_cloud.router.advance(24)
    end += timedelta(hours=24)
    with own_cloud.noting() as requests:
        collect(small, own_cloud)
    asked = read_asked(requests)
    daily = list_collected(own_cloud, "daily")
    assert count_series(asked) >= name_series(daily) | name_series(hourly)
    windows = {(query[:3], query[4]): each.window for each in asked for query in each.queries}
    for metric in daily:
        ours = metric.namespace, metric.name, spell(metric)
        period = read_seed()[name_of(metric)].finest
        # A day is read again of what is asked for once a day.
        assert windows[ours, period] == (present - timedelta(days=1), end), metric
    for metric in hourly:
        ours = metric.namespace, metric.name, spell(metric)
        assert windows[ours, FINE] == (present, end), metric
    assert set(read_until(small).values()) == {end}


def ceil_by_place(metrics: list[Metric]) -> int:
    """Requests for one window of these series: ceil(queries / 500) of each account and region."""
    queries: Counter[tuple[str, str]] = Counter()
    for metric in metrics:
        queries[metric.account_id, metric.region] += len(read_seed()[name_of(metric)].statistics)
    return sum(ceil(count / QUERIES_PER_CALL) for count in queries.values())


def test_what_aws_reports_once_a_day_is_asked_for_in_whole_days(
    create_product: Callable[..., Product], own_cloud: Cloud
) -> None:
    """Three days again: AWS is late with them. The payer's buckets, whose metrics are all of this kind."""
    product = create_product(**variables_of(own_cloud, "us-east-1"))
    collect(product, own_cloud)
    own_cloud.router.advance(26)
    with own_cloud.noting() as requests:
        collect(product, own_cloud)
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    assert {each.window for each in read_asked(requests)} == {(midnight - timedelta(days=4), midnight)}
    end = int(midnight.timestamp())
    for metric in list_catalogued(own_cloud, (PAYER, "us-east-1")):
        check(Estate(product, own_cloud), metric, end - (HISTORY_DAYS + 1) * DAY, end, DAY)
    product.drop()


def test_points_that_came_late_are_read_again(small: Product, own_cloud: Cloud) -> None:
    """What is missing, or otherwise, within the hours that are read again comes right; elsewhere nothing is touched."""
    before = read_digests(small)
    since = own_cloud.present - timedelta(hours=20)
    small.change(
        f"delete from raw.cloudwatch_datapoints where period_start_at >= '{since}' and series_id % 3 = 0",
        f"update raw.cloudwatch_datapoints set maximum_value = -1, sum_value = 7 where period_start_at >= '{since}'",
    )
    assert read_digests(small) != before
    with own_cloud.noting() as requests:
        collect(small, own_cloud, "--reread-hours", "20")
    assert {each.window for each in read_asked(requests)} >= {(since, own_cloud.present)}
    assert read_digests(small) == before


def test_a_gap_is_closed(small: Product, own_cloud: Cloud) -> None:
    """As after ten days without collecting: by the hour before what is kept fine, and whole."""
    hourly = read_digests(small)
    since = own_cloud.present - timedelta(days=10)
    small.change(
        f"delete from raw.cloudwatch_datapoints where period_start_at >= '{since}'",
        f"update raw.cloudwatch_series set collected_until_at = '{since}'",
        "update raw.loads set statistics = statistics || jsonb_build_object('daily_until_at', '2026-11-13T00:00:00Z')",
    )
    collect(small, own_cloud)
    closed = read_digests(small)
    assert {key: told for key, told in closed.items() if key[5] != FINE} == {
        key: told for key, told in hourly.items() if key[5] != FINE
    }
    for metric in list_collected(own_cloud, "hourly")[::5]:
        days = 14 if read_seed()[name_of(metric)].fine_days == 14 else 3
        end = int(own_cloud.present.timestamp())
        check(Estate(small, own_cloud), metric, end - days * DAY, end, FINE)


def test_after_a_pause_what_has_fallen_silent_again_is_listed_too(small: Product, own_cloud: Cloud) -> None:
    """ListMetrics' last three hours tell of all that spoke since only where the last collection is no older."""

    def list_only_recent(hours: int) -> set[bool]:
        own_cloud.router.advance(hours)
        with own_cloud.noting() as requests:
            collect(small, own_cloud)
        listings = [each.body for each in requests if is_for(each, "ListMetrics")]
        assert listings
        return {b"RecentlyActive" in body for body in listings}

    assert list_only_recent(1) == {True}
    assert list_only_recent(2) == {True}
    assert list_only_recent(3) == {False}
    assert list_only_recent(1) == {True}
