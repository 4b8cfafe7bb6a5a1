"""`--plan`: requests and dollars of the next read, from what the database knows; AWS is asked nothing."""

import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from ingest import database, ledger
from ingest.cost_explorer import hourly
from ingest.cost_explorer.planning import MONTHS, SOURCE_NAME, plan_months, plan_unasked_months
from ingest.errors import IngestError
from ingest.requests import read_budget, read_prices, show_usd

_HOURLY_RECORDS = "HourlyUsageRecords"  # seed api_request_prices: no request, but what is held


def describe_plan(months: int = MONTHS, now: datetime | None = None, *, is_hourly: bool | None = None) -> list[str]:
    """Lines for the terminal.

    Raises:
        IngestError: no database, a broken seed, or nothing known to plan from.
    """
    ledger.create_raw_schema()
    present = now or datetime.now(UTC)
    price = read_prices()["GetCostAndUsage"].usd_per_unit
    payers = _read_payers()
    if not payers:
        raise IngestError(
            "no account is known to plan for; load a bill first (`python -m ingest cur --source …`), its accounts tell "
            "how many requests it takes"
        )
    lines, request_count = [_spell_row(("payer/month", "accounts", "requests", "USD"))], 0
    for payer_account_id, account_count in payers.items():
        request_count += 1
        lines.append(_spell_row((f"{payer_account_id}, sums of all months", "", "1", f"{price:,.4f}")))
        plan = plan_months(present.date(), months)
        plan += plan_unasked_months(payer_account_id, plan[-1][0], present.date())
        for first, _ in plan:
            partition_key = f"{payer_account_id}/{first:%Y-%m}"
            count = max(account_count, _read_last_request_count(partition_key))
            request_count += count
            lines.append(_spell_row((partition_key, f"{account_count:,}", f"{count:,}", f"{count * price:,.4f}")))
    cost = request_count * price
    lines.append(
        f"at most, unless an answer takes more pages than it did: {request_count:,} requests, {show_usd(cost)}. Months "
        "and accounts whose sums haven't moved aren't asked for; how many pages an account takes isn't known beforehand"
    )
    if is_hourly if is_hourly is not None else hourly.is_asked_for(os.environ):
        lines += _describe_hours(present.date(), price)
        cost += 2 * len(payers) * price
    else:
        lines.append(
            f"hourly and resource-level costs: off; {hourly.VARIABLE}=1 or --hourly reads them, and --plan prices it"
        )
    with database.connect() as connection:
        budget = read_budget(connection, present)
    lines.append(f"this month so far ${budget.spent_usd:,.4f} of a cap of ${budget.cap_usd:,.2f} ({budget.cap_reason})")
    if budget.spent_usd + cost > budget.cap_usd:
        lines.append("this read would be stopped at the cap")
    return lines


def _describe_hours(today: date, request_price: Decimal) -> list[str]:
    """What the last 14 days by the hour take, and what AWS asks for holding them."""
    record_count = _count_hourly_records(today)
    price = read_prices()[_HOURLY_RECORDS].usd_per_unit
    lines = [
        f"hourly costs of {hourly.DAYS} days: 2 requests, {show_usd(2 * request_price)}, and as many more as their "
        "answers have pages, which isn't known beforehand"
    ]
    if record_count is None:
        return [
            *lines,
            f"holding them: ${price:f} for each usage record and day, billed by AWS from when they are enabled, read "
            "or not; how many records there are isn't known, because no bill by the hour is loaded",
        ]
    return [
        *lines,
        f"holding them: about {record_count:,} usage records (the loaded bill's lines of these days) at ${price:f} a "
        f"day: {show_usd(record_count * price)} a day, billed by AWS from when they are enabled, read or not",
    ]


def _read_payers() -> dict[str, int]:
    """Payers by what is loaded, with their number of accounts: Cost Explorer's own, else the bill's."""
    with database.connect() as connection:
        rows = connection.execute(
            """
            with accounts as (
                select split_part(loads.partition_key, '/', 1) as payer_account_id, costs.account_id
                from raw.cost_explorer_costs_daily as costs
                inner join raw.loads as loads on costs.load_id = loads.load_id
                where loads.is_current
                union
                select attributes.bill_payer_account_id, attributes.line_item_usage_account_id
                from raw.cur_attributes as attributes
                inner join raw.loads as loads on attributes.load_id = loads.load_id
                where loads.is_current
            )
            select payer_account_id, count(distinct account_id)
            from accounts
            where payer_account_id is not null and account_id is not null
            group by payer_account_id
            order by payer_account_id
            """
        ).fetchall()
    return {str(payer): int(count) for payer, count in rows}


def _read_last_request_count(partition_key: str) -> int:
    """The most requests that a month took so far: each of them asked for the accounts that had moved."""
    with database.connect() as connection:
        row = connection.execute(
            "select max(request_count) from raw.loads where source_name = %s and partition_key = %s",
            [SOURCE_NAME, partition_key],
        ).fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


def _count_hourly_records(today: date) -> int | None:
    """Usage lines of an hour in the loaded bill's last 14 days; None where there is no such line."""
    with database.connect() as connection:
        row = connection.execute(
            """
            select count(*)
            from raw.cur_line_item_amounts
            where
                line_item_usage_start_date >= %s::timestamptz
                and line_item_usage_end_date - line_item_usage_start_date <= interval '1 hour'
            """,
            [f"{today - timedelta(days=hourly.DAYS - 1)}T00:00:00Z"],
        ).fetchone()
    return int(row[0]) if row is not None and row[0] else None


def _spell_row(cells: tuple[str, ...]) -> str:
    return f"{cells[0]:<36}" + "".join(f"{cell:>12}" for cell in cells[1:])
