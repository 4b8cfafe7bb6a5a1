"""What a change of some use does to all that shares its free and volume tiers, without pricing all of it anew.

Taking use out of a month moves the hours in which its tiers are reached. In every hour that lies wholly in the same
tier before and after, the others cost what they did; only the hours between are priced anew, exactly, with what was
used between them gathered into one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from demo.billing.records import Meter
from demo.billing.tiers import FREE, allowance_group, pool_group, split_by_tier
from demo.money import SCALE, multiply
from demo.prices import catalog
from demo.world.accounts import Region

_Key = tuple[str, str]
# Totals are compared as floats: this near to a tier's start an hour is priced anew, to be sure.
_NEAR = 1e-8
# What is gathered stays below so many units, for which there is room in int64.
_MOST_GATHERED = 4e8


@dataclass(frozen=True)
class _Line:
    meter: Meter
    cost: np.ndarray


class Pool:
    """Meters that share tiers in some months. ``cuts``: each month's [begin, end) among the meters' ``hours`` hours."""

    def __init__(self, meters: Sequence[Meter], cuts: Sequence[tuple[int, int]], hours: int):
        self._cuts, self._hours = cuts, hours
        self._lines: dict[_Key, list[_Line]] = defaultdict(list)
        self._asked: dict[_Key, np.ndarray] = defaultdict(lambda: np.zeros(hours))
        self._paid: dict[_Key, np.ndarray] = defaultdict(lambda: np.zeros(hours))
        self._most = _find_most(meters)
        self.cost = np.zeros(hours, dtype=np.int64)
        costs = [np.zeros(hours, dtype=np.int64) for _ in meters]
        places = {id(meter): place for place, meter in enumerate(meters)}
        for begin, end in cuts:
            month = [replace(meter, quantity=meter.quantity[begin:end]) for meter in meters]
            whole = {id(part): meter for part, meter in zip(month, meters, strict=True)}
            for portion in split_by_tier(month, end - begin):
                meter = whole[id(portion.meter)]
                group = pool_group(meter)
                if portion.tier != FREE:
                    rate = tier_rate(meter.product, meter.region, portion.tier)
                    costs[places[id(meter)]][begin:end] += multiply(portion.quantity, rate)
                    if group is not None:
                        self._paid[group][begin:end] += portion.quantity / SCALE
        for meter, cost in zip(meters, costs, strict=True):
            self._lines[(meter.resource_id, meter.product)].append(_Line(meter, cost))
            self.cost += cost
            allowance = allowance_group(meter)
            if allowance is not None:
                self._asked[allowance] += meter.quantity / SCALE

    def fall(self, meters: Sequence[Meter]) -> np.ndarray:
        """By how much the pool's cost falls, per hour, with these meters in place of its own."""
        gone, come = self._compare(meters)
        fall = np.zeros(self._hours, dtype=np.int64)
        if not gone and not come:
            return fall
        is_free, tiers, unsure = self._judge([line.meter for line in gone], come)
        for line in gone:
            fall += line.cost
        for meter in come:
            fall -= _price(meter, is_free.get(allowance_group(meter)), tiers.get(pool_group(meter)))
        if unsure.any():
            fall[unsure] = self.cost[unsure] - self._price_anew(meters, unsure)[unsure]
        return fall

    def _compare(self, meters: Sequence[Meter]) -> tuple[list[_Line], list[Meter]]:
        """What the pool loses and what it gets."""
        kept: dict[_Key, list[_Line]] = {key: list(lines) for key, lines in self._lines.items()}
        come = []
        for meter in meters:
            lines = kept.get((meter.resource_id, meter.product), [])
            same = next((line for line in lines if _is_same(line.meter, meter)), None)
            if same is None:
                come.append(meter)
            else:
                lines.remove(same)
        return [line for lines in kept.values() for line in lines], come

    def _judge(
        self, gone: Sequence[Meter], come: Sequence[Meter]
    ) -> tuple[dict[_Key | None, np.ndarray], dict[_Key | None, np.ndarray], np.ndarray]:
        """Per allowance the hours under it, per pool of tiers each hour's tier; and the hours in which they aren't
        sure."""
        is_free: dict[_Key | None, np.ndarray] = {}
        tiers: dict[_Key | None, np.ndarray] = {}
        unsure = np.zeros(self._hours, dtype=bool)
        change: dict[_Key, np.ndarray] = defaultdict(lambda: np.zeros(self._hours))
        for sign, meters in ((-1, gone), (1, come)):
            for meter in meters:
                for group in (allowance_group(meter), pool_group(meter)):
                    if group is not None:
                        change[group] += sign * (meter.quantity / SCALE)
        sample = {group: meter for meter in (*gone, *come) for group in (allowance_group(meter), pool_group(meter))}
        sample |= {pool_group(line.meter): line.meter for lines in self._lines.values() for line in lines}
        for group in {allowance_group(meter) for meter in (*gone, *come)} - {None}:
            assert group is not None
            allowance = catalog.product(sample[group].product).allowance
            assert allowance is not None
            before = self._asked[group]
            after = before + change[group]
            was, now = (self._place(total, total, allowance.quantity) for total in (before, after))
            unsure |= (was != now) | (now == 0)
            is_free[group] = now < 0
        free = next(iter(is_free.values()), np.zeros(self._hours, dtype=bool))
        for group in set(sample) - {None} - set(is_free):
            assert group is not None
            product = catalog.product(sample[group].product)
            starts = [start for start, _ in next(iter(product.prices.values()))][1:]
            paid = self._paid[group]
            sure = np.where(free, 0.0, np.maximum(paid + change[group], 0.0))
            # Where the allowance is in doubt, this pool's part of it may be anything.
            low, high = np.where(unsure, 0.0, sure), np.where(unsure, paid + np.abs(change[group]), sure)
            if len(is_free):
                high = np.where(unsure, self._sum_asked(is_free) + np.abs(change[group]), high)
            tier = np.zeros(self._hours, dtype=np.int64)
            doubts = np.zeros(self._hours, dtype=bool)
            for start in starts:
                was, now = self._place(paid, paid, start), self._place(low, high, start)
                doubts |= (was != now) | (now == 0)
                tier += now > 0
            tiers[group] = tier
            unsure = unsure | doubts
        return is_free, tiers, unsure

    def _sum_asked(self, groups: Iterable[_Key | None]) -> np.ndarray:
        return np.asarray(sum((self._asked[group] for group in groups if group is not None), np.zeros(self._hours)))

    def _place(self, low: np.ndarray, high: np.ndarray, limit: float) -> np.ndarray:
        """-1 in hours that end below a month's ``limit``, 1 in those that begin above it, 0 in others."""
        result = np.zeros(self._hours, dtype=np.int64)
        slack = _NEAR * limit + _NEAR
        for begin, end in self._cuts:
            least = np.cumsum(low[begin:end]) - low[begin:end]
            most = np.cumsum(high[begin:end])
            result[begin:end] = np.where(most < limit - slack, -1, np.where(least > limit + slack, 1, 0))
        return result

    def _price_anew(self, meters: Sequence[Meter], unsure: np.ndarray) -> np.ndarray:
        """The cost per hour where it is ``unsure``; elsewhere nothing of meaning."""
        cost = np.zeros(self._hours, dtype=np.int64)
        longest = max(1, int(_MOST_GATHERED / max(self._most, _find_most(meters), 1e-9)))
        for begin, end in self._cuts:
            here = np.flatnonzero(unsure[begin:end])
            if not len(here):
                continue
            last = int(here[-1]) + 1
            edges = np.unique(np.concatenate([np.arange(0, last, longest), here, here + 1]))
            edges = edges[edges < last]
            month = [
                replace(meter, quantity=np.add.reduceat(meter.quantity[begin : begin + last], edges))
                for meter in meters
            ]
            by_rate: dict[int, list[np.ndarray]] = defaultdict(list)
            columns = np.searchsorted(edges, here)
            for portion in split_by_tier(month, len(edges)):
                if portion.tier != FREE:
                    rate = tier_rate(portion.meter.product, portion.meter.region, portion.tier)
                    by_rate[rate].append(portion.quantity[columns])
            for rate, quantities in by_rate.items():
                priced = multiply(np.concatenate(quantities), rate).reshape(-1, len(here))
                cost[begin + here] += priced.sum(axis=0)
        return cost


def tier_rate(key: str, region: Region | None, tier: int) -> int:
    """The price of a unit in a tier."""
    return _list_rates(key, region)[tier]


@lru_cache(maxsize=4096)
def _list_rates(key: str, region: Region | None) -> tuple[int, ...]:
    return tuple(tier.rate for tier in catalog.product(key).tiers(region))


def _price(meter: Meter, is_free: np.ndarray | None, tiers: np.ndarray | None) -> np.ndarray:
    """What a meter costs in hours that lie wholly in one tier."""
    rates = _list_rates(meter.product, meter.region)
    cost = np.zeros_like(meter.quantity)
    for tier, rate in enumerate(rates):
        here = np.ones(len(cost), dtype=bool) if tiers is None else tiers == tier
        if tiers is None and tier:
            break
        if is_free is not None:
            here = here & ~is_free
        if here.any():
            cost[here] = multiply(meter.quantity[here], rate)
    return cost


def _is_same(one: Meter, other: Meter) -> bool:
    same_place = one.account == other.account and one.region == other.region
    return same_place and (one.quantity is other.quantity or np.array_equal(one.quantity, other.quantity))


def _find_most(meters: Iterable[Meter]) -> float:
    """The most units that any of them uses in an hour."""
    return max((float(meter.quantity.max(initial=0)) / SCALE for meter in meters), default=0.0)
