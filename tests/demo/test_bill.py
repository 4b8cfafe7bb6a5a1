"""The bill's identities, to the last decimal, read back from the files by another engine."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from demo import accounts, catalog
from demo.calendars import draw_horizon
from demo.charges import keep_books
from demo.commitments import SavingsPlan, allocate
from demo.cur import write_reports
from demo.estate import Instance, draw_estate
from demo.parameters import Parameters, parse_end
from tests.demo.conftest import PARAMETERS
from tests.demo.reports import MONEY, Report, all_manifests, newest_manifests, read_report

# Mid-month; the first billed hour of a month; over a year's end.
CASES = [
    (7, "2026-11-23T00:00:00"),
    (11, "2026-03-01T07:00:00"),
    (12, "2027-01-14T15:00:00"),
]

AMORTIZED = f"""case "lineItem/LineItemType"
    when 'DiscountedUsage' then "reservation/EffectiveCost"{MONEY}
    when 'RIFee' then "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod"{MONEY}
        + "reservation/UnusedRecurringFee"{MONEY}
    when 'SavingsPlanCoveredUsage' then "savingsPlan/SavingsPlanEffectiveCost"{MONEY}
    when 'SavingsPlanNegation' then 0
    when 'SavingsPlanRecurringFee' then "savingsPlan/TotalCommitmentToDate"{MONEY} - "savingsPlan/UsedCommitment"{MONEY}
    when 'Fee' then case when "reservation/ReservationARN" is null then "lineItem/UnblendedCost"{MONEY} else 0 end
    else "lineItem/UnblendedCost"{MONEY} end"""


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"seed{case[0]}-{case[1]}")
def bill(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Report]:
    """The newest assembly of each period of an account; of the served account every finished one."""
    seed, end = request.param
    if (parse_end(end), seed) == (PARAMETERS.end_hour, PARAMETERS.seed):
        account = request.getfixturevalue("account")
        return [read_report(account, manifest["assemblyId"]) for manifest in all_manifests(account)]
    folder = tmp_path_factory.mktemp("bill")
    # Only the reports: the answer key's replay is not needed here.
    parameters = Parameters(seed, parse_end(end), 60)
    books = keep_books(draw_estate(parameters, draw_horizon(parameters)))
    write_reports(books, folder / "s3" / "example-corp-billing", rows_per_file=20_000)
    return [Report(folder, manifest) for manifest in newest_manifests(folder)]


def test_cash_equals_accrual(bill: list[Report]) -> None:
    """Sum U = sum amortized + true-up + upfront, per billing period and payer."""
    for report in bill:
        amortized = report.rows(f"select sum({AMORTIZED}) from cur")[0][0]
        trueup = -report.money("reservation/AmortizedUpfrontFeeForBillingPeriod") - report.money(
            "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod"
        )
        upfront = report.money(
            "lineItem/UnblendedCost", """"lineItem/LineItemType" = 'Fee' and "reservation/ReservationARN" is not null"""
        )
        assert report.money("lineItem/UnblendedCost") == amortized + trueup + upfront


def test_each_reservation_month_balances(bill: list[Report]) -> None:
    """Effective cost of covered hours + unused = recurring fee + amortized upfront, per reservation and month."""
    seen = set()
    for report in bill:
        rows = report.rows(f"""
            select "reservation/ReservationARN",
                coalesce(sum("reservation/EffectiveCost"{MONEY}), 0),
                sum(case when "lineItem/LineItemType" = 'RIFee'
                    then "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod"{MONEY}
                        + "reservation/UnusedRecurringFee"{MONEY} end),
                sum(case when "lineItem/LineItemType" = 'RIFee'
                    then "lineItem/UnblendedCost"{MONEY}
                        + "reservation/AmortizedUpfrontFeeForBillingPeriod"{MONEY} end),
                count(*) filter ("lineItem/LineItemType" = 'RIFee')
            from cur where "reservation/ReservationARN" is not null group by 1""")
        for arn, effective, unused, owed, fees in rows:
            seen.add(arn)
            assert fees == 1
            assert effective + unused == owed
    assert len(seen) == 3


def test_each_savings_plan_hour_balances(bill: list[Report]) -> None:
    """Per plan and hour: covered usage = -negation, effective = used commitment, total = recurring + upfront."""
    for report in bill:
        rows = report.rows(f"""
            select "savingsPlan/SavingsPlanARN", "lineItem/UsageStartDate",
                coalesce(sum("lineItem/UnblendedCost"{MONEY})
                    filter ("lineItem/LineItemType" in ('SavingsPlanCoveredUsage', 'SavingsPlanNegation')), 0),
                coalesce(sum("savingsPlan/SavingsPlanEffectiveCost"{MONEY}), 0)
                    - sum("savingsPlan/UsedCommitment"{MONEY}),
                sum("savingsPlan/TotalCommitmentToDate"{MONEY})
                    - sum("savingsPlan/RecurringCommitmentForBillingPeriod"{MONEY}),
                sum("savingsPlan/TotalCommitmentToDate"{MONEY}) - sum("lineItem/UnblendedCost"{MONEY})
                    filter ("lineItem/LineItemType" = 'SavingsPlanRecurringFee')
            from cur where "savingsPlan/SavingsPlanARN" is not null group by 1, 2""")
        assert rows
        for _, _, *differences in rows:
            assert differences == [0, 0, 0, 0]


def test_blended_rates_and_keys(bill: list[Report]) -> None:
    for report in bill:
        assert report.money("lineItem/UnblendedCost") == report.money("lineItem/BlendedCost")
        worst = report.rows("""
            select max(abs("lineItem/UnblendedRate"::double * "lineItem/UsageAmount"::double
                - "lineItem/UnblendedCost"::double)) from cur where "lineItem/UnblendedRate" is not null""")[0][0]
        assert worst < 3e-7
        repeated = report.rows(
            'select 1 from cur group by "identity/LineItemId", "identity/TimeInterval" having count(*) > 1'
        )
        assert not repeated
        ids, rows = report.rows('select count(distinct "identity/LineItemId"), count(*) from cur')[0]
        assert ids < rows / 2 or rows < 500, "an id alone must not be a key: AWS repeats it hour after hour"


def test_machine_hours_add_up_and_stay_in_the_period(bill: list[Report]) -> None:
    """Fractions of one machine's hour, however they are paid, add up to the hour."""
    for report in bill:
        odd = report.rows(f"""
            select "lineItem/ResourceId", "lineItem/UsageStartDate", sum("lineItem/UsageAmount"{MONEY}) as hours
            from cur where "lineItem/UsageType" like '%BoxUsage%' and "lineItem/ResourceId" is not null
            group by 1, 2 having hours <> 1""")
        assert not odd
        period = report.manifest["billingPeriod"]
        first, last = report.rows('select min("lineItem/UsageStartDate"), max("lineItem/UsageStartDate") from cur')[0]
        stamp = "{0:.4}-{1:.2}-{2:.2}T{3:.2}"
        bounds = [stamp.format(text[:4], text[4:6], text[6:8], text[9:11]) for text in (period["start"], period["end"])]
        assert bounds[0] <= first[:13] <= last[:13] < bounds[1]


def test_line_types_manifest_and_invoices(bill: list[Report]) -> None:
    """The three months hold every kind of line, closed months are final, and columns come and go with their use."""
    kinds: set[str] = set()
    for report in bill:
        header = [f"{column['category']}/{column['name']}" for column in report.manifest["columns"]]
        assert header == report.columns == report.header
        kinds |= {row[0] for row in report.rows('select distinct "lineItem/LineItemType" from cur')}
        invoices, rows, taxes = report.rows(
            """select count("bill/InvoiceId"), count(*), count(*) filter ("lineItem/LineItemType" = 'Tax') from cur"""
        )[0]
        assert invoices in (0, rows)
        assert (taxes > 0) == (invoices > 0)
        empty = [name for name in report.columns if name.split("/")[0] not in ("identity", "bill", "lineItem")]
        unused = report.rows("select " + ", ".join(f'count("{name}")' for name in empty) + " from cur")[0]
        assert all(unused)
    assert kinds == {
        "Usage",
        "DiscountedUsage",
        "RIFee",
        "Fee",
        "SavingsPlanCoveredUsage",
        "SavingsPlanNegation",
        "SavingsPlanRecurringFee",
        "Tax",
        "Credit",
    }


def test_layout(account: Path) -> None:
    """Three periods, each with a newest manifest that names whole chunk files, an older version, and one under way."""
    newest = newest_manifests(account)
    assert [manifest["billingPeriod"]["start"] for manifest in newest] == [
        "20260901T000000.000Z",
        "20261001T000000.000Z",
        "20261101T000000.000Z",
    ]
    assert [manifest["billingPeriod"]["end"] for manifest in newest][-1] == "20261201T000000.000Z"
    assert {manifest["assemblyId"] for manifest in newest} < {m["assemblyId"] for m in all_manifests(account)}
    bucket = account / "s3" / "example-corp-billing"
    for manifest in newest:
        assert len(manifest["reportKeys"]) > 1
        for number, key in enumerate(manifest["reportKeys"], 1):
            assert key.endswith(f"/{manifest['assemblyId']}/example-hourly-{number}.csv.gz")
            assert (bucket / key).read_bytes()[:2] == b"\x1f\x8b"
    named = {key for manifest in all_manifests(account) for key in manifest["reportKeys"]}
    present = {path.relative_to(bucket).as_posix() for path in bucket.rglob("*.csv.gz")}
    assert len(present - named) == 1, "one delivery is under way: files without a manifest"


def test_report_to_date_grows_and_columns_differ(account: Path) -> None:
    reports = {m["assemblyId"]: read_report(account, m["assemblyId"]) for m in all_manifests(account)}
    newest = {manifest["assemblyId"]: manifest["billingPeriod"]["start"] for manifest in newest_manifests(account)}
    by_period: dict[str, dict[bool, int]] = {}
    for assembly, report in reports.items():
        count = report.rows("select count(*) from cur")[0][0]
        by_period.setdefault(report.manifest["billingPeriod"]["start"], {})[assembly in newest] = count
    assert all(counts[False] < counts[True] for counts in by_period.values())
    assert len({tuple(report.columns) for report in reports.values()}) > 1


def test_awkward_names_survive(account: Path) -> None:
    report = read_report(account, newest_manifests(account)[0]["assemblyId"])
    names = {row[0] for row in report.rows('select distinct "resourceTags/user:Name" from cur')}
    assert 'web "blue" <canary>, eu' in names
    assert "=1+1 jobs" in names
    zeros = report.rows("""select count(*) from cur where "lineItem/UsageAccountId" = '012345678901'""")[0][0]
    assert zeros > 0


def _rates(instance: Instance) -> tuple[int, int]:
    key = (instance.instance_type, instance.operating_system, instance.region.code)
    return catalog.instance_rate(*key), catalog.savings_plan_rate(*key)


def test_allocation_against_a_slow_restatement() -> None:
    """The vectorised allocation equals one written hour by hour from AWS's rules."""
    parameters = Parameters(21, parse_end("2026-11-23"), 60)
    estate = draw_estate(parameters, draw_horizon(parameters))
    books = keep_books(estate)
    for hour in random.Random(3).sample(range(estate.horizon.hours - 6), 60):
        left = [r.count if r.start <= estate.horizon.start + hour < r.end else 0 for r in books.reservations]
        money = books.plan.commitment
        on_demand: dict[str, Decimal] = {}
        waiting = []
        for instance in sorted(estate.instances, key=lambda i: i.resource_id):
            if not estate.demand[instance.resource_id].is_running[hour]:
                continue
            match = [
                index
                for index, r in enumerate(books.reservations)
                if left[index]
                and (r.instance_type, r.region) == (instance.instance_type, instance.region)
                and instance.operating_system == "Linux"
                and instance.account == r.owner
            ]
            if match:
                left[match[0]] -= 1
            else:
                waiting.append(instance)
        late = []
        for instance in waiting:
            match = [
                index
                for index, r in enumerate(books.reservations)
                if left[index]
                and (r.instance_type, r.region) == (instance.instance_type, instance.region)
                and instance.operating_system == "Linux"
            ]
            if match:
                left[match[0]] -= 1
            else:
                late.append(instance)

        late.sort(key=lambda i: (-(1 - Decimal(_rates(i)[1]) / _rates(i)[0]), _rates(i)[1], i.resource_id))
        for instance in late:
            list_rate, plan_rate = _rates(instance)
            taken = min(money, plan_rate)
            money -= taken
            on_demand[instance.resource_id] = list_rate * (1 - Decimal(taken) / plan_rate)
        for instance in estate.instances:
            cover = books.allocation.coverage[instance.resource_id]
            expected = on_demand.get(instance.resource_id, Decimal(0))
            assert abs(int(cover.on_demand_cost[hour]) - expected) <= 2
        assert books.plan.commitment - money == int(books.allocation.plan_used[hour])


def test_commitment_larger_than_usage_is_left_unused() -> None:
    parameters = Parameters(21, parse_end("2026-11-23"), 60)
    estate = draw_estate(parameters, draw_horizon(parameters))
    running = {i.resource_id: estate.demand[i.resource_id].is_running for i in estate.instances}
    huge = SavingsPlan("arn:huge", accounts.PAYER, 10**13, estate.horizon.start)
    allocation = allocate(estate.horizon, estate.instances, running, (), huge)
    assert allocation.on_demand_total(slice(None)) == 0
    assert (allocation.plan_used < huge.commitment).all()
    assert allocation.plan_used.sum() == sum(int(np.sum(c.plan_cost)) for c in allocation.coverage.values())
