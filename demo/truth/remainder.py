"""What one more EC2 Instance Savings Plan would do to a bill on which Compute plans stand already.

An Instance plan is applied before all Compute plans. What it takes over from them sets their money free for other
use, so its saving isn't told by what is on demand today: the Compute plans are applied anew, for many sizes of it at
a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from demo.billing.allocation import Ladder, Trace, UseClass, classify, sum_members
from demo.billing.commitments import SavingsPlan
from demo.billing.records import Meter
from demo.money import multiply
from demo.prices import catalog

# Commitments have five decimals and are 0.001 USD an hour at least (Savings Plans API reference, CreateSavingsPlan).
STEP, LEAST = 10**5, 10**7
# So many hours, of all sizes together, are looked at in one pass.
_BATCH_HOURS = 12_000
_FEWEST_SIZES = 6


@dataclass(frozen=True)
class Outcome:
    """What one more plan would have done in a window of so many ``hours``. Money in 1e-10 USD over the whole window.

    ``cost``: the plan's fees and what is left on demand; ``without``: what was on demand before; ``used``: of its fees;
    ``eligible``: the list price of what it may cover, and ``covered`` of that what it does.
    """

    plan: SavingsPlan
    hours: int
    cost: int
    without: int
    used: int
    covered: int
    eligible: int

    @property
    def saving(self) -> int:
        """By how much the bill would have been lower."""
        return self.without - self.cost


class Remainder:
    """Use that is left after reservations and Instance plans, class by class, and what Compute plans leave of it."""

    def __init__(self, meters: Sequence[Meter], plans: Sequence[SavingsPlan], first: int, last: int):
        meters = [replace(meter, quantity=meter.quantity[: last - first]) for meter in meters]
        self.classes, members = classify(meters)
        self.use = [sum_members(meters, places) for places in members]
        self.plans, self.first, self.last = plans, first, last

    @property
    def hours(self) -> int:
        """Hours of the window."""
        return self.last - self.first

    @cached_property
    def listed(self) -> list[int]:
        """By class, what its rest costs on demand in the whole window."""
        rates = map(list_rate, self.classes)
        still_open = (rest[: self.hours] for rest in self.repeated[1].open)
        return [int(multiply(rest, rate).sum()) for rest, rate in zip(still_open, rates, strict=True)]

    @cached_property
    def batch(self) -> int:
        """How many sizes are looked at in one pass."""
        return max(_FEWEST_SIZES, _BATCH_HOURS // max(1, self.hours))

    @cached_property
    def repeated(self) -> tuple[Ladder, Trace]:
        """The ladder and what it covers with all hours as often as sizes are looked at, one after another."""
        ladder = Ladder(self.plans, self.classes, self.first, self.last)
        # Steps look at each hour alone: as many hours can stand in a row as one likes.
        ladder.offered = [np.tile(offered, self.batch) for offered in ladder.offered]
        return ladder, ladder.run([np.tile(use, self.batch) for use in self.use])

    def reduce(self, changed: dict[int, np.ndarray]) -> Remainder:
        """The remainder with other use of some classes."""
        result = object.__new__(Remainder)
        result.classes, result.plans, result.first, result.last = self.classes, self.plans, self.first, self.last
        result.use = [changed.get(index, use) for index, use in enumerate(self.use)]
        return result


@dataclass
class InstanceOffer:
    """An EC2 Instance Savings Plan for one family in one region, and what any size of it would do."""

    plan: SavingsPlan
    remainder: Remainder
    _places: list[int] = field(init=False)
    _classes: list[UseClass] = field(init=False)

    def __post_init__(self) -> None:
        places = [
            index
            for index, kind in enumerate(self.remainder.classes)
            if kind.region == self.plan.region and _is_of(kind.product, self.plan.family)
        ]
        self._places, self._classes = places, [self.remainder.classes[place] for place in places]

    def weigh(self, commitment: int) -> Outcome:
        """Exactly what a commitment (1e-10 USD an hour) would do."""
        return self.weigh_all([commitment])[0]

    def weigh_all(self, sizes: Sequence[int]) -> list[Outcome]:
        """Exactly what some commitments would do, each alone; at most ``remainder.batch`` of them."""
        rest, hours, batch = self.remainder, self.remainder.hours, self.remainder.batch
        padded = [*sizes, *[sizes[-1]] * (batch - len(sizes))]
        before = [np.tile(rest.use[place], batch) for place in self._places]
        trace = self._cover(np.repeat(np.array(padded, dtype=np.int64), hours), before)
        ladder, covered = rest.repeated
        still_open = ladder.rerun(covered, dict(zip(self._places, trace.open, strict=True)))
        left = np.full(batch, sum(rest.listed) - sum(rest.listed[place] for place in still_open), dtype=object)
        for place, values in still_open.items():
            left += _sum_each(multiply(values, list_rate(rest.classes[place])), hours)
        used = sum((_sum_each(take.spent, hours) for take in trace.takes.values()), np.zeros(batch, dtype=object))
        rates = [list_rate(kind) for kind in self._classes]
        eligible, uncovered = (
            sum(
                (_sum_each(multiply(use, rate), hours) for use, rate in zip(uses, rates, strict=True)),
                np.zeros(batch, dtype=object),
            )
            for uses in (before, trace.open)
        )
        return [
            Outcome(
                replace(self.plan, commitment=size),
                hours,
                size * hours + int(left[at]),
                sum(rest.listed),
                int(used[at]),
                int(eligible[at] - uncovered[at]),
                int(eligible[at]),
            )
            for at, size in enumerate(sizes)
        ]

    def find_best(self) -> Outcome:
        """The commitment with the least total cost: the best of some sizes, then of some between its neighbours,
        down to AWS's five decimals; 0 where none would pay. The cost is convex but for what the freed money of
        Compute plans covers, which is too flat to hide a lower place between two sizes that are both dearer than
        their neighbour."""
        most = max((int(spend) for spend in self._sum_spends()), default=0) // STEP + 1
        low, high = 0, most
        best: Outcome | None = None
        while True:
            count = min(self.remainder.batch, high - low + 1)
            sizes = sorted(
                {round(low + (high - low) * turn / (count - 1)) for turn in range(count)} if count > 1 else {low}
            )
            outcomes = self.weigh_all([size * STEP for size in sizes])
            at = min(range(len(sizes)), key=lambda index: outcomes[index].cost)
            allowed = [outcome for outcome in outcomes if not 0 < outcome.plan.commitment < LEAST]
            best = min(
                [*allowed, *([best] if best else [])], key=lambda outcome: (outcome.cost, outcome.plan.commitment)
            )
            if count == high - low + 1 or high <= low:
                return best
            low, high = sizes[max(0, at - 1)], sizes[min(len(sizes) - 1, at + 1)]

    def leave(self, commitment: int) -> Remainder:
        """What is left for others once such a plan is applied."""
        use = [self.remainder.use[place] for place in self._places]
        trace = self._cover(np.full(self.remainder.hours, commitment, dtype=np.int64), use)
        return self.remainder.reduce(dict(zip(self._places, trace.open, strict=True)))

    def _cover(self, offered: np.ndarray, use: Sequence[np.ndarray]) -> Trace:
        ladder = Ladder([self.plan], self._classes, self.remainder.first, self.remainder.last)
        ladder.offered = [offered]
        return ladder.run(use)

    def _sum_spends(self) -> np.ndarray:
        """What all the use costs at the plan's rates, hour by hour."""
        total = np.zeros(self.remainder.hours, dtype=np.int64)
        for place, kind in zip(self._places, self._classes, strict=True):
            total += multiply(self.remainder.use[place], self.plan.rate(kind.product, kind.region))
        return total


def _is_of(product: str, family: str) -> bool:
    kind = catalog.product(product)
    return kind.commitment_class == "ec2" and kind.instance_family == family


def list_rate(use: UseClass) -> int:
    """The on-demand price of a unit."""
    return catalog.product(use.product).list_rate(use.region)


def _sum_each(values: np.ndarray, hours: int) -> np.ndarray:
    """Sums of each ``hours`` values, as Python's integers."""
    return values.reshape(-1, hours).sum(axis=1).astype(object)
