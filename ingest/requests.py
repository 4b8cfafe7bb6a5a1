"""What is asked of AWS's priced interfaces: counted before each request, priced by seed api_request_prices, capped.

The month's cap is TIEOUT_MONTHLY_REQUEST_CAP_USD, else 0.5 % of the last whole month's bill, as loaded. A part of it is
kept for Cost Explorer, whose few requests are the bridge to the days that the bill doesn't hold yet: the other sources
stop before that part, Cost Explorer at the cap itself.
"""

import csv
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import psycopg

from ingest import database
from ingest.errors import IngestError

_PRICES = Path(__file__).parents[1] / "seeds" / "api_request_prices.csv"
CAP_VARIABLE = "TIEOUT_MONTHLY_REQUEST_CAP_USD"
CAP_RATIO = Decimal("0.005")
# Where no bill is loaded, and where credits pay for nearly all of it.
LEAST_CAP_USD = Decimal(5)
# The source that a part of the cap is kept for.
_KEPT_FOR = "cost_explorer"
# What it is taken to ask a day until it has asked on one: three months, four times (prefect.yaml).
_REQUESTS_A_DAY = 12
_DAYS_LOOKED_AT = 30
# A cap too small for both is shared: one that Cost Explorer might use up alone would end CloudWatch for the month.
_MOST_KEPT_RATIO = Decimal("0.5")


class CapReached(IngestError):
    """The month's cap would be passed by the next request."""


@dataclass(frozen=True)
class Price:
    """One row of the seed."""

    operation: str
    usd_per_unit: Decimal
    statistics_per_unit: int  # GetMetricData: so many statistics of one metric in a request are one unit


@dataclass(frozen=True)
class Budget:
    """A calendar month's (UTC) requests."""

    spent_usd: Decimal
    cap_usd: Decimal
    cap_reason: str  # where the cap comes from, for people
    kept_usd: Decimal = Decimal(0)  # of the cap, for Cost Explorer's requests of the rest of the month

    def limit_of(self, source_name: str) -> Decimal:
        """What all requests together may cost before a source stops."""
        return self.cap_usd if source_name == _KEPT_FOR else self.cap_usd - self.kept_usd


def read_prices(path: Path = _PRICES) -> dict[str, Price]:
    """The seed's prices by operation.

    Raises:
        IngestError: the file isn't there, or a line of it can't be read.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise IngestError(f"{path}: the price list can't be read ({error.strerror}); restore it from git") from error
    prices = {}
    for number, row in enumerate(rows, start=2):
        try:
            price = Price(row["operation"], Decimal(row["usd_per_unit"]), int(row["statistics_per_unit"] or 1))
        except (KeyError, TypeError, ValueError, InvalidOperation) as error:
            raise IngestError(f"{path}, line {number}: no operation, price and statistics_per_unit") from error
        prices[price.operation] = price
    return prices


def read_spent(connection: psycopg.Connection[Any], now: datetime) -> Decimal:
    """What the requests of a calendar month (UTC) cost, in US dollars."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    row = connection.execute(
        "select coalesce(sum(request_cost_usd), 0) from raw.api_requests where first_requested_at >= %s", [first]
    ).fetchone()
    return Decimal(0) if row is None else Decimal(row[0])


def read_budget(connection: psycopg.Connection[Any], now: datetime) -> Budget:
    """What this month's requests cost so far, and may cost.

    Raises:
        IngestError: the variable that sets the cap holds no amount, or the price list can't be read.
    """
    cap, reason = _read_cap(connection, now)
    kept = min(_estimate_kept(connection, now), cap * _MOST_KEPT_RATIO)
    return Budget(read_spent(connection, now), cap, reason, kept)


def _read_cap(connection: psycopg.Connection[Any], now: datetime) -> tuple[Decimal, str]:
    """The cap, and where it comes from."""
    text = os.environ.get(CAP_VARIABLE)
    if text:
        try:
            cap = Decimal(text)
        except InvalidOperation as error:
            raise IngestError(f"{CAP_VARIABLE} is {text!r}; set it to an amount in US dollars like 250") from error
        if not cap.is_finite() or cap < 0:
            raise IngestError(f"{CAP_VARIABLE} is {text!r}; set it to an amount in US dollars like 250")
        return cap, CAP_VARIABLE
    bill = connection.execute(
        """
        with months as (
            select to_char(period_start_at, 'YYYY-MM') as month, sum(unblended_cost) as unblended_cost
            from raw.billing_periods
            where is_current and period_end_at <= %s
            group by 1
        )
        select month, unblended_cost from months order by month desc limit 1
        """,
        [now],
    ).fetchone()
    if bill is None or bill[1] * CAP_RATIO < LEAST_CAP_USD:
        reason = "no whole month's bill is loaded" if bill is None else f"the bill of {bill[0]} is small"
        return LEAST_CAP_USD, f"{reason}; {CAP_VARIABLE} sets another"
    return bill[1] * CAP_RATIO, f"0.5 % of the bill of {bill[0]}; {CAP_VARIABLE} sets another"


def _estimate_kept(connection: psycopg.Connection[Any], now: datetime) -> Decimal:
    """What Cost Explorer may still ask this month: for each day left, today too, as much as on a day like those before.

    The middle one of the days on which it asked: the first day's requests for all earlier months come once.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = connection.execute(
        """
        select first_requested_at >= %(today)s, sum(request_cost_usd)
        from raw.api_requests
        where source_name = %(source)s and first_requested_at >= %(earliest)s
        group by 1, date_trunc('day', first_requested_at at time zone 'UTC')
        order by 2
        """,
        {"today": today, "source": _KEPT_FOR, "earliest": today - timedelta(days=_DAYS_LOOKED_AT)},
    ).fetchall()
    asked_today = sum((Decimal(cost) for is_today, cost in days if is_today), Decimal(0))
    before = [Decimal(cost) for is_today, cost in days if not is_today]
    usual = _REQUESTS_A_DAY * read_prices()["GetCostAndUsage"].usd_per_unit
    a_day = before[(len(before) - 1) // 2] if before else usual
    days_left = ((today.replace(day=1) + timedelta(days=31)).replace(day=1) - today).days
    return max(Decimal(0), a_day * days_left - asked_today)


def show_usd(amount: Decimal) -> str:
    """For people: to the cent, and below a dollar to the hundredth of one."""
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:,.4f}"


def describe_budget(budget: Budget) -> str:
    """Spent, cap, and what is kept of it, for people."""
    kept = f"; {show_usd(budget.kept_usd)} of it kept for Cost Explorer" if budget.kept_usd else ""
    return f"${budget.spent_usd:,.4f} of a cap of ${budget.cap_usd:,.2f} ({budget.cap_reason}){kept}"


class RequestLog:
    """Counts the requests of one run. Several threads may count at once; each count is there before its request."""

    def __init__(self, connection: psycopg.Connection[Any], source_name: str, now: datetime):
        self._connection = connection
        self._source_name = source_name
        self._lock = threading.Lock()
        self._prices = read_prices()
        self._rows: dict[tuple[str, str, str], int] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self.budget = read_budget(connection, now)
        self._now = now
        self._spent = self.budget.spent_usd
        self._is_stopped = False

    def count(self, operation: str, account_id: str, region: str, units: int = 1) -> None:
        """Write one request down.

        Raises:
            CapReached: it would pass the month's cap, or an earlier one of this run would have: what is small enough to
                fit yet would be asked in vain. Nothing is written.
        """
        cost = self._prices[operation].usd_per_unit * units
        with self._lock, self._connection.transaction():
            # Other processes may be asking too: none counts between our look at what is spent and our count.
            self._connection.execute("select pg_advisory_xact_lock(hashtextextended('tieout request cap', 0))")
            self._spent = read_spent(self._connection, self._now)
            limit = self.budget.limit_of(self._source_name)
            self._is_stopped = self._is_stopped or self._spent + cost > limit
            if self._is_stopped:
                kept = self.budget.cap_usd - limit
                raise CapReached(
                    f"stopped at this month's cap of {show_usd(self.budget.cap_usd)} for requests "
                    f"({self.budget.cap_reason}), {show_usd(self._spent)} of it spent"
                    f"{f' and {show_usd(kept)} kept for Cost Explorer' if kept else ''}; what was collected stands"
                )
            self._write(operation, account_id, region, units, cost)
            place = (account_id, region)
            self._counts[place] = self._counts.get(place, 0) + 1

    def count_metrics(self, account_id: str, region: str, statistic_counts: Sequence[int]) -> None:
        """Write one GetMetricData request down.

        Args:
            statistic_counts: of each metric (in a window and period) how many statistics are asked for.
        """
        self.count("GetMetricData", account_id, region, self.count_units(statistic_counts))

    def count_units(self, statistic_counts: Sequence[int]) -> int:
        """Billed units of one GetMetricData request."""
        per_unit = self._prices["GetMetricData"].statistics_per_unit
        return sum(-(-count // per_unit) for count in statistic_counts)

    def request_count(self, account_id: str, region: str) -> int:
        """Requests of this run so far."""
        return self._counts.get((account_id, region), 0)

    def _write(self, operation: str, account_id: str, region: str, units: int, cost: Decimal) -> None:
        key = (operation, account_id, region)
        if key in self._rows:
            self._connection.execute(
                """
                update raw.api_requests set
                    request_count = request_count + 1,
                    billed_unit_count = billed_unit_count + %s,
                    request_cost_usd = request_cost_usd + %s,
                    last_requested_at = %s
                where api_request_id = %s
                """,
                [units, cost, datetime.now(UTC), self._rows[key]],
            )
            return
        row = self._connection.execute(
            """
            insert into raw.api_requests (
                source_name, operation, account_id, region, request_count, billed_unit_count, request_cost_usd,
                first_requested_at, last_requested_at
            ) values (%s, %s, %s, %s, 1, %s, %s, %s, %s) returning api_request_id
            """,
            [self._source_name, *key, units, cost, *[datetime.now(UTC)] * 2],
        ).fetchone()
        assert row is not None
        self._rows[key] = int(row[0])


@contextmanager
def open_log(source_name: str, now: datetime) -> Iterator[RequestLog]:
    """A log whose counts are committed one by one, whatever becomes of the load.

    Raises:
        IngestError: the database can't be reached, or a seed or variable can't be read.
    """
    with database.connect(autocommit=True) as connection:
        yield RequestLog(connection, source_name, now)
