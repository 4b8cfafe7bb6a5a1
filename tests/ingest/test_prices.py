"""`python -m ingest prices` against the simulated account: what AWS asks, beside what the bill says of the same."""

from collections.abc import Iterator

import pytest

from demo.wire import Request, ServiceError
from tests.conftest import Estate
from tests.simulated import Cloud, Product, sole_error

TABLES = ("price_instance_types", "price_on_demand", "price_savings_plan_rates", "price_reservation_offerings")


@pytest.fixture
def copied(estate: Estate) -> Iterator[Product]:
    copy = estate.product.copy(f"{estate.product.database}_prices")
    yield copy
    copy.drop()


def read_prices(product: Product) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: product.query(f"select (to_jsonb(t) - 'load_id')::text from raw.{table} as t order by 1")
        for table in TABLES
    }


def test_list_prices_are_the_bills_own(estate: Estate) -> None:
    """The bill states the public rate of each instance hour: the price list says the same to the last digit."""
    rows = estate.product.query(
        """
        with billed as (
            select distinct
                items.line_item_usage_type as usage_type,
                items.line_item_operation as operation,
                attributes.attributes::jsonb ->> 'product_region' as region,
                (attributes.attributes::jsonb ->> 'pricing_public_on_demand_rate')::numeric as rate
            from raw.cur_line_items as items
            inner join raw.cur_attributes as attributes using (load_id, attributes_id)
            where items.line_item_usage_type ~ '(BoxUsage|InstanceUsage|Multi-AZUsage):'
                and items.line_item_line_item_type = 'Usage'
        )
        select billed.usage_type, billed.operation, billed.region, billed.rate, prices.rate
        from billed
        left join raw.price_on_demand as prices
            on
                prices.usage_type = billed.usage_type
                and prices.operation = billed.operation
                and prices.region = billed.region
        """
    )
    assert len(rows) > 10
    assert [row for row in rows if row[3] != row[4]] == []


def test_covered_usage_has_the_rate_of_its_plan(estate: Estate) -> None:
    """What a Savings Plan charges in the bill is among the rates that AWS offers for the same usage."""
    rows = estate.product.query(
        """
        select distinct
            items.line_item_usage_type, items.line_item_operation,
            (attributes.attributes::jsonb ->> 'savings_plan_savings_plan_rate')::numeric as rate
        from raw.cur_line_items as items
        inner join raw.cur_attributes as attributes using (load_id, attributes_id)
        where items.line_item_line_item_type = 'SavingsPlanCoveredUsage'
        """
    )
    offered = set(estate.product.query("select usage_type, operation, rate from raw.price_savings_plan_rates"))
    assert len(rows) > 3
    assert [row for row in rows if row not in offered] == []


def test_a_second_look_replaces_and_doubles_nothing(copied: Product, cloud: Cloud) -> None:
    before = read_prices(copied)
    assert all(before.values())
    copied.change("update raw.price_on_demand set rate = rate + 1")
    again = copied.call_at(cloud.present, "prices")
    assert again.returncode == 0, again.stderr
    assert read_prices(copied) == before


def test_a_kind_that_is_denied_keeps_its_rows(copied: Product, cloud: Cloud) -> None:
    before = read_prices(copied)

    def refuse(request: Request) -> ServiceError | None:
        is_asked = "DescribeSavingsPlansOfferingRates" in request.path
        return ServiceError(403, "AccessDeniedException", "not authorized") if is_asked else None

    with cloud.refusing(refuse):
        finished = copied.call_at(cloud.present, "prices")
    assert "DescribeSavingsPlansOfferingRates" in sole_error(finished)
    assert read_prices(copied) == before


def test_without_a_bill_there_is_nothing_to_price(product: Product, cloud: Cloud) -> None:
    finished = product.with_variables(**cloud.variables).call_at(cloud.present, "prices")
    assert "run `python -m ingest cur` first" in sole_error(finished)
