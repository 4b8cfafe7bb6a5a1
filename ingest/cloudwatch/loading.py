"""CloudWatch into PostgreSQL: each account and region in one transaction; asking again changes nothing."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from ingest import bulk, ledger
from ingest.aws import Account, open_accounts
from ingest.cloudwatch.catalog import CatalogMetric, read_catalog
from ingest.cloudwatch.collection import POINTS_SCHEMA, RequestCounter, collect_points
from ingest.cloudwatch.discovery import Series, discover_series
from ingest.errors import IngestError
from ingest.regions import find_regions

SOURCE_NAME = "cloudwatch"
HISTORY_DAYS = 33  # the rules' longest look-back of 32 days, whole
# Datapoints may still change for a while after their period ends (CloudWatch concepts, metrics retention).
REREAD = timedelta(hours=3)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RegionResult:
    """What a collection did with one account and region."""

    partition_key: str  # account/region
    series_count: int = 0
    datapoint_count: int = 0
    request_count: int = 0
    error: str = ""


def collect_metrics(
    regions: list[str] | None = None, now: datetime | None = None, reread: timedelta = REREAD
) -> list[RegionResult]:
    """Collect the catalogue's metrics of every account and region, from where the last collection ended.

    Args:
        regions: AWS regions; where None, TIEOUT_REGIONS, else the regions that the loaded CUR has charges in.
        now: end of the window (default: this instant), cut down to the hour.
        reread: how far before the end of the last collection is asked again; a longer one heals what came later still.

    Returns:
        One result per account and region; one that fails leaves its earlier points whole and doesn't stop the others.

    Raises:
        IngestError: no credentials, no database, or a broken catalogue.
    """
    ledger.create_raw_schema()
    ledger.refuse_other_origin()
    catalog = read_catalog()
    end_at = (now or datetime.now(UTC)).replace(minute=0, second=0, microsecond=0)
    chosen = regions or os.environ.get("TIEOUT_REGIONS", "").replace(",", " ").split() or find_regions()
    results = []
    for account in open_accounts():
        for region in chosen:
            try:
                results.append(_collect_region(account, region, catalog, end_at, reread))
            except IngestError as error:
                results.append(RegionResult(f"{account.account_id}/{region}", error=str(error)))
    return results


def _collect_region(
    account: Account, region: str, catalog: list[CatalogMetric], end_at: datetime, reread: timedelta
) -> RegionResult:
    partition_key = f"{account.account_id}/{region}"
    client = account.client("cloudwatch", region)
    series, discovery_requests = discover_series(client, account.account_id, region, catalog)
    counter = RequestCounter(discovery_requests)
    with bulk.open_load() as (connection, cursor):
        ledger.lock_partition(cursor, SOURCE_NAME, partition_key)
        current = ledger.find_current_loads(cursor, SOURCE_NAME, partition_key)
        load = ledger.begin_load(
            cursor, SOURCE_NAME, partition_key, f"cloudwatch://{partition_key}", end_at.isoformat()
        )
        stored = _store_series(cursor, series)
        cursor.execute(
            "create temporary table new_points (series_id bigint, statistic text, period_start_at timestamptz,"
            " value double precision) on commit drop"
        )
        load.row_count = 0
        for window, members in _group_by_window(stored, end_at, reread).items():
            series_ids = pa.array([series_id for series_id, _ in members], pa.int64())
            asked = [each for _, each in members]
            points = collect_points(client, asked, window.start_at, window.end_at, window.period_seconds, counter)
            _copy_points(cursor, points, series_ids)
            load.row_count += _merge_points(cursor, window.period_seconds, load.load_id)
        cursor.execute(
            """
            update raw.cloudwatch_series set collected_until_at = $1::timestamptz
            where series_id in (select series_id from found_series)
            """,
            (end_at.isoformat(),),
        )
        load.request_count = counter.request_count
        load.statistics = {"series_count": len(series)}
        load.data_from_at, load.data_until_at = _find_extent(cursor, account.account_id, region)
        ledger.retire_loads(cursor, [load_id for load_id, _ in current])
        # Autovacuum comes too late for the build that follows a first load.
        cursor.execute("analyze raw.cloudwatch_series, raw.cloudwatch_datapoints")
        ledger.record_load(cursor, load)
        connection.commit()
    _log.info(
        "%s: %d series, %s datapoints, %d calls", partition_key, len(series), f"{load.row_count:,}", load.request_count
    )
    return RegionResult(partition_key, len(series), load.row_count, load.request_count)


def _store_series(cursor: Any, series: list[Series]) -> list[tuple[int, datetime | None, Series]]:
    """Make the series known; returns (series_id, collected_until_at, series) for each."""
    table = pa.table(
        {
            "account_id": [each.account_id for each in series],
            "region": [each.region for each in series],
            "namespace": [each.metric.namespace for each in series],
            "metric_name": [each.metric.metric_name for each in series],
            "dimensions": [each.dimensions_text for each in series],
            "resource_id": [each.resource_id for each in series],
        },
        schema=pa.schema([(name, pa.string()) for name in _SERIES_COLUMNS]),
    )
    columns = ", ".join(_SERIES_COLUMNS)
    cursor.execute(
        f"create temporary table found_keys ({', '.join(f'{name} text' for name in _SERIES_COLUMNS)}) on commit drop"
    )
    bulk.copy_table(cursor, "found_keys", table, is_temporary=True)
    cursor.execute(
        f"""
        insert into raw.cloudwatch_series ({columns}) select {columns} from found_keys
        on conflict (account_id, region, namespace, metric_name, dimensions)
        do update set last_seen_at = clock_timestamp()
        """  # noqa: S608 - column names of this module
    )
    cursor.execute(
        """
        create temporary table found_series on commit drop as
        select each.series_id, each.collected_until_at, each.namespace, each.metric_name, each.dimensions
        from raw.cloudwatch_series as each
        inner join found_keys using (account_id, region, namespace, metric_name, dimensions)
        """
    )
    cursor.execute("select series_id, collected_until_at, namespace, metric_name, dimensions from found_series")
    stored = {(row[2], row[3], row[4]): (int(row[0]), row[1]) for row in cursor.fetchall()}
    return [(*stored[(each.metric.namespace, each.metric.metric_name, each.dimensions_text)], each) for each in series]


_SERIES_COLUMNS = ("account_id", "region", "namespace", "metric_name", "dimensions", "resource_id")


@dataclass(frozen=True)
class _Window:
    """What is asked for at once: both edges on an edge of the period."""

    period_seconds: int
    start_at: datetime
    end_at: datetime


def _group_by_window(
    stored: list[tuple[int, datetime | None, Series]], end_at: datetime, reread: timedelta
) -> dict[_Window, list[tuple[int, Series]]]:
    """Series by the window in which they are asked: a new one from the begin of its history, a known one from a little
    before the end of the last collection; whole periods only."""
    earliest_at = end_at - timedelta(days=HISTORY_DAYS)
    groups: dict[_Window, list[tuple[int, Series]]] = {}
    for series_id, collected_until_at, each in stored:
        start_at = earliest_at if collected_until_at is None else max(earliest_at, collected_until_at - reread)
        seconds = each.metric.period_seconds
        window = _Window(seconds, _cut_down(start_at, seconds), _cut_down(end_at, seconds))
        if window.start_at < window.end_at:
            groups.setdefault(window, []).append((series_id, each))
    return groups


def _cut_down(instant: datetime, seconds: int) -> datetime:
    return datetime.fromtimestamp(instant.timestamp() // seconds * seconds, UTC)


def _copy_points(cursor: Any, points: Iterator[pa.RecordBatch], series_ids: pa.Array) -> None:
    """Copy the points as they come, under their series' ids, into the temporary table `new_points`."""
    renamed = (
        pa.RecordBatch.from_arrays(
            [series_ids.take(batch.column("series_number")), *batch.columns[1:]], schema=_NEW_POINTS_SCHEMA
        )
        for batch in points
    )
    bulk.copy_batches(cursor, "new_points", _NEW_POINTS_SCHEMA, renamed, is_temporary=True)


_NEW_POINTS_SCHEMA = POINTS_SCHEMA.remove(0).insert(0, pa.field("series_id", pa.int64()))


def _merge_points(cursor: Any, period_seconds: int, load_id: int) -> int:
    """One row per series and period out of its statistics; a point that was there already is brought up to date.
    Empties `new_points`; returns the number of rows."""
    cursor.execute(
        """
        insert into raw.cloudwatch_datapoints (
            series_id, period_seconds, period_start_at,
            average_value, maximum_value, minimum_value, sum_value, sample_count, load_id
        )
        select
            series_id, $1, period_start_at,
            max(value) filter (where statistic = 'Average'),
            max(value) filter (where statistic = 'Maximum'),
            max(value) filter (where statistic = 'Minimum'),
            max(value) filter (where statistic = 'Sum'),
            max(value) filter (where statistic = 'SampleCount'),
            $2
        from new_points
        group by series_id, period_start_at
        on conflict (series_id, period_seconds, period_start_at) do update set
            average_value = excluded.average_value,
            maximum_value = excluded.maximum_value,
            minimum_value = excluded.minimum_value,
            sum_value = excluded.sum_value,
            sample_count = excluded.sample_count,
            load_id = excluded.load_id
        """,
        (period_seconds, load_id),
    )
    cursor.execute("select count(*) from (select distinct series_id, period_start_at from new_points) as points")
    count = int(cursor.fetchone()[0])
    cursor.execute("truncate new_points")
    return count


def _find_extent(cursor: Any, account_id: str, region: str) -> tuple[datetime | None, datetime | None]:
    """Begin of the oldest and end of the newest period held for an account and region."""
    cursor.execute(
        """
        select min(points.period_start_at), max(points.period_start_at + points.period_seconds * interval '1 second')
        from raw.cloudwatch_datapoints as points
        inner join raw.cloudwatch_series as series using (series_id)
        where series.account_id = $1 and series.region = $2
        """,
        (account_id, region),
    )
    first_at, until_at = cursor.fetchone()
    return first_at, until_at
