"""Cost Explorer's daily costs by account and service, a month replaced whole in one transaction with its ledger row."""

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from ingest import bulk, ledger
from ingest.aws import Account, explained, open_account
from ingest.errors import IngestError
from ingest.requests import CapReached, RequestLog, open_log

SOURCE_NAME = "cost_explorer"
_REGION = "us-east-1"  # Cost Explorer's one endpoint
MONTHS = 3
MONTHS_KEPT = 13  # Cost Explorer answers for the current month and the 13 before it
_METRICS = {
    "UnblendedCost": "unblended_cost",
    "BlendedCost": "blended_cost",
    "AmortizedCost": "amortized_cost",
    "NetUnblendedCost": "net_unblended_cost",
    "NetAmortizedCost": "net_amortized_cost",
}
_SCHEMA = pa.schema(
    [
        ("load_id", pa.int64()),
        ("usage_date", pa.date32()),
        ("account_id", pa.string()),
        ("service_name", pa.string()),
        ("currency_code", pa.string()),
        *((column, pa.decimal128(38, 18)) for column in _METRICS.values()),
        ("is_estimated", pa.bool_()),
    ]
)
_ACCOUNTS_SCHEMA = pa.schema([("load_id", pa.int64()), ("account_id", pa.string()), ("account_name", pa.string())])
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MonthResult:
    """What a sync did with one month."""

    partition_key: str  # payer account/YYYY-MM
    row_count: int = 0
    request_count: int = 0
    error: str = ""


def plan_months(today: date, months: int = MONTHS) -> list[tuple[date, date]]:
    """(first day, end day exclusive) of the current month to date and the ones before, newest first.

    Today is included: Cost Explorer is the bridge to the days that CUR doesn't hold yet.
    """
    plan = []
    first = today.replace(day=1)
    end = today + timedelta(days=1)
    for _ in range(months):
        plan.append((first, end))
        end = first
        first = (first - timedelta(days=1)).replace(day=1)
    return plan


def _plan_unasked_months(payer_account_id: str, before: date, today: date) -> list[tuple[date, date]]:
    """Earlier months that the loaded bill holds and that were never asked for, newest first.

    Each is asked for once: a closed month's costs stand still but for late refunds.
    """
    asked = ledger.list_months(SOURCE_NAME, payer_account_id)
    billed = ledger.list_months("cur", payer_account_id)
    plan = [(first, (first + timedelta(days=31)).replace(day=1)) for first in sorted(billed - asked, reverse=True)]

    def age(first: date) -> int:
        return (today.year - first.year) * 12 + today.month - first.month

    return [(first, end) for first, end in plan if first < before and age(first) <= MONTHS_KEPT]


def sync_costs(months: int = MONTHS, today: date | None = None) -> list[MonthResult]:
    """Read the last months' daily costs, and those of earlier billed months that were never read; each takes the place
    of what was there.

    Args:
        months: how many, the current one included.
        today: last day asked for (UTC; default: today).

    Returns:
        One result a month; a month that fails leaves its earlier rows whole and doesn't stop the others.

    Raises:
        IngestError: no credentials or no database.
    """
    ledger.create_raw_schema()
    ledger.refuse_other_origin()
    account = open_account()
    results = []
    now = datetime.now(UTC)
    present = today or now.date()
    plan = plan_months(present, months)
    with open_log(SOURCE_NAME, now) as log:
        for first, end in [*plan, *_plan_unasked_months(account.account_id, plan[-1][0], present)]:
            partition_key = f"{account.account_id}/{first:%Y-%m}"
            try:
                results.append(_sync_month(account, partition_key, first, end, log))
            except CapReached as error:
                results.append(MonthResult(partition_key, error=f"Cost Explorer {partition_key}: {error}"))
            except IngestError as error:
                results.append(MonthResult(partition_key, error=str(error)))
    return results


def _sync_month(account: Account, partition_key: str, first: date, end: date, log: RequestLog) -> MonthResult:
    pages = _request_pages(account, first, end, log)
    costs, names = _read_pages(pages, f"Cost Explorer {partition_key}")
    with bulk.open_load() as (connection, cursor):
        ledger.lock_partition(cursor, SOURCE_NAME, partition_key)
        current = [load_id for load_id, _ in ledger.find_current_loads(cursor, SOURCE_NAME, partition_key)]
        load = ledger.begin_load(cursor, SOURCE_NAME, partition_key, "https://ce.amazonaws.com", end.isoformat())
        for load_id in current:
            cursor.execute("delete from raw.cost_explorer_costs_daily where load_id = $1", (load_id,))
            cursor.execute("delete from raw.cost_explorer_accounts where load_id = $1", (load_id,))
        ledger.retire_loads(cursor, current)
        rows = [{"load_id": load.load_id, **row} for row in costs]
        bulk.copy_table(cursor, "cost_explorer_costs_daily", pa.Table.from_pylist(rows, schema=_SCHEMA))
        accounts = [
            {"load_id": load.load_id, "account_id": account_id, "account_name": name}
            for account_id, name in names.items()
        ]
        bulk.copy_table(cursor, "cost_explorer_accounts", pa.Table.from_pylist(accounts, schema=_ACCOUNTS_SCHEMA))
        load.row_count = len(rows)
        load.request_count = len(pages)
        if rows:
            days = [row["usage_date"] for row in rows]
            load.data_from_at = datetime.combine(min(days), datetime.min.time(), UTC)
            load.data_until_at = datetime.combine(max(days) + timedelta(days=1), datetime.min.time(), UTC)
        cursor.execute("analyze raw.cost_explorer_costs_daily, raw.cost_explorer_accounts")
        ledger.record_load(cursor, load)
        connection.commit()
    _log.info("%s: %d rows, %d calls", partition_key, len(rows), len(pages))
    return MonthResult(partition_key, len(rows), len(pages))


def _request_pages(account: Account, first: date, end: date, log: RequestLog) -> list[dict[str, Any]]:
    request: dict[str, Any] = {
        "TimePeriod": {"Start": first.isoformat(), "End": end.isoformat()},
        "Granularity": "DAILY",
        "Metrics": list(_METRICS),
        # Two groupings are Cost Explorer's limit; by day these two are what a bill is asked about first.
        "GroupBy": [{"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}, {"Type": "DIMENSION", "Key": "SERVICE"}],
    }
    client = account.client("ce", _REGION)
    pages = []
    with explained(f"Cost Explorer {account.account_id} {first:%Y-%m}"):
        while True:
            log.count("GetCostAndUsage", account.account_id, _REGION)
            page = client.get_cost_and_usage(**request)
            pages.append(page)
            if not page.get("NextPageToken"):
                return pages
            request["NextPageToken"] = page["NextPageToken"]


def _read_pages(pages: list[dict[str, Any]], place: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Rows of raw.cost_explorer_costs_daily (without load_id), and account names where Cost Explorer tells them."""
    rows = []
    names: dict[str, str] = {}
    for page in pages:
        for value in page.get("DimensionValueAttributes", []):
            description = value.get("Attributes", {}).get("description")
            if description and value["Value"].isdigit():
                names[value["Value"]] = description
        for day in page["ResultsByTime"]:
            for group in day["Groups"]:
                account_id, service_name = group["Keys"]
                currencies = {group["Metrics"][metric]["Unit"] for metric in _METRICS}
                if len(currencies) != 1:
                    raise IngestError(f"{place}: several currencies in one row ({', '.join(sorted(currencies))})")
                rows.append(
                    {
                        "usage_date": date.fromisoformat(day["TimePeriod"]["Start"]),
                        "account_id": account_id,
                        "service_name": service_name,
                        "currency_code": currencies.pop(),
                        **{
                            column: _amount(group["Metrics"][metric]["Amount"], place)
                            for metric, column in _METRICS.items()
                        },
                        "is_estimated": day["Estimated"],
                    }
                )
    return rows, names


def _amount(text: str, place: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise IngestError(f"{place}: the amount {text!r} is not a number") from error
