"""Reports into PostgreSQL, billing period by billing period, each replaced whole in one transaction.

Deliveries restate the month, and line item ids don't survive a restatement (CUR user guide, identity columns): rows are
never merged. A period's files are read side by side into tables that nobody reads; one transaction makes them
partitions, drops those they replace and writes the ledger row. Killed anywhere, the old month stands whole, and the
next sync drops what the killed one left.
"""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import psycopg

from ingest import ledger
from ingest.cur import checks, planning, storing
from ingest.cur.manifests import Manifest, ManifestFile, find_period, list_manifests, read_manifest
from ingest.cur.planning import SOURCE_NAME, CurrentLoad
from ingest.database import connect, describe_server
from ingest.errors import IngestError
from ingest.objects import ObjectStore, open_store
from ingest.progress import Progress

_log = logging.getLogger(__name__)

# Between two attempts to have the tables to oneself; others read meanwhile.
_LOCK_PAUSE_SECONDS = 0.5

Outcome = Literal["loaded", "unchanged", "missing", "failed"]


@dataclass(frozen=True)
class PeriodResult:
    """What a sync did with one billing period."""

    partition_key: str  # account/report/YYYY-MM; account/YYYY-MM of a month that no report delivers
    outcome: Outcome
    row_count: int = 0
    byte_count: int = 0
    error: str = ""
    note: str = ""  # of a missing month: what that means


@dataclass(frozen=True)
class _Found:
    """A delivery: its load, where the listing shows that it is loaded, or its manifest."""

    store: ObjectStore
    period: str
    owner: str
    partition_key: str
    manifest: Manifest | None


@dataclass(frozen=True)
class _Allowed:
    """What a person has allowed; see sync_report."""

    is_replacing: bool
    is_forced: bool


def sync_report(
    source: str | Sequence[str],
    periods: list[str] | None = None,
    *,
    is_replacing: bool = False,
    is_forced: bool = False,
    now: datetime | None = None,
) -> list[PeriodResult]:
    """Load what is new or changed of reports, newest period first.

    Args:
        source: `s3://bucket/prefix/report` or a local folder of the same layout, legacy report or Data Export; or a
            prefix with several of them; or several of these.
        periods: only these billing periods: `YYYY-MM`, or `open` and `previous` for the running month and the one
            before, which need not be delivered yet; all that are delivered where None.
        is_replacing: take the place of another report of the same payer, month by month, instead of refusing.
        is_forced: accept a delivery that shrinks its month, is older than the loaded one, or whose columns are of other
            types than before.
        now: what is the running month (default: this instant; months begin at midnight UTC, as AWS's do).

    Returns:
        One result a period, and one for each month that is missing between the first and the last. A period that fails
        leaves its earlier rows whole and doesn't stop the others.

    Raises:
        IngestError: the database can't be used, or a period asked for isn't delivered. A source that can't be read is a
            result of its own and doesn't stop the others.
    """
    ledger.create_raw_schema()
    ledger.refuse_other_origin()
    sources = [source] if isinstance(source, str) else list(source)
    loads = planning.read_loads()
    moving = planning.find_moving_periods(now or datetime.now(UTC))
    asked = {moving.get(period, period) for period in periods} if periods else None
    allowed = _Allowed(is_replacing, is_forced)
    found, failed = _survey(sources, loads)
    results = [result for period, result in failed if asked is None or period is None or period in asked]
    known = {each.period for each in found} | {period for period, _ in failed if period is not None}
    for period in periods or []:
        # A source that can't be read may well have it.
        if period not in known and period not in moving and all(broken is not None for broken, _ in failed):
            raise IngestError(
                f"{', '.join(sources)}: no delivery for {period}; delivered are {', '.join(sorted(known))}"
            )
    with _opened() as connection:
        for load_id in storing.drop_leftovers(connection):
            _log.info("load %d was killed; its tables are dropped", load_id)
        for delivery in sorted(found, key=lambda each: (each.period, each.partition_key), reverse=True):
            if asked is None or delivery.period in asked:
                results.append(_sync_period(connection, delivery, allowed))
    if asked is None:
        results += _find_missing(found, loads, known)
    return results


def _survey(
    sources: Sequence[str], loads: Sequence[CurrentLoad]
) -> tuple[list[_Found], list[tuple[str | None, PeriodResult]]]:
    """What the sources deliver, and what of them can't be read: the period, or None for a whole source."""
    found: list[_Found] = []
    failed: list[tuple[str | None, PeriodResult]] = []
    for source in sources:
        try:
            store = open_store(source)
            manifests = list_manifests(store)
        except IngestError as error:
            failed.append((None, PeriodResult(source, "failed", error=str(error))))
            continue
        for listed in manifests:
            try:
                found.append(_identify(store, listed, loads))
            except IngestError as error:
                key = listed.file.key
                failed.append((find_period(key), PeriodResult(key, "failed", error=str(error))))
    return found, failed


def _identify(store: ObjectStore, listed: ManifestFile, loads: Sequence[CurrentLoad]) -> _Found:
    if (load := planning.find_unchanged(store, listed, loads)) is not None:
        return _Found(store, load.period, load.partition_key.split("/")[0], load.partition_key, None)
    manifest = read_manifest(store, listed)
    return _Found(store, manifest.period, manifest.owner_account_id, manifest.partition_key, manifest)


def _find_missing(found: Sequence[_Found], loads: Sequence[CurrentLoad], known: set[str]) -> list[PeriodResult]:
    """Months that neither a source nor the database has, between the first and the last of an owner's.

    Args:
        known: periods that are delivered, if only in a form that can't be read: their failure is told already.
    """
    months: dict[str, set[str]] = {each.owner: set() for each in found}
    for each in found:
        months[each.owner].add(each.period)
    for load in loads:
        months.get(load.partition_key.split("/")[0], set()).add(load.period)
    return [
        PeriodResult(
            f"{owner}/{period}",
            "missing",
            note=f"no delivery of {period} and none loaded, though months before and after it are: its costs are "
            "unknown; restore it in the bucket, or ask AWS Support to deliver it again",
        )
        for owner, periods in sorted(months.items())
        for period in planning.find_gaps(periods)
        if period not in known
    ]


@contextmanager
def _opened() -> Iterator[psycopg.Connection[Any]]:
    """A connection that commits each statement and holds the sync's locks.

    Raises:
        IngestError: the database goes away.
    """
    try:
        with connect(autocommit=True) as connection:
            yield connection
    except psycopg.Error as error:
        raise IngestError(f"{describe_server()}: {' '.join(str(error).split())}; nothing was loaded") from error


def _sync_period(connection: psycopg.Connection[Any], delivery: _Found, allowed: _Allowed) -> PeriodResult:
    key = delivery.partition_key
    if delivery.manifest is None:
        _log.info("%s: unchanged", key)
        return PeriodResult(key, "unchanged")
    try:
        with ledger.hold_partition(connection, SOURCE_NAME, key, lambda: _log.info("%s: another sync is at it", key)):
            current = [load for load in planning.read_loads() if load.partition_key == key]
            if any(planning.is_loaded(delivery.manifest, load) for load in current):
                _log.info("%s: unchanged", key)
                return PeriodResult(key, "unchanged")
            if not allowed.is_forced:
                planning.refuse_older(delivery.manifest, current)
            load = _load_period(connection, delivery.store, delivery.manifest, current, allowed)
    except IngestError as error:
        return PeriodResult(key, "failed", error=str(error))
    _log.info("%s: loaded, %s rows", key, f"{load.row_count:,}")
    return PeriodResult(key, "loaded", load.row_count, load.byte_count)


def _load_period(
    connection: psycopg.Connection[Any],
    store: ObjectStore,
    manifest: Manifest,
    current: Sequence[CurrentLoad],
    allowed: _Allowed,
) -> ledger.Load:
    # By default Arrow's allocator gives memory back at once and asks for it again with the next rows.
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "1000")
    from ingest import bulk  # pyarrow and the driver take a second to import: a sync with nothing to do needn't pay it
    from ingest.cur import reading

    requests_before = store.request_count
    # Every file must be there before the first byte is read: AWS may be replacing the delivery right now.
    files = [store.find(key) for key in manifest.data_keys]
    cursor = psycopg.RawCursor(connection)
    load = ledger.begin_load(cursor, SOURCE_NAME, manifest.partition_key, manifest.place, manifest.version)
    load.data_from_at = manifest.period_start_at
    load.byte_count = sum(file.byte_count for file in files)
    progress = Progress(load.load_id, SOURCE_NAME, manifest.partition_key, len(files), load.byte_count)
    ledger.try_hold_load(connection, load.load_id)
    is_in_place = False
    try:
        with progress.reporting():
            with bulk.open_load() as (attributes_connection, attributes_cursor):
                attributes = storing.AttributesTable(attributes_cursor, load.load_id)
                read = reading.DeliveryReader(store, manifest, files, progress, attributes).read()
                progress.phase = "checking"
                attributes.finish()
                attributes_connection.commit()
            load.request_count = store.request_count - requests_before
            checks.refuse_other_kinds(manifest, read.files, planning.read_loads(), allowed.is_forced)
            facts = checks.measure(connection, load.load_id, sorted(read.files_of_tables))
            _fill_ledger_row(load, manifest, read.files, facts)
            checks.refuse_lost_rows(manifest, sum(file.row_count for file in read.files), facts)
            progress.phase = "putting in place"
            _put_in_place(connection, load, manifest, read.files_of_tables, facts, current, allowed)
            is_in_place = True
    finally:
        if not is_in_place and not connection.closed:
            storing.drop_tables(connection, load.load_id, reading.count_readers(files))
        if not connection.closed:
            ledger.release_load(connection, load.load_id)
    return load


def _put_in_place(
    connection: psycopg.Connection[Any],
    load: ledger.Load,
    manifest: Manifest,
    files_of_tables: dict[int, list[int]],
    facts: checks.Facts,
    current: Sequence[CurrentLoad],
    allowed: _Allowed,
) -> None:
    """The one transaction that changes what people read. Where somebody reads for long, it is tried again and again."""
    cursor = psycopg.RawCursor(connection)
    is_told = False
    while True:
        try:
            with connection.transaction():
                others = _find_other_reports(cursor, load, manifest)
                if others and not allowed.is_replacing:
                    raise IngestError(
                        f"{manifest.place}: {manifest.period} of this payer is loaded already from {others[0][1]}, "
                        "and the bill would count twice; load one report per payer, or take the other's place with "
                        "--replace"
                    )
                others_ids = {load_id for load_id, _ in others}
                before = [*current, *(each for each in planning.read_loads() if each.load_id in others_ids)]
                checks.refuse_shrinking(manifest, facts, before, allowed.is_forced)
                load.statistics["has_reopened"] = checks.has_reopened(facts, before, checks.read_states(connection))
                load.statistics["replaced"] = _describe_replaced(before)
                replaced = [each.load_id for each in before]
                storing.put_in_place(connection, load.load_id, files_of_tables, replaced)
                ledger.retire_loads(cursor, replaced)
                ledger.record_load(cursor, load)
            return
        except psycopg.errors.LockNotAvailable:
            if not is_told:
                _log.info("%s: read whole; waiting for readers of the old month", load.partition_key)
            is_told = True
            time.sleep(_LOCK_PAUSE_SECONDS)


def _fill_ledger_row(
    load: ledger.Load,
    manifest: Manifest,
    files: Sequence[Any],
    facts: checks.Facts,
) -> None:
    load.row_count = facts.row_count
    load.data_until_at = facts.used_until_at
    load.statistics = {
        "line_item_types": {
            name: {"row_count": each.row_count, "unblended_cost": checks.spell_exactly(each.unblended_cost)}
            for name, each in facts.line_item_types.items()
        },
        "unblended_cost": checks.spell_exactly(facts.unblended_cost),
        "positive_cost": checks.spell_exactly(facts.positive_cost),
        # a line without a payer is its report's owner's
        "payer_account_ids": facts.payer_account_ids or [manifest.owner_account_id],
        "period_start_at": manifest.period_start_at.isoformat(),
        "period_end_at": manifest.period_end_at.isoformat(),
        "delivered_at": manifest.delivered_at.isoformat() if manifest.delivered_at else None,
        "uninvoiced_row_count": facts.uninvoiced_row_count,
        "files": [
            {
                "key": each.file.key,
                "version": each.file.version,
                "byte_count": each.file.byte_count,
                "row_count": each.row_count,
            }
            for each in files
        ],
        "column_kinds": {name: kind for each in files for name, kind in each.kinds.items()},
    }


def _describe_replaced(before: Sequence[CurrentLoad]) -> dict[str, Any] | None:
    """What stood in the month's place, for the ledger."""
    if not before:
        return None
    costs = [each.statistics.get("unblended_cost") for each in before]
    return {
        "load_id": before[0].load_id,
        "row_count": sum(each.row_count for each in before),
        "unblended_cost": checks.spell_exactly(checks.add_exactly(Decimal(cost) for cost in costs if cost is not None)),
    }


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
            and other.statistics -> 'payer_account_ids' ?| $4::text[]
        """,
        (SOURCE_NAME, load.partition_key, manifest.period_start_at.isoformat(), load.statistics["payer_account_ids"]),
    )
    return [(int(row[0]), str(row[1])) for row in cursor.fetchall()]
