"""CloudWatch as tests see it: the seed's rows, the account's truth, what was asked, what stands in the database.

Read and computed here anew; nothing is taken from the product.
"""

import csv
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from subprocess import CompletedProcess
from typing import Any
from unittest import mock

import numpy as np

from demo import wire
from demo.telemetry.samples import Metric, Samples
from demo.wire import Request
from tests.databases import CHECKOUT
from tests.simulated import Cloud, Product

FINE, HOUR, DAY = 300, 3600, 86_400
STATISTICS = ("Average", "Maximum", "Minimum", "Sum", "SampleCount", "p95", "p99")
QUERIES_PER_CALL = 500  # GetMetricData's limit
ROLE = "arn:aws:iam::{}:role/TieoutReader"
PAYER, PRODUCTION, ANALYTICS = "111122223333", "444455556666", "777788889999"

Name = tuple[str, str, str]  # namespace, metric, dimension names
Key = tuple[str, str, str, str, str]  # account, region, namespace, metric, dimensions


@dataclass(frozen=True)
class Row:
    """A row of seed metric_catalog."""

    statistics: tuple[str, ...]
    period: int
    finest: int
    fine_days: int
    collected: str
    resource_dimensions: tuple[str, ...]
    resource_type: str


@functools.cache
def read_seed() -> dict[Name, Row]:
    with (CHECKOUT / "seeds" / "metric_catalog.csv").open(newline="") as file:
        return {
            (row["namespace"], row["metric_name"], row["dimension_names"]): Row(
                tuple(row["statistics"].split("|")),
                int(row["period_seconds"]),
                int(row["finest_period_seconds"]),
                int(row["fine_history_days"]),
                row["collected"],
                tuple(row["resource_dimension"].split("|")),
                row["resource_type"],
            )
            for row in csv.DictReader(file)
        }


# --- the truth -----------------------------------------------------------------------------------------------------


def name_of(metric: Metric) -> Name:
    return metric.namespace, metric.name, "|".join(name for name, _ in metric.dimensions)


def spell(metric: Metric) -> str:
    return ",".join("=".join(pair) for pair in metric.dimensions)


def key_of(metric: Metric) -> Key:
    return metric.account_id, metric.region, metric.namespace, metric.name, spell(metric)


def find_truth(cloud: Cloud) -> Any:
    metrics: Any = cloud.router.account.metrics
    return metrics.truth


def list_catalogued(cloud: Cloud, *places: tuple[str, str]) -> list[Metric]:
    """The metrics that should be found (in these accounts and regions): in the seed, and heard of in two weeks."""
    since = int(cloud.present.timestamp()) - 14 * DAY
    truth = find_truth(cloud)
    return [
        metric
        for metric in truth.metrics
        if name_of(metric) in read_seed()
        and (not places or (metric.account_id, metric.region) in places)
        and truth.is_active(metric, since)
    ]


Points = dict[int, dict[str, float]]  # a period's first second -> its statistics


def compute_points(samples: Samples, statistics: Iterable[str], period: int) -> Points:
    """Statistics by period, as the CloudWatch guide defines them; a silent period is left out."""
    numbers, starts = np.unique(samples.seconds // period, return_index=True)
    ends = [*starts, len(samples.seconds)][1:]
    return {
        int(number) * period: {
            name: _compute(name, samples.values[start:end], samples.sizes[start:end]) for name in sorted(statistics)
        }
        for number, start, end in zip(numbers, starts, ends, strict=True)
    }


def _compute(statistic: str, values: np.ndarray, sizes: np.ndarray) -> float:
    if statistic.startswith("p"):
        return float(np.percentile(np.repeat(values, sizes.astype(int)), int(statistic[1:])))
    if statistic == "Maximum":
        return float(values.max())
    if statistic == "Minimum":
        return float(values.min())
    total, count = float((values * sizes).sum()), float(sizes.sum())
    return {"Sum": total, "SampleCount": count, "Average": total / count}[statistic]


def expect_points(cloud: Cloud, metric: Metric, first: int, end: int, period: int) -> Points:
    """Those of the truth in [first, end), with the seed's statistics."""
    samples = find_truth(cloud).read(metric, first, end)
    return compute_points(samples, read_seed()[name_of(metric)].statistics, period)


# --- the database --------------------------------------------------------------------------------------------------

_POINTS = """
    select extract(epoch from points.period_start_at)::bigint, points.average_value, points.maximum_value,
        points.minimum_value, points.sum_value, points.sample_count, points.p95_value, points.p99_value
    from raw.cloudwatch_datapoints as points inner join raw.cloudwatch_series as series using (series_id)
    where series.account_id = %s and series.region = %s and series.namespace = %s and series.metric_name = %s
        and series.dimensions = %s and points.period_seconds = %s
    order by 1
"""


def read_points(product: Product, key: Key, period: int) -> Points:
    return {
        row[0]: {name: value for name, value in sorted(zip(STATISTICS, row[1:], strict=True)) if value is not None}
        for row in product.query(_POINTS, *key, period)
    }


# Which load a row came with isn't part of what it says, nor is the number that its series happens to have; a float's
# last bit may hang on the order of an addition.
_DIGESTS = """
    select series.account_id, series.region, series.namespace, series.metric_name, series.dimensions,
        points.period_seconds, count(*), min(period_start_at), max(period_start_at),
        md5(string_agg(
            concat_ws(
                ' ', extract(epoch from period_start_at)::bigint, coalesce(average_value::float4::text, '-'),
                coalesce(maximum_value::text, '-'), coalesce(minimum_value::text, '-'),
                coalesce(sum_value::float4::text, '-'), coalesce(sample_count::text, '-'),
                coalesce(p95_value::text, '-'), coalesce(p99_value::text, '-')
            ), ';' order by period_start_at
        ))
    from raw.cloudwatch_datapoints as points inner join raw.cloudwatch_series as series using (series_id)
    where points.period_start_at >= '{since}'
    group by 1, 2, 3, 4, 5, 6
"""


def read_digests(product: Product, since: str = "-infinity") -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """All rows, by series and period: their number, extent and a digest of what they say."""
    return {row[:6]: row[6:] for row in product.query(_DIGESTS.format(since=since))}


def read_until(product: Product) -> dict[Key, datetime | None]:
    """How far each series is collected."""
    rows = product.query(
        "select account_id, region, namespace, metric_name, dimensions, collected_until_at from raw.cloudwatch_series"
    )
    return {row[:5]: row[5] for row in rows}


def count_requests(product: Product) -> dict[str, tuple[int, int]]:
    """Requests and billed units of CloudWatch by operation, as the product wrote them down."""
    return {
        operation: (int(requests), int(units))
        for operation, requests, units in product.query(
            "select operation, sum(request_count), sum(billed_unit_count) from raw.api_requests"
            " where source_name = 'cloudwatch' group by 1"
        )
    }


# --- what is asked -------------------------------------------------------------------------------------------------


def is_for(request: Request, action: str) -> bool:
    """boto3 chooses among the protocols that CloudWatch speaks: JSON and CBOR, each with its own sign of the action."""
    return request.path.endswith(f"/operation/{action}") or request.headers.get("x-amz-target", "").endswith(action)


def is_asking(request: Request) -> bool:
    return is_for(request, "GetMetricData")


def is_cloudwatch(request: Request) -> bool:
    return is_asking(request) or is_for(request, "ListMetrics")


def is_signed_for(request: Request, region: str) -> bool:
    return f"/{region}/monitoring/" in request.headers.get("authorization", "")


@dataclass(frozen=True)
class Asked:
    """One GetMetricData request."""

    start_at: datetime
    end_at: datetime
    queries: tuple[tuple[str, str, str, str, int], ...]  # namespace, metric, dimensions, statistic, period

    @property
    def window(self) -> tuple[datetime, datetime]:
        return self.start_at, self.end_at


def read_asked(requests: Iterable[Request]) -> list[Asked]:
    """The GetMetricData requests among these."""
    return [_read_asked(request) for request in requests if is_asking(request)]


def _read_asked(request: Request) -> Asked:
    body = (wire.decode_json if "x-amz-target" in request.headers else wire.decode_cbor)(request.body)
    queries = []
    for query in body["MetricDataQueries"]:
        stat = query["MetricStat"]
        metric = stat["Metric"]
        dimensions = ",".join(f"{each['Name']}={each['Value']}" for each in metric["Dimensions"])
        queries.append((metric["Namespace"], metric["MetricName"], dimensions, stat["Stat"], stat["Period"]))
    start, end = (datetime.fromtimestamp(wire.as_seconds(body[name], name), UTC) for name in ("StartTime", "EndTime"))
    return Asked(start, end, tuple(queries))


def count_by_action(requests: Iterable[Request]) -> dict[str, int]:
    """CloudWatch's requests among these, by action."""
    actions = ("ListMetrics", "GetMetricData")
    return dict(Counter(action for request in requests for action in actions if is_for(request, action)))


# --- the account otherwise -----------------------------------------------------------------------------------------

Answer = dict[str, Any]
Genuine = Callable[[], Answer]


@contextmanager
def answering(cloud: Cloud, decide: Callable[[str, Mapping[str, Any], Genuine], Answer]) -> Iterator[None]:
    """CloudWatch answers what `decide` makes of the action, its parameters and the genuine answer."""
    service = cloud.router.account.metrics
    genuine = service.answer

    def answer(action: str, parameters: dict[str, Any], caller: Any) -> Answer:
        return decide(action, parameters, lambda: genuine(action, parameters, caller))

    with mock.patch.object(service, "answer", answer):
        yield


@contextmanager
def hiding(cloud: Cloud, is_hidden: Callable[[Mapping[str, Any]], bool]) -> Iterator[None]:
    """ListMetrics leaves out what is hidden."""

    def decide(action: str, _: Mapping[str, Any], genuine: Genuine) -> Answer:
        answer = genuine()
        if action == "ListMetrics":
            answer["Metrics"] = [each for each in answer["Metrics"] if not is_hidden(each)]
        return answer

    with answering(cloud, decide):
        yield


# --- the product ---------------------------------------------------------------------------------------------------


def errors_of(finished: "CompletedProcess[str]") -> list[str]:
    """The error lines of a command, which are the last that it writes."""
    assert "Traceback" not in finished.stderr, finished.stderr
    errors = [line for line in finished.stderr.splitlines() if line.startswith("error: ")]
    assert errors == finished.stderr.splitlines()[len(finished.stderr.splitlines()) - len(errors) :], finished.stderr
    return errors


def collect(product: Product, cloud: Cloud, *arguments: str, present: datetime | None = None) -> str:
    """What a collection prints that ends well."""
    finished = product.call_at(present or cloud.present, "cloudwatch", *arguments)
    assert (finished.returncode, errors_of(finished)) == (0, []), finished.stderr
    return finished.stdout


def variables_of(cloud: Cloud, regions: str, *accounts: str) -> dict[str, str]:
    """The payer and these accounts, in these regions."""
    roles = ",".join(ROLE.format(account) for account in accounts)
    return {**cloud.variables, "TIEOUT_ASSUME_ROLE_ARNS": roles, "TIEOUT_REGIONS": regions}
