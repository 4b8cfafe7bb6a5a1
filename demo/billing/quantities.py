"""How much each thing does in an hour, in whole units and 1e-10 parts: what the bill counts and what metrics add up to.

Everything is a function of absolute time: arrays of int64, one value an hour of [first, last). Counts are rounded once,
at the hour; a finer grain splits them, so that a bill and metrics agree to the last request.
"""

from __future__ import annotations

import math

import numpy as np

from demo.money import SCALE
from demo.world.resources import (
    Bucket,
    DatabaseCluster,
    Distribution,
    Function,
    LoadBalancer,
    NatGateway,
    Resource,
    RestApi,
    Table,
)

KILOBYTE = 1024
# A gigabyte of the bill is 2^30 bytes: 1,140 bytes are 0.0000010617 GB in real reports.
GIGABYTE = 2**30
_MOST_UNITS = 900_000_000
# Keep-alive: how many requests travel on a client's connection, and how long that is held.
REQUESTS_PER_CONNECTION = 15
CONNECTION_SECONDS = 22.5
FLOW_SECONDS = 120.0
# Of what a load balancer moves, the part that goes back to clients on the internet, in tenths.
_RESPONSE_TENTHS = 8
# Of what a NAT gateway moves, the part that leaves for the internet, in tenths (the rest is fetched and comes in free).
_OUTWARD_TENTHS = 2


def count(thing: Resource, full: float, first: int, last: int) -> np.ndarray:
    """Whole units an hour of something that full demand makes ``full`` of in an hour; 0 while the thing is off."""
    worked = np.rint(thing.demand.hourly(first, last) * full).astype(np.int64)
    return np.asarray(worked * thing.runs(first, last))


def whole_units(counted: np.ndarray) -> np.ndarray:
    """A number of whole units in 1e-10. Raises OverflowError where int64 can't hold it."""
    if len(counted) and int(counted.max()) > _MOST_UNITS:
        raise OverflowError("more than 900 million units in one hour can't be held")
    return np.asarray(counted * SCALE)


def gigabytes(volume: np.ndarray) -> np.ndarray:
    """GB of a number of bytes in 1e-10, rounded half up, exact without leaving int64."""
    whole, rest = np.divmod(volume, GIGABYTE)
    # 10^10 / 2^30 = 5^10 / 2^20.
    return np.asarray(whole * SCALE + ((rest * 5**10 + 2**19) >> 20))


def requests(thing: LoadBalancer | Distribution | RestApi, first: int, last: int) -> np.ndarray:
    """Requests (a network load balancer's: new flows) an hour."""
    return count(thing, thing.requests_per_hour, first, last)


def request_bytes(requested: np.ndarray, kb_per_request: float) -> np.ndarray:
    """Bytes of a number of requests of so many KB each."""
    return np.asarray(np.rint(requested * (kb_per_request * KILOBYTE)).astype(np.int64))


def capacity_units(balancer: LoadBalancer, requested: np.ndarray) -> np.ndarray:
    """LCU-hours (network: NLCU-hours) of a number of requests an hour, in 1e-10: the largest of the dimensions.

    Elastic Load Balancing's pricing page: an LCU is 25 new connections a second, 3,000 active connections a minute, 1
    GB an hour or 1,000 rule evaluations a second beyond ten free rules (none here has more); an NLCU for TCP is 800 new
    connections a second, 100,000 active ones or 1 GB an hour.
    """
    moved = gigabytes(request_bytes(requested, balancer.kb_per_request)).astype(np.float64) / SCALE
    if balancer.kind == "network":
        fresh, active = requested / (3600 * 800), requested * FLOW_SECONDS / 3600 / 100_000
    else:
        opened = requested / REQUESTS_PER_CONNECTION
        fresh, active = opened / (3600 * 25), opened * CONNECTION_SECONDS / 3600 / 3000
    most = np.maximum(np.maximum(fresh, active), moved)
    # The bill carries seven digits of a unit.
    return np.asarray(np.rint(most * 10**7).astype(np.int64) * 1000)


def response_bytes(balancer: LoadBalancer, requested: np.ndarray) -> np.ndarray:
    """Bytes that a load balancer sends back to the internet."""
    return np.asarray(request_bytes(requested, balancer.kb_per_request) * _RESPONSE_TENTHS // 10)


def gateway_bytes(gateway: NatGateway, first: int, last: int) -> np.ndarray:
    """Bytes that a NAT gateway processes an hour, both ways together."""
    return count(gateway, gateway.gb_per_hour * GIGABYTE, first, last)


def gateway_outward_bytes(moved: np.ndarray) -> np.ndarray:
    """Of them, what leaves for the internet."""
    return np.asarray(moved * _OUTWARD_TENTHS // 10)


def invocations(function: Function, first: int, last: int) -> np.ndarray:
    """Invocations an hour."""
    return count(function, function.invocations_per_hour, first, last)


def gigabyte_seconds(function: Function, invoked: np.ndarray) -> np.ndarray:
    """GB-seconds of a number of invocations, in 1e-10: duration rounded up to the millisecond times memory."""
    # memory/1024 GB x milliseconds/1000 s x 10^10 = memory x milliseconds x 78,125 / 8.
    each = math.ceil(function.duration_ms) * function.memory_mb * 78_125
    return np.asarray((invoked * each + 4) >> 3)


def stored_gigabytes(bucket: Bucket, storage_class: str, first: int, last: int) -> np.ndarray:
    """GB that a bucket holds in a class at each hour, in 1e-10."""
    days = (np.arange(first, last) - bucket.life.launched) / 24
    held = bucket.stored_gb[storage_class] * np.power(1 + bucket.growth_per_day, days)
    return np.asarray(np.rint(held * SCALE).astype(np.int64) * bucket.exists(first, last))


def gets(bucket: Bucket, first: int, last: int) -> np.ndarray:
    """GET requests an hour."""
    return count(bucket, bucket.gets_per_hour, first, last)


def puts(bucket: Bucket, first: int, last: int) -> np.ndarray:
    """PUT requests an hour."""
    return count(bucket, bucket.puts_per_hour, first, last)


def table_reads(table: Table, index: str, first: int, last: int) -> np.ndarray:
    """Read units that a table (index "") or one of its indexes consumes an hour."""
    return count(table, 3600 * table.reads_per_second * _part(table, index), first, last)


def table_writes(table: Table, index: str, first: int, last: int) -> np.ndarray:
    """Write units that a table (index "") or one of its indexes consumes an hour."""
    return count(table, 3600 * table.writes_per_second * _part(table, index), first, last)


def provisioned_units(table: Table, units: int, index: str) -> int:
    """Capacity units that are provisioned for a table (index "") or one of its indexes: at least one each."""
    return units if not index else max(1, math.ceil(units * table.indexes[index]))


def cluster_requests(cluster: DatabaseCluster, first: int, last: int) -> np.ndarray:
    """Storage requests of an Aurora cluster an hour."""
    return count(cluster, cluster.ios_per_hour, first, last)


def edge_requests(distribution: Distribution, requested: np.ndarray) -> dict[str, np.ndarray]:
    """Requests by edge: the parts add up to the whole exactly."""
    total = sum(distribution.edges.values())
    parts, reached, before = {}, 0.0, np.zeros_like(requested)
    for edge, share in sorted(distribution.edges.items()):
        reached += share / total
        upto = requested if edge == max(distribution.edges) else np.rint(requested * reached).astype(np.int64)
        parts[edge], before = upto - before, upto
    return parts


def month_parts(size: int | np.ndarray, position: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """Each hour's part of a size per month, so that the hours of a whole month add up to it exactly.

    ``size`` in 1e-10 (one number or one an hour); ``position`` is the hour's place in its month of so many ``hours``.
    """
    whole, rest = np.divmod(size, hours)
    return np.asarray(whole + rest * (position + 1) // hours - rest * position // hours)


def _part(table: Table, index: str) -> float:
    return table.indexes[index] if index else 1.0
