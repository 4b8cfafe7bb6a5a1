"""The best commitment beats every other one that is tried, on the replayed bill and by a bill made from nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from demo.billing.allocation import allocate
from demo.billing.books import Books, keep_books
from demo.billing.commitments import SavingsPlan
from demo.billing.records import Meter
from demo.billing.replay import cost_with_plan
from demo.money import SCALE, multiply
from demo.parameters import Parameters, parse_end
from demo.prices import catalog
from demo.timeline import draw_horizon
from demo.truth.account import answer_account, refine
from demo.truth.optimum import Optimum, find_optimum
from demo.truth.remainder import LEAST, STEP
from demo.world.accounts import PRODUCTION, REGIONS
from demo.world.founding import draw_estate

PARAMETERS = Parameters(3, parse_end("2026-11-23T00:00:00"), 250, months=2, hourly_days=60)
LAST = PARAMETERS.end_hour - 6
FIRST = LAST - 10 * 24


@cache
def books() -> Books:
    return keep_books(draw_estate(PARAMETERS, draw_horizon(PARAMETERS)))


@cache
def optimum() -> Optimum:
    return find_optimum(books().meters(FIRST, LAST), books().commitments, FIRST, LAST)


def meter(number: int, instance_type: str, on: np.ndarray) -> Meter:
    key = f"ec2/{instance_type}/Linux"
    return Meter(
        f"i-{number}",
        PRODUCTION,
        REGIONS[0],
        key,
        on.astype(np.int64) * SCALE,
        zone="us-east-1a",
        commitment_class="ec2",
    )


def test_only_use_that_runs_longer_than_its_price_under_a_plan_is_worth_committing_to() -> None:
    """m5.large costs 0.073 of 0.1 under a Compute plan: what runs 80 % of the hours pays, what runs 70 % doesn't."""
    hours = np.arange(1000)
    always, long, short = hours >= 0, hours % 10 < 8, hours % 10 < 7
    meters = [meter(number, "m5.large", on) for number, on in enumerate((always, long, short))]
    rate = catalog.savings_plan_rate("ec2/m5.large/Linux", REGIONS[0], "ComputeSavingsPlans")
    listed = catalog.on_demand_rate("ec2/m5.large/Linux", REGIONS[0])
    assert 0.7 < rate / listed < 0.8
    offer = find_optimum(meters, [], 0, 1000).compute
    best = offer.find_best()
    assert best.plan.commitment == 2 * rate // STEP * STEP
    assert best.saving == 1800 * listed - 2000 * rate
    assert best.used == 1800 * rate
    assert set(offer.find_bends().tolist()) == {0, rate, 2 * rate, 3 * rate}


def test_a_compute_plan_is_best_among_its_neighbours_on_the_replayed_bill() -> None:
    offer = optimum().compute

    def cost(size: int) -> int:
        return cost_with_plan(books(), replace(offer.plan, arn="x", commitment=size) if size else (), FIRST, LAST)

    best = offer.find_best().plan.commitment
    assert best > LEAST
    # Tiers and rounding apart, what it saves is what the bill falls by.
    assert abs((cost(0) - cost(best)) - offer.weigh(best).saving) < offer.weigh(best).saving / 1000
    size = refine(cost, best)
    least = cost(size)
    assert abs(size - best) <= best / 100
    bends = np.unique(offer.find_bends())
    at = int(np.searchsorted(bends, size))
    nearby = {int(bend) // STEP * STEP + more for bend in bends[max(0, at - 4) : at + 5] for more in (0, STEP)}
    for other in nearby | {size - STEP, size + STEP, size * 9 // 10, size * 11 // 10, size // 2, 2 * size}:
        assert cost(other // STEP * STEP) >= least, other
    told = answer_account(books(), FIRST, LAST)["compute_savings_plan"]
    assert told["commitment_usd_per_hour"] == f"{size / SCALE:.5f}"


def test_instance_plans_are_best_given_those_before_them() -> None:
    """Bills made from nothing with all that is owned and the plans so far, at list prices."""
    meters = [each for each in books().meters(FIRST, LAST) if each.commitment_class in ("ec2", "fargate", "lambda")]
    meters = [each for each in meters if not catalog.product(each.product).is_spot]
    chosen: list[SavingsPlan] = []

    def cost(*plans: SavingsPlan) -> int:
        rest = allocate(meters, [*books().commitments, *chosen, *plans], FIRST, LAST).rest
        left = sum(
            int(multiply(each.quantity, catalog.on_demand_rate(each.product, each.region)).sum()) for each in rest
        )
        return left + sum(plan.commitment for plan in plans) * (LAST - FIRST)

    assert len(optimum().instance) >= 2
    for _offer, best in optimum().instance[:4]:
        size = best.plan.commitment
        # Lines of parts of an hour are rounded one by one here.
        slack = 10**6
        assert abs(cost() - cost(replace(best.plan, arn="x")) - best.saving) < slack
        assert best.saving > 0
        for other in {size - STEP, size + STEP, size * 99 // 100, size * 101 // 100, size // 2, 2 * size}:
            if other >= LEAST:
                plan = replace(best.plan, arn="x", commitment=other // STEP * STEP)
                assert cost(plan) + slack >= cost(replace(best.plan, arn="x")), (best.plan, other)
        chosen.append(replace(best.plan, arn=f"chosen {len(chosen)}"))


def test_plans_together_save_more_than_a_compute_plan_alone() -> None:
    told = answer_account(books(), FIRST, LAST)
    joint = float(told["jointly"]["true_saving_usd_per_month"])
    assert joint >= float(told["compute_savings_plan"]["true_saving_usd_per_month"]) > 0
    for percent in ("-50%", "-10%", "+10%", "+50%"):
        plan = told["compute_savings_plan"]
        assert float(plan["true_saving_at"][percent]) < float(plan["true_saving_usd_per_month"])
