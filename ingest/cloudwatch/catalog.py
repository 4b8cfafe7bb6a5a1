"""The metrics to collect, as analysts list them in seeds/metric_catalog.csv."""

import csv
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import IngestError

_CATALOG = Path(__file__).parents[2] / "seeds" / "metric_catalog.csv"
STATISTICS = ("Average", "Maximum", "Minimum", "Sum", "SampleCount")
PERIODS = ("3600", "86400")  # S3 reports its storage once a day; everything else is kept by the hour


@dataclass(frozen=True)
class CatalogMetric:
    """One row of the catalogue."""

    namespace: str
    metric_name: str
    dimension_names: frozenset[str]  # exactly these: other combinations are other aggregates of the same data
    resource_dimensions: tuple[str, ...]  # their values name the resource, joined by "/" where there are several
    statistics: tuple[str, ...]
    period_seconds: int = 3600


def read_catalog(path: Path = _CATALOG) -> list[CatalogMetric]:
    """The catalogue's rows.

    Raises:
        IngestError: the file isn't there, lacks a column, or names a statistic or period that isn't collected.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise IngestError(
            f"{path}: the metric catalogue can't be read ({error.strerror}); restore it from git"
        ) from error
    metrics = []
    for number, row in enumerate(rows, start=2):
        try:
            metric = CatalogMetric(
                namespace=row["namespace"],
                metric_name=row["metric_name"],
                dimension_names=frozenset(row["dimension_names"].split("|")),
                resource_dimensions=tuple(row["resource_dimension"].split("|")),
                statistics=tuple(row["statistics"].split("|")),
                period_seconds=_read_period(path, number, row["period_seconds"]),
            )
        except (KeyError, AttributeError) as error:
            raise IngestError(f"{path}, line {number}: column {error} is missing") from error
        unknown = set(metric.statistics) - set(STATISTICS)
        if unknown:
            raise IngestError(
                f"{path}, line {number}: statistic {sorted(unknown)[0]} is not one of {', '.join(STATISTICS)}"
            )
        if not metric.dimension_names.issuperset(metric.resource_dimensions):
            raise IngestError(f"{path}, line {number}: resource_dimension is not among dimension_names")
        metrics.append(metric)
    return metrics


def _read_period(path: Path, number: int, text: str) -> int:
    if text not in PERIODS:
        raise IngestError(f"{path}, line {number}: period_seconds {text!r} is not one of {', '.join(PERIODS)}")
    return int(text)
