"""The account's bill replayed with something removed, changed or bought: what it would truly fall by.

Commitments are kept and their fees are owed all the same; hours that they no longer cover here are absorbed by other
machines; free and volume tiers are filled anew. What falls is use paid on demand, so that alone is recomputed: classes
and pools of tiers that a change can reach, not the whole bill. Tax, credits, support and discounts stay out. In periods
that are reported by the hour a fall equals the difference of two whole bills to the last digit; daily ones round by the
day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from demo.billing.allocation import Ladder, Trace, UseClass, class_of, classify, sum_members
from demo.billing.books import Books
from demo.billing.commitments import SavingsPlan
from demo.billing.meters import Meters
from demo.billing.pools import Pool
from demo.billing.records import Meter
from demo.money import SCALE, multiply
from demo.prices import catalog
from demo.prices.compute import spot_rates
from demo.timeline import hour_of, moment
from demo.world.resources import Resource

_Pool = tuple[str, str]


def fall_without(books: Books, resource_id: str, first: int, last: int) -> int:
    """By how much (1e-10 USD) the bill of the hours [first, last) would be lower had a resource not been there."""
    return replay(books, first, last).fall({resource_id: []}, first, last)


def fall_with(books: Books, resource_id: str, changed: Resource, first: int, last: int) -> int:
    """By how much (1e-10 USD) the bill of [first, last) would be lower had a resource been as ``changed`` describes it.

    ``changed`` replaces what the resource is from its ``since`` to its ``until``. Negative where it would cost more.
    """
    return replay(books, first, last).fall_with(resource_id, changed, first, last)


def cost_with_plan(books: Books, plans: Sequence[SavingsPlan] | SavingsPlan, first: int, last: int) -> int:
    """The cost (1e-10 USD) of the hours [first, last) with more Savings Plans: use on demand and their commitments.

    Fees of what is owned already don't depend on it and are left out. Upfront payments count by the hour.
    """
    added = (plans,) if isinstance(plans, SavingsPlan) else tuple(plans)
    return replay(books, first, last).cost_with(added, first, last)


def replay(books: Books, first: int, last: int) -> Replay:
    """The replay of a window; the last one made is kept with the books and serves windows within its own."""
    kept = books.replay
    if not isinstance(kept, Replay) or not kept.first <= first <= last <= kept.last:
        kept = books.replay = Replay(books, first, last)
    return kept


class Replay:
    """The bill of the hours [first, last) and of what came before in the first one's month, which fills tiers."""

    def __init__(self, books: Books, first: int, last: int):
        self.first, self.last = first, last
        date = moment(first)
        self._start = hour_of(date.year, date.month)
        self._estate = Meters(books.estate.resources)
        self._commitments = books.commitments
        self._meters = self._estate.measure(self._start, last)
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, meter in enumerate(self._meters):
            self._places[meter.resource_id].append(place)
        self._cuts = _month_cuts(self._start, last)
        classes, members = classify(self._meters)
        self._members: dict[UseClass, list[Meter]] = {
            use: [self._meters[place] for place in places] for use, places in zip(classes, members, strict=True)
        }
        self._totals = {use: sum_members(self._meters, places) for use, places in zip(classes, members, strict=True)}
        self._build(sorted({*classes, *_siblings(classes)}))
        self._pool_of: dict[_Pool, int] = {}
        self._pools: dict[int, list[Meter]] = {}
        self._fill_pools()
        self._class_costs: dict[UseClass, np.ndarray] = {}
        self._priced: dict[int, Pool] = {}

    def fall(self, instead: Mapping[str, Sequence[Meter]], first: int, last: int) -> int:
        """The fall of the bill had the meters of some resources been others. Each one's quantity spans the replay."""
        before: list[Meter] = []
        after: list[Meter] = []
        for resource_id, meters in instead.items():
            before += [self._meters[place] for place in self._places.get(resource_id, ())]
            after += meters
        difference = self._difference(before, after)
        return int(difference[first - self._start : last - self._start].sum())

    def fall_with(self, resource_id: str, changed: Resource, first: int, last: int) -> int:
        """The fall of the bill had a resource been as described."""
        hours = np.arange(self._start, self.last)
        until = self.last if changed.until is None else changed.until
        is_other = (hours < changed.since) | (hours >= until)
        kept = [self._meters[place] for place in self._places.get(resource_id, ())]
        instead = [replace(meter, quantity=np.where(is_other, meter.quantity, 0)) for meter in kept]
        instead += self._estate.measure_thing(changed, self._start, self.last)
        instead = [meter for meter in instead if meter.quantity.any()]
        return self.fall({resource_id: instead}, first, last)

    def cost_with(self, plans: Sequence[SavingsPlan], first: int, last: int) -> int:
        """Use on demand and the commitments of more plans."""
        classes = sorted(self._totals)
        ladder = Ladder([*self._commitments, *plans], classes, self._start, self.last)
        trace = ladder.run([self._totals[use] for use in classes])
        rests = dict(zip(classes, trace.open, strict=True))
        cost = np.zeros(self.last - self._start, dtype=np.int64)
        for use in classes:
            if not self._is_pooled(use):
                cost += self._class_cost(use, self._members[use], rests[use])
        for meter in self._meters:
            if class_of(meter) is None and _pool_key(meter) is None:
                cost += _plain_cost(meter, self._start)
        for index, members in self._pools.items():
            pool = self._base_pool(index)
            cost += pool.cost - pool.fall(self._rest_of(members, self._members, rests))
        for offered in ladder.offered[len(self._commitments) :]:
            cost += offered
        return int(cost[first - self._start : last - self._start].sum())

    def _build(self, classes: list[UseClass]) -> None:
        self._classes = classes
        self._index = {use: index for index, use in enumerate(classes)}
        self._ladder = Ladder(self._commitments, classes, self._start, self.last)
        nothing = np.zeros(self.last - self._start, dtype=np.int64)
        self._trace: Trace = self._ladder.run([self._totals.get(use, nothing) for use in classes])

    def _difference(self, before: Sequence[Meter], after: Sequence[Meter]) -> np.ndarray:
        """Cost per hour of what changes: before less after."""
        cost = np.zeros(self.last - self._start, dtype=np.int64)
        gone, come = _group(before), _group(after)
        touched = {use for use in (*gone, *come) if use is not None}
        missing = [use for use in touched if use not in self._index]
        if missing:
            self._build(sorted({*self._classes, *missing}))
        members: dict[UseClass, list[Meter]] = {}
        changed: dict[int, np.ndarray] = {}
        for use in touched:
            left = [meter for meter in self._members.get(use, []) if not _holds(gone.get(use, ()), meter)]
            members[use] = sorted([*left, *come.get(use, ())], key=lambda meter: meter.resource_id)
            total = self._totals.get(use, np.zeros_like(cost))
            total = total - _sum(gone.get(use, ()), cost) + _sum(come.get(use, ()), cost)
            changed[self._index[use]] = total
        rests = {self._classes[index]: rest for index, rest in self._ladder.rerun(self._trace, changed).items()}
        pools = {self._pool_index(key) for key in map(_pool_key, (*before, *after)) if key is not None}
        for use, rest in rests.items():
            mine = members.get(use, self._members.get(use, []))
            if self._is_pooled(use):
                pools |= {self._pool_index(key) for meter in mine[:1] if (key := _pool_key(meter)) is not None}
                continue
            cost += self._base_class_cost(use) - self._class_cost(use, mine, rest)
        for sign, meters in ((1, gone.get(None, [])), (-1, come.get(None, []))):
            for meter in meters:
                if _pool_key(meter) is None:
                    cost += sign * _plain_cost(meter, self._start)
        for pool in pools:
            base = self._pools.get(pool, [])
            new = [meter for meter in base if not _holds(before, meter)]
            new += [meter for meter in after if (key := _pool_key(meter)) and self._pool_index(key) == pool]
            cost += self._base_pool(pool).fall(self._rest_of(new, {**self._members, **members}, rests))
        return cost

    def _base_class_cost(self, use: UseClass) -> np.ndarray:
        if use not in self._class_costs:
            rest = self._trace.open[self._index[use]]
            self._class_costs[use] = self._class_cost(use, self._members.get(use, []), rest)
        return self._class_costs[use]

    def _class_cost(self, use: UseClass, members: Sequence[Meter], rest: np.ndarray) -> np.ndarray:
        rate = catalog.product(use.product).list_rate(use.region)
        if not rest.any():
            return np.zeros_like(rest)
        if all(not (meter.quantity % SCALE).any() for meter in members):
            # Of whole hours one machine's alone is split: rounding the class is rounding its lines.
            return multiply(rest, rate)
        total = np.zeros_like(rest)
        for _, quantity in _spread_rest(members, rest):
            total += multiply(quantity, rate)
        return total

    def _base_pool(self, pool: int) -> Pool:
        if pool not in self._priced:
            rests = dict(zip(self._classes, self._trace.open, strict=True))
            meters = self._rest_of(self._pools.get(pool, []), self._members, rests)
            self._priced[pool] = Pool(meters, self._cuts, self.last - self._start)
        return self._priced[pool]

    def _rest_of(
        self,
        meters: Sequence[Meter],
        members: Mapping[UseClass, Sequence[Meter]],
        rests: Mapping[UseClass, np.ndarray],
    ) -> list[Meter]:
        """The meters of a pool with what commitments leave of them."""
        result: list[Meter] = []
        uses: set[UseClass] = set()
        for meter in meters:
            use = class_of(meter)
            if use is None:
                result.append(meter)
            else:
                uses.add(use)
        for use in sorted(uses):
            rest = rests.get(use, self._trace.open[self._index[use]])
            result += [replace(meter, quantity=left) for meter, left in _spread_rest(members[use], rest) if left.any()]
        return result

    def _fill_pools(self) -> None:
        for meter in self._meters:
            key = _pool_key(meter)
            if key is not None:
                self._pools.setdefault(self._pool_index(key), []).append(meter)

    def _pool_index(self, key: _Pool) -> int:
        return self._pool_of.setdefault(key, len(self._pool_of))

    def _is_pooled(self, use: UseClass) -> bool:
        product = catalog.product(use.product)
        return product.allowance is not None or len(product.texts) > 1


def _pool_key(meter: Meter) -> _Pool | None:
    """What shares tiers with a meter, as wide as its widest sharing: None where its price is one for any amount."""
    product = catalog.product(meter.product)
    place = "" if meter.region is None else meter.region.code
    if product.allowance is not None:
        return f"free {product.allowance.name}", place if product.allowance.is_per_region else ""
    return (product.pool, place) if len(product.texts) > 1 else None


def _group(meters: Iterable[Meter]) -> dict[UseClass | None, list[Meter]]:
    groups: dict[UseClass | None, list[Meter]] = defaultdict(list)
    for meter in meters:
        groups[class_of(meter)].append(meter)
    return groups


def _holds(meters: Iterable[Meter], meter: Meter) -> bool:
    return any(each is meter for each in meters)


def _sum(meters: Iterable[Meter], like: np.ndarray) -> np.ndarray:
    total = np.zeros_like(like)
    for meter in meters:
        total += meter.quantity
    return total


def _spread_rest(members: Sequence[Meter], rest: np.ndarray) -> Iterable[tuple[Meter, np.ndarray]]:
    """What is left of each machine of a class: commitments are handed out from the first on, so the last ones' is."""
    left = rest.copy()
    for meter in reversed(members):
        mine = np.minimum(meter.quantity, left)
        left -= mine
        yield meter, mine


def _plain_cost(meter: Meter, start: int) -> np.ndarray:
    product = catalog.product(meter.product)
    if not product.is_spot:
        return multiply(meter.quantity, product.list_rate(meter.region))
    rates = spot_rates(product.instance_type, product.operating_system, meter.zone, start, start + len(meter.quantity))
    whole, part = np.divmod(meter.quantity, SCALE)
    return np.asarray(whole * rates + part * (rates // 10**4) // 10**6)


def _siblings(classes: Iterable[UseClass]) -> Iterable[UseClass]:
    """The other sizes that a class's machines could be changed to, so that a change needs no new ladder."""
    families: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for key, product in catalog.products().items():
        if product.instance_type and not product.is_spot:
            families[_family(key)].append(key)
    for use in classes:
        if catalog.product(use.product).instance_type:
            for key in families[_family(use.product)]:
                yield replace(use, product=key)


def _family(key: str) -> tuple[str, str, str]:
    """ec2 or rds, the family, and the system or engine with its deployment."""
    market, instance_type, rest = key.split("/", 2)
    return market, instance_type.rsplit(".", 1)[0], rest


def _month_cuts(start: int, last: int) -> list[tuple[int, int]]:
    """The months of a span that begins with one, as positions in it."""
    cuts, at = [], start
    while at < last:
        date = moment(at)
        end = min(last, hour_of(date.year, date.month + 1))
        cuts.append((at - start, end - start))
        at = end
    return cuts
