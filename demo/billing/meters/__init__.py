"""How much of which product every resource used, hour by hour, in exact integers. Knows no price."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from demo.billing.meters import computing, databases, networking, serving
from demo.billing.meters.windows import Window, open_window
from demo.billing.records import Meter
from demo.world import resources
from demo.world.estate import Estate
from demo.world.resources import Instance, Resource

_MEASURES: dict[type[Resource], Callable[[Any, Window], Iterator[Meter]]] = {
    resources.Instance: computing.measure_instance,
    resources.Volume: computing.measure_volume,
    resources.Snapshot: computing.measure_snapshot,
    resources.Address: computing.measure_address,
    resources.NatGateway: networking.measure_gateway,
    resources.LoadBalancer: networking.measure_balancer,
    resources.Database: databases.measure_database,
    resources.DatabaseCluster: databases.measure_cluster,
    resources.Table: databases.measure_table,
    resources.Function: serving.measure_function,
    resources.ContainerService: serving.measure_service,
    resources.Bucket: serving.measure_bucket,
    resources.Distribution: serving.measure_distribution,
    resources.RestApi: serving.measure_api,
}


class Meters:
    """Measures the things of an estate over any window of hours [first, last)."""

    def __init__(self, things: Iterable[Resource]):
        self._things = tuple(things)
        self._instances: dict[str, list[Instance]] = defaultdict(list)
        for thing in self._things:
            if isinstance(thing, Instance):
                self._instances[thing.resource_id].append(thing)

    def measure(self, first: int, last: int) -> list[Meter]:
        """All meters with a use in the window, in the estate's order."""
        window = self._open(first, last)
        return [meter for thing in self._things for meter in _measure(thing, window)]

    def measure_thing(self, thing: Resource, first: int, last: int) -> list[Meter]:
        """The meters of one thing, of the estate or in place of one of it."""
        return list(_measure(thing, self._open(first, last)))

    def _open(self, first: int, last: int) -> Window:
        def is_on(instance_id: str) -> np.ndarray:
            on = np.zeros(last - first, dtype=bool)
            for instance in self._instances.get(instance_id, ()):
                on |= instance.runs(first, last)
            return on

        return open_window(first, last, is_on)


def measure(estate: Estate, first: int, last: int) -> list[Meter]:
    """All meters of an estate in the hours [first, last)."""
    return Meters(estate.resources).measure(first, last)


def _measure(thing: Resource, window: Window) -> Iterator[Meter]:
    ends = [end for end in (thing.life.ended, thing.until) if end is not None]
    if max(thing.life.launched, thing.since) >= window.last or min(ends, default=window.last) <= window.first:
        return iter(())
    return _MEASURES[type(thing)](thing, window)
