"""Free tiers and volume tiers of a month over the whole organisation, in order of time, exact.

AWS adds up an organisation's use of a product (of a region, or over all of them for most free tiers) and prices each
unit by where it falls in the month. Within an hour the order isn't documented: here it is account, then resource.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from demo.billing.records import Meter
from demo.money import SCALE
from demo.prices import catalog
from demo.prices.products import Product

FREE = -1
# Beyond this many whole units no int64 holds a quantity in 1e-10.
_MOST_UNITS = 900_000_000


@dataclass(frozen=True)
class Portion:
    """What of a meter falls into one tier: ``tier`` is an index into the product's tiers, or FREE. int64 per hour."""

    meter: Meter
    tier: int
    quantity: np.ndarray


class _Queue:
    """The quantities of some meters in the order in which they are priced: by hour, then account, then resource."""

    def __init__(self, quantities: Sequence[np.ndarray]):
        self._shape = (len(quantities[0]), len(quantities))
        self._flat = np.stack(quantities, axis=1).ravel()
        # A month's sum may leave int64: whole units and the rest are added up apart.
        whole, rest = np.divmod(self._flat, SCALE)
        rest_before = np.cumsum(rest) - rest
        carried, self._rest_before = np.divmod(rest_before, SCALE)
        self._whole_before = np.cumsum(whole) - whole + carried

    def below(self, limit: int | None) -> np.ndarray:
        """What of each quantity lies below so many whole units of the month; an array (hours, meters)."""
        if limit is None:
            return self._flat.reshape(self._shape)
        room = np.clip(limit - self._whole_before, -_MOST_UNITS, _MOST_UNITS) * SCALE - self._rest_before
        return np.minimum(np.maximum(room, 0), self._flat).reshape(self._shape)


def split_by_tier(meters: Iterable[Meter], hours: int) -> Iterator[Portion]:
    """The portions of all meters in their first ``hours`` hours, which begin with a month.

    Portions of a meter add up to it in every hour. Order: as the meters come, each from free to dearest use.
    """
    listed = [(meter, catalog.product(meter.product)) for meter in meters]
    quantities = [meter.quantity[:hours] for meter, _ in listed]
    free: dict[int, np.ndarray] = {}
    for members in _group(listed, _allowance_of).values():
        product = listed[members[0]][1]
        assert product.allowance is not None
        taken = _Queue([quantities[index] for index in members]).below(product.allowance.quantity)
        for place, index in enumerate(members):
            free[index] = taken[:, place]
            quantities[index] = quantities[index] - taken[:, place]
    tiered: dict[int, list[np.ndarray]] = {}
    for members in _group(listed, _pool_of).values():
        starts = [start for start, _ in next(iter(listed[members[0]][1].prices.values()))]
        queue = _Queue([quantities[index] for index in members])
        reached = [queue.below(limit) for limit in (*starts, None)]
        for place, index in enumerate(members):
            tiered[index] = [
                upper[:, place] - lower[:, place] for lower, upper in zip(reached, reached[1:], strict=False)
            ]
    for index, (meter, _) in enumerate(listed):
        if index in free:
            yield Portion(meter, FREE, free[index])
        for tier, quantity in enumerate(tiered.get(index, [quantities[index]])):
            yield Portion(meter, tier, quantity)


def tier_group(meter: Meter) -> tuple[str, str] | None:
    """What a meter shares free or volume tiers with: a change of one changes the cost of all with the same group.

    None where its units cost the same whatever else is used.
    """
    product = catalog.product(meter.product)
    return _allowance_of(meter, product) or _pool_of(meter, product)


def allowance_group(meter: Meter) -> tuple[str, str] | None:
    """What a meter shares a free tier with, None where it has none."""
    return _allowance_of(meter, catalog.product(meter.product))


def pool_group(meter: Meter) -> tuple[str, str] | None:
    """What a meter shares volume tiers with, None where its price has no tiers."""
    return _pool_of(meter, catalog.product(meter.product))


def _group(
    listed: Sequence[tuple[Meter, Product]], key_of: Callable[[Meter, Product], tuple[str, str] | None]
) -> dict[tuple[str, str], list[int]]:
    """Indexes of the meters that share an allowance or a pool of tiers, in the order of pricing."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, (meter, product) in enumerate(listed):
        key = key_of(meter, product)
        if key is not None:
            groups[key].append(index)
    for members in groups.values():
        members.sort(key=lambda at: (listed[at][0].account.account_id, listed[at][0].resource_id, listed[at][1].key))
    return groups


def _allowance_of(meter: Meter, product: Product) -> tuple[str, str] | None:
    if product.allowance is None:
        return None
    return product.allowance.name, _place(meter) if product.allowance.is_per_region else ""


def _pool_of(meter: Meter, product: Product) -> tuple[str, str] | None:
    return (product.pool, _place(meter)) if len(product.texts) > 1 else None


def _place(meter: Meter) -> str:
    return "" if meter.region is None else meter.region.code
