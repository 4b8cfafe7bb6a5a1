"""Real CUR files, loaded and built, against DuckDB reading the same files by formulas of its own.

Nothing here is taken from the product: columns, formulas and literals stem from the files and from the CUR user guide.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.cur.columns import CORE_COLUMNS, map_columns
from tests.databases import Database, system_postgres
from tests.ingest.delivered import AMOUNTS, open_files, sum_delivered, sum_stored
from tests.real_data import find_real_data, lay_out_csv_report, lay_out_parquet_report
from tests.simulated import Product
from tests.simulated import create_product as create_product_on

# CUR user guide, "Reservation details": what covered usage cost with its fees spread, what of them nobody used, and the
# upfront fee that the other two already contain. There is no Savings Plan in these files.
PARQUET_ACCRUAL = """
    case
        when line_item_line_item_type = 'DiscountedUsage' then reservation_effective_cost
        when line_item_line_item_type = 'RIFee'
            then reservation_unused_amortized_upfront_fee_for_billing_period + reservation_unused_recurring_fee
        when line_item_line_item_type = 'Fee' and coalesce(reservation_reservation_a_r_n, '') <> '' then 0
        else line_item_unblended_cost
    end
"""
MART_TOTALS = """
    select billing_period_start_date, line_item_type, sum(line_item_count), sum(unblended_cost_usd),
        sum(blended_cost_usd), sum(amortized_cost_usd), sum(public_on_demand_cost_usd)
    from marts.fct_resource_costs_daily group by 1, 2
"""
Totals = dict[tuple[date, str], tuple[Any, ...]]


def parquet_files() -> dict[date, Path]:
    folder = find_real_data() / "cur-legacy-parquet"
    months = {date(2018, 10, 1): "Oct", date(2018, 11, 1): "Nov"}
    return {period: folder / f"{month}2018-WorkshopCUR-00001.snappy.parquet" for period, month in months.items()}


def csv_file() -> Path:
    return find_real_data() / "cur-legacy-csv" / "sample-anonymous-aws-export-dataset.csv"


def ask(statement: str) -> list[tuple[Any, ...]]:
    """DuckDB's answer, with the sessions' time zone out of play."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'; set threads = 2")
        return connection.execute(statement).fetchall()


def sum_parquet(period: date) -> Totals:
    """Totals of a month by line item type: doubles become decimals one by one, before they are summed."""
    rows = ask(
        f"""
        select line_item_line_item_type, count(*),
            sum(line_item_unblended_cost::decimal(38, 10)), sum(line_item_blended_cost::decimal(38, 10)),
            sum(({PARQUET_ACCRUAL})::decimal(38, 10)), sum(pricing_public_on_demand_cost::decimal(38, 10))
        from '{parquet_files()[period]}' group by 1
        """
    )
    return {(period, row[0]): row[1:] for row in rows}


def sum_csv() -> Totals:
    """The same for the CSV, whose digits are decimals already; no commitment is in it, so accrual is cash."""
    rows = ask(
        f"""
        select "lineItem/LineItemType", count(*), sum("lineItem/UnblendedCost"::decimal(38, 18)),
            sum("lineItem/BlendedCost"::decimal(38, 18)), sum("lineItem/UnblendedCost"::decimal(38, 18)),
            sum("pricing/publicOnDemandCost"::decimal(38, 18))
        from read_csv('{csv_file()}', all_varchar = true) group by 1
        """
    )
    return {(date(2023, 11, 1), row[0]): row[1:] for row in rows}


def read_marts(product: Product) -> Totals:
    return {(row[0], row[1]): row[2:] for row in product.query(MART_TOTALS)}


def load(product: Product, *reports: Path) -> None:
    for report in reports:
        loaded = product.run("cur", "--source", str(report))
        assert loaded.returncode == 0, loaded.stderr


@pytest.fixture(scope="module")
def real(create_product: Callable[..., Product], tmp_path_factory: pytest.TempPathFactory) -> Product:
    """Both Parquet months and the CSV sample, in one database of the embedded server, built."""
    product = create_product()
    folder = tmp_path_factory.mktemp("reports")
    load(product, lay_out_parquet_report(folder), lay_out_csv_report(folder))
    product.build()
    return product


def test_every_total_equals_the_files(real: Product) -> None:
    expected = sum_csv()
    for period in parquet_files():
        expected |= sum_parquet(period)
    assert read_marts(real) == expected


@pytest.mark.parametrize(
    ("period", "row_count", "unblended", "amortized"),
    [
        (date(2018, 10, 1), 119_307, "4064.4831315379", "4195.9571093179"),
        (date(2018, 11, 1), 124_340, "3505.3269681268", "3632.5598464968"),
    ],
)
def test_months_have_the_known_totals(
    real: Product, period: date, row_count: int, unblended: str, amortized: str
) -> None:
    totals = [values for (month, _), values in read_marts(real).items() if month == period]
    assert sum(values[0] for values in totals) == row_count
    assert sum(values[1] for values in totals) == Decimal(unblended)
    assert sum(values[3] for values in totals) == Decimal(amortized)


def test_october_by_line_item_type(real: Product) -> None:
    october = {kind: values for (month, kind), values in read_marts(real).items() if month == date(2018, 10, 1)}
    assert set(october) == {"Usage", "RIFee", "DiscountedUsage"}
    assert round(october["Usage"][1], 6) == Decimal("3914.707753")
    assert round(october["RIFee"][1], 6) == Decimal("149.775379")
    assert october["DiscountedUsage"][1] == 0
    assert round(october["DiscountedUsage"][3], 6) == Decimal("232.253796")  # effective cost of what was used
    assert round(october["RIFee"][3], 6) == Decimal("48.995561")  # what nobody used


def test_october_spot(real: Product) -> None:
    spot = real.query(
        """
        select sum(line_item_count), round(sum(unblended_cost_usd), 2), round(sum(amortized_cost_usd), 2)
        from marts.fct_resource_costs_daily
        where purchase_option = 'spot' and billing_period_start_date = '2018-10-01'
        """
    )
    assert spot == [(1_313, Decimal("31.51"), Decimal("31.51"))]


# CUR user guide, "Reservation details": reserved units and their unused part stand on the month's RIFee row, cover and
# on-demand price on each DiscountedUsage row.
PARQUET_RESERVATIONS = """
    select reservation_reservation_a_r_n,
        sum(line_item_unblended_cost::decimal(38, 10)) filter (where line_item_line_item_type = 'RIFee')
            + sum(reservation_amortized_upfront_fee_for_billing_period::decimal(38, 10)) as paid,
        coalesce(sum(reservation_effective_cost::decimal(38, 10)), 0) as used,
        sum(reservation_unused_amortized_upfront_fee_for_billing_period::decimal(38, 10))
            + sum(reservation_unused_recurring_fee::decimal(38, 10)) as unused,
        coalesce(sum(pricing_public_on_demand_cost::decimal(38, 10)), 0) as on_demand,
        sum(nullif(reservation_total_reserved_units, '')::decimal(38, 10)) as reserved_units,
        sum(reservation_unused_quantity::decimal(38, 10)) as unused_units
    from '{file}'
    where line_item_line_item_type in ('RIFee', 'DiscountedUsage')
    group by 1
"""


@pytest.mark.parametrize("period", [date(2018, 10, 1), date(2018, 11, 1)])
def test_reservations_use_and_save_what_the_file_says(real: Product, period: date) -> None:
    expected = {row[0]: row[1:] for row in ask(PARQUET_RESERVATIONS.format(file=parquet_files()[period]))}
    found = {
        row[0]: row[1:]
        for row in real.query(
            """
            select commitment_arn, sum(commitment_cost_usd), sum(used_commitment_usd), sum(unused_commitment_usd),
                sum(covered_on_demand_cost_usd), sum(net_savings_usd), sum(reserved_hours), sum(unused_reserved_hours),
                bool_and(is_elapsed), min(utilization_ratio), max(utilization_ratio), max(period_hours)
            from marts.fct_commitment_hours where billing_period_start_date = %s group by 1
            """,
            period,
        )
    }
    assert set(found) == set(expected) and len(found) == 9
    for arn, (paid, used, unused, on_demand, reserved, unused_units) in expected.items():
        cost, *measures, elapsed, lowest, highest, hours = found[arn]
        assert measures == [used, unused, on_demand, on_demand - used - unused, reserved, unused_units], arn
        assert cost == used + unused and abs(cost - paid) < Decimal("0.00001"), arn
        assert elapsed and 0 <= lowest <= highest <= 1 and hours == 1, arn


def test_october_s_reservations_have_the_known_totals(real: Product) -> None:
    totals = real.query(
        """
        select round(1 - sum(unused_reserved_hours) / sum(reserved_hours), 4),
            round(sum(covered_on_demand_cost_usd), 4),
            round(sum(used_commitment_usd), 4), round(sum(unused_commitment_usd), 4), round(sum(net_savings_usd), 3)
        from marts.fct_commitment_hours where billing_period_start_date = '2018-10-01'
        """
    )
    assert totals == [tuple(map(Decimal, ("0.8810", "338.0206", "232.2538", "48.9956", "56.771")))]


def test_reservations_have_the_terms_that_the_file_tells(real: Product) -> None:
    found = real.query(
        """
        select instance_type, instance_family, region, payment_option, term_years, reservation_count,
            start_at, commitment_status, service_code, owner_account_id
        from marts.dim_commitments where hourly_commitment_usd = 0.0118
        """
    )
    started = datetime(2018, 10, 9, 21, 40, 47, tzinfo=UTC)
    assert found == [
        ("t2.micro", "t2", "us-east-1", "no_upfront", 1, 1, started, "expired", "AmazonEC2", "836060457634")
    ]


def test_coverage_of_the_real_bills(real: Product) -> None:
    """Covered against on demand that could be: instances alone, without Spot."""
    ((covered, eligible, spot),) = ask(
        f"""
        select
            sum(pricing_public_on_demand_cost::decimal(38, 10))
                filter (where line_item_line_item_type = 'DiscountedUsage'),
            sum(pricing_public_on_demand_cost::decimal(38, 10)) filter (
                where line_item_line_item_type = 'Usage' and (
                    line_item_product_code = 'AmazonEC2' and line_item_operation like 'RunInstances%'
                        and line_item_usage_type like '%BoxUsage%'
                    or line_item_product_code = 'AmazonRDS' and line_item_usage_type like '%InstanceUsage:%'
                    or line_item_product_code = 'AmazonRDS' and line_item_usage_type like '%Multi-AZUsage:%'
                    or line_item_product_code = 'AWSLambda' and line_item_usage_type like '%Lambda-GB-Second%'
                    or line_item_usage_type like '%Fargate%'
                )
            ),
            sum(line_item_unblended_cost::decimal(38, 10)) filter (where line_item_usage_type like '%SpotUsage%')
        from '{parquet_files()[date(2018, 10, 1)]}'
        """
    )
    found = real.query(
        """
        select sum(reserved_on_demand_cost_usd), sum(eligible_on_demand_cost_usd), sum(spot_cost_usd)
        from marts.fct_commitment_coverage_daily where usage_date between '2018-10-01' and '2018-10-31'
        """
    )
    assert found == [(covered, eligible, spot)]


def test_csv_sample(real: Product) -> None:
    sample = {kind: values for (month, kind), values in read_marts(real).items() if month == date(2023, 11, 1)}
    assert sum(values[0] for values in sample.values()) == 1_281
    assert round(sample["Usage"][1], 6) == Decimal("1.602309")
    assert sample["Tax"][1] == Decimal("0.08")


@pytest.mark.parametrize("period", ["2018-10", "2018-11", "2023-11"])
def test_raw_totals_of_every_amount(real: Product, period: str) -> None:
    """Rows and every amount with a typed column, by line item type, before any model has touched them."""
    file = csv_file() if period == "2023-11" else parquet_files()[date.fromisoformat(f"{period}-01")]
    expected = sum_delivered(open_files([file]))
    filled = {name for totals in expected.values() for name, total in zip(AMOUNTS, totals[1:], strict=True) if total}
    assert len(filled) >= (3 if period == "2023-11" else 10)
    assert sum_stored(real, period) == expected


# --- nothing of a delivery is lost -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """A delivered file, as DuckDB has read it into its table `delivered`."""

    connection: duckdb.DuckDBPyConnection
    partition_key: str
    types: dict[str, str]  # by header


def read_source(relation: str, partition_key: str) -> Source:
    connection = duckdb.connect(config={"threads": 2})
    connection.execute(f"create table delivered as select * from {relation}")
    types = {row[0]: row[1] for row in connection.execute("describe delivered").fetchall()}
    return Source(connection, partition_key, types)


def open_source(name: str) -> Source:
    if name == "csv":
        return read_source(f"read_csv('{csv_file()}', all_varchar = true)", "unknown account/sample/2023-11")
    period = date.fromisoformat(name)
    return read_source(f"'{parquet_files()[period]}'", f"unknown account/workshop/{period:%Y-%m}")


def count_delivered(source: Source, header: str, kind: str | None) -> dict[Any, int]:
    """How often each non-empty value is delivered: texts, seconds, and numbers as the file's doubles or decimals."""
    column = f'"{header}"'
    value = f"strftime({column}::timestamp, '%Y-%m-%d %H:%M:%S')" if kind == "instant" else column
    statement = f"select {value}, count(*) from delivered where coalesce({column}::varchar, '') <> '' group by 1"
    counts = dict(source.connection.execute(statement).fetchall())
    if kind != "number" or source.types[header] == "DOUBLE":
        return counts
    amounts: dict[Decimal, int] = {}
    for text, count in counts.items():  # 0 and 0.0 are two texts and one amount
        amounts[Decimal(text)] = amounts.get(Decimal(text), 0) + count
    return amounts


def count_stored(product: Product, load_id: int, name: str, kind: str) -> dict[Any, int]:
    value = f"to_char({name} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')" if kind == "instant" else name
    statement = f"select {value}, count(*) from raw.cur_line_items where load_id = %s and {name} is not null group by 1"
    return dict(product.query(statement, load_id))


def count_stored_attributes(product: Product, load_id: int) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    rows = product.query(
        """
        select member.key, member.value, sum(uses.row_count)::bigint
        from (
            select attributes_id, count(*) as row_count from raw.cur_line_items where load_id = %s group by 1
        ) as uses
        inner join raw.cur_attributes as stored using (attributes_id)
        cross join lateral jsonb_each_text(stored.attributes) as member
        where stored.load_id = %s
        group by 1, 2
        """,
        load_id,
        load_id,
    )
    for name, value, count in rows:
        found.setdefault(name, {})[value] = count
    return found


@pytest.mark.parametrize(
    ("name", "column_count"),
    [("csv", 94), ("2018-10-01", 124), ("2018-11-01", 126)],
)
def test_every_value_of_every_column_is_kept(real: Product, name: str, column_count: int) -> None:
    loads = dict(real.query("select partition_key, load_id from raw.loads where source_name = 'cur' and is_current"))
    source = open_source(name)
    load_id = loads[source.partition_key]
    attributes = count_stored_attributes(real, load_id)
    names = map_columns(list(source.types), "test")
    assert len(set(names.values())) == len(source.types) == column_count
    for header, column in names.items():
        kind = CORE_COLUMNS.get(column)
        stored = attributes.pop(column, {}) if kind is None else count_stored(real, load_id, column, kind)
        if source.types[header] == "DOUBLE":  # the very double comes back from the decimal that is stored
            stored = {float(amount): count for amount, count in stored.items()}
        assert stored == count_delivered(source, header, kind), header
    assert not attributes  # nothing was invented either


# --- the same on the machine's own PostgreSQL ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def external_server() -> Iterator[Database]:
    with system_postgres() as database:
        yield database


@pytest.mark.full
def test_totals_on_the_machines_own_postgresql(
    external_server: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("external")
    product = create_product_on(external_server, "tieout", folder)
    load(product, lay_out_parquet_report(folder, ("Nov",)), lay_out_csv_report(folder))
    product.build()
    assert read_marts(product) == sum_parquet(date(2018, 11, 1)) | sum_csv()
