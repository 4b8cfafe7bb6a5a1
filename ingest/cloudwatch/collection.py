"""One account and region's collection: list, ask, store, batch by batch, and a row of the ledger at the end."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ingest import bulk, database, ledger
from ingest.aws import Account
from ingest.cloudwatch.assembling import add_up_hours, assemble_rows
from ingest.cloudwatch.catalog import DAY, FINE, HOUR, CatalogMetric
from ingest.cloudwatch.discovery import Discovered, discover_series
from ingest.cloudwatch.history import SOURCE_NAME, Earlier, earliest, latest, read_earlier
from ingest.cloudwatch.planning import Call, Known, Query, cut_down, list_due, list_windows, plan_calls
from ingest.cloudwatch.requesting import Answer, Refusals, request_points
from ingest.cloudwatch.storing import (
    drop_old_fine_rows,
    find_held_back,
    mark_collected,
    mark_held_back,
    remove_leftovers,
    store_rows,
    store_series,
)
from ingest.errors import IngestError
from ingest.requests import CapReached, RequestLog

# Requests under way at once, over all regions: below AWS's 25 ListMetrics and 50 GetMetricData a second and region.
REQUESTS_AT_ONCE = 8
# A batch is stored and committed when it holds so many datapoints (40 bytes each, several times over while assembled).
_BATCH_DATAPOINTS = 1_000_000
# Calls are planned for so many series together; a first collection of a large account has ten times as many.
_SERIES_AT_ONCE = 50_000
# Fewer metrics than these, or than a tenth of a region's, are held back by themselves; more at once are its bad day.
_FEW = 10
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RegionResult:
    """What a collection did with one account and region."""

    partition_key: str  # account/region
    series_count: int = 0
    datapoint_count: int = 0  # values received
    request_count: int = 0
    error: str = ""
    warning: str = ""  # what is missing all the same


@dataclass
class _Progress:
    """What a region's collection has done so far."""

    due_count: int
    datapoint_count: int = 0
    row_count: int = 0
    not_a_number_count: int = 0
    done_count: int = 0
    held_back: dict[int, str] = field(default_factory=dict)  # series_id -> CloudWatch's word for why
    stopped: str = ""  # why it ended before its end
    first_at: datetime | None = None  # begin of the earliest window


class RegionCollector:
    """The collection of one account and region."""

    def __init__(
        self,
        account: Account,
        region: str,
        client: Any,
        catalog: Sequence[CatalogMetric],
        log: RequestLog,
        requests: Executor,
    ):
        self._account_id = account.account_id
        self._region = region
        self._client = client
        self._catalog = catalog
        self._log = log
        self._requests = requests
        self._partition_key = f"{account.account_id}/{region}"
        self._refusals = Refusals()

    def collect(self, present: datetime, reread: timedelta | None) -> RegionResult:
        """Bring what is due up to the last whole hour.

        Args:
            present: this machine's clock; AWS's is taken where it is behind.
            reread: ask for everything, so far back from where the last collection ended.

        Raises:
            IngestError: AWS or the database refuses; what was stored before stands.
        """
        with self._alone():
            earlier = read_earlier(self._partition_key)
            is_whole = earlier.is_whole_due(_hour(present), reread)
            try:
                found = self._discover(earlier, is_whole=is_whole, only_recent=earlier.is_fresh(_hour(present)))
            except CapReached as reached:
                stopped = _Progress(due_count=earlier.listed_series_count or 0, stopped=str(reached))
                return self._finish(self._begin(Discovered([], None), _hour(present)), earlier, stopped, is_whole=False)
            begun = self._begin(found, _hour(min(present, found.asked_at or present)), reread)
            progress = _Progress(due_count=len(begun.due))
            for first in range(0, len(begun.due), _SERIES_AT_ONCE):
                if not progress.stopped:
                    calls = plan_calls(begun.due[first : first + _SERIES_AT_ONCE], begun.end_at, reread)
                    self._fill(calls, begun, progress)
            if progress.done_count:
                windows = (window for each in begun.due for _, window in list_windows(each, begun.end_at, reread))
                progress.first_at = min(window.start_at for window in windows)
            return self._finish(begun, earlier, progress, is_whole=is_whole)

    def _begin(self, found: Discovered, end_at: datetime, reread: timedelta | None = None) -> "_Begun":
        """Make the series known, and remove what a killed collection left of those that are due."""
        with bulk.open_load() as (connection, cursor):
            uri = f"cloudwatch://{self._partition_key}"
            load = ledger.begin_load(cursor, SOURCE_NAME, self._partition_key, uri, end_at.isoformat())
            series = store_series(cursor, found.series, end_at)
            due = list_due(series, end_at, reread)
            remove_leftovers(cursor, due)
            connection.commit()
        return _Begun(load, end_at, len(series), due)

    def _finish(self, begun: "_Begun", earlier: Earlier, progress: "_Progress", *, is_whole: bool) -> RegionResult:
        """Write the ledger's row; after a collection of everything drop what isn't kept."""
        load, until = begun.load, earlier.daily_until_at
        error = self._describe_failure(progress, begun)
        load.row_count = progress.row_count
        load.request_count = self._log.request_count(self._account_id, self._region)
        load.data_from_at = earliest(earlier.data_from_at, progress.first_at)
        load.data_until_at = earlier.data_until_at
        if not error:
            load.data_until_at = latest(earlier.data_until_at, begun.end_at if load.data_from_at else None)
            until = latest(until, begun.end_at if is_whole else None)
        with bulk.open_load() as (connection, cursor):
            held_back = find_held_back(cursor, self._account_id, self._region, begun.end_at)
            load.statistics = {
                "series_count": begun.series_count,
                "listed_series_count": begun.series_count if is_whole else earlier.listed_series_count,
                "due_series_count": progress.due_count,
                "collected_series_count": progress.done_count,
                "held_back_series_count": held_back.count,
                "held_back_finding": held_back.describe(),
                "datapoint_count": progress.datapoint_count,
                "not_a_number_count": progress.not_a_number_count,
                "daily_until_at": until.isoformat() if until else None,
                "is_capped": progress.stopped != "",
            }
            if is_whole:
                drop_old_fine_rows(cursor, self._account_id, self._region, self._catalog, begun.end_at)
            ledger.retire_loads(cursor, earlier.load_ids)
            if load.row_count:
                # Autovacuum comes too late for the build that follows a first load.
                cursor.execute("analyze raw.cloudwatch_series, raw.cloudwatch_datapoints")
            ledger.record_load(cursor, load)
            connection.commit()
        told = (self._partition_key, begun.series_count, f"{progress.datapoint_count:,}", load.request_count)
        _log.info("%s: %d series, %s datapoints, %d calls", *told)
        warning = f"CloudWatch {self._account_id} {self._region}: {held_back.describe()}" if held_back.count else ""
        return RegionResult(*told[:2], progress.datapoint_count, load.request_count, error, warning)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else collects this account and region; other steps than this one's may take long to come."""
        with (
            database.connect(autocommit=True) as connection,
            ledger.hold_partition(
                connection,
                SOURCE_NAME,
                self._partition_key,
                lambda: _log.info("%s: waiting for another collection", self._partition_key),
            ),
        ):
            yield

    def _discover(self, earlier: Earlier, *, is_whole: bool, only_recent: bool) -> Discovered:
        """Everything once a day; in between what is collected hourly, and of that what has spoken lately."""
        metrics = earlier.choose_listed(self._catalog, is_whole=is_whole)
        if not metrics:
            return Discovered([], None)
        return discover_series(
            self._client,
            self._account_id,
            self._region,
            metrics,
            only_recent=only_recent and not is_whole,
            expected_count=earlier.listed_series_count,
            count_request=lambda: self._log.count("ListMetrics", self._account_id, self._region),
            pool=self._requests,
        )

    def _count(self, queries: Sequence[Query]) -> None:
        counts: dict[tuple[int, int], int] = {}
        for query in queries:
            key = (query.known.series_id, query.period_seconds)
            counts[key] = counts.get(key, 0) + 1
        self._log.count_metrics(self._account_id, self._region, list(counts.values()))

    def _fill(self, calls: Sequence[Call], begun: "_Begun", progress: _Progress) -> None:
        """Ask and store, batch by batch."""
        left: dict[int, int] = {}
        until: dict[int, datetime | None] = {}
        for call in calls:
            for query in call.queries:
                left[query.known.series_id] = left.get(query.known.series_id, 0) + 1
                until[query.known.series_id] = query.known.collected_until_at
        answers = request_points(
            self._client, calls, self._requests, self._count, REQUESTS_AT_ONCE, refusals=self._refusals
        )
        batch = _Batch(left)
        failure: IngestError | None = None
        with bulk.open_load() as (connection, cursor):
            try:
                for answer in answers:
                    batch.add(answer, progress)
                    if batch.datapoint_count >= _BATCH_DATAPOINTS:
                        batch.store(cursor, begun, until, progress)
                        connection.commit()
            except CapReached as error:
                progress.stopped = str(error)
            except IngestError as error:
                failure = error
            # What came before a refusal is paid for.
            batch.store(cursor, begun, until, progress)
            connection.commit()
        if failure is not None:
            raise failure

    def _describe_failure(self, progress: _Progress, begun: "_Begun") -> str:
        """Why the region ends where it ended before; nothing where single metrics alone are held back."""
        place = f"CloudWatch {self._account_id} {self._region}"
        if progress.stopped and not progress.due_count:
            return f"{place}: {progress.stopped}"
        if progress.stopped:
            return f"{place}: {progress.done_count} of {progress.due_count} metrics collected, then {progress.stopped}"
        if progress.held_back and self._is_bad_day(progress, begun):
            words = ", ".join(sorted(set(progress.held_back.values())))
            whole_count = progress.due_count - len(progress.held_back)
            return f"{place}: only {whole_count} of {progress.due_count} metrics came whole ({words}); run again"
        return ""

    def _is_bad_day(self, progress: _Progress, begun: "_Begun") -> bool:
        """Whether nothing of the region comes whole, or much that came before."""
        already = {each.series_id for each in begun.due if each.is_held_back}
        new_count = len(progress.held_back.keys() - already)
        return len(progress.held_back) >= begun.series_count or new_count >= max(_FEW, begun.series_count // 10)


class _Batch:
    """Answers that aren't stored yet.

    A row holds all statistics of a series and period, and those may come in two calls: what isn't complete waits.
    """

    def __init__(self, left: dict[int, int]):
        self.datapoint_count = 0
        self._left = left  # queries of a series that aren't answered yet
        self._waiting: dict[int, list[Any]] = {}
        self._done: list[int] = []
        self._held_back: dict[int, str] = {}
        self._refused: set[int] = set()

    def add(self, answer: Answer, progress: _Progress) -> None:
        """Take an answer; a series whose last query it answers is done."""
        progress.not_a_number_count += answer.dropped_count
        for query, word in (answer.incomplete | answer.refused).items():
            self._held_back[query.known.series_id] = word
        self._refused.update(query.known.series_id for query in answer.refused)
        for points in answer.points:
            series_id = points.query.known.series_id
            self._waiting.setdefault(series_id, []).append(points)
            self._left[series_id] -= 1
            if self._left[series_id] == 0:
                self._done.append(series_id)
            self.datapoint_count += len(points.values)

    def store(self, cursor: Any, begun: "_Begun", until: dict[int, datetime | None], progress: _Progress) -> None:
        """Write what is done, in the cursor's transaction."""
        load_id, end_at = begun.load.load_id, begun.end_at
        done, self._done = self._done, []
        answers = [points for series_id in done for points in self._waiting.pop(series_id, [])]
        limits = {series_id: until[series_id] for series_id in done}
        fine = assemble_rows(answers, FINE, load_id)
        for rows in (fine, add_up_hours(fine), *(assemble_rows(answers, period, load_id) for period in (HOUR, DAY))):
            progress.row_count += store_rows(cursor, rows, limits)
        if done:
            mark_collected(cursor, done, end_at)
        if self._held_back:
            mark_held_back(cursor, self._held_back, self._refused, end_at)
            progress.held_back |= self._held_back
            self._held_back = {}
        count = sum(len(points.values) for points in answers)
        progress.done_count += len(done)
        progress.datapoint_count += count
        self.datapoint_count -= count


@dataclass(frozen=True)
class _Begun:
    """A collection whose series are known."""

    load: ledger.Load
    end_at: datetime
    series_count: int
    due: list[Known]


def _hour(instant: datetime) -> datetime:
    return cut_down(instant, HOUR)
