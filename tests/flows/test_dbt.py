"""dbt's own commands on the product's database: before anything is loaded, after it, and when someone has tampered."""

import re
from pathlib import Path

import pytest

from tests.conftest import Estate
from tests.simulated import Product

CHECKOUT = Path(__file__).parents[2]


def find_one(line_item_type: str, condition: str = "true") -> str:
    """A query for the place of one line item."""
    return f"""
        select amounts.ctid, amounts.tableoid
        from raw.cur_line_item_amounts as amounts
        inner join raw.cur_attributes as attributes using (load_id, attributes_id)
        where attributes.line_item_line_item_type = '{line_item_type}' and {condition} limit 1
    """


def find_month(line_item_type: str) -> str:
    """A query for the place of one combination's month."""
    return f"(select min(ctid) from intermediate.int_costs_monthly where line_item_type = '{line_item_type}')"


ONE_USAGE = find_one("Usage", "line_item_unblended_cost > 0")


def test_build_before_anything_is_loaded(product: Product) -> None:
    """Unit tests, models and data tests all pass on empty tables, as after a first load that failed."""
    assert product.call("cur", "--source", "/no/such/folder").returncode == 1  # made the raw schema
    built = product.dbt("build")
    assert built.returncode == 0, built.stdout[-5000:]
    assert re.search(r"\d+ unit tests", built.stdout)
    assert "ERROR=0" in built.stdout
    assert product.query("select count(*) from marts.fct_resource_costs_daily") == [(0,)]
    assert {row[0] for row in product.query("select source_name from marts.data_quality where load_count = 0")} == {
        "cloudwatch",
        "cost_explorer",
        "cur",
        "inventory",
        "invoices",
        "prices",
    }


def test_freshness(estate: Estate) -> None:
    told = estate.product.dbt("source", "freshness")
    assert told.returncode == 0, told.stdout
    assert len(re.findall(r"PASS freshness of", told.stdout)) == 6


@pytest.mark.full
def test_documentation_is_one_page(estate: Estate) -> None:
    made = estate.product.dbt("docs", "generate", "--static")
    assert made.returncode == 0, made.stdout
    page = (Path(estate.product.environment["DBT_TARGET_PATH"]) / "static_index.html").read_text()
    assert "fct_resource_costs_daily" in page
    assert "Cash turned into accrual" in page


@pytest.fixture(scope="module")
def assertions(estate: Estate) -> dict[str, str]:
    """The tests of `tests/dbt` as the build wrote them for this database: statements that select what is wrong."""
    folder = Path(estate.product.environment["DBT_TARGET_PATH"]) / "compiled/tieout/tests/dbt"
    sources = {path.stem for path in (CHECKOUT / "tests" / "dbt").glob("*.sql")}
    statements = {path.stem: path.read_text() for path in folder.glob("*.sql") if path.stem in sources}
    assert set(statements) == sources
    return statements


def find_failed(product: Product, assertions: dict[str, str], *tampering: str) -> set[str]:
    """The assertions that find something after the statements; everything is rolled back."""
    with product.connect() as connection:
        for statement in tampering:
            assert connection.execute(statement.encode()).rowcount > 0
        failed = {name for name, text in assertions.items() if connection.execute(text.encode()).fetchall()}
        connection.rollback()
    return failed


def test_every_sum_ties_out(estate: Estate, assertions: dict[str, str]) -> None:
    assert find_failed(estate.product, assertions) == set()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param(
            f"delete from raw.cur_line_item_amounts where (ctid, tableoid) in ({ONE_USAGE})",
            {"assert_line_items_tie_out_to_ledger", "assert_daily_costs_tie_out_to_line_items"},
            id="line item removed",
        ),
        pytest.param(
            f"""
            update raw.cur_line_item_amounts set line_item_unblended_cost = line_item_unblended_cost + 0.0000000001
            where (ctid, tableoid) in ({ONE_USAGE})
            """,
            {"assert_daily_costs_tie_out_to_line_items"},
            id="smallest change of a cost",
        ),
        pytest.param(
            """
            update intermediate.int_line_items_daily set amortized_cost_usd = amortized_cost_usd + 1
            where ctid = (
                select min(days.ctid) from intermediate.int_line_items_daily as days
                inner join intermediate.int_costs_monthly as months using (load_id, attributes_id, part_number)
                where months.line_item_type = 'DiscountedUsage'
            )
            """,
            {"assert_resource_costs_tie_out_to_daily_costs"},
            id="effective cost of a reservation, by day",
        ),
        pytest.param(
            f"""
            update intermediate.int_costs_monthly set amortized_cost_usd = amortized_cost_usd + 1
            where ctid = {find_month("DiscountedUsage")}
            """,
            {
                "assert_reservations_balance",
                "assert_commitment_hours_tie_out",
                "assert_cash_equals_accrual",
                "assert_resource_costs_tie_out_to_daily_costs",
            },
            id="effective cost of a reservation",
        ),
        pytest.param(
            f"""
            update intermediate.int_costs_monthly set unblended_cost_usd = unblended_cost_usd - 1
            where ctid = {find_month("SavingsPlanNegation")}
            """,
            {
                "assert_savings_plans_balance",
                "assert_cash_equals_accrual",
                "assert_net_equals_gross_but_for_its_spreading",
                "assert_resource_costs_tie_out_to_daily_costs",
            },
            id="negation of a plan",
        ),
        pytest.param(
            "delete from marts.fct_cost_allocation_monthly where ctid = (select min(ctid) from marts.fct_cost_allocation_monthly)",  # noqa: E501
            {"assert_allocation_ties_out"},
            id="part of a tag's costs removed",
        ),
        pytest.param(
            "update intermediate.int_as_of_instants_found set costs_as_of_at = now() + interval '30 days'",
            {"assert_costs_reach_no_further_than_their_load"},
            id="usage in the future",
        ),
        pytest.param(
            """
            delete from marts.fct_resource_costs_daily
            where ctid = (
                select min(ctid) from marts.fct_resource_costs_daily
                where record_class = 'usage' and on_demand_equivalent_cost_usd > 0
            )
            """,
            {
                "assert_resource_costs_tie_out_to_daily_costs",
                "assert_commitment_coverage_ties_out",
                "assert_reconciliation_ties_out",
            },
            id="mart row removed",
        ),
        pytest.param(
            "delete from marts.fct_rule_evaluations where ctid = (select min(ctid) from marts.fct_rule_evaluations)",
            {"assert_every_resource_is_judged_once_by_each_rule_of_its_kind"},
            id="verdict removed",
        ),
    ],
)
def test_tampering_is_found(estate: Estate, assertions: dict[str, str], statement: str, expected: set[str]) -> None:
    """The least that someone could change is found, by exactly the assertions that speak of it."""
    assert find_failed(estate.product, assertions, statement) == expected
