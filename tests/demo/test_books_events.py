"""What the hand buys and what is restated: in the bill from its hour on, and nothing before it changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from demo.billing.books import keep_books
from demo.billing.commitments import Reservation, SavingsPlan, buy
from demo.errors import DemoError
from demo.journal import Event
from demo.money import SCALE
from demo.parameters import Parameters, parse_end
from demo.timeline import draw_horizon
from demo.world.accounts import PAYER, PRODUCTION
from demo.world.founding import SMALLEST_ESTATE, draw_estate

PARAMETERS = Parameters(6, parse_end("2026-11-20T00:00:00"), SMALLEST_ESTATE, months=2, hourly_days=60)
NOW = PARAMETERS.end_hour


def event(action: str, hour: int = NOW, **details: object) -> Event:
    return Event(hour, PAYER.account_id, "us-east-1", action, "", details)


def test_purchases_are_in_the_bill_from_their_hour_on() -> None:
    bought = [
        event(
            "PurchaseReservedInstancesOffering", InstanceType="c5.large", InstanceCount=3, PaymentOption="All Upfront"
        ),
        event("PurchaseReservedInstancesOffering", InstanceType="db.m5.large", Engine="postgres", MultiAZ=True),
        event("CreateSavingsPlan", Commitment="1.23456", PaymentOption="Partial Upfront", Term="3yr"),
    ]
    horizon = draw_horizon(PARAMETERS, NOW + 48)
    before = keep_books(draw_estate(PARAMETERS, horizon))
    after = keep_books(draw_estate(PARAMETERS, horizon, bought), bought)
    # Advancing the clock or buying changes nothing of what was owned before.
    assert keep_books(draw_estate(PARAMETERS, draw_horizon(PARAMETERS))).commitments == before.commitments
    assert after.commitments[: len(before.commitments)] == before.commitments
    cluster, database, plan = after.commitments[len(before.commitments) :]
    assert isinstance(cluster, Reservation) and isinstance(database, Reservation) and isinstance(plan, SavingsPlan)
    assert (cluster.count, cluster.start, database.product) == (3, NOW, "rds/db.m5.large/postgres/multi-az")
    assert (plan.commitment, plan.recurring * 2) == (12_345_600_000, 12_345_600_000)
    period = horizon.periods[-1]
    # Until the purchase a report says the same.
    assert [line.columns for line in after.charges(period, NOW)] == [
        line.columns for line in before.charges(period, NOW)
    ]
    lines = after.charges(period, horizon.cur_end)
    mine = {line.line_type: line for line in lines if plan.arn in line.columns.values()}
    assert int(mine["SavingsPlanUpfrontFee"].unblended[0]) == plan.amortized_upfront * 3 * 365 * 24
    fee = mine["SavingsPlanRecurringFee"]
    assert fee.starts.tolist() == list(range(NOW, horizon.cur_end)) and set(fee.unblended.tolist()) == {plan.recurring}
    kinds = {line.line_type for line in lines if line.columns.get("reservation/ReservationARN") == cluster.arn}
    assert kinds >= {"RIFee", "Fee"}
    with pytest.raises(DemoError):
        buy(1, [event("CreateSavingsPlan", Commitment="1", Term="2yr")])
    with pytest.raises(DemoError):
        buy(1, [event("PurchaseReservedInstancesOffering", InstanceType="z9.large")])


def test_a_restatement_reopens_its_month() -> None:
    details = {"period": "2026-10", "account": PRODUCTION.account_id, "amount_usd": "12.5"}
    restated = event("Restate", NOW + 3, **details)
    horizon = draw_horizon(PARAMETERS, NOW + 48)
    books = keep_books(draw_estate(PARAMETERS, horizon), [restated])
    october, november = horizon.periods

    def late(known_to: int) -> list[int]:
        lines = books.charges(october, known_to)
        assert all("bill/InvoiceId" in line.columns for line in lines)
        return [int(line.unblended[0]) for line in lines if line.line_type == "Refund"]

    assert late(NOW + 2) == []
    assert late(NOW + 3) == [-125 * SCALE // 10]
    assert not [line for line in books.charges(november, horizon.cur_end) if line.line_type == "Refund"]
    wrong = replace(restated, details={**details, "period": "October"})
    with pytest.raises(DemoError):
        keep_books(books.estate, [wrong]).charges(october, horizon.cur_end)
