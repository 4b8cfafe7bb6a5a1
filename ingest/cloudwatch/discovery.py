"""Resources found from the metrics themselves: whatever reports a metric of the catalogue."""

from dataclasses import dataclass
from typing import Any

from ingest.aws import explained
from ingest.cloudwatch.catalog import CatalogMetric


@dataclass(frozen=True)
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
        """`Name=Value` pairs, joined by commas: the series' key in the database."""
        return ",".join(f"{name}={value}" for name, value in self.dimensions)


def discover_series(
    client: Any, account_id: str, region: str, catalog: list[CatalogMetric]
) -> tuple[list[Series], int]:
    """All series of the catalogue's metrics that reported in the last two weeks (ListMetrics hides older ones).

    Args:
        client: CloudWatch client of the account and region.

    Returns:
        The series and the number of calls made.

    Raises:
        IngestError: CloudWatch refuses.
    """
    series: list[Series] = []
    request_count = 0
    with explained(f"CloudWatch ListMetrics {account_id} {region}"):
        for metric in catalog:
            pages = client.get_paginator("list_metrics").paginate(
                Namespace=metric.namespace,
                MetricName=metric.metric_name,
                Dimensions=[{"Name": name} for name in sorted(metric.dimension_names)],
            )
            for page in pages:
                request_count += 1
                for found in page["Metrics"]:
                    dimensions = tuple(sorted((each["Name"], each["Value"]) for each in found["Dimensions"]))
                    if {name for name, _ in dimensions} == metric.dimension_names:
                        series.append(Series(account_id, region, metric, dimensions))
    return series, request_count
