"""What the key says of the account as a whole: the commitments that would have been best, with hindsight.

Offers are weighed at list prices first; then the bill is replayed around the best, so that free and volume tiers
count too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from demo.billing.books import Books
from demo.billing.commitments import SavingsPlan
from demo.billing.replay import replay
from demo.timeline import moment
from demo.truth.optimum import Offer, find_optimum
from demo.truth.remainder import LEAST, STEP, Outcome
from demo.truth.spelling import spell_monthly, spell_rate, spell_share

# How much more or less than the best the curve tells of.
_CURVE_PERCENT = (-50, -10, 10, 50)


def answer_account(books: Books, first: int, last: int) -> dict[str, Any]:
    """The best further commitments over [first, last): a Compute plan alone, and EC2 Instance plans with a Compute
    plan for what those leave. One year, no upfront payment, bought by the payer.

    A plan's saving is the fall of the bill's use on demand less the plan's own fees; of an instance plan at list
    prices, given those before it. ``total_cost``: all use on demand, of any service, and the fees of the new plans.
    """
    optimum = find_optimum(books.meters(first, last), books.commitments, first, last)
    hours = last - first
    bill = replay(books, first, last)
    base = bill.cost_with((), first, last)
    plans = [replace(best.plan, arn=f"new {index}") for index, (_, best) in enumerate(optimum.instance)]

    def answer_compute(offer: Offer, others: Sequence[SavingsPlan]) -> tuple[dict[str, Any], int]:
        """The best Compute plan beside ``others``, and the account's cost with it."""

        @cache
        def cost(size: int) -> int:
            more = [replace(offer.plan, arn="new", commitment=size)] if size else []
            return bill.cost_with([*others, *more], first, last)

        size, without = refine(cost, offer.find_best().plan.commitment), cost(0)
        curve = [without - cost(each) for each in _list_sizes(size)]
        return _describe(offer.weigh(size), without - cost(size), curve, cost(size)), cost(size)

    instance = [
        _describe(best, best.saving, [each.saving for each in offer.weigh_all(_list_sizes(best.plan.commitment))])
        for offer, best in optimum.instance
    ]
    alone, _ = answer_compute(optimum.compute, ())
    after, least = answer_compute(optimum.compute_after, plans)
    return {
        "first_hour": moment(first).isoformat(),
        "last_hour": moment(last).isoformat(),
        "on_demand_usd_per_month": spell_monthly(base, hours),
        "eligible_on_demand_usd_per_month": spell_monthly(optimum.compute.weigh(0).without, hours),
        "compute_savings_plan": alone,
        "jointly": {
            "ec2_instance_savings_plans": instance,
            "compute_savings_plan": after,
            "true_saving_usd_per_month": spell_monthly(base - least, hours),
        },
    }


def refine(cost: Callable[[int], int], start: int) -> int:
    """From a commitment near the least ``cost`` to the least: downhill with growing, then shrinking steps."""
    best, least = start, cost(start)
    for sign in (1, -1):
        step = STEP
        while step >= STEP:
            size = best + sign * step
            found = cost(size) if size >= LEAST else least
            if found < least:
                best, least, step = size, found, step * 2
            else:
                step //= 2
    return best


def _list_sizes(commitment: int) -> list[int]:
    return [commitment * (100 + percent) // 100 // STEP * STEP for percent in _CURVE_PERCENT]


def _describe(best: Outcome, saving: int, curve: Sequence[int], total: int | None = None) -> dict[str, Any]:
    plan, hours = best.plan, best.hours
    result: dict[str, Any] = {"plan_type": plan.plan_type, "term": plan.term, "payment_option": plan.payment}
    if plan.region is not None:
        result |= {"family": plan.family, "region": plan.region.code}
    if total is not None:
        result["total_cost_usd_per_month"] = spell_monthly(total, hours)
    return result | {
        "commitment_usd_per_hour": spell_rate(plan.commitment),
        "true_saving_usd_per_month": spell_monthly(saving, hours),
        "utilization": spell_share(best.used, plan.commitment * hours),
        "coverage": spell_share(best.covered, best.eligible),
        "true_saving_at": {
            f"{percent:+d}%": spell_monthly(each, hours) for percent, each in zip(_CURVE_PERCENT, curve, strict=True)
        },
    }
