"""Which months are asked for, and which accounts of them: each page costs a cent, so only what moved is asked again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from ingest import database, ledger

SOURCE_NAME = "cost_explorer"
MONTHS = 3
MONTHS_KEPT = 13  # Cost Explorer answers for the current month and the 13 before it
# Per row summed: days add up to a month but for the last digits, which AWS rounds in each answer.
_ROUNDING = Decimal("0.000000001")

Span = tuple[date, date]  # first day, end day exclusive
Amounts = tuple[Decimal, ...]  # one per cost


@dataclass
class AccountMonth:
    """What a month holds of one account: the sums of its costs by record type."""

    totals: dict[str, Amounts] = field(default_factory=dict)
    row_count: int = 0
    is_estimated: bool = False


def plan_months(today: date, months: int = MONTHS) -> list[Span]:
    """The current month to date and the ones before, newest first.

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


def plan_unasked_months(payer_account_id: str, before: date, today: date) -> list[Span]:
    """Earlier months that the loaded bill holds and that were never asked for by record type, newest first.

    Each is asked for once: a closed month's costs stand still but for late refunds.
    """
    asked = ledger.list_months(SOURCE_NAME, payer_account_id) - _list_months_without_record_types(payer_account_id)
    billed = ledger.list_months("cur", payer_account_id)
    plan = [(first, (first + timedelta(days=31)).replace(day=1)) for first in sorted(billed - asked, reverse=True)]

    def age(first: date) -> int:
        return (today.year - first.year) * 12 + today.month - first.month

    return [(first, end) for first, end in plan if first < before and age(first) <= MONTHS_KEPT]


def _list_months_without_record_types(payer_account_id: str) -> set[date]:
    """Months that an earlier version loaded, by account and service alone."""
    with database.connect() as connection:
        rows = connection.execute(
            """
            select distinct right(loads.partition_key, 7)
            from raw.cost_explorer_costs_daily as costs
            inner join raw.loads as loads on costs.load_id = loads.load_id
            where
                loads.is_current
                and costs.record_type is null
                and split_part(loads.partition_key, '/', 1) = %s
            """,
            [payer_account_id],
        ).fetchall()
    return {date.fromisoformat(f"{row[0]}-01") for row in rows}


def read_loaded(partition_key: str) -> dict[str, AccountMonth]:
    """What stands of a payer's month, by account."""
    with database.connect() as connection:
        rows = connection.execute(
            """
            select
                costs.account_id,
                coalesce(costs.record_type, ''),
                count(*),
                bool_or(costs.is_estimated),
                sum(costs.unblended_cost),
                sum(costs.blended_cost),
                sum(costs.amortized_cost),
                sum(costs.net_unblended_cost),
                sum(costs.net_amortized_cost)
            from raw.cost_explorer_costs_daily as costs
            inner join raw.loads as loads on costs.load_id = loads.load_id
            where loads.is_current and loads.source_name = %s and loads.partition_key = %s
            group by 1, 2
            """,
            [SOURCE_NAME, partition_key],
        ).fetchall()
    loaded: dict[str, AccountMonth] = {}
    for account_id, record_type, count, is_estimated, *amounts in rows:
        month = loaded.setdefault(account_id, AccountMonth())
        month.totals[record_type] = tuple(amounts)
        month.row_count += count
        month.is_estimated |= is_estimated
    return loaded


def find_moved(told: Mapping[str, AccountMonth], loaded: Mapping[str, AccountMonth]) -> list[str]:
    """Accounts whose month isn't what stands, sorted: new ones, other sums, sums that are final now, and gone ones."""
    return sorted(
        account_id
        for account_id in told.keys() | loaded.keys()
        if account_id not in told or account_id not in loaded or _has_moved(told[account_id], loaded[account_id])
    )


def _has_moved(told: AccountMonth, loaded: AccountMonth) -> bool:
    if told.is_estimated != loaded.is_estimated:
        return True
    tolerance = _ROUNDING * (loaded.row_count + 1)
    for record_type in told.totals.keys() | loaded.totals.keys():
        new, old = told.totals.get(record_type), loaded.totals.get(record_type)
        width = len(new or old or ())
        pairs = zip(new or (Decimal(0),) * width, old or (Decimal(0),) * width, strict=True)
        if any(abs(left - right) > tolerance for left, right in pairs):
            return True
    return False
