"""Cost Explorer into PostgreSQL: a month at a time, only the accounts whose sums have moved asked for again."""

import logging
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime

from ingest import ledger
from ingest.aws import Account, open_account
from ingest.cost_explorer import hourly
from ingest.cost_explorer.answers import Row, read_daily, read_names, read_totals
from ingest.cost_explorer.asking import ask_days, ask_totals
from ingest.cost_explorer.planning import (
    MONTHS,
    SOURCE_NAME,
    AccountMonth,
    Span,
    find_moved,
    plan_months,
    plan_unasked_months,
    read_loaded,
)
from ingest.cost_explorer.storing import replace_month
from ingest.errors import IngestError
from ingest.requests import CapReached, RequestLog, open_log

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MonthResult:
    """What a sync did with one month, or with the last days by the hour."""

    partition_key: str  # payer account/YYYY-MM
    row_count: int = 0
    request_count: int = 0
    error: str = ""


def sync_costs(months: int = MONTHS, today: date | None = None, *, is_hourly: bool | None = None) -> list[MonthResult]:
    """Read the last months' daily costs, and those of earlier billed months that were never read; each takes the place
    of what was there.

    Args:
        months: how many, the current one included.
        today: last day asked for (UTC; default: today).
        is_hourly: read the last days by the hour too, which AWS charges for; None: as TIEOUT_COST_EXPLORER_HOURLY says.

    Returns:
        One result a month; a month that fails leaves its earlier rows whole and doesn't stop the others. One result
        alone where AWS doesn't even tell the months' sums.

    Raises:
        IngestError: no credentials or no database.
    """
    ledger.create_raw_schema()
    ledger.refuse_other_origin()
    account = open_account()
    now = datetime.now(UTC)
    present = today or now.date()
    plan = plan_months(present, months)
    plan += plan_unasked_months(account.account_id, plan[-1][0], present)
    with open_log(SOURCE_NAME, now) as log:
        results = _sync_months(account, plan, log)
        if is_hourly if is_hourly is not None else hourly.is_asked_for(os.environ):
            results.append(_sync_hours(account, present, log))
    return results


def _sync_months(account: Account, plan: list[Span], log: RequestLog) -> list[MonthResult]:
    first, end = min(first for first, _ in plan), max(end for _, end in plan)
    try:
        pages = ask_totals(account, first, end, log)
        told = read_totals(pages, f"Cost Explorer {account.account_id}")
    except CapReached as error:
        return [MonthResult(account.account_id, error=f"Cost Explorer {account.account_id}: {error}")]
    except IngestError as error:
        return [MonthResult(account.account_id, error=str(error))]
    names = read_names(pages)
    results = []
    for span in plan:
        partition_key = f"{account.account_id}/{span[0]:%Y-%m}"
        try:
            results.append(_sync_month(account, partition_key, span, told.get(span[0], {}), names, log))
        except CapReached as error:
            results.append(MonthResult(partition_key, error=f"Cost Explorer {partition_key}: {error}"))
        except IngestError as error:
            results.append(MonthResult(partition_key, error=str(error)))
    return results


def _sync_month(
    account: Account,
    partition_key: str,
    span: Span,
    told: dict[str, AccountMonth],
    names: dict[str, str],
    log: RequestLog,
) -> MonthResult:
    loaded = read_loaded(partition_key)
    moved = find_moved(told, loaded)
    if loaded and not moved:
        _log.info("%s: nothing moved", partition_key)
        return MonthResult(partition_key, sum(each.row_count for each in loaded.values()))
    rows: list[Row] = []
    request_count = 0
    for account_id in moved:
        if account_id in told:  # else it has no cost in this month any more
            pages = ask_days(account, account_id, *span, log)
            rows += read_daily(pages, account_id, f"Cost Explorer {partition_key}, account {account_id}")
            request_count += len(pages)
    known = {account_id: name for account_id, name in names.items() if account_id in told}
    row_count = replace_month(partition_key, *span, rows, moved, known, request_count)
    _log.info("%s: %d rows, %d calls", partition_key, row_count, request_count)
    return MonthResult(partition_key, row_count, request_count)


def _sync_hours(account: Account, today: date, log: RequestLog) -> MonthResult:
    partition_key = f"{account.account_id}/hourly"
    try:
        row_count, request_count = hourly.sync_hours(account, partition_key, today, log)
    except CapReached as error:
        return MonthResult(partition_key, error=f"Cost Explorer {partition_key}: {error}")
    except IngestError as error:
        return MonthResult(partition_key, error=str(error))
    return MonthResult(partition_key, row_count, request_count)
