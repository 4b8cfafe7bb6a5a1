"""A payer's month put in place whole, and the estimates that it gives of days that CUR doesn't hold yet."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from ingest import bulk, ledger
from ingest.cost_explorer.answers import COSTS, Row
from ingest.cost_explorer.planning import SOURCE_NAME

_COST_TYPES = [(column, pa.decimal128(38, 18)) for column in COSTS.values()]
_SCHEMA = pa.schema(
    [
        ("load_id", pa.int64()),
        ("usage_date", pa.date32()),
        *((name, pa.string()) for name in ("account_id", "service_name", "record_type", "currency_code")),
        *_COST_TYPES,
        ("usage_quantity", pa.decimal128(38, 18)),
        ("usage_unit", pa.string()),
        ("is_estimated", pa.bool_()),
    ]
)
_ACCOUNTS_SCHEMA = pa.schema([("load_id", pa.int64()), ("account_id", pa.string()), ("account_name", pa.string())])


def replace_month(
    partition_key: str,
    first: date,
    end: date,
    rows: list[Row],
    moved: Collection[str],
    names: Mapping[str, str],
    request_count: int,
) -> int:
    """Put a month in place in one transaction with its ledger row; returns how many rows it has now.

    Args:
        rows: those of the accounts that moved; the others' stay as they are.
        moved: accounts whose earlier rows go.
        names: account names; all of the month's.

    Raises:
        IngestError: the database refuses; everything is as it was.
    """
    with bulk.open_load() as (connection, cursor):
        ledger.lock_partition(cursor, SOURCE_NAME, partition_key)
        current = [load_id for load_id, _ in ledger.find_current_loads(cursor, SOURCE_NAME, partition_key)]
        load = ledger.begin_load(cursor, SOURCE_NAME, partition_key, "https://ce.amazonaws.com", end.isoformat())
        for load_id in current:
            for account_id in moved:
                cursor.execute(
                    "delete from raw.cost_explorer_costs_daily where load_id = $1 and account_id = $2",
                    (load_id, account_id),
                )
            cursor.execute(
                "update raw.cost_explorer_costs_daily set load_id = $2 where load_id = $1", (load_id, load.load_id)
            )
            cursor.execute("delete from raw.cost_explorer_accounts where load_id = $1", (load_id,))
        ledger.retire_loads(cursor, current)
        given = [{"load_id": load.load_id, **row} for row in rows]
        bulk.copy_table(cursor, "cost_explorer_costs_daily", pa.Table.from_pylist(given, schema=_SCHEMA))
        accounts = [
            {"load_id": load.load_id, "account_id": account_id, "account_name": name}
            for account_id, name in names.items()
        ]
        bulk.copy_table(cursor, "cost_explorer_accounts", pa.Table.from_pylist(accounts, schema=_ACCOUNTS_SCHEMA))
        cursor.execute(
            "select count(*), min(usage_date), max(usage_date) from raw.cost_explorer_costs_daily where load_id = $1",
            (load.load_id,),
        )
        [(row_count, first_date, last_date)] = cursor.fetchall()
        load.row_count, load.request_count = row_count, request_count
        if row_count:
            load.data_from_at = datetime.combine(first_date, datetime.min.time(), UTC)
            load.data_until_at = datetime.combine(last_date + timedelta(days=1), datetime.min.time(), UTC)
        _keep_estimates(cursor, load, first, end)
        cursor.execute("analyze raw.cost_explorer_costs_daily, raw.cost_explorer_accounts, raw.cost_explorer_estimates")
        ledger.record_load(cursor, load)
        connection.commit()
    return load.row_count


def _keep_estimates(cursor: bulk.Cursor, load: ledger.Load, first: date, end: date) -> None:
    """Keep what Cost Explorer says of days that the payer's CUR doesn't hold whole, in place of what it said before.

    A day that CUR has come to hold is left alone: what stands of it is the last estimate before.
    """
    payer_account_id = load.partition_key.split("/")[0]
    cursor.execute(
        """
        select (max(data_until_at) at time zone 'UTC')::date
        from raw.loads
        where
            source_name = 'cur'
            and is_current
            and (split_part(partition_key, '/', 1) = $1 or statistics -> 'payer_account_ids' ? $1)
            -- The month's own bill: the next month's may have come while this one's last day is cut off.
            and right(partition_key, 7) = $2
        """,
        (payer_account_id, f"{first:%Y-%m}"),
    )
    [(held_until,)] = cursor.fetchall()
    begin = first if held_until is None else max(first, held_until)
    if begin >= end:
        return
    cursor.execute(
        """
        delete from raw.cost_explorer_estimates
        where payer_account_id = $1 and usage_date >= $2::date and usage_date < $3::date
        """,
        (payer_account_id, begin.isoformat(), end.isoformat()),
    )
    cursor.execute(
        """
        insert into raw.cost_explorer_estimates (
            payer_account_id, usage_date, account_id, service_name, record_type, currency_code,
            unblended_cost, blended_cost, amortized_cost, net_unblended_cost, net_amortized_cost, estimated_at
        )
        select
            $1, usage_date, account_id, service_name, record_type, currency_code,
            unblended_cost, blended_cost, amortized_cost, net_unblended_cost, net_amortized_cost, $4::timestamptz
        from raw.cost_explorer_costs_daily
        where load_id = $2 and usage_date >= $3::date
        """,
        (payer_account_id, load.load_id, begin.isoformat(), load.started_at.isoformat()),
    )
