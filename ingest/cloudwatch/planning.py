"""Which window and period each series is asked for, and how that is packed into as few calls as can be.

Five minutes for the last day (or as long as the catalogue says), by the hour for the weeks before, by the day beyond:
never finer than CloudWatch still holds (300 s for 63 days, 3600 s for 455), edges on an edge of the period, so that no
window cuts one and no two overlap.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingest.cloudwatch.catalog import DAY, FINE, HOUR, MOST_FINE_DAYS, CatalogMetric
from ingest.cloudwatch.discovery import Series

HISTORY_DAYS = 93  # the longest look-back of the models (seed utilization_windows and the mission's 93 days)
HOURLY_DAYS = 33  # the rules' longest look-back of 32 days, whole
# CloudWatch may complete datapoints after their period has ended (concepts, metrics retention): of a known series the
# last hour is read again, of one that is read once a day the last day, of what AWS reports a day late three days.
OVERLAP = {"hourly": timedelta(hours=1), "daily": timedelta(days=1)}
_OVERLAP_OF_DAYS = timedelta(days=3)
# An hour more than a day: where a schedule asks for everything once a day, at about the same time, it comes first.
DUE_AFTER = {"hourly": timedelta(hours=1), "daily": timedelta(hours=25)}
# GetMetricData's limits (CloudWatch API reference).
QUERIES_PER_CALL = 500
DATAPOINTS_PER_CALL = 100_800


@dataclass(frozen=True, eq=False, slots=True)
class Known:
    """A series as the database knows it."""

    series_id: int
    series: Series
    collected_until_at: datetime | None  # None: never collected
    is_held_back: bool = False  # its last answer didn't come whole
    refused_at: datetime | None = None  # when CloudWatch last took its queries for invalid

    @property
    def metric(self) -> CatalogMetric:
        """The catalogue's row."""
        return self.series.metric


@dataclass(frozen=True)
class Window:
    """What is asked for at once; datapoints of its period begin in [start, end)."""

    start_at: datetime
    end_at: datetime

    def count_periods(self, period_seconds: int) -> int:
        """How many datapoints a query of that period may bring."""
        return round((self.end_at - self.start_at).total_seconds()) // period_seconds


@dataclass(frozen=True, eq=False, slots=True)
class Query:
    """One statistic of a series in a window."""

    known: Known
    statistic: str
    period_seconds: int


@dataclass(frozen=True)
class Call:
    """One GetMetricData request."""

    window: Window
    queries: Sequence[Query]

    @property
    def datapoint_count(self) -> int:
        """The most datapoints that it may bring."""
        return sum(self.window.count_periods(query.period_seconds) for query in self.queries)


def is_due(known: Known, end_at: datetime) -> bool:
    """Whether an hour (or, for what is collected daily, a day) has passed since a series was collected.

    What was refused is asked for again once a day: until the metric or the catalogue changes it is refused again.
    """
    if known.refused_at is not None:
        return end_at - known.refused_at >= DUE_AFTER["daily"]
    until = known.collected_until_at
    return until is None or end_at - until >= DUE_AFTER[known.metric.collected]


def list_due(series: Iterable[Known], end_at: datetime, reread: timedelta | None = None) -> list[Known]:
    """Those to be asked for, what is collected hourly first: where a cap is met, it meets the others."""
    due = [each for each in series if reread is not None or is_due(each, end_at)]
    return sorted(due, key=lambda each: (each.refused_at is not None, each.metric.collected != "hourly"))


def list_windows(known: Known, end_at: datetime, reread: timedelta | None = None) -> Iterator[tuple[int, Window]]:
    """(period in seconds, window) for each part of the time that a series is to be asked for.

    Args:
        end_at: the last whole hour.
        reread: read again so far back from where the last collection ended; None: the usual overlap.
    """
    metric = known.metric
    earliest = cut_down(end_at - timedelta(days=HISTORY_DAYS), DAY)
    until = known.collected_until_at
    if metric.period_seconds == DAY:
        start = earliest if until is None else max(earliest, cut_down(until - (reread or _OVERLAP_OF_DAYS), DAY))
        yield from _spans((DAY, start, cut_down(end_at, DAY)))
        return
    if until is None:
        start, fine_days = earliest, metric.fine_history_days
    else:
        start = max(earliest, cut_down(until - (reread or OVERLAP[metric.collected]), HOUR))
        # What five minutes were kept of is read again in five minutes; a gap is closed as fine as it can be.
        fine_days = max(metric.fine_history_days, min(metric.fine_kept_days, MOST_FINE_DAYS))
    fine_from = max(start, end_at - timedelta(days=fine_days)) if metric.is_fine else end_at
    # Five minutes may reach further back than hours do: days end where either begins.
    hourly_from = cut_down(min(end_at - timedelta(days=HOURLY_DAYS), fine_from), DAY)
    if start < hourly_from:
        # By the day from the first whole one on: the hours of a day that is begun stand in the database as hours.
        days_from = cut_up(start, DAY)
        yield from _spans((HOUR, start, days_from), (DAY, days_from, hourly_from))
    yield from _spans((HOUR, max(start, hourly_from), fine_from), (FINE, fine_from, end_at))


def _spans(*parts: tuple[int, datetime, datetime]) -> Iterator[tuple[int, Window]]:
    for period_seconds, start_at, end_at in parts:
        if start_at < end_at:
            yield period_seconds, Window(start_at, end_at)


def cut_down(instant: datetime, seconds: int) -> datetime:
    """The last edge of a period at or before an instant."""
    return datetime.fromtimestamp(instant.timestamp() // seconds * seconds, UTC)


def cut_up(instant: datetime, seconds: int) -> datetime:
    """The first edge of a period at or after an instant."""
    return datetime.fromtimestamp(-(-instant.timestamp() // seconds) * seconds, UTC)


def plan_calls(due: Iterable[Known], end_at: datetime, reread: timedelta | None = None) -> list[Call]:
    """All calls that bring due series up to `end_at`, the statistics of a series side by side.

    Queries of one window share calls whatever their periods: there are ceil(queries / 500) for a window, more where
    their datapoints wouldn't fit. Calls come in the order of their series, so that one series after the other is done.
    A series that was refused has calls of its own, or it would have others refused with it.
    """
    queries: dict[tuple[Window, int | None], list[tuple[int, Query]]] = {}
    for place, known in enumerate(due):
        apart = None if known.refused_at is None else known.series_id
        for period_seconds, window in list_windows(known, end_at, reread):
            queries.setdefault((window, apart), []).extend(
                (place, Query(known, statistic, period_seconds)) for statistic in known.metric.statistics
            )
    placed = [each for (window, _), members in queries.items() for each in _pack(window, members)]
    return [call for _, call in sorted(placed, key=lambda each: each[0])]


def _pack(window: Window, queries: Sequence[tuple[int, Query]]) -> Iterator[tuple[int, Call]]:
    """Calls, each with the place of its first series."""
    packed: list[tuple[int, Query]] = []
    datapoint_count = 0
    for place, query in queries:
        count = window.count_periods(query.period_seconds)
        if packed and (len(packed) == QUERIES_PER_CALL or datapoint_count + count > DATAPOINTS_PER_CALL):
            yield packed[0][0], Call(window, [each for _, each in packed])
            packed, datapoint_count = [], 0
        packed.append((place, query))
        datapoint_count += count
    if packed:
        yield packed[0][0], Call(window, [each for _, each in packed])
