"""A month that AWS delivers again and again, and what must stand in the database of it.

The deliveries are large enough for a COPY to be seen at work and for files to be read side by side, and they differ in
everything a mixture of them would show: rows, costs, line item types, columns, number of files. Totals are summed as
the rows are made, without the product. A later delivery is never much smaller: that would look like a broken one.
"""

import gzip
import random
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from psycopg import sql

from tests.simulated import Product, deliver

PERIOD = "2026-10"
REPORT = "restated"
ROWS_PER_FILE = 15_000
PARTITION = f"012345678901/{REPORT}/{PERIOD}"

_HEADERS = (
    "identity/LineItemId,identity/TimeInterval,bill/PayerAccountId,bill/BillingPeriodStartDate,"
    "bill/BillingPeriodEndDate,lineItem/UsageAccountId,lineItem/LineItemType,lineItem/UsageStartDate,"
    "lineItem/UsageEndDate,lineItem/ProductCode,lineItem/UsageType,lineItem/Operation,lineItem/ResourceId,"
    "lineItem/UsageAmount,lineItem/CurrencyCode,lineItem/UnblendedCost,lineItem/BlendedCost,"
    "pricing/publicOnDemandCost,product/region,resourceTags/user:Name"
)
_UNIT = Decimal(1).scaleb(-10)  # AWS's ten decimals


@dataclass(frozen=True)
class Restatement:
    """One delivery of the month: its files, and rows and exact unblended cost by line item type."""

    assembly: str
    files: dict[str, bytes]
    totals: dict[str, tuple[int, Decimal]]

    @property
    def total(self) -> tuple[int, Decimal]:
        return sum(rows for rows, _ in self.totals.values()), sum((cost for _, cost in self.totals.values()), Decimal())

    def put(self, bucket: Path) -> None:
        """Make it the newest delivery; the same delivery put again is the same version of it."""
        deliver(bucket / REPORT, PERIOD, self.files, assembly=self.assembly)


@cache
def make_old() -> Restatement:
    return _make("old", file_count=2, types=("Usage", "DiscountedUsage", "Tax"))


@cache
def make_new() -> Restatement:
    return _make("new", file_count=4, types=("Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "Credit"))


@cache
def make_newest() -> Restatement:
    return _make("newest", file_count=4, types=("Usage", "Tax", "Fee", "Refund"))


def _make(assembly: str, file_count: int, types: tuple[str, ...]) -> Restatement:
    draw = random.Random(assembly)
    files: dict[str, bytes] = {}
    sums = {name: [0, 0] for name in types}
    for file_number in range(1, file_count + 1):
        lines = [f"{_HEADERS},resourceTags/user:Only{assembly.title()}"]
        for number in range(ROWS_PER_FILE):
            name = types[draw.randrange(len(types))]
            units = draw.randrange(1, 10**12)
            sign = "-" if name in ("Credit", "Refund") else ""
            sums[name][0] += 1
            sums[name][1] += -units if sign else units
            day, hour = 1 + number // 24 % 28, number % 24
            start = f"2026-10-{day:02d}T{hour:02d}:00:00Z"
            end = f"2026-10-{day:02d}T{hour + 1:02d}:00:00Z" if hour < 23 else f"2026-10-{day + 1:02d}T00:00:00Z"
            cost = f"{sign}{units // 10**10}.{units % 10**10:010d}"
            lines.append(
                # Ids are the report's own: other deliveries have them too, for other rows.
                f"{file_number:026d}{number // 4:026d},{start}/{end},012345678901,2026-10-01T00:00:00Z,"
                f"2026-11-01T00:00:00Z,012345678901,{name},{start},{end},AmazonEC2,BoxUsage:m5.large,RunInstances,"
                f"i-{number % 700:017x},{1 + units % 24},USD,{cost},{cost},{cost},eu-west-1,"
                f"name-{number // 40 % 90},{assembly}-{number // 1000}"
            )
        # Not compressed within: that takes no time, and makes files so large that reading them side by side pays.
        files[f"{REPORT}-{file_number:05d}.csv.gz"] = gzip.compress(("\n".join(lines) + "\n").encode(), 0, mtime=0)
    return Restatement(assembly, files, {name: (rows, units * _UNIT) for name, (rows, units) in sums.items()})


# --- what stands in the database -----------------------------------------------------------------------------------


def read_month(product: Product) -> dict[str, Any]:
    """Everything of the bill that a person can read, but for what a second load can't repeat: ids and clock times."""
    has_attributes = product.query(
        "select 1 from pg_attribute where attrelid = 'raw.cur_line_items'::regclass and attname = 'attributes'"
    )
    joined = "" if has_attributes else "join raw.cur_attributes using (load_id, attributes_id)"
    line_items = product.query(
        f"""
        select
            line_item_line_item_type, count(*), count(distinct identity_line_item_id),
            sum(line_item_unblended_cost), sum(line_item_usage_amount), sum(pricing_public_on_demand_cost),
            -- which cost stands beside which id and which attributes, whatever the rows' order
            sum(hashtextextended(
                concat_ws('|', identity_line_item_id, line_item_unblended_cost, line_item_usage_start_date, attributes),
                0
            ))
        from raw.cur_line_items {joined}
        group by 1 order by 1
        """
    )
    ledger = product.query(
        """
        select
            source_name, partition_key, source_uri, source_version, is_current, row_count, byte_count, data_from_at,
            data_until_at, statistics, origin
        from raw.loads order by load_id
        """
    )
    return {"line_items": line_items, "ledger": ledger}


def read_totals(product: Product) -> dict[str, tuple[int, Decimal]]:
    """Rows and unblended cost by line item type, to be compared with a restatement's own."""
    rows = product.query(
        "select line_item_line_item_type, count(*), sum(line_item_unblended_cost) from raw.cur_line_items group by 1"
    )
    return {name: (row_count, cost) for name, row_count, cost in rows}


def count_tables(product: Product) -> dict[str, int]:
    """Rows of each table of the raw schema that is no part of another: what a dead load tells of itself shows here.

    Raises:
        AssertionError: a table, or a row, belongs to no current load.
    """
    current = {row[0] for row in product.query("select load_id from raw.loads where is_current")}
    relations = product.query(
        """
        select relname::text, relispartition, exists (
            select 1 from pg_attribute where attrelid = pg_class.oid and attname = 'load_id' and not attisdropped
        )
        from pg_class
        where relnamespace = 'raw'::regnamespace and relkind in ('r', 'p', 'm') order by 1
        """
    )
    counts: dict[str, int] = {}
    strangers: list[str] = []
    with product.connect() as connection:
        for name, is_part, has_load in relations:
            own = re.match(r"cur_\w+?_(\d+)(?:_|$)", name)
            if own and int(own[1]) not in current:
                strangers.append(name)
            if is_part or name in strangers:
                continue
            table = sql.Identifier("raw", name)
            ((counts[name],),) = connection.execute(sql.SQL("select count(*) from {}").format(table)).fetchall()
            if has_load and name != "loads":
                found = connection.execute(sql.SQL("select distinct load_id from {}").format(table)).fetchall()
                strangers += [f"rows of load {load_id} in {name}" for (load_id,) in found if load_id not in current]
    assert strangers == [], f"left of loads that aren't current: {strangers}"
    return counts
