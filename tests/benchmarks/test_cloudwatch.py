"""The hourly update of a large account, against the simulated endpoint; what storing datapoints takes by itself.

`make bench` prints the tables of docs/benchmarks.md; BENCH_RESOURCES is the size of the account (10,000 there).
"""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from demo.generation import open_books
from demo.journal import Journal
from demo.telemetry.samples import Metric
from demo.telemetry.truth import Truth
from ingest import bulk, ledger
from ingest.aws import open_accounts
from ingest.cloudwatch.assembling import assemble_rows
from ingest.cloudwatch.catalog import FINE, CatalogMetric, read_catalog
from ingest.cloudwatch.discovery import Series
from ingest.cloudwatch.planning import Known, Query
from ingest.cloudwatch.requesting import Points
from ingest.cloudwatch.storing import store_rows
from tests.app.marts_fixture import environment
from tests.benchmarks.measuring import Run, watch
from tests.benchmarks.metric_endpoint import END, Served, describe_account, serve
from tests.benchmarks.test_cur import find_server
from tests.benchmarks.test_loading import describe_machine
from tests.simulated import Product

LARGE = int(os.environ.get("BENCH_RESOURCES", "1000"))
PRESENT = datetime.fromtimestamp(END * 3600, UTC)
# What was collected before is not what is measured: the series as a collection an hour ago leaves them.
PREPARE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
import json
from ingest import bulk, ledger
from ingest.aws import open_accounts
from ingest.aws import open_accounts
from ingest.cloudwatch import catalog, discovery, storing
ledger.create_raw_schema()
before = datetime.fromisoformat(sys.argv[1])
pool = ThreadPoolExecutor(4)
for account in open_accounts()[0]:
    for region in sys.argv[2].split():
        found = discovery.discover_series(
            account.client("cloudwatch", region), account.account_id, region, catalog.read_catalog(),
            only_recent=False, expected_count=None, count_request=lambda: None, pool=pool,
        )
        with bulk.open_load() as (connection, cursor):
            known = storing.store_series(cursor, found.series, before)
            storing.mark_collected(cursor, [each.series_id for each in known], before)
            load = ledger.begin_load(cursor, "cloudwatch", f"{account.account_id}/{region}", "", "")
            load.data_from_at, load.data_until_at = before - timedelta(days=93), before
            load.statistics = {"daily_until_at": before.isoformat(), "listed_series_count": len(known)}
            ledger.record_load(cursor, load)
            connection.commit()
"""

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Served]:
    with serve(LARGE) as served:
        yield served


@pytest.fixture(scope="module")
def expected_calls() -> tuple[int, int]:
    """Queries of the hour, and the calls that they take at best: the sum over accounts and regions of ceil(n / 500).

    From the truth behind the endpoint: what is collected hourly and sent anything in the last three hours.
    """
    truth = Truth(open_books(describe_account(LARGE), Journal(END)).estate)
    hourly = {_key(each): each for each in read_catalog() if each.collected == "hourly"}
    queries: dict[tuple[str, str], int] = {}
    for metric in truth.metrics:
        found = hourly.get(_name(metric))
        if found is not None and truth.is_active(metric, truth.now - 3 * 3600):
            place = (metric.account_id, metric.region)
            queries[place] = queries.get(place, 0) + len(found.statistics)
    return sum(queries.values()), sum(-(-count // 500) for count in queries.values())


def _key(metric: CatalogMetric) -> tuple[str, str, str]:
    return metric.namespace, metric.metric_name, metric.dimension_names_text


def _name(metric: Metric) -> tuple[str, str, str]:
    return metric.namespace, metric.name, "|".join(name for name, _ in metric.dimensions)


def prepare(create_product: Callable[..., Product], endpoint: Served, hours: int = 1) -> Product:
    """A product whose series were all collected so many hours ago."""
    product = create_product(**endpoint.variables)
    before = (PRESENT - timedelta(hours=hours)).isoformat()
    prepared = product.python("-c", PREPARE, before, endpoint.variables["TIEOUT_REGIONS"])
    assert prepared.returncode == 0, prepared.stderr
    return product


def update(product: Product) -> Run:
    """The whole command, watched."""
    return watch(lambda: product.start_at(PRESENT, "cloudwatch"), find_server(product))


def count_asked(product: Product) -> tuple[int, int, int]:
    """GetMetricData calls, their queries, and datapoints received."""
    ((calls, units),) = product.query(
        "select sum(request_count)::int, sum(billed_unit_count)::int from raw.api_requests"
        " where operation = 'GetMetricData'"
    )
    ((points,),) = product.query(
        "select sum((statistics ->> 'datapoint_count')::bigint)::bigint from raw.loads where is_current"
    )
    return calls, units, points


def test_hourly_update(
    create_product: Callable[..., Product], endpoint: Served, expected_calls: tuple[int, int]
) -> None:
    """First an endpoint that makes its answers, then one that has them ready, then one that takes 100 ms a call."""
    queries, fewest_calls = expected_calls
    print(f"\n\n{describe_machine()}\n")
    print(
        "| hourly update | queries | calls | datapoints | s | datapoints/s "
        "| memory MB | processor s | server's | others' |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in ("answers made", "answers ready"):
        _measure(name, prepare(create_product, endpoint), queries, fewest_calls)
    with serve(LARGE, latency=0.1) as slow:
        product = prepare(create_product, slow)
        _measure("100 ms a call", product, queries, fewest_calls)


def _measure(name: str, product: Product, queries: int, fewest_calls: int) -> None:
    run = update(product)
    calls, units, points = count_asked(product)
    assert (calls, units) == (fewest_calls, queries)
    # Five minutes of the new hour and of the one before it: 24 of each query, but for what was silent.
    assert 0.8 * 24 * queries < points <= 24 * queries
    again = update(product)
    assert count_asked(product)[0] == calls, "a second run inside the hour asks for nothing"
    print(
        f"| {LARGE:,} resources, {name} | {queries:,} | {calls} | {points:,} | {run.seconds:.1f} "
        f"| {points / run.seconds:,.0f} | {run.memory / 1e6:,.0f} | {run.processor_seconds:.1f} "
        f"| {run.server_processor_seconds:.1f} | {run.other_processor_seconds:.1f} |"
    )
    print(f"| nothing new | 0 | 0 | 0 | {again.seconds:.1f} | | {again.memory / 1e6:,.0f} | | | |")
    product.drop()


def time_boto3(product: Product) -> float:
    """Datapoints a second that boto3 alone reads in one thread: the largest region's first queries of that day."""
    series = product.query(
        "select account_id, namespace, metric_name, dimensions, region from raw.cloudwatch_series"
        " where namespace = 'AWS/EC2' and metric_name = 'CPUUtilization' order by 1, 5 limit 300"
    )
    account_id, region = series[0][0], series[0][4]
    queries = [
        {
            "Id": f"q{place}",
            "MetricStat": {
                "Metric": {
                    "Namespace": namespace,
                    "MetricName": name,
                    "Dimensions": [dict(zip(("Name", "Value"), dimensions.split("="), strict=True))],
                },
                "Period": FINE,
                "Stat": "Maximum",
            },
        }
        for place, (owner, namespace, name, dimensions, home) in enumerate(series)
        if (owner, home) == (account_id, region)
    ]
    with environment(product.environment):
        (account,) = (each for each in open_accounts()[0] if each.account_id == account_id)
        client = account.client("cloudwatch", region)
        request = {"MetricDataQueries": queries, "StartTime": PRESENT - timedelta(hours=25), "EndTime": PRESENT}
        client.get_metric_data(**request)  # the endpoint makes its answer
        started = time.perf_counter()
        answer = client.get_metric_data(**request)
        seconds = time.perf_counter() - started
    return float(sum(len(each["Values"]) for each in answer["MetricDataResults"]) / seconds)


def test_end_to_end(create_product: Callable[..., Product]) -> None:
    """A day of five minutes, so that datapoints and not requests are what takes the time; answers ready to be sent."""
    with serve(LARGE // 5) as endpoint:
        update(prepare(create_product, endpoint, 24))
        product = prepare(create_product, endpoint, 24)
        run = update(product)
        plain = time_boto3(product)
    calls, units, points = count_asked(product)
    # A day of five minutes and the hour read again; in a small account most of what is asked, by number of metrics,
    # speaks only now and then (errors, scaling), so this holds only that the day is there and not an hour of it.
    assert 0.6 * 300 * units < points <= 300 * units
    print(
        "\n\n| end to end | queries | calls | datapoints | s | datapoints/s "
        "| memory MB | processor s | server's | others' | boto3 alone, points/s | ratio |\n"
        f"|---|---|---|---|---|---|---|---|---|---|---|---|\n"
        f"| {LARGE // 5:,} resources, a day | {units:,} | {calls} | {points:,} | {run.seconds:.1f} "
        f"| {points / run.seconds:,.0f} | {run.memory / 1e6:,.0f} | {run.processor_seconds:.1f} "
        f"| {run.server_processor_seconds:.1f} | {run.other_processor_seconds:.1f} "
        f"| {plain:,.0f} | {points / run.seconds / plain:.1f} |"
    )
    product.drop()


def test_storing(product: Product) -> None:
    """Datapoints of 2,000 series, two days of five minutes, four statistics: assembled and stored, beside a plain COPY
    of the same values, one a row, into a table without an index."""
    metric = CatalogMetric(
        "AWS/EC2", "CPUUtilization", frozenset({"InstanceId"}), ("InstanceId",),
        ("Average", "Maximum", "Minimum", "SampleCount"),
        finest_period_seconds=FINE, fine_history_days=1, fine_kept_days=1,
    )  # fmt: skip
    seconds = np.arange(576) * FINE + END * 3600
    rng = np.random.default_rng(1)
    answers = [
        Points(Query(known, statistic, FINE), seconds, rng.random(576))
        for known in (
            Known(number, Series("1", "us-east-1", metric, (("InstanceId", str(number)),)), None)
            for number in range(2_000)
        )
        for statistic in metric.statistics
    ]
    count = sum(len(each.values) for each in answers)
    with environment(product.environment):
        ledger.create_raw_schema()
        with bulk.open_load() as (connection, cursor):
            started = time.perf_counter()
            rows = assemble_rows(answers, FINE, 1)
            assembled = time.perf_counter()
            stored = store_rows(cursor, rows, dict.fromkeys(range(2_000)))
            connection.commit()
            ended = time.perf_counter()
        assert stored * 4 == count
        narrow = pa.table(
            {
                "series_id": np.repeat([each.query.known.series_id for each in answers], 576),
                "period_start": np.tile(seconds, len(answers)),
                "value": np.concatenate([each.values for each in answers]),
            }
        )
        product.change("create table raw.plain (series_id bigint, period_start bigint, value double precision)")
        with bulk.open_load() as (connection, cursor):
            plain_from = time.perf_counter()
            bulk.copy_table(cursor, "plain", narrow)
            connection.commit()
            plain = time.perf_counter() - plain_from
    print(
        f"\n\n| storing | datapoints | s | datapoints/s | of it assembling s | plain COPY s | ratio |\n"
        f"|---|---|---|---|---|---|---|\n"
        f"| rows of four statistics, with their key | {count:,} | {ended - started:.1f} "
        f"| {count / (ended - started):,.0f} | {assembled - started:.1f} | {plain:.1f} "
        f"| {(ended - started) / plain:.1f} |"
    )
