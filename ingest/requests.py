"""What is asked of AWS's priced interfaces: counted before each request, priced by seed api_request_prices, capped.

The month's cap is TIEOUT_MONTHLY_REQUEST_CAP_USD, else 0.5 % of the last whole month's bill, as loaded.
"""

import csv
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
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
        IngestError: the variable that sets the cap holds no amount.
    """
    spent = read_spent(connection, now)
    text = os.environ.get(CAP_VARIABLE)
    if text:
        try:
            cap = Decimal(text)
        except InvalidOperation as error:
            raise IngestError(f"{CAP_VARIABLE} is {text!r}; set it to an amount in US dollars like 250") from error
        if not cap.is_finite() or cap < 0:
            raise IngestError(f"{CAP_VARIABLE} is {text!r}; set it to an amount in US dollars like 250")
        return Budget(spent, cap, CAP_VARIABLE)
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
        return Budget(spent, LEAST_CAP_USD, f"{reason}; {CAP_VARIABLE} sets another")
    return Budget(spent, bill[1] * CAP_RATIO, f"0.5 % of the bill of {bill[0]}; {CAP_VARIABLE} sets another")


def show_usd(amount: Decimal) -> str:
    """For people: to the cent, and below a dollar to the hundredth of one."""
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:,.4f}"


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

    def count(self, operation: str, account_id: str, region: str, units: int = 1) -> None:
        """Write one request down.

        Raises:
            CapReached: it would pass the month's cap; nothing is written.
        """
        cost = self._prices[operation].usd_per_unit * units
        with self._lock, self._connection.transaction():
            # Other processes may be asking too: none counts between our look at what is spent and our count.
            self._connection.execute("select pg_advisory_xact_lock(hashtextextended('tieout request cap', 0))")
            self._spent = read_spent(self._connection, self._now)
            if self._spent + cost > self.budget.cap_usd:
                raise CapReached(
                    f"stopped at this month's cap of {show_usd(self.budget.cap_usd)} for requests "
                    f"({self.budget.cap_reason}), {show_usd(self._spent)} of it spent; what was collected stands"
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
