"""What all meters need of a span of hours: where each hour stands in its month."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from demo.billing.quantities import month_parts
from demo.billing.records import Meter
from demo.money import SCALE
from demo.prices import catalog
from demo.timeline import hour_of, moment
from demo.world.resources import Resource
from demo.world.tagging import cost_category


@dataclass(frozen=True)
class Window:
    """The hours [first, last). ``position`` and ``month_hours``: an hour's place in its month, and that month's hours.

    ``is_on``: per hour whether an instance of an id runs, for what is charged by what it hangs on.
    """

    first: int
    last: int
    position: np.ndarray
    month_hours: np.ndarray
    is_on: Callable[[str], np.ndarray]

    def parts(self, size: int | np.ndarray) -> np.ndarray:
        """Each hour's part of a size per month (both in 1e-10)."""
        return month_parts(size, self.position, self.month_hours)


def open_window(first: int, last: int, is_on: Callable[[str], np.ndarray]) -> Window:
    """The window of a span of hours."""
    hours = np.arange(first, last)
    starts, lengths = np.zeros(last - first, dtype=np.int64), np.zeros(last - first, dtype=np.int64)
    at = first
    while at < last:
        date = moment(at)
        start, end = hour_of(date.year, date.month), hour_of(date.year, date.month + 1)
        starts[at - first : end - first] = start
        lengths[at - first : end - first] = end - start
        at = end
    return Window(first, last, hours - starts, lengths, is_on)


def meter(
    thing: Resource, product: str, quantity: np.ndarray, zone: str = "", is_global: bool = False
) -> tuple[Meter, ...]:
    """The meter of a product, or nothing where nothing was used. ``is_global``: the bill names no region."""
    if not quantity.any():
        return ()
    return (
        Meter(
            resource_id=thing.resource_id,
            account=thing.account,
            region=None if is_global else thing.region,
            product=product,
            quantity=quantity,
            tags=thing.tags,
            categories=cost_category(thing),
            zone=zone,
            commitment_class=catalog.product(product).commitment_class,
        ),
    )


def units(here: np.ndarray, each: int = SCALE) -> np.ndarray:
    """A quantity (1e-10) in each hour in which something holds."""
    return np.asarray(here.astype(np.int64) * each)
