"""Costs of the marts against the delivered files, read by DuckDB with formulas of its own; FOCUS against its rules.

Nothing of the formulas here is the product's: they are written from the CUR user guide's dictionary and from the FOCUS
specification, once more.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from demo.generation import generate
from demo.parameters import Parameters, parse_end
from tests import simulated
from tests.conftest import Estate
from tests.simulated import Product

Totals = dict[tuple[str, str], tuple[Any, ...]]
MODELS = ("+fct_resource_costs_daily", "+focus_costs", "+assert_net_equals_gross_but_for_its_spreading")
MART_TOTALS = """
    select
        billing_period_start_date::text, line_item_type, sum(line_item_count),
        sum(unblended_cost_usd), coalesce(sum(blended_cost_usd), 0), sum(net_unblended_cost_usd),
        sum(amortized_cost_usd), sum(net_amortized_cost_usd), coalesce(sum(public_on_demand_cost_usd), 0)
    from marts.fct_resource_costs_daily
    group by 1, 2
"""


@dataclass(frozen=True)
class Bill:
    """A product whose costs are built, and the folder of its report."""

    product: Product
    report: Path
    is_negotiated: bool


@pytest.fixture(scope="module")
def negotiated(create_product: Callable[..., Product], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bill]:
    """An account with a discount of 7 %: net columns, and lines for what they leave out."""
    directory = tmp_path_factory.mktemp("negotiated") / "account"
    end = parse_end("2026-11-23T00:00:00+00:00")
    generate(directory, Parameters(11, end, 100, 2, 30, negotiated_discount_pct=7), also=())
    report = directory / "s3" / simulated.BUCKET / "cur" / "example-hourly"
    product = create_product()
    loaded = product.call("cur", "--source", str(report))
    assert loaded.returncode == 0, loaded.stderr
    quick = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious", "--select", *MODELS)
    built = product.dbt("build", *quick)
    assert built.returncode == 0, built.stdout[-4000:]
    yield Bill(product, report, True)
    product.drop()


@pytest.fixture(params=["plain", pytest.param("negotiated", marks=pytest.mark.full)])
def bill(request: pytest.FixtureRequest, estate: Estate) -> Bill:
    if request.param == "negotiated":
        return request.getfixturevalue("negotiated")  # type: ignore[no-any-return]
    return Bill(estate.product, estate.cloud.bucket(simulated.BUCKET) / "cur" / "example-hourly", False)


def read_report(report: Path) -> duckdb.DuckDBPyConnection:
    """The newest delivery of each month in a table `delivered`: texts as they stand, columns of all months."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set timezone = 'UTC'")
    bucket = next(parent for parent in report.parents if parent.parent.name == "s3")
    files = [
        str(bucket / key)
        for manifest in sorted(report.glob("*/*-Manifest.json"))
        for key in json.loads(manifest.read_text())["reportKeys"]
    ]
    connection.execute(
        f"create table delivered as select * from read_csv({files}, all_varchar = true, union_by_name = true)"
    )
    return connection


def sum_report(report: Path) -> Totals:
    """What each cost of each line item type must be, by month, to the last digit."""
    connection = read_report(report)
    headers = {row[0] for row in connection.execute("describe delivered").fetchall()}

    def amount(header: str, table: str = "delivered") -> str:
        return f"cast(nullif({table}.\"{header}\", '') as decimal(38, 18))" if header in headers else "null"

    cash = amount("lineItem/UnblendedCost")
    net_cash = amount("lineItem/NetUnblendedCost")
    is_net = connection.execute(f"select count({net_cash}) > 0 from delivered").fetchall()[0][0]
    effective = amount("savingsPlan/SavingsPlanEffectiveCost")
    plan_net = amount("savingsPlan/NetSavingsPlanEffectiveCost", "covered")
    gross_unused = f"{amount('savingsPlan/TotalCommitmentToDate')} - {amount('savingsPlan/UsedCommitment')}"
    net_unused = (
        f"coalesce({amount('savingsPlan/NetRecurringCommitmentForBillingPeriod')}, 0)"
        f" + coalesce({amount('savingsPlan/NetAmortizedUpfrontCommitmentForBillingPeriod')}, 0)"
        f' - coalesce((select sum({plan_net}) from delivered as covered where covered."lineItem/LineItemType" ='
        " 'SavingsPlanCoveredUsage' and covered.\"savingsPlan/SavingsPlanARN\" ="
        ' delivered."savingsPlan/SavingsPlanARN" and covered."lineItem/UsageStartDate" ='
        ' delivered."lineItem/UsageStartDate"), 0)'
    )

    def unused(net: str) -> str:
        return " + ".join(
            f"coalesce({amount(f'reservation/{net}{part}')}, 0)"
            for part in ("UnusedAmortizedUpfrontFeeForBillingPeriod", "UnusedRecurringFee")
        )

    def accrue(usual: str, reserved: str, unused_fee: str, covered: str, unused_plan: str) -> str:
        return f"""
            case
                when "lineItem/LineItemType" = 'DiscountedUsage' then {reserved}
                when "lineItem/LineItemType" = 'RIFee' then {unused_fee}
                when "lineItem/LineItemType" = 'SavingsPlanCoveredUsage' then {covered}
                when "lineItem/LineItemType" = 'SavingsPlanRecurringFee' then {unused_plan}
                when "lineItem/LineItemType" in ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') then 0
                when "lineItem/LineItemType" = 'Fee' and coalesce("reservation/ReservationARN", '') <> '' then 0
                else {usual}
            end
        """

    gross = accrue(cash, amount("reservation/EffectiveCost"), unused(""), effective, gross_unused)
    net = gross
    if is_net:
        net = accrue(
            net_cash,
            amount("reservation/NetEffectiveCost"),
            unused("Net"),
            amount("savingsPlan/NetSavingsPlanEffectiveCost"),
            net_unused,
        )
    rows = connection.execute(
        f"""
        select
            "bill/BillingPeriodStartDate"[:10], "lineItem/LineItemType", count(*),
            sum({cash}), coalesce(sum({amount("lineItem/BlendedCost")}), 0), sum({net_cash if is_net else cash}),
            sum({gross}), sum({net}), coalesce(sum({amount("pricing/publicOnDemandCost")}), 0)
        from delivered group by 1, 2
        """
    ).fetchall()
    return {(row[0], row[1]): row[2:] for row in rows}


def test_every_cost_equals_the_files(bill: Bill) -> None:
    """Six costs and the rows of every line item type of every month, to the last digit."""
    expected = sum_report(bill.report)
    assert {"RIFee", "SavingsPlanRecurringFee", "SavingsPlanNegation", "Tax"} <= {kind for _, kind in expected}
    assert ("EdpDiscount" in {kind for _, kind in expected}) is bill.is_negotiated
    found = {(row[0], row[1]): tuple(row[2:]) for row in bill.product.query(MART_TOTALS)}
    assert found == expected


def test_what_is_unused_is_a_row_of_its_own(bill: Bill) -> None:
    """The fee's cash on the one, its unused part on the other, and each line counted once."""
    rows = bill.product.query(
        """
        select charge_class, sum(line_item_count)::int, sum(unblended_cost_usd) <> 0, sum(amortized_cost_usd) <> 0
        from marts.fct_resource_costs_daily
        where line_item_type in ('RIFee', 'SavingsPlanRecurringFee')
        group by 1 order by 1
        """
    )
    assert [row[0] for row in rows] == ["commitment_purchase", "commitment_unused"]
    assert rows[0][1] > 0 and rows[0][2:] == (True, False)
    assert rows[1][1] == 0 and rows[1][2:] == (False, True)


# --- FOCUS 1.2 -------------------------------------------------------------------------------------------------------

FOCUS_RULES = {
    "what must not be null": """
        "BilledCost" is not null and "EffectiveCost" is not null and "ListCost" is not null
        and "ContractedCost" is not null and "BillingAccountId" is not null and "SubAccountId" is not null
        and "BillingCurrency" is not null and "BillingPeriodStart" is not null and "BillingPeriodEnd" is not null
        and "ChargePeriodStart" is not null and "ChargePeriodEnd" is not null and "ChargeFrequency" is not null
        and "InvoiceIssuerName" is not null and "ProviderName" is not null and "PublisherName" is not null
        and "ServiceCategory" is not null and "ServiceSubcategory" is not null and "ServiceName" is not null
        and "Tags" is not null
    """,
    "ends lie after beginnings": """
        "ChargePeriodEnd" > "ChargePeriodStart" and "BillingPeriodEnd" > "BillingPeriodStart"
    """,
    "charge categories": """ "ChargeCategory" in ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment') """,
    "a correction is the one class": """ "ChargeClass" is null or "ChargeClass" = 'Correction' """,
    "frequencies, and none of a purchase by usage": """
        "ChargeFrequency" in ('One-Time', 'Recurring', 'Usage-Based')
        and not ("ChargeCategory" = 'Purchase' and "ChargeFrequency" = 'Usage-Based')
    """,
    "pricing categories, where they must be and where they must not": """
        case
            when "ChargeCategory" = 'Tax' then "PricingCategory" is null
            when "ChargeCategory" in ('Usage', 'Purchase') and "ChargeClass" is null
                then "PricingCategory" in ('Standard', 'Committed', 'Dynamic', 'Other')
            else true
        end
    """,
    "committed is what a commitment covers or leaves unused": """
        "PricingCategory" is distinct from 'Committed'
        or ("CommitmentDiscountId" is not null and "ChargeCategory" = 'Usage')
    """,
    "quantities of what is priced": """
        case
            when "ChargeCategory" = 'Tax' then "PricingQuantity" is null
            when "ChargeCategory" in ('Usage', 'Purchase') and "ChargeClass" is null
                then "PricingQuantity" is not null and "PricingUnit" is not null
            else true
        end
    """,
    "commitments have a category, a type, and in usage a status": """
        case
            when "CommitmentDiscountId" is null
                then
                    "CommitmentDiscountCategory" is null and "CommitmentDiscountStatus" is null
                    and "CommitmentDiscountType" is null and "CommitmentDiscountQuantity" is null
            else
                "CommitmentDiscountCategory" in ('Spend', 'Usage') and "CommitmentDiscountType" is not null
                and ("ChargeClass" is not null or "CommitmentDiscountUnit" is not null)
                and (("ChargeCategory" = 'Usage') = ("CommitmentDiscountStatus" in ('Used', 'Unused'))) is not false
        end
    """,
    "covered usage is billed by its commitment": """
        "CommitmentDiscountStatus" is null or "BilledCost" = 0
    """,
    "a purchase for future usage costs nothing effectively": """
        not ("ChargeCategory" = 'Purchase' and "CommitmentDiscountId" is not null) or "EffectiveCost" = 0
    """,
    "list price times quantity is list cost": """
        "ListUnitPrice" is null or "ChargeClass" is not null
        or abs("ListUnitPrice" * "PricingQuantity" - "ListCost") <= 0.000001 + 0.000001 * abs("ListCost")
    """,
    "agreed price times quantity is contracted cost": """
        "ContractedUnitPrice" is null or "ChargeClass" is not null
        or abs("ContractedUnitPrice" * "PricingQuantity" - "ContractedCost")
        <= 0.000001 + 0.000001 * abs("ContractedCost")
    """,
    "what has no unit price and no other charge costs by list what is billed": """
        "ChargeCategory" not in ('Credit', 'Purchase', 'Adjustment') or "ListCost" = "BilledCost"
    """,
    "meters and prices belong to a SKU": """
        ("SkuId" is not null or "SkuMeter" is null) and ("SkuPriceId" is not null or "SkuPriceDetails" is null)
    """,
    "a region has a name": """ ("RegionId" is null) = ("RegionName" is null) """,
}


@pytest.mark.parametrize("rule", FOCUS_RULES)
def test_rules_of_focus(bill: Bill, rule: str) -> None:
    broken = bill.product.query(
        f"""
        select "x_LineItemType", "x_ChargeClass", count(*) from marts.focus_costs
        where ({FOCUS_RULES[rule]}) is not true group by 1, 2
        """
    )
    assert broken == []


def test_focus_has_the_columns_of_the_specification(estate: Estate) -> None:
    columns = estate.product.query(
        "select column_name from information_schema.columns"
        " where table_schema = 'marts' and table_name = 'focus_costs' and column_name !~ '^x_'"
    )
    assert len(columns) == 57
    assert {"BilledCost", "InvoiceId", "PricingCurrencyEffectiveCost", "SubAccountType"} <= {row[0] for row in columns}


def test_focus_sums_to_the_bill(bill: Bill) -> None:
    """Net cash and net accrual of each month; list costs count what a commitment covers once."""
    focus = bill.product.query(
        """
        select
            "BillingPeriodStart"::date, sum("BilledCost"), sum("EffectiveCost"),
            sum("ListCost") filter (
                where
                    not ("ChargeCategory" = 'Purchase' and "CommitmentDiscountId" is not null)
                    and "PricingCategory" is distinct from 'Dynamic'
            ),
            coalesce(sum("ListCost") filter (where "PricingCategory" = 'Dynamic'), 0)
        from marts.focus_costs group by 1 order by 1
        """
    )
    costs = bill.product.query(
        """
        select
            billing_period_start_date, sum(net_unblended_cost_usd), sum(net_amortized_cost_usd),
            sum(case
                when record_class <> 'usage' and (charge_class like 'commitment_%%') then 0
                when charge_class = 'discount' or purchase_option = 'spot' then 0
                when record_class <> 'usage' then net_unblended_cost_usd
                else coalesce(public_on_demand_cost_usd, on_demand_equivalent_cost_usd, net_unblended_cost_usd)
            end),
            coalesce(sum(net_unblended_cost_usd) filter (where purchase_option = 'spot'), 0)
        from marts.fct_resource_costs_daily group by 1 order by 1
        """
    )
    assert [row[0] for row in focus] == [row[0] for row in costs]
    for (_, billed, effective, listed, spot_listed), (_, cash, accrual, list_cost, spot_cost) in zip(
        focus, costs, strict=True
    ):
        # Negations undo covered usage hour by hour; the sum of both is nothing to ten digits a line.
        assert abs(billed - cash) < Decimal("0.000001")
        assert effective == accrual
        assert abs(listed - list_cost) < Decimal("0.000001")
        assert spot_listed >= spot_cost, "by the price list where it is loaded, else its own cost"


def test_what_is_bought_of_a_commitment_is_used_or_unused(bill: Bill) -> None:
    """Each closed month, in the commitment's own unit: hours, normalized hours, or dollars before any discount."""
    rows = bill.product.query(
        """
        select
            "CommitmentDiscountId", "CommitmentDiscountUnit", count(distinct "CommitmentDiscountUnit"),
            sum("CommitmentDiscountQuantity") filter (
                where "ChargeCategory" = 'Purchase' and "ChargeFrequency" = 'Recurring'
            ),
            sum("CommitmentDiscountQuantity") filter (where "CommitmentDiscountStatus" is not null),
            sum("CommitmentDiscountQuantity") filter (
                where "CommitmentDiscountCategory" = 'Usage' and "ChargeFrequency" = 'One-Time'
            )
        from marts.focus_costs where "CommitmentDiscountId" is not null group by 1, 2, "BillingPeriodStart"
        """
    )
    assert {unit for _, unit, *_ in rows} >= {"Normalized Hour", "USD"}
    for arn, unit, units, bought, used_or_unused, bought_once in rows:
        assert units == 1, arn
        assert bought_once is None, "the monthly fees count the hours"
        if unit != "USD":  # a plan's upfront part is in what is used, not in the month's fee
            assert bought == used_or_unused, arn


def test_commitments_cost_what_their_usage_is_charged(bill: Bill) -> None:
    """Over a month a commitment's used and unused parts are what it cost: its fee and the part of the upfront."""
    rows = bill.product.query(
        """
        with fees as (
            select
                commitment_arn, billing_period_start_date,
                sum(net_unblended_cost_usd) filter (where record_class = 'commitment_fee') as fee,
                coalesce(sum(reservation_amortized_upfront_fee_usd), 0)
                + coalesce(sum(savings_plan_amortized_upfront_commitment_usd), 0) as upfront
            from intermediate.int_costs_monthly where commitment_arn is not null group by 1, 2
        ),
        used as (
            select
                "CommitmentDiscountId" as arn, "BillingPeriodStart"::date as month,
                sum("EffectiveCost") filter (where "CommitmentDiscountStatus" is not null) as charged
            from marts.focus_costs where "CommitmentDiscountId" is not null group by 1, 2
        )
        select fees.commitment_arn, fees.fee, fees.upfront, used.charged
        from fees inner join used on fees.commitment_arn = used.arn and fees.billing_period_start_date = used.month
        """
    )
    assert len(rows) > 3
    for _, fee, upfront, charged in rows:
        if bill.is_negotiated and upfront:
            continue  # the part of an upfront fee is told gross alone
        assert abs(fee + upfront - charged) < Decimal("0.00001")
