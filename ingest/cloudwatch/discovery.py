"""Resources found from the metrics themselves: whatever reports a metric of the catalogue."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ingest.aws import explained
from ingest.cloudwatch.catalog import CatalogMetric

# A namespace is listed whole where so many of its metrics are wanted, or where there is little to list.
_MANY_METRICS = 5
_FEW_SERIES = 2_500
METRICS_PER_PAGE = 500  # ListMetrics (CloudWatch API reference)


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one resource in one account and region."""

    account_id: str
    region: str
    metric: CatalogMetric
    dimensions: tuple[tuple[str, str], ...]  # (name, value), sorted by name

    @property
    def resource_id(self) -> str:
        """Values of the dimensions that name the resource, joined by "/": an ECS service is `cluster/service`."""
        values = dict(self.dimensions)
        return "/".join(values[name] for name in self.metric.resource_dimensions)

    @property
    def dimensions_text(self) -> str:
        """`Name=Value` pairs, joined by commas: with the metric and its dimension names the key in the database."""
        return ",".join(f"{name}={value}" for name, value in self.dimensions)


@dataclass(frozen=True)
class Discovered:
    """What ListMetrics told."""

    series: list[Series]
    asked_at: datetime | None  # by AWS's clock; None where nothing was asked


def discover_series(
    client: Any,
    account_id: str,
    region: str,
    metrics: Sequence[CatalogMetric],
    *,
    only_recent: bool,
    expected_count: int | None,
    count_request: Callable[[], object],
    pool: Executor,
) -> Discovered:
    """All series of these metrics that reported in the last two weeks (ListMetrics hides older ones).

    Args:
        client: CloudWatch client of the account and region.
        only_recent: only what reported in the last three hours.
        expected_count: how many series there were at the last listing; None: unknown.
        count_request: called before each request.
        pool: one task a listing; its pages come one after the other.

    Raises:
        IngestError: CloudWatch refuses.
    """
    wanted = {(each.namespace, each.metric_name, each.dimension_names): each for each in metrics}

    def list_pages(listing: dict[str, str]) -> tuple[list[Series], list[datetime]]:
        request: dict[str, Any] = {**listing, **({"RecentlyActive": "PT3H"} if only_recent else {})}
        found: list[Series] = []
        stamps: list[datetime] = []
        with explained(f"CloudWatch ListMetrics {account_id} {region}"):
            while True:
                count_request()
                page = client.list_metrics(**request)
                stamps += _read_clock(page)
                for each in page["Metrics"]:
                    dimensions = tuple(sorted((pair["Name"], pair["Value"]) for pair in each["Dimensions"]))
                    names = frozenset(name for name, _ in dimensions)
                    metric = wanted.get((each["Namespace"], each["MetricName"], names))
                    if metric is not None:
                        found.append(Series(account_id, region, metric, dimensions))
                if not page.get("NextToken"):
                    return found, stamps
                request["NextToken"] = page["NextToken"]

    answers = list(pool.map(list_pages, plan_listings(metrics, expected_count)))
    stamps = [stamp for _, each in answers for stamp in each]
    # A series that is listed twice (pages may shift under a listing) is one; so are two whose values hold `,Name=` such
    # that their spelling, which is their key, is the same.
    series = {(each.metric, each.dimensions_text): each for found, _ in answers for each in found}
    return Discovered(list(series.values()), min(stamps, default=None))


def plan_listings(metrics: Sequence[CatalogMetric], expected_count: int | None) -> list[dict[str, str]]:
    """The listings that bring these metrics with few requests: pages hold 500 metrics, wanted or not."""
    is_small = expected_count is not None and expected_count < _FEW_SERIES
    names: dict[str, set[str]] = {}
    for each in metrics:
        names.setdefault(each.namespace, set()).add(each.metric_name)
    return [
        {"Namespace": namespace, **({"MetricName": name} if name else {})}
        for namespace, members in names.items()
        for name in (("",) if is_small or len(members) >= _MANY_METRICS else sorted(members))
    ]


def count_pages(
    metrics: Sequence[CatalogMetric], expected_count: int | None, known: Mapping[tuple[str, str], int]
) -> int:
    """How many requests those listings take, one at least each; more where there is more than is known.

    Args:
        known: how many series there are of each namespace and metric name.
    """
    counts = [
        sum(
            count
            for (namespace, name), count in known.items()
            if namespace == listing["Namespace"] and name == listing.get("MetricName", name)
        )
        for listing in plan_listings(metrics, expected_count)
    ]
    return sum(max(1, -(-count // METRICS_PER_PAGE)) for count in counts)


def _read_clock(answer: dict[str, Any]) -> list[datetime]:
    """AWS's own time. This machine's clock may be ahead of it, and would then ask for hours that aren't over."""
    text = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return [parsedate_to_datetime(text)] if text else []
