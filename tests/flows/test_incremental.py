"""Models that are built load by load: what was delivered anew is made again alone, and what it replaced is gone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulated import Product, deliver, line_item, month_of, write_csv

MODELS = ("int_line_items_daily", "fct_resource_costs_daily")
QUICK = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious", "--select")


def build(product: Product) -> None:
    built = product.dbt("build", *QUICK, "+fct_resource_costs_daily")
    assert built.returncode == 0, built.stdout[-4000:]


def load_month(product: Product, report: Path, period: str, costs: list[str], assembly: str) -> None:
    rows = [
        line_item(**month_of(period), **{"identity/LineItemId": f"{period}-{number}", "lineItem/UnblendedCost": cost})
        for number, cost in enumerate(costs)
    ]
    deliver(report, period, {"part-1.csv.gz": write_csv(rows)}, assembly)
    loaded = product.call("cur", "--source", str(report))
    assert loaded.returncode == 0, loaded.stderr


def read_rows(product: Product, model: str) -> dict[str, set[tuple[str, str]]]:
    """By month, which transaction wrote a row, and its cost."""
    schema = "marts" if model.startswith("fct_") else "intermediate"
    rows = product.query(
        f"""
        select to_char(usage_date, 'YYYY-MM'), xmin::text, unblended_cost_usd::text
        from {schema}.{model}
        """
    )
    found: dict[str, set[tuple[str, str]]] = {}
    for month, transaction, cost in rows:
        found.setdefault(month, set()).add((transaction, cost))
    return found


@pytest.fixture(scope="module")
def built(
    create_product: Callable[..., Product], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Product, Path]]:
    product = create_product()
    report = tmp_path_factory.mktemp("incremental") / "report"
    load_month(product, report, "2026-08", ["1"], "first")
    load_month(product, report, "2026-09", ["2", "3"], "first")
    build(product)
    yield product, report
    product.drop()


def test_a_new_delivery_is_built_alone(built: tuple[Product, Path]) -> None:
    product, report = built
    before = {model: read_rows(product, model) for model in MODELS}
    load_month(product, report, "2026-09", ["20", "30", "40"], "second")
    build(product)
    for model in MODELS:
        after = read_rows(product, model)
        assert after["2026-08"] == before[model]["2026-08"], "untouched"
        assert not after["2026-09"] & before[model]["2026-09"]
        assert sum(float(cost) for _, cost in after["2026-09"]) == 90
        assert sorted(after) == ["2026-08", "2026-09"]
    again = {model: read_rows(product, model) for model in MODELS}
    build(product)
    assert {model: read_rows(product, model) for model in MODELS} == again, "nothing new, nothing made"


def test_views_stand_through_a_build(built: tuple[Product, Path]) -> None:
    """What people read isn't gone while its staging is made anew; a view that has other columns now is replaced."""
    product, _ = built
    product.change(
        "create view marts.of_somebody as select load_id from staging.stg_cur__attributes",
        "create view staging.stg_cost_explorer__accounts as select 1 as something",
    )
    again = product.dbt("run", "--select", "staging")
    assert again.returncode == 0, again.stdout[-3000:]
    assert product.query("select count(*) > 0 from marts.of_somebody") == [(True,)]
    assert product.query("select count(account_name) from staging.stg_cost_explorer__accounts") == [(0,)]
    product.change("drop view marts.of_somebody")


def test_other_rules_build_everything_anew(built: tuple[Product, Path]) -> None:
    """A seed or a model that has changed is another version; so is one that nobody remembers."""
    product, _ = built
    before = read_rows(product, "fct_resource_costs_daily")
    product.change(
        "update intermediate.model_versions set version = 'another' where model_name = 'fct_resource_costs_daily'"
    )
    build(product)
    after = read_rows(product, "fct_resource_costs_daily")
    assert all(not after[month] & before[month] for month in before)
    assert {month: {cost for _, cost in rows} for month, rows in after.items()} == {
        month: {cost for _, cost in rows} for month, rows in before.items()
    }


def test_rules_count_from_when_they_are_in_the_database(built: tuple[Product, Path]) -> None:
    """A seed that was edited and not loaded has changed nothing: `dbt run` must not take the old classes for its."""
    product, _ = built

    def run(*command: str) -> str:
        made = product.dbt(*command)
        assert made.returncode == 0, made.stdout[-3000:]
        [(oldest,)] = product.query("select min(xmin::text::bigint) from intermediate.int_attributes_classified")
        return str(oldest)

    classify = ("run", "--select", "int_attributes_classified")
    before = run(*classify)
    product.change("update intermediate.model_versions set version = 'older' where model_name = 'line_item_types'")
    under_older_rules = run(*classify)
    assert under_older_rules != before
    assert run(*classify) == under_older_rules, "the file of the seed isn't what was loaded"
    run("seed", "--select", "line_item_types")
    assert run(*classify) != under_older_rules
    build(product)


def test_what_passed_its_tests_is_read_again_by_others_alone(built: tuple[Product, Path]) -> None:
    """A build tests the loads that it made; tests that weren't there when an older load passed read that too."""
    product, _ = built
    build(product)
    was, nonsense = "purchase_option = 'on_demand'", "purchase_option = 'nonsense'"
    old_load = "select min(load_id) from intermediate.int_attributes_classified"
    product.change(f"update intermediate.int_attributes_classified set {nonsense} where load_id = ({old_load})")
    build(product)
    product.change("delete from intermediate.model_versions where model_name = 'tests of int_attributes_classified'")
    for _ in range(2):  # what failed isn't forgotten by the next build
        failed = product.dbt("build", *QUICK, "+int_attributes_classified")
        assert failed.returncode != 0, failed.stdout
        assert "Failure in test accepted_values_int_attributes_classified_purchase_option" in failed.stdout
    product.change(f"update intermediate.int_attributes_classified set {was} where {nonsense}")
    build(product)


def test_a_bill_replaced_during_the_build_fails_it(built: tuple[Product, Path]) -> None:
    """The combinations of a load are there and its amounts are gone: as if a sync had come between the two models."""
    product, report = built
    load_month(product, report, "2026-09", ["21", "31", "41"], "third")
    classified = product.dbt("build", *QUICK, "+int_attributes_classified")
    assert classified.returncode == 0, classified.stdout[-3000:]
    before = read_rows(product, "int_line_items_daily")
    load_month(product, report, "2026-09", ["22", "32", "42"], "fourth")
    failed = product.dbt("run", "--select", "int_line_items_daily")
    assert failed.returncode != 0, failed.stdout
    assert "a billing period was replaced while the models were built: run dbt build again" in failed.stdout
    assert read_rows(product, "int_line_items_daily") == before, "earlier rows stand"
    build(product)
    assert {cost for _, cost in read_rows(product, "int_line_items_daily")["2026-09"]} == {"22", "32", "42"}
