"""Every identity of a bill holds to the last digit, in every version of every period, on the charges themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from demo.billing.blending import blend
from demo.billing.books import Books, keep_books
from demo.billing.commitments import Reservation, SavingsPlan
from demo.billing.lines import Grid
from demo.billing.records import Charge
from demo.money import SCALE
from demo.parameters import Parameters, parse_end
from demo.timeline import INVOICE_HOURS, SUPPORT_HOURS, BillingPeriod, draw_horizon
from demo.world.founding import SMALLEST_ESTATE, draw_estate

# Mid-month; the first billed hours of a month; over a year's end with a summer time change before.
ENDS = ("2026-11-23T00:00:00", "2026-03-01T09:00:00", "2027-01-14T15:00:00")
FEW = [(7, ENDS[0], 0), (11, ENDS[1], 0), (12, ENDS[2], 7)]
MANY = [(seed, ENDS[seed % 3], (0, 0, 5, 13)[seed % 4]) for seed in range(20)]
CASES = [pytest.param(*case, id=f"seed{case[0]}") for case in FEW] + [
    pytest.param(*case, id=f"one-of-20-seed{case[0]}", marks=pytest.mark.full) for case in MANY
]
RI, SP = "reservation/ReservationARN", "savingsPlan/SavingsPlanARN"


@cache
def keep(seed: int, end: str, percent: int) -> Books:
    parameters = Parameters(
        seed, parse_end(end), SMALLEST_ESTATE, months=3, hourly_days=40, negotiated_discount_pct=percent
    )
    return keep_books(draw_estate(parameters, draw_horizon(parameters)))


def versions(books: Books) -> Iterable[tuple[BillingPeriod, int]]:
    """Of each period: early within a day, before and after the invoice, and the newest."""
    horizon = books.estate.horizon
    for period in horizon.periods:
        known = {period.start + 101, period.end + 1, period.end + INVOICE_HOURS, period.end + SUPPORT_HOURS + 400}
        for hour in sorted({min(each, horizon.cur_end) for each in known}):
            if hour > period.start:
                yield period, hour


def total(lines: Iterable[Charge], what: str = "unblended") -> int:
    return sum(int(getattr(line, what).sum()) for line in lines)


def measure(lines: Iterable[Charge], header: str) -> int:
    return sum(int(line.measures[header].sum()) for line in lines if header in line.measures)


def by_row(lines: Iterable[Charge], value: Callable[[Charge], np.ndarray], key: str) -> dict[tuple[str, int], int]:
    sums: dict[tuple[str, int], int] = defaultdict(int)
    for line in lines:
        for start, each in zip(line.starts.tolist(), value(line).tolist(), strict=True):
            sums[(line.columns[key], start)] += each
    return sums


def of(lines: Iterable[Charge], *line_types: str) -> list[Charge]:
    return [line for line in lines if line.line_type in line_types]


@pytest.mark.parametrize(("seed", "end", "percent"), CASES)
def test_identities(seed: int, end: str, percent: int) -> None:
    books = keep(seed, end, percent)
    kinds: set[str] = set()
    unused = 0
    for period, known_to in versions(books):
        lines = books.charges(period, known_to)
        kinds |= {line.line_type for line in lines}
        for net in ("", "Net") if percent else ("",):
            check_cash_is_accrual(lines, net)
            check_reservations(lines, net)
            check_plans(lines, net)
        check_rows(lines, period, known_to)
        plain = [line for line in lines if line.line_type != "EdpDiscount"]
        assert total(plain, "blended") == total(plain)
        assert total(lines, "net_unblended") == total(lines)
        if not percent:
            assert total(lines, "net_amortized") == total(lines, "amortized")
        fees = of(lines, "SavingsPlanRecurringFee")
        unused += total(fees, "amortized")
    assert unused > 0, "some commitment is always left unused"
    assert kinds >= {
        "Usage",
        "DiscountedUsage",
        "RIFee",
        "Fee",
        "SavingsPlanCoveredUsage",
        "SavingsPlanNegation",
        "SavingsPlanRecurringFee",
        "Tax",
        "Credit",
        "Refund",
    }
    assert ("EdpDiscount" in kinds) == (percent > 0)


def check_cash_is_accrual(lines: list[Charge], net: str) -> None:
    """The sum of costs = the sum of amortized costs + true-up + upfront."""
    prefix = "net_" if net else ""
    trueup = -measure(of(lines, "RIFee"), f"reservation/{net}AmortizedUpfrontFeeForBillingPeriod") - measure(
        of(lines, "SavingsPlanRecurringFee"), f"savingsPlan/{net}AmortizedUpfrontCommitmentForBillingPeriod"
    )
    upfront = total([line for line in of(lines, "Fee") if RI in line.columns], f"{prefix}unblended")
    upfront += total(of(lines, "SavingsPlanUpfrontFee"), f"{prefix}unblended")
    assert total(lines, f"{prefix}unblended") == total(lines, f"{prefix}amortized") + trueup + upfront


def check_reservations(lines: list[Charge], net: str) -> None:
    """Effective cost of covered hours + unused = recurring fee + amortized upfront, per reservation and month."""
    fees = of(lines, "RIFee")
    assert len({line.columns[RI] for line in fees}) == len(fees)
    for fee in fees:
        mine = [line for line in of(lines, "DiscountedUsage") if line.columns[RI] == fee.columns[RI]]
        unused = [
            measure([fee], f"reservation/{net}{what}")
            for what in ("UnusedRecurringFee", "UnusedAmortizedUpfrontFeeForBillingPeriod")
        ]
        owed = total([fee], "net_unblended" if net else "unblended")
        owed += measure([fee], f"reservation/{net}AmortizedUpfrontFeeForBillingPeriod")
        assert measure(mine, f"reservation/{net}EffectiveCost") + sum(unused) == owed
        assert min(unused) >= -len(mine) * 2000
        if not net:
            assert min(unused) >= 0
        assert 0 <= measure([fee], "reservation/UnusedQuantity") <= int(fee.quantity[0])
    covered = {line.columns[RI] for line in of(lines, "DiscountedUsage")}
    assert covered <= {line.columns[RI] for line in fees}


def check_plans(lines: list[Charge], net: str) -> None:
    """Per plan and row: covered = -negated, effective = used, total = recurring + upfront, within what is committed."""
    prefix = "net_" if net else ""
    covered, negated = of(lines, "SavingsPlanCoveredUsage"), of(lines, "SavingsPlanNegation")
    fees = of(lines, "SavingsPlanRecurringFee")
    if not net:
        balance = by_row([*covered, *negated], lambda line: line.unblended, SP)
        assert not any(balance.values())
    effective = by_row(covered, lambda line: line.measures[f"savingsPlan/{net}SavingsPlanEffectiveCost"], SP)
    unused = by_row(fees, lambda line: getattr(line, f"{prefix}amortized"), SP)
    committed = by_row(fees, lambda line: line.measures[f"savingsPlan/{net}RecurringCommitmentForBillingPeriod"], SP)
    upfront = by_row(
        fees, lambda line: line.measures[f"savingsPlan/{net}AmortizedUpfrontCommitmentForBillingPeriod"], SP
    )
    assert effective.keys() <= unused.keys()
    for key, left in unused.items():
        assert effective.get(key, 0) + left == committed[key] + upfront[key]
    for fee in fees if not net else []:
        used = fee.measures["savingsPlan/UsedCommitment"]
        whole = fee.measures["savingsPlan/TotalCommitmentToDate"]
        assert (used >= 0).all() and (used <= whole).all()
        assert (fee.amortized == whole - used).all() and (fee.unblended == fee.measures[
            "savingsPlan/RecurringCommitmentForBillingPeriod"]).all()  # fmt: skip


def check_rows(lines: list[Charge], period: BillingPeriod, known_to: int) -> None:
    """Costs are rates times amounts, rows stand in their period, and an instance's hour is never counted twice."""
    is_final = any(line.line_type == "Tax" for line in lines)
    hours: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    grid = 1 if period.is_hourly else 24
    for line in lines:
        assert (line.starts >= period.start).all() and (line.starts < min(period.end, known_to)).all()
        assert (np.diff(line.starts) > 0).all() and len(line.starts) == len(line.quantity) == len(line.unblended)
        assert all(len(values) == len(line.starts) for values in line.measures.values())
        assert ("bill/InvoiceId" in line.columns) == is_final
        assert line.known_from <= known_to
        rate = line.columns.get("lineItem/UnblendedRate")
        if rate:
            exact = line.quantity.astype(object) * int(Decimal(rate) * SCALE)
            assert all(abs(cost * SCALE - product) <= 24 * SCALE for cost, product in zip(
                line.unblended.tolist(), exact.tolist(), strict=True))  # fmt: skip
        if line.line_type in ("Usage", "DiscountedUsage", "SavingsPlanCoveredUsage"):
            assert (line.quantity > 0).all() and line.length == grid
            usage_type = line.columns["lineItem/UsageType"]
            if "BoxUsage" in usage_type or "InstanceUsage" in usage_type:
                for start, amount in zip(line.starts.tolist(), line.quantity.tolist(), strict=True):
                    hours[line.columns["lineItem/ResourceId"] + usage_type][start] += amount
    for sums in hours.values():
        for amount in sums.values():
            # Parts of a machine's hour, however they are paid, add up to whole hours.
            assert amount % SCALE == 0 and amount <= grid * SCALE


def test_versions_of_a_month_and_late_lines() -> None:
    books = keep(*FEW[0])
    horizon = books.estate.horizon
    september, october, november = horizon.periods
    assert books.charges(november, november.start) == []

    def kinds(period: BillingPeriod, known_to: int) -> list[str]:
        return sorted({line.record_type for line in books.charges(period, known_to)} & {"Tax", "Support", "Refund"})

    assert kinds(september, september.end + INVOICE_HOURS - 1) == []
    assert kinds(september, september.end + INVOICE_HOURS) == ["Tax"]
    assert kinds(september, september.end + SUPPORT_HOURS) == ["Support", "Tax"]
    assert kinds(september, horizon.cur_end) == ["Refund", "Support", "Tax"]
    assert kinds(october, horizon.cur_end) == ["Support", "Tax"]
    assert kinds(november, horizon.cur_end) == []
    taxes = of(books.charges(october, horizon.cur_end), "Tax")
    assert taxes and all(int(line.unblended[0]) % (SCALE // 100) == 0 for line in taxes)
    entities = {line.columns.get("bill/BillingEntity", "") for line in books.charges(october, horizon.cur_end)}
    assert entities == {"", "AWS", "AWS Marketplace"} or entities == {"", "AWS Marketplace"}


def test_every_kind_of_commitment_is_owned() -> None:
    owned = keep(*FEW[0]).commitments
    reservations = [each for each in owned if isinstance(each, Reservation)]
    plans = [each for each in owned if isinstance(each, SavingsPlan)]
    for held in (reservations, plans):
        assert {each.payment for each in held} == {"No Upfront", "Partial Upfront", "All Upfront"}
    assert {bool(each.zone) for each in reservations} == {True, False}
    assert {each.is_flexible for each in reservations} == {True, False} and any(r.is_database for r in reservations)
    assert {each.plan_type for each in plans} == {"ComputeSavingsPlans", "EC2InstanceSavingsPlans"}
    assert len({each.arn for each in owned}) == len(owned)


def test_blended_cost_is_the_organisations_average() -> None:
    """On-demand and reserved hours of one type cost the same, blended, in each hour; rounding is left to the last."""
    books = keep(*FEW[0])
    period = books.estate.horizon.periods[-1]
    lines = books.charges(period, books.estate.horizon.cur_end)
    reserved = next(line for line in of(lines, "DiscountedUsage") if "BoxUsage" in line.columns["lineItem/UsageType"])
    starts = np.array([period.start, period.start + 1])
    hour, half = np.full(2, SCALE), np.array([SCALE, SCALE // 2])

    def line(line_type: str, quantity: np.ndarray, rate: int) -> Charge:
        cost = quantity // SCALE * rate + quantity % SCALE * rate // SCALE
        columns = {**reserved.columns, "lineItem/UnblendedRate": str(Decimal(rate).scaleb(-10))}
        return replace(reserved, line_type=line_type, starts=starts, quantity=quantity, unblended=cost, blended=cost,
                       measures={}, columns=columns)  # fmt: skip

    rate = 960_000_001
    blended = blend(
        [line("Usage", hour, rate), line("DiscountedUsage", half, 0), line("DiscountedUsage", hour, 0)],
        Grid(period, period.start + 2),
    )
    # 1 of 3 hours, then 1 of 2.5, is paid.
    assert [each.blended.tolist() for each in blended] == [[320_000_000, 384_000_000], [320_000_000, 192_000_000],
                                                         [320_000_001, 384_000_001]]  # fmt: skip
    assert blended[1].measures["lineItem/BlendedRate"].tolist() == [320_000_000, 384_000_000]
