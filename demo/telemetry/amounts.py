"""How much was used in each hour, in whole units: what the bill counts and what metrics add up to."""

from __future__ import annotations

import numpy as np

from demo.world.resources import LoadBalancer, Resource

GIGABYTE = 2.0**30
KILOBYTE = 2.0**10


def count(thing: Resource, full: float, first: int, last: int) -> np.ndarray:
    """Whole units per hour of something that full demand makes ``full`` of in an hour; 0 where the thing is off."""
    return np.rint(thing.demand.hourly(first, last) * full) * thing.runs(first, last)


def capacity_units(balancer: LoadBalancer, first: int, last: int) -> np.ndarray:
    """Load balancer capacity units of each hour: the largest of what new connections, bytes and requests take
    (Elastic Load Balancing pricing: an LCU is 25 new connections a second, 1 GB an hour, 1,000 rule evaluations a
    second; an NLCU 800 new flows a second, 100,000 active ones, 1 GB an hour)."""
    requests = count(balancer, balancer.requests_per_hour, first, last)
    by_bytes = requests * balancer.kb_per_request * KILOBYTE / GIGABYTE
    if balancer.kind == "network":
        return np.maximum(requests / 3600 / 800, by_bytes)
    return np.maximum(np.maximum(requests / 15 / 3600 / 25, by_bytes), requests / 3600 / 1000)
