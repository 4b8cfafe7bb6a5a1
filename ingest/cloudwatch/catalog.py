"""The metrics to collect, as analysts list them in seeds/metric_catalog.csv."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from ingest.errors import IngestError

_CATALOG = Path(__file__).parents[2] / "seeds" / "metric_catalog.csv"

# How CloudWatch names a statistic -> the column that keeps it.
STATISTIC_COLUMNS = {
    "Average": "average_value",
    "Maximum": "maximum_value",
    "Minimum": "minimum_value",
    "Sum": "sum_value",
    "SampleCount": "sample_count",
    "p95": "p95_value",
    "p99": "p99_value",
}
FINE, HOUR, DAY = 300, 3600, 86_400
# CloudWatch drops five-minute points after 63 days (GetMetricData, retention); a day less, so that none is dropped
# between the plan and its answer.
MOST_FINE_DAYS = 62

Schedule = Literal["hourly", "daily"]


@dataclass(frozen=True)
class CatalogMetric:
    """One row of the catalogue."""

    namespace: str
    metric_name: str
    dimension_names: frozenset[str]  # exactly these: other combinations are other aggregates of the same data
    resource_dimensions: tuple[str, ...]  # their values name the resource, joined by "/" where there are several
    statistics: tuple[str, ...]
    period_seconds: int = HOUR  # what is kept for good: by the hour, or by the day where AWS reports no oftener
    finest_period_seconds: int = HOUR  # what is asked for of the recent past
    fine_history_days: int = 0  # days asked for at the finest period when a series is new
    fine_kept_days: int = 0  # days that the finest period is kept
    collected: Schedule = "hourly"
    resource_type: str = ""

    @property
    def dimension_names_text(self) -> str:
        """As in the seed and in the database: sorted, joined by |."""
        return "|".join(sorted(self.dimension_names))

    @property
    def is_fine(self) -> bool:
        """Whether five-minute points are collected."""
        return self.finest_period_seconds == FINE


def read_catalog(path: Path = _CATALOG) -> list[CatalogMetric]:
    """The catalogue's rows.

    Raises:
        IngestError: the file isn't there, lacks a column, names what isn't collected, or has a row twice.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise IngestError(
            f"{path}: the metric catalogue can't be read ({error.strerror}); restore it from git"
        ) from error
    metrics: dict[tuple[str, str, str], CatalogMetric] = {}
    for number, row in enumerate(rows, start=2):
        place = f"{path}, line {number}"
        try:
            metric = _read_row(place, row)
        except (KeyError, AttributeError) as error:
            raise IngestError(f"{place}: column {error} is missing") from error
        key = (metric.namespace, metric.metric_name, metric.dimension_names_text)
        if key in metrics:
            raise IngestError(f"{place}: {' '.join(key)} stands in the catalogue twice")
        metrics[key] = metric
    return list(metrics.values())


def _read_row(place: str, row: dict[str, str]) -> CatalogMetric:
    metric = CatalogMetric(
        namespace=row["namespace"],
        metric_name=row["metric_name"],
        dimension_names=frozenset(row["dimension_names"].split("|")),
        resource_dimensions=tuple(row["resource_dimension"].split("|")),
        statistics=tuple(row["statistics"].split("|")),
        period_seconds=int(_read_word(place, row, "period_seconds", ("3600", "86400"))),
        finest_period_seconds=int(_read_word(place, row, "finest_period_seconds", ("300", "3600", "86400"))),
        fine_history_days=_read_days(place, row, "fine_history_days"),
        fine_kept_days=_read_days(place, row, "fine_kept_days"),
        collected=cast(Schedule, _read_word(place, row, "collected", ("hourly", "daily"))),
        resource_type=row["resource_type"],
    )
    unknown = [each for each in metric.statistics if each not in STATISTIC_COLUMNS]
    if unknown:
        raise IngestError(f"{place}: statistic {unknown[0]} is not one of {', '.join(STATISTIC_COLUMNS)}")
    if not metric.dimension_names.issuperset(metric.resource_dimensions):
        raise IngestError(f"{place}: resource_dimension is not among dimension_names")
    if (metric.period_seconds == DAY) != (metric.finest_period_seconds == DAY):
        raise IngestError(f"{place}: period_seconds and finest_period_seconds are both 86400, or neither is")
    if metric.is_fine:
        _refuse_what_does_not_add_up(place, metric)
    return metric


def _refuse_what_does_not_add_up(place: str, metric: CatalogMetric) -> None:
    """Five-minute points are added up to hours: what can't be, is asked for by the hour."""
    percentiles = [each for each in metric.statistics if re.fullmatch(r"p\d+", each)]
    if percentiles:
        raise IngestError(
            f"{place}: percentiles of five minutes don't add up to those of an hour; set finest_period_seconds to 3600"
        )
    if "Average" in metric.statistics and "SampleCount" not in metric.statistics:
        raise IngestError(f"{place}: averages are added up by their sample counts; ask for SampleCount too")
    if not 1 <= metric.fine_history_days <= MOST_FINE_DAYS:
        raise IngestError(
            f"{place}: fine_history_days is 1 to {MOST_FINE_DAYS}, the days that CloudWatch keeps five minutes"
        )
    if metric.fine_kept_days < metric.fine_history_days:
        raise IngestError(f"{place}: fine_kept_days is below fine_history_days: what is asked for would be dropped")


def _read_word(place: str, row: dict[str, str], column: str, words: tuple[str, ...]) -> str:
    text = row[column]
    if text not in words:
        raise IngestError(f"{place}: {column} {text!r} is not one of {', '.join(words)}")
    return text


def _read_days(place: str, row: dict[str, str], column: str) -> int:
    text = row[column]
    if not text.isdigit():
        raise IngestError(f"{place}: {column} {text!r} is not a number of days")
    return int(text)
