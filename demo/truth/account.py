"""What the key says of the account as a whole: the commitments that would have been best, with hindsight."""

from __future__ import annotations

from typing import Any

from demo.billing.books import Books
from demo.timeline import moment
from demo.truth.optimum import Offer, find_optimum
from demo.truth.remainder import STEP, InstanceOffer, Outcome
from demo.truth.spelling import spell_monthly, spell_rate, spell_share

# How much more or less than the best the curve tells of.
_CURVE_PERCENT = (-50, -10, 10, 50)


def answer_account(books: Books, first: int, last: int) -> dict[str, Any]:
    """The best further commitments over [first, last): a Compute plan alone, and EC2 Instance plans with a Compute
    plan for what those leave. One year, no upfront payment, bought by the payer."""
    optimum = find_optimum(books.meters(first, last), books.commitments, first, last)
    alone, after = optimum.compute.find_best(), optimum.compute_after.find_best()
    instance = [_describe(offer, best) for offer, best in optimum.instance]
    saving = after.saving + sum(best.saving for _, best in optimum.instance)
    return {
        "first_hour": moment(first).isoformat(),
        "last_hour": moment(last).isoformat(),
        "eligible_on_demand_usd_per_month": spell_monthly(alone.without, alone.hours),
        "compute_savings_plan": _describe(optimum.compute, alone),
        "jointly": {
            "ec2_instance_savings_plans": instance,
            "compute_savings_plan": _describe(optimum.compute_after, after),
            "true_saving_usd_per_month": spell_monthly(saving, after.hours),
        },
    }


def _describe(offer: Offer | InstanceOffer, best: Outcome) -> dict[str, Any]:
    plan, paid = best.plan, best.plan.commitment * best.hours
    result: dict[str, Any] = {"plan_type": plan.plan_type, "term": plan.term, "payment_option": plan.payment}
    if plan.region is not None:
        result |= {"family": plan.family, "region": plan.region.code}
    curve = {}
    for percent in _CURVE_PERCENT:
        size = plan.commitment * (100 + percent) // 100 // STEP * STEP
        curve[f"{percent:+d}%"] = spell_monthly(offer.weigh(size).saving, best.hours)
    return result | {
        "commitment_usd_per_hour": spell_rate(plan.commitment),
        "total_cost_usd_per_month": spell_monthly(best.cost, best.hours),
        "true_saving_usd_per_month": spell_monthly(best.saving, best.hours),
        "utilization": spell_share(best.used, paid),
        "coverage": spell_share(best.covered, best.eligible),
        "true_saving_at": curve,
    }
