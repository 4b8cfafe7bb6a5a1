"""Which use each commitment covers, hour by hour, exactly. Quantities and money count 1e-10.

AWS's order (EC2 guide, "How Reserved Instances are applied"; Savings Plans guide, "How Savings Plans apply to
your usage"): zonal reservations, then regional ones, each to its owner's use before the family's, size-flexible ones
from the smallest size to the largest; then EC2 Instance Savings Plans, then Compute ones, all plans of a type pooled:
the owner's use before the family's, the highest saving first, the lowest rate where savings are equal. Use it or lose
it; Spot is never covered.

Use is covered class by class (product, region, account, zone): a ladder of steps, each of which lets one commitment
cover what is left open of one class. Only then is it spread over a class's machines, in the order of their ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from demo.billing.commitments import Reservation, SavingsPlan, units_of
from demo.billing.records import Meter
from demo.money import SCALE, multiply
from demo.prices import catalog
from demo.prices.commitments import COMPUTE_PLAN, INSTANCE_PLAN, is_covered
from demo.world.accounts import Account, Region

Commitment = Reservation | SavingsPlan
# Its square is SCALE: money times this stays within int64.
_HALF_SCALE = 10**5
# More than any commitment can lack.
_ANY = 2**62


@dataclass(frozen=True, order=True)
class UseClass:
    """Use that commitments can't tell apart."""

    product: str
    region: Region
    account: Account
    zone: str


@dataclass(frozen=True)
class Step:
    """One commitment (by index) may cover one class (by index) at ``rate`` a unit: money for plans, normalized quarter
    units for size-flexible reservations, 1 for others."""

    commitment: int
    use: int
    rate: int
    is_plan: bool


@dataclass(frozen=True)
class Take:
    """What a step took per hour: ``quantity`` of the class and ``spent`` of the commitment (money or units)."""

    quantity: np.ndarray
    spent: np.ndarray


@dataclass(frozen=True)
class Trace:
    """A run of a ladder. ``takes``: by step, those that took anything. ``left`` and ``before``: by step, what its
    commitment had left and what was open of its class before it; ``open``: by class, what is left in the end.
    ``least``: by step that left nothing open, the least that its commitment then had left in an hour; -1 of others."""

    takes: dict[int, Take]
    left: list[np.ndarray]
    before: list[np.ndarray]
    open: list[np.ndarray]
    least: list[int]


@dataclass(frozen=True)
class Cover:
    """What one commitment covers of one machine, per hour: ``quantity`` and, of a plan, ``cost`` at its rates."""

    commitment: Commitment
    meter: Meter
    quantity: np.ndarray
    cost: np.ndarray


@dataclass(frozen=True)
class Allocation:
    """Who covers what in the hours [first, last). ``rest``: the meters with what is left to be paid on demand.

    ``offered`` and ``used``: per commitment and hour, money of plans and normalized quarter units (or hours) of
    reservations.
    """

    first: int
    covers: list[Cover]
    rest: list[Meter]
    offered: list[np.ndarray]
    used: list[np.ndarray]


@dataclass
class Ladder:
    """The steps of all commitments over some classes, in AWS's order."""

    commitments: Sequence[Commitment]
    classes: Sequence[UseClass]
    first: int
    last: int
    steps: list[Step] = field(init=False)
    offered: list[np.ndarray] = field(init=False)
    _of_use: dict[int, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.steps = [*_reservation_steps(self.commitments, self.classes), *_plan_steps(self.commitments, self.classes)]
        hours = np.arange(self.first, self.last)
        self.offered = [
            np.where((hours >= each.start) & (hours < each.end), each.hourly_units, 0).astype(np.int64)
            for each in self.commitments
        ]
        self._of_use = defaultdict(list)
        for index, step in enumerate(self.steps):
            self._of_use[step.use].append(index)

    def run(self, use: Sequence[np.ndarray]) -> Trace:
        """Cover some use: an int64 array per class."""
        left, still_open = list(self.offered), list(use)
        is_open = [bool(each.any()) for each in use]
        trace = Trace({}, [], [], still_open, [])
        for index, step in enumerate(self.steps):
            money, before = left[step.commitment], still_open[step.use]
            trace.left.append(money)
            trace.before.append(before)
            if not is_open[step.use]:
                # Nothing is open: whatever the commitment has left, nothing changes here.
                trace.least.append(_ANY)
                continue
            take = _take(step, before, money)
            if take is not None:
                trace.takes[index] = take
                left[step.commitment] = money - take.spent
                still_open[step.use] = before - take.quantity
                is_open[step.use] = bool(still_open[step.use].any())
            trace.least.append(-1 if is_open[step.use] else int(left[step.commitment].min(initial=0)))
        return trace

    def rerun(self, trace: Trace, changed: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
        """What is left open in the classes whose rest differs when the use of some ``changed`` (class -> new use).

        Only steps and hours are looked at again that a change can reach, so that one machine's replay is quick.
        """
        still_open = dict(changed)
        surplus: dict[int, tuple[np.ndarray, int]] = {}
        firsts = [self._of_use[use][0] for use in changed if self._of_use.get(use)]
        for index in range(min(firsts, default=len(self.steps)), len(self.steps)):
            step = self.steps[index]
            found = surplus.get(step.commitment)
            if step.use in still_open:
                more = self._retake(trace, index, still_open, found[0] if found is not None else None)
            elif found is None or (trace.least[index] >= 0 and trace.least[index] + found[1] >= 0):
                # It covered all that was open and still can.
                continue
            else:
                more = self._retake_some(trace, index, still_open, found[0])
            if more is None:
                continue
            if more.any():
                surplus[step.commitment] = more, int(more.min())
            else:
                surplus.pop(step.commitment, None)
        return still_open

    def _retake(
        self, trace: Trace, index: int, still_open: dict[int, np.ndarray], more: np.ndarray | None
    ) -> np.ndarray | None:
        """Repeat a step on a class that has changed; what its commitment then has left more than it had, None: same."""
        step = self.steps[index]
        left = trace.left[index] if more is None else trace.left[index] + more
        take, before = _take(step, still_open[step.use], left), trace.takes.get(index)
        if take is None and before is None:
            return None
        if take is not None:
            still_open[step.use] = still_open[step.use] - take.quantity
        spent = np.zeros_like(left) if take is None else take.spent
        difference = (0 if before is None else before.spent) - spent
        return np.asarray(difference if more is None else more + difference)

    def _retake_some(
        self, trace: Trace, index: int, still_open: dict[int, np.ndarray], more: np.ndarray
    ) -> np.ndarray | None:
        """Repeat a step in the hours in which more or less money can change what it takes of a class."""
        step, take = self.steps[index], trace.takes.get(index)
        before = trace.before[index]
        after = before if take is None else before - take.quantity
        at = np.flatnonzero(((more > 0) & (after > 0)) | ((more < 0) & (before > 0)))
        if not len(at):
            return None
        again = _take(step, before[at], trace.left[index][at] + more[at])
        quantity, spent = (0, 0) if again is None else (again.quantity, again.spent)
        difference = (0 if take is None else take.spent[at]) - spent
        if not np.any(difference):
            return None
        after = after.copy() if take is None else after
        after[at] = before[at] - quantity
        still_open[step.use] = after
        more = more.copy()
        more[at] += difference
        return more


def allocate(meters: Iterable[Meter], commitments: Sequence[Commitment], first: int, last: int) -> Allocation:
    """Apply all commitments to the meters of the hours [first, last), whose quantities begin at ``first``."""
    hours = last - first
    meters = [replace(meter, quantity=meter.quantity[:hours]) for meter in meters]
    classes, members = classify(meters)
    ladder = Ladder(commitments, classes, first, last)
    trace = ladder.run([sum_members(meters, members[use]) for use in range(len(classes))])
    used = [np.zeros(hours, dtype=np.int64) for _ in commitments]
    by_use: dict[int, list[tuple[Step, Take]]] = defaultdict(list)
    for index, take in sorted(trace.takes.items()):
        step = ladder.steps[index]
        used[step.commitment] = used[step.commitment] + take.spent
        by_use[step.use].append((step, take))
    covers: list[Cover] = []
    rest = list(meters)
    for use, takes in by_use.items():
        for place, cover in _spread(meters, members[use], takes, commitments):
            covers.append(cover)
            rest[place] = replace(rest[place], quantity=rest[place].quantity - cover.quantity)
    return Allocation(first, covers, [meter for meter in rest if meter.quantity.any()], ladder.offered, used)


def classify(meters: Sequence[Meter]) -> tuple[list[UseClass], list[list[int]]]:
    """The classes of all meters that a commitment may cover, sorted; of each its meters in the order of their ids."""
    groups: dict[UseClass, list[int]] = defaultdict(list)
    for place, meter in enumerate(meters):
        use = class_of(meter)
        if use is not None:
            groups[use].append(place)
    classes = sorted(groups)
    return classes, [sorted(groups[use], key=lambda place: meters[place].resource_id) for use in classes]


def class_of(meter: Meter) -> UseClass | None:
    """The class of a meter, None where no commitment may cover it."""
    if not meter.commitment_class or meter.region is None or catalog.product(meter.product).is_spot:
        return None
    return UseClass(meter.product, meter.region, meter.account, meter.zone)


def sum_members(meters: Sequence[Meter], places: Sequence[int]) -> np.ndarray:
    """The use of some meters together."""
    total = meters[places[0]].quantity.copy()
    for place in places[1:]:
        total += meters[place].quantity
    return total


def _take(step: Step, still_open: np.ndarray, left: np.ndarray) -> Take | None:
    """What a step covers: all that is open, or as much as what is left pays for, rounded down."""
    if not (left > 0).any() or not still_open.any():
        return None
    if not step.is_plan:
        quantity = np.minimum(still_open, left // step.rate)
        return Take(quantity, quantity * step.rate) if quantity.any() else None
    cost = multiply(still_open, step.rate)
    is_short = cost > left
    quantity, spent = still_open, cost
    if is_short.any():
        # left x 1e10 / rate, rounded down, in steps that int64 holds.
        whole, part = np.divmod(left, step.rate)
        high, part = np.divmod(part * 10**5, step.rate)
        paid = np.minimum(np.where(is_short, whole * SCALE + high * 10**5 + part * 10**5 // step.rate, 0), still_open)
        quantity = np.where(is_short, paid, still_open)
        spent = np.where(is_short, np.where(paid > 0, left, 0), cost)
    return Take(quantity, spent) if quantity.any() else None


def _divide(money: np.ndarray, rate: int) -> np.ndarray:
    """How many units (1e-10) some money pays for at a rate below 9,000 USD, rounded down, exactly."""
    whole, rest = np.divmod(money, rate)
    high, rest = np.divmod(rest * _HALF_SCALE, rate)
    return np.asarray(whole * SCALE + high * _HALF_SCALE + rest * _HALF_SCALE // rate)


def _spread(
    meters: Sequence[Meter],
    places: Sequence[int],
    takes: Sequence[tuple[Step, Take]],
    commitments: Sequence[Commitment],
) -> Iterable[tuple[int, Cover]]:
    """Hand the takes of a class to its machines: in the order of ids each is filled by the takes in their order."""
    ends = np.cumsum(np.stack([meters[place].quantity for place in places]), axis=0)
    begins = ends - np.stack([meters[place].quantity for place in places])
    low = np.zeros(ends.shape[1], dtype=np.int64)
    for step, take in takes:
        high = low + take.quantity
        upper = np.clip(ends, low, high) - low
        lower = np.clip(begins, low, high) - low
        touched = np.flatnonzero((upper > lower).any(axis=1))
        for row in touched.tolist():
            if step.is_plan:
                cost = _paid(upper[row], take, step.rate) - _paid(lower[row], take, step.rate)
            else:
                cost = np.zeros_like(low)
            place = places[row]
            yield place, Cover(commitments[step.commitment], meters[place], upper[row] - lower[row], cost)
        low = high


def _paid(reached: np.ndarray, take: Take, rate: int) -> np.ndarray:
    """The plan's money for the first ``reached`` of a take: in the end exactly what was spent."""
    return np.where(reached >= take.quantity, take.spent, np.minimum(multiply(reached, rate), take.spent))


def _reservation_steps(commitments: Sequence[Commitment], classes: Sequence[UseClass]) -> Iterable[Step]:
    for is_zonal in (True, False):
        for is_family in (False, True):
            for index, each in enumerate(commitments):
                if not isinstance(each, Reservation) or bool(each.zone) != is_zonal:
                    continue
                matches = []
                for use, kind in enumerate(classes):
                    if (kind.account != each.owner) != is_family or not each.matches(
                        kind.product, kind.region, kind.zone
                    ):
                        continue
                    matches.append((units_of(kind.product) if each.is_flexible else 1, use))
                for units, use in sorted(matches):
                    yield Step(index, use, units, False)


def _plan_steps(commitments: Sequence[Commitment], classes: Sequence[UseClass]) -> Iterable[Step]:
    for plan_type in (INSTANCE_PLAN, COMPUTE_PLAN):
        for is_family in (False, True):
            ranked = []
            for index, plan in enumerate(commitments):
                if not isinstance(plan, SavingsPlan) or plan.plan_type != plan_type:
                    continue
                for use, kind in enumerate(classes):
                    product = catalog.product(kind.product)
                    if (kind.account != plan.owner) != is_family or not is_covered(product, plan_type):
                        continue
                    if plan_type == INSTANCE_PLAN and (product.instance_family, kind.region) != (
                        plan.family,
                        plan.region,
                    ):
                        continue
                    rate = plan.rate(kind.product, kind.region)
                    ranked.append((Fraction(rate, product.list_rate(kind.region)), rate, index, use))
            for _, rate, index, use in sorted(ranked):
                yield Step(index, use, rate, True)
