"""Series and datapoints in the database. A batch is one transaction: rows, and how far their series are collected."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest import bulk
from ingest.cloudwatch.assembling import COLUMNS
from ingest.cloudwatch.catalog import DAY, FINE, CatalogMetric
from ingest.cloudwatch.discovery import Series
from ingest.cloudwatch.planning import Known

_SERIES_COLUMNS = (
    "account_id",
    "region",
    "namespace",
    "metric_name",
    "dimension_names",
    "dimensions",
    "resource_id",
)
_KEY = "account_id, region, namespace, metric_name, dimension_names, dimensions"


@dataclass(frozen=True)
class HeldBack:
    """Metrics of an account and region that are asked for in vain."""

    count: int
    since_at: datetime | None  # the first of them; None where there are none
    example: str  # one of them, and CloudWatch's word for why

    def describe(self) -> str:
        """A sentence for people; nothing where there are none."""
        if self.since_at is None:
            return ""
        told = "1 metric is" if self.count == 1 else f"{self.count:,} metrics are"
        return (
            f"{told} asked for in vain since {self.since_at:%Y-%m-%d %H:%M} UTC ({self.example}); "
            f"{'it is' if self.count == 1 else 'they are'} asked for again, the others stand"
        )


def store_series(cursor: Any, series: Sequence[Series], seen_at: datetime) -> list[Known]:
    """Make the series known, in the cursor's transaction."""
    table = pa.table(
        {
            "account_id": [each.account_id for each in series],
            "region": [each.region for each in series],
            "namespace": [each.metric.namespace for each in series],
            "metric_name": [each.metric.metric_name for each in series],
            "dimension_names": [each.metric.dimension_names_text for each in series],
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
        insert into raw.cloudwatch_series ({columns}, first_seen_at, last_seen_at)
        select {columns}, $1::timestamptz, $1::timestamptz from found_keys
        on conflict ({_KEY}) do update set last_seen_at = excluded.last_seen_at
        """,  # noqa: S608 - column names of this module
        (seen_at.isoformat(),),
    )
    cursor.execute(
        f"""
        select
            each.series_id, each.collected_until_at, each.held_back_since_at is not null, each.refused_at,
            {", ".join(f"each.{name}" for name in _SERIES_COLUMNS[2:6])}
        from raw.cloudwatch_series as each inner join found_keys using ({_KEY})
        """  # noqa: S608 - column names of this module
    )
    stored = {tuple(row[4:]): row[:4] for row in cursor.fetchall()}
    return [_know(each, *stored[_key_of(each)]) for each in series]


def _key_of(each: Series) -> tuple[str, ...]:
    metric: CatalogMetric = each.metric
    return metric.namespace, metric.metric_name, metric.dimension_names_text, each.dimensions_text


def _know(
    each: Series, series_id: int, until: datetime | None, is_held_back: bool, refused_at: datetime | None
) -> Known:
    return Known(series_id, each, until, is_held_back, refused_at)


def remove_leftovers(cursor: Any, due: Sequence[Known]) -> None:
    """Rows that a killed collection stored of series that it didn't finish: they are asked for again."""
    _name_series(cursor, "due_series", [(each.series_id, each.collected_until_at) for each in due])
    cursor.execute(
        """
        delete from raw.cloudwatch_datapoints as points using due_series
        where points.series_id = due_series.series_id
            and points.period_start_at >= coalesce(due_series.until_at, '-infinity')
        """
    )


def _name_series(cursor: Any, table: str, series: Sequence[tuple[int, datetime | None]]) -> None:
    cursor.execute(f"create temporary table {table} (series_id bigint, until_at timestamptz) on commit drop")
    rows = pa.table(
        {
            "series_id": pa.array([series_id for series_id, _ in series], pa.int64()),
            "until_at": pa.array([until for _, until in series], pa.timestamp("us", tz="UTC")),
        }
    )
    bulk.copy_table(cursor, table, rows, is_temporary=True)
    cursor.execute(f"analyze {table}")


def store_rows(cursor: Any, rows: pa.Table, until: dict[int, datetime | None]) -> int:
    """Append what is new, bring up to date what stands there already and came otherwise now.

    Args:
        rows: of one period, as `assemble_rows` makes them.
        until: how far each series was collected before: what begins later can't be there yet.

    Returns:
        How many rows are new or changed.
    """
    if not len(rows):
        return 0
    period_seconds = rows["period_seconds"][0].as_py()
    limits = pa.table(
        {
            "series_id": pa.array(list(until), pa.int64()),
            "until_at": pa.array(list(until.values()), pa.timestamp("us", tz="UTC")),
        }
    )
    limit = limits["until_at"].take(pc.index_in(rows["series_id"], limits["series_id"]))
    # A day that AWS reports late begins long before the instant that its series is collected until.
    is_new = pc.fill_null(pc.greater_equal(rows["period_start_at"], limit), True)
    if period_seconds == DAY:
        is_new = pc.is_null(limit)
    new, known = rows.filter(is_new), rows.filter(pc.invert(is_new))
    count = 0
    if len(new):
        count += bulk.copy_table(cursor, f"cloudwatch_datapoints_{period_seconds}", new)
    if len(known):
        count += _bring_up_to_date(cursor, known, period_seconds)
    return count


def _bring_up_to_date(cursor: Any, rows: pa.Table, period_seconds: int) -> int:
    cursor.execute(
        "create temporary table if not exists known_points (like raw.cloudwatch_datapoints) on commit delete rows"
    )
    bulk.copy_table(cursor, "known_points", rows, is_temporary=True)
    values = ", ".join(COLUMNS)
    mine, theirs = (", ".join(f"{table}.{column}" for column in COLUMNS) for table in ("points", "excluded"))
    table = f"raw.cloudwatch_datapoints_{period_seconds}"
    cursor.execute(
        f"""
        with changed as (
            insert into {table} as points (series_id, period_seconds, period_start_at, {values}, load_id)
            select series_id, period_seconds, period_start_at, {values}, load_id from known_points
            on conflict (series_id, period_seconds, period_start_at) do update
            set ({values}, load_id) = ({theirs}, excluded.load_id)
            where ({mine}) is distinct from ({theirs})
            returning 1
        )
        select count(*) from changed
        """  # noqa: S608 - column names of this package
    )
    count = int(cursor.fetchone()[0])
    cursor.execute("truncate known_points")
    return count


def mark_collected(cursor: Any, series_ids: Sequence[int], until: datetime) -> None:
    """Say that everything before an instant has been asked for of these series, and that nothing holds them back."""
    _name_series(cursor, "done_series", [(series_id, until) for series_id in series_ids])
    cursor.execute(
        """
        update raw.cloudwatch_series as each
        set
            collected_until_at = greatest(each.collected_until_at, done_series.until_at),
            held_back_since_at = null, held_back_reason = null, refused_at = null
        from done_series where each.series_id = done_series.series_id
        """
    )


def mark_held_back(cursor: Any, reasons: Mapping[int, str], refused: Collection[int], at: datetime) -> None:
    """Say that these series were asked for in vain, and why.

    Args:
        reasons: by series id.
        refused: those of them whose queries CloudWatch takes for invalid.
    """
    cursor.execute(
        "create temporary table held_back_series (series_id bigint, reason text, is_refused boolean) on commit drop"
    )
    rows = pa.table(
        {
            "series_id": pa.array(list(reasons), pa.int64()),
            "reason": pa.array(list(reasons.values()), pa.string()),
            "is_refused": pa.array([series_id in refused for series_id in reasons], pa.bool_()),
        }
    )
    bulk.copy_table(cursor, "held_back_series", rows, is_temporary=True)
    cursor.execute(
        """
        update raw.cloudwatch_series as each
        set
            held_back_since_at = coalesce(each.held_back_since_at, $1::timestamptz),
            held_back_reason = held_back_series.reason,
            refused_at = case when held_back_series.is_refused then $1::timestamptz end
        from held_back_series where each.series_id = held_back_series.series_id
        """,
        (at.isoformat(),),
    )


def find_held_back(cursor: Any, account_id: str, region: str, at: datetime) -> HeldBack:
    """The metrics that are asked for in vain, whether or not that was now; without those that are listed no more."""
    cursor.execute(
        """
        select
            count(*), min(held_back_since_at),
            (array_agg(
                namespace || ' ' || metric_name || ' of ' || dimensions || ': ' || held_back_reason order by series_id
            ))[1]
        from raw.cloudwatch_series
        where
            account_id = $1 and region = $2 and held_back_since_at is not null
            and last_seen_at >= $3::timestamptz - interval '14 days'
        """,
        (account_id, region, at.isoformat()),
    )
    count, since_at, example = cursor.fetchone()
    return HeldBack(int(count), since_at, example or "")


def drop_old_fine_rows(
    cursor: Any, account_id: str, region: str, catalog: Sequence[CatalogMetric], now: datetime
) -> int:
    """Remove five-minute rows older than the catalogue keeps them; the hours that they added up to stay."""
    kept = pa.table(
        {
            "namespace": [each.namespace for each in catalog],
            "metric_name": [each.metric_name for each in catalog],
            "dimension_names": [each.dimension_names_text for each in catalog],
            "kept_days": pa.array([each.fine_kept_days for each in catalog], pa.int32()),
        }
    )
    cursor.execute(
        "create temporary table kept_days (namespace text, metric_name text, dimension_names text, kept_days integer)"
        " on commit drop"
    )
    bulk.copy_table(cursor, "kept_days", kept, is_temporary=True)
    cursor.execute(
        f"""
        with gone as (
            delete from raw.cloudwatch_datapoints_{FINE} as points
            using raw.cloudwatch_series as series
            left join kept_days using (namespace, metric_name, dimension_names)
            where
                series.account_id = $1
                and series.region = $2
                and points.series_id = series.series_id
                and points.period_seconds = {FINE}
                and points.period_start_at < $3::timestamptz - coalesce(kept_days.kept_days, 0) * interval '1 day'
            returning 1
        )
        select count(*) from gone
        """,  # noqa: S608 - a constant
        (account_id, region, now.isoformat()),
    )
    return int(cursor.fetchone()[0])
