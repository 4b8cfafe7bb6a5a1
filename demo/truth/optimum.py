"""What committing more would truly have been best, with hindsight: over the key's window, given all that is owned.

A plan of C dollars an hour costs C and saves, hour by hour, the on-demand price of what it covers: the first dollars
cover what saves most. An hour's saving grows with C along a line that bends at each class of use that is covered
whole. So the total cost is linear between the bends of all hours, and its least value lies at one of them (to AWS's
five decimals).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from demo.billing.allocation import Commitment, Ladder, allocate, class_of, classify, sum_members
from demo.billing.commitments import SavingsPlan
from demo.billing.records import Meter
from demo.money import multiply
from demo.prices import catalog
from demo.prices.commitments import COMPUTE_PLAN, INSTANCE_PLAN, is_covered
from demo.truth.remainder import LEAST, STEP, InstanceOffer, Outcome, Remainder, list_rate
from demo.world.accounts import PAYER, Region


@dataclass
class Offer:
    """The use that a kind of plan could cover, left on demand by all that is owned, and what any commitment would
    do."""

    plan: SavingsPlan
    rest: Sequence[Meter]
    first: int
    last: int
    _ladder: Ladder = field(init=False)
    _use: list[np.ndarray] = field(init=False)
    _listed: list[int] = field(init=False)

    def __post_init__(self) -> None:
        meters = [replace(meter, quantity=meter.quantity[: self.hours]) for meter in self.rest]
        meters = [meter for meter in meters if _may_cover(self.plan, meter)]
        classes, members = classify(meters)
        self._ladder = Ladder([self.plan], classes, self.first, self.last)
        self._use = [sum_members(meters, places) for places in members]
        self._listed = [list_rate(each) for each in classes]

    @property
    def hours(self) -> int:
        """Hours of the window."""
        return self.last - self.first

    def weigh(self, commitment: int) -> Outcome:
        """Exactly what a commitment (1e-10 USD an hour) would do."""
        self._ladder.offered = [np.full(self.hours, commitment, dtype=np.int64)]
        trace = self._ladder.run(self._use)
        without, left = (
            sum(int(multiply(use, rate).sum()) for use, rate in zip(uses, self._listed, strict=True))
            for uses in (self._use, trace.open)
        )
        used = sum(int(take.spent.sum()) for take in trace.takes.values())
        plan = replace(self.plan, commitment=commitment)
        return Outcome(plan, self.hours, commitment * self.hours + left, without, used, without - left, without)

    def weigh_all(self, sizes: Sequence[int]) -> list[Outcome]:
        """Exactly what some commitments would do, each alone."""
        return [self.weigh(size) for size in sizes]

    def find_best(self) -> Outcome:
        """The commitment at which the window's total cost is least; a commitment of 0 where none would pay."""
        bend = self._find_bend()
        below = bend // STEP * STEP
        sizes = {0} | {size for size in (below - STEP, below, below + STEP, below + 2 * STEP) if size >= LEAST}
        return min((self.weigh(size) for size in sorted(sizes)), key=lambda outcome: outcome.cost)

    def find_bends(self) -> np.ndarray:
        """All commitments at which the slope of the total cost changes, ascending."""
        return self._sweep()[0]

    def _find_bend(self) -> int:
        bends, costs = self._sweep()
        return int(bends[int(np.argmin(costs))]) if len(bends) else 0

    def _sweep(self) -> tuple[np.ndarray, np.ndarray]:
        """All bends, and the total cost at each relative to no commitment (floats: exact values come from weigh)."""
        steps = self._ladder.steps
        if not steps:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        spends = np.stack([multiply(self._use[step.use], step.rate) for step in steps])
        # How many dollars of on-demand cost a dollar of the plan replaces while it covers a class.
        worth = np.array([self._listed[step.use] / step.rate for step in steps])
        ends = np.cumsum(spends, axis=0)
        rows, columns = np.nonzero(spends)
        starts, stops = ends[rows, columns] - spends[rows, columns], ends[rows, columns]
        at = np.concatenate([starts, stops])
        change = np.concatenate([worth[rows], -worth[rows]])
        order = np.argsort(at, kind="stable")
        at, slope = at[order], np.cumsum(change[order])
        gained = np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(at))]) if len(at) else np.zeros(0)
        return at, self.hours * at.astype(np.float64) - gained


@dataclass(frozen=True)
class Optimum:
    """``compute``: one more Compute Savings Plan alone. ``instance``: EC2 Instance plans as they were fitted one after
    another, each where it pays. ``compute_after``: a Compute plan for what those leave."""

    compute: Offer
    instance: list[tuple[InstanceOffer, Outcome]]
    compute_after: Offer


def find_optimum(meters: Iterable[Meter], owned: Sequence[Commitment], first: int, last: int) -> Optimum:
    """What one-year plans without upfront payment would have been best in [first, last), owned by the payer.

    ``owned``: what is applied anyway. Instance plans come first, family by family and region by region, the one with
    the most use on demand first, each fitted to what the ones before it leave; then one Compute plan is fitted to
    the rest.
    """
    meters = [meter for meter in meters if class_of(meter) is not None and meter.commitment_class != "rds"]
    rest = allocate(meters, owned, first, last).rest
    compute = Offer(_plan(COMPUTE_PLAN, first), rest, first, last)
    late = [each for each in owned if isinstance(each, SavingsPlan) and each.plan_type == COMPUTE_PLAN]
    early = [each for each in owned if each not in late]
    remainder = Remainder(allocate(meters, early, first, last).rest, late, first, last)
    instance = []
    for family, region in _rank_families(rest):
        offer = InstanceOffer(_plan(INSTANCE_PLAN, first, family, region), remainder)
        best = offer.find_best()
        if best.saving > 0:
            instance.append((offer, best))
            remainder = offer.leave(best.plan.commitment)
    plans = [replace(best.plan, arn=f"new {index}") for index, (_, best) in enumerate(instance)]
    after = allocate(meters, [*owned, *plans], first, last).rest
    return Optimum(compute, instance, Offer(_plan(COMPUTE_PLAN, first), after, first, last))


def _plan(plan_type: str, start: int, family: str = "", region: Region | None = None) -> SavingsPlan:
    return SavingsPlan("", PAYER, plan_type, 0, start, family=family, region=region)


def _rank_families(rest: Iterable[Meter]) -> list[tuple[str, Region]]:
    """Families and regions with use on demand, most first."""
    spend: dict[tuple[str, Region], int] = defaultdict(int)
    for meter in rest:
        product = catalog.product(meter.product)
        if product.commitment_class == "ec2" and meter.region is not None:
            listed = multiply(meter.quantity, product.list_rate(meter.region))
            spend[(product.instance_family, meter.region)] += int(listed.sum())
    return sorted(spend, key=lambda place: (-spend[place], place))


def _may_cover(plan: SavingsPlan, meter: Meter) -> bool:
    product = catalog.product(meter.product)
    if class_of(meter) is None or not is_covered(product, plan.plan_type):
        return False
    return not plan.family or (product.instance_family, meter.region) == (plan.family, plan.region)
