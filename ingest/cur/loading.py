"""A report into PostgreSQL, billing period by billing period, each replaced whole in one transaction.

Deliveries restate the month, and line item ids don't survive a restatement (CUR user guide, identity columns): rows are
never merged. A period is filled into a table of its own that nobody reads; the same transaction attaches it as a
partition, drops the one it replaces and writes the ledger row. Killed anywhere, the old month stands whole.
"""

import json
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from ingest import bulk, ledger
from ingest.cur.columns import CORE_COLUMNS
from ingest.cur.files import ATTRIBUTES, STORED_TYPES, read_batches
from ingest.cur.manifests import Manifest, list_manifests, read_manifest
from ingest.errors import IngestError
from ingest.objects import ObjectStore, StoredObject, open_store

SOURCE_NAME = "cur"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PeriodResult:
    """What a sync did with one billing period."""

    partition_key: str  # account/report/YYYY-MM
    outcome: Literal["loaded", "unchanged", "failed"]
    row_count: int = 0
    byte_count: int = 0
    error: str = ""


def sync_report(
    source: str, periods: list[str] | None = None, *, is_replacing: bool = False, now: datetime | None = None
) -> list[PeriodResult]:
    """Load what is new or changed of a report, newest period first.

    Args:
        source: `s3://bucket/prefix/report` or a local folder of the same layout.
        periods: only these billing periods: `YYYY-MM`, or `open` and `previous` for the running month and the one
            before, which need not be delivered yet; all that are delivered where None.
        is_replacing: take the place of another report of the same payer, month by month, instead of refusing.
        now: what is the running month (default: this instant; months begin at midnight UTC, as AWS's do).

    Returns:
        One result a period. A period that fails leaves its earlier rows whole and doesn't stop the others.

    Raises:
        IngestError: the source or the database can't be read at all, or a period asked for isn't delivered.
    """
    ledger.create_raw_schema()
    ledger.refuse_other_origin()
    store = open_store(source)
    results: list[PeriodResult] = []
    manifests: list[Manifest] = []
    for file in list_manifests(store):
        try:
            manifests.append(read_manifest(store, file))
        except IngestError as error:
            results.append(PeriodResult(file.key, "failed", error=str(error)))
    delivered = {manifest.period for manifest in manifests}
    moving = _find_moving_periods(now or datetime.now(UTC))
    for period in periods or []:
        if period not in delivered and period not in moving:
            raise IngestError(f"{store.uri}: no delivery for {period}; delivered are {', '.join(sorted(delivered))}")
    chosen = {moving.get(period, period) for period in periods} if periods else delivered
    for manifest in sorted(manifests, key=lambda each: each.period, reverse=True):
        if manifest.period not in chosen:
            continue
        # Reports of two accounts may well have the same name.
        partition_key = f"{manifest.owner_account_id}/{manifest.report_name}/{manifest.period}"
        try:
            results.append(_sync_period(store, manifest, partition_key, is_replacing))
        except IngestError as error:
            results.append(PeriodResult(partition_key, "failed", error=str(error)))
    return results


def _find_moving_periods(now: datetime) -> dict[str, str]:
    """The billing periods that are named by where the present stands."""
    month_start = now.astimezone(UTC).replace(day=1)
    return {"open": f"{month_start:%Y-%m}", "previous": f"{month_start - timedelta(days=1):%Y-%m}"}


def _sync_period(store: ObjectStore, manifest: Manifest, partition_key: str, is_replacing: bool) -> PeriodResult:
    with bulk.open_load() as (connection, cursor):
        ledger.lock_partition(cursor, SOURCE_NAME, partition_key)
        current = ledger.find_current_loads(cursor, SOURCE_NAME, partition_key)
        if any(version == manifest.version for _, version in current):
            _log.info("%s: unchanged", partition_key)
            return PeriodResult(partition_key, "unchanged")
        # Every file must be there before the first byte is read: AWS may be replacing the delivery right now.
        files = [store.find(key) for key in manifest.data_keys]
        load = ledger.begin_load(cursor, SOURCE_NAME, partition_key, manifest.place, manifest.version)
        load.data_from_at = manifest.period_start_at
        requests_before = store.request_count
        table = f"cur_line_items_{load.load_id}"
        cursor.execute(f"create table raw.{table} (like raw.cur_line_items including defaults)")
        attributes: dict[str, int] = {}
        bulk.copy_batches(cursor, table, _SCHEMA, _read_files(store, files, load, attributes))
        _store_attributes(cursor, load.load_id, attributes)
        _check_period(cursor, table, manifest)
        _describe(cursor, table, load)
        others = _find_other_reports(cursor, load, manifest)
        if others and not is_replacing:
            raise IngestError(
                f"{manifest.place}: {manifest.period} of this payer is loaded already from {others[0][1]}, and the "
                "bill would count twice; load one report per payer, or take the other's place with --replace"
            )
        load.request_count = store.request_count - requests_before
        _put_in_place(cursor, table, load, [load_id for load_id, _ in [*current, *others]])
        ledger.record_load(cursor, load)
        connection.commit()
    _log.info("%s: loaded, %s rows", partition_key, f"{load.row_count:,}")
    return PeriodResult(partition_key, "loaded", load.row_count, load.byte_count)


def _data_format(key: str, place: str) -> str:
    for ending, data_format in ((".csv.gz", "csv.gz"), (".csv", "csv"), (".parquet", "parquet")):
        if key.endswith(ending):
            return data_format
    raise IngestError(f"{place}: neither .csv.gz, .csv nor .parquet; export the report as one of these")


def _read_files(
    store: ObjectStore, files: list[StoredObject], load: ledger.Load, attributes: dict[str, int]
) -> Iterator[pa.RecordBatch]:
    """The period's rows, file after file; counts them in the load."""
    for number, file in enumerate(files, start=1):
        place = f"{store.uri}/{file.key}"
        data_format = _data_format(file.key, place)
        with tempfile.TemporaryDirectory(prefix="tieout-") as folder:
            path = Path(folder) / "data"
            byte_count = store.fetch(file.key, path)
            if byte_count != file.byte_count:
                raise IngestError(f"{place}: replaced while it was read; sync again")
            if byte_count == 0:
                raise IngestError(f"{place}: the file is empty; sync again after AWS's next delivery")
            for batch in read_batches(path, place, data_format):
                load.row_count += batch.num_rows
                yield _number(batch, load.load_id, number, attributes)
        load.byte_count += file.byte_count
        _log.info("%s: file %d of %d, %s rows", load.partition_key, number, len(files), f"{load.row_count:,}")


_SCHEMA = pa.schema(
    [("load_id", pa.int64()), ("file_number", pa.int32()), ("attributes_id", pa.int32())]
    + [(name, STORED_TYPES[kind]) for name, kind in CORE_COLUMNS.items()]
)


def _number(batch: pa.RecordBatch, load_id: int, file_number: int, attributes: dict[str, int]) -> pa.RecordBatch:
    """Put the load's columns in front, and the number of each row's attributes in their stead.

    `attributes` (JSON text -> number) grows by the combinations seen for the first time.
    """
    encoded = batch.column(ATTRIBUTES)
    numbers = pa.array(
        [attributes.setdefault(text, len(attributes)) for text in encoded.dictionary.to_pylist()], pa.int32()
    )
    columns = [
        pa.repeat(pa.scalar(load_id, pa.int64()), batch.num_rows),
        pa.repeat(pa.scalar(file_number, pa.int32()), batch.num_rows),
        numbers.take(encoded.indices),
        *batch.select(list(CORE_COLUMNS)).columns,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)


def _store_attributes(cursor: Any, load_id: int, attributes: dict[str, int]) -> None:
    table = pa.table(
        {"attributes_id": pa.array(attributes.values(), pa.int32()), "attributes": pa.array(attributes.keys())}
    )
    cursor.execute("create temporary table new_attributes (attributes_id integer, attributes text) on commit drop")
    bulk.copy_table(cursor, "new_attributes", table, is_temporary=True)
    cursor.execute(
        "insert into raw.cur_attributes select $1, attributes_id, attributes::jsonb from new_attributes", (load_id,)
    )


def _check_period(cursor: Any, table: str, manifest: Manifest) -> None:
    """A file of another month under this manifest would be counted in the wrong month."""
    cursor.execute(
        f"""
        select distinct to_char(bill_billing_period_start_date at time zone 'UTC', 'YYYY-MM')
        from raw.{table}
        """  # noqa: S608 - the table's name is ours: a number behind a fixed word
    )
    found = [row[0] for row in cursor.fetchall()]
    wrong = [str(period) for period in found if period != manifest.period]
    if wrong:
        raise IngestError(f"{manifest.place}: rows of billing period {wrong[0]} in the delivery of {manifest.period}")


def _describe(cursor: Any, table: str, load: ledger.Load) -> None:
    """Unblended cost and rows per line item type, and how far the usage reaches, for the ledger."""
    cursor.execute(
        f"""
        select
            coalesce(line_item_line_item_type, ''), count(*), sum(line_item_unblended_cost)::text,
            -- some usage (a hosted zone) is billed at once for the whole month, ahead of time
            max(least(line_item_usage_end_date, line_item_usage_start_date + interval '1 day'))
                filter (where line_item_line_item_type like '%Usage')
        from raw.{table}
        group by 1 order by 1
        """  # noqa: S608 - as above
    )
    rows = cursor.fetchall()
    load.statistics = {
        "line_item_types": {row[0]: {"row_count": row[1], "unblended_cost": row[2]} for row in rows},
    }
    cursor.execute(
        f"select distinct bill_payer_account_id from raw.{table} where bill_payer_account_id is not null"  # noqa: S608
    )
    load.statistics["payer_account_ids"] = sorted(str(row[0]) for row in cursor.fetchall())
    load.data_until_at = max((row[3] for row in rows if row[3] is not None), default=None)


def _find_other_reports(cursor: Any, load: ledger.Load, manifest: Manifest) -> list[tuple[int, str]]:
    """(load_id, source_uri) of other reports' loads of this payer and month: both together would double the bill."""
    # Two reports at the same instant hold different partitions: one waits here until the other has committed.
    ledger.lock_partition(cursor, SOURCE_NAME, f"month {manifest.period}")
    cursor.execute(
        """
        select other.load_id, other.source_uri
        from raw.loads as other
        where
            other.source_name = $1
            and other.is_current
            and other.partition_key <> $2
            and other.data_from_at = $3::timestamptz
            and other.statistics -> 'payer_account_ids' ?| array(select jsonb_array_elements_text($4::text::jsonb))
        """,
        (
            SOURCE_NAME,
            load.partition_key,
            manifest.period_start_at.isoformat(),
            json.dumps(load.statistics["payer_account_ids"]),
        ),
    )
    return [(int(row[0]), str(row[1])) for row in cursor.fetchall()]


def _put_in_place(cursor: Any, table: str, load: ledger.Load, replaced: list[int]) -> None:
    # The check spares ATTACH a second reading of the whole table.
    cursor.execute(f"alter table raw.{table} add constraint its_load check (load_id = {load.load_id})")
    for load_id in replaced:
        cursor.execute(f"drop table raw.cur_line_items_{load_id}")
        cursor.execute("delete from raw.cur_attributes where load_id = $1", (load_id,))
    ledger.retire_loads(cursor, replaced)
    cursor.execute(f"alter table raw.cur_line_items attach partition raw.{table} for values in ({load.load_id})")
    cursor.execute(f"analyze raw.{table}, raw.cur_attributes")
