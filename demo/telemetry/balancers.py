"""AWS/ApplicationELB, AWS/NetworkELB and AWS/ELB: what load balancers send, by the minute (ELB user guides, "CloudWatch
metrics for your ... Load Balancer"). Application and classic ones are silent where nothing is asked of them; network
ones send zeros."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from demo.billing import quantities
from demo.billing.quantities import CONNECTION_SECONDS, FLOW_SECONDS, REQUESTS_PER_CONNECTION
from demo.money import SCALE
from demo.randomness import identifier
from demo.telemetry.latent import MINUTES, Latent, divide, group_by_id
from demo.telemetry.samples import Grid, Kind, Source, name_sources
from demo.telemetry.spreading import spread_times
from demo.world.resources import LoadBalancer


def target_group(latent: Latent, balancer: LoadBalancer) -> str:
    """How CloudWatch names a load balancer's one target group."""
    tail = identifier(latent.seed, "target group", balancer.resource_id, length=16)
    return f"targetgroup/{balancer.name[:32]}/{tail}"


class _Sender:
    """Makes the samples of load balancers."""

    def __init__(self, latent: Latent):
        self._latent = latent

    def _requests(self, balancer: LoadBalancer, first: int, last: int) -> np.ndarray:
        """Requests (network: new flows) a minute, whole."""

        def make() -> np.ndarray:
            return self._latent.split(balancer, quantities.requests(balancer, first, last), first, last)

        made: np.ndarray = self._latent.keep(("requests", balancer.resource_id, balancer.since, first, last), make)
        return made

    def _bytes(self, balancer: LoadBalancer, first: int, last: int) -> np.ndarray:
        """Bytes a minute, together the hour's that are billed."""
        hourly = quantities.request_bytes(quantities.requests(balancer, first, last), balancer.kb_per_request)
        return divide(hourly, self._requests(balancer, first, last))

    def requests(self, balancer: LoadBalancer, first: int, last: int) -> Grid:
        """One sample a request."""
        counts = self._requests(balancer, first, last)
        return Grid(np.ones_like(counts), counts)

    def failed(self, share: float) -> Callable[[LoadBalancer, int, int], Grid]:
        """Requests answered with an error, silent where there are none."""

        def read(balancer: LoadBalancer, first: int, last: int) -> Grid:
            counts = self._requests(balancer, first, last)
            chance = self._latent.uniform(balancer, f"failed {share}", first, last, MINUTES)
            failed = np.floor(counts * share + chance * (counts > 0))
            return Grid(np.ones_like(counts), np.minimum(failed, counts))

        return read

    def connections(self, balancer: LoadBalancer, first: int, last: int) -> Grid:
        counts = self._requests(balancer, first, last)
        return Grid(np.ceil(counts / REQUESTS_PER_CONNECTION * CONNECTION_SECONDS / 60), is_sent=counts > 0)

    def new_connections(self, balancer: LoadBalancer, first: int, last: int) -> Grid:
        counts = self._requests(balancer, first, last)
        return Grid(np.ceil(counts / REQUESTS_PER_CONNECTION), is_sent=counts > 0)

    def processed(self, balancer: LoadBalancer, first: int, last: int) -> Grid:
        return Grid(self._bytes(balancer, first, last), is_sent=self._requests(balancer, first, last) > 0)

    def times(self, balancer: LoadBalancer, first: int, last: int) -> Grid:
        """Seconds until a target answered."""
        counts = self._requests(balancer, first, last)
        mean = float(np.exp(self._latent.draw(balancer, "latency").normal(np.log(0.06), 0.8)))
        chance = self._latent.uniform(balancer, "latency", first, last, MINUTES)
        load = balancer.demand.hourly(first, last)
        return Grid(*spread_times(counts, mean * (1 + load), 0.7, chance))

    def capacity_units(self, balancer: LoadBalancer, first: int, last: int) -> Grid:
        """Each minute's part of the hour's units: the sum of an hour is what is billed."""
        hourly = quantities.capacity_units(balancer, quantities.requests(balancer, first, last)) / SCALE
        shares = self._latent.shares(balancer, first, last, MINUTES)
        is_sent = balancer.exists(first, last)[:, None] & (hourly > 0)[:, None]
        return Grid(shares * hourly[:, None], is_sent=is_sent)

    def flows(self, balancer: LoadBalancer, first: int, last: int) -> Grid:
        counts = self._requests(balancer, first, last)
        return Grid(np.ceil(counts * FLOW_SECONDS / 60), is_sent=balancer.exists(first, last)[:, None])

    def new_flows(self, balancer: LoadBalancer, first: int, last: int) -> Grid:
        return Grid(self._requests(balancer, first, last), is_sent=balancer.exists(first, last)[:, None])

    def flow_bytes(self, balancer: LoadBalancer, first: int, last: int) -> Grid:
        return Grid(self._bytes(balancer, first, last), is_sent=balancer.exists(first, last)[:, None])

    def flow_units(self, balancer: LoadBalancer, first: int, last: int) -> Grid:
        grid = self.capacity_units(balancer, first, last)
        return Grid(grid.values, is_sent=balancer.exists(first, last)[:, None])

    def healthy(self, balancer: LoadBalancer, first: int, last: int) -> Grid:
        targets = np.full((last - first, MINUTES), float(balancer.targets))
        return Grid(targets, is_sent=balancer.exists(first, last)[:, None] & (balancer.targets > 0))

    def unhealthy(self, balancer: LoadBalancer, first: int, last: int) -> Grid:
        none = np.zeros((last - first, MINUTES))
        return Grid(none, is_sent=balancer.exists(first, last)[:, None] & (balancer.targets > 0))


def list_sources(latent: Latent) -> Iterator[Source]:
    """The metrics of all load balancers."""
    sender = _Sender(latent)
    health = (Kind("HealthyHostCount", "Count", sender.healthy), Kind("UnHealthyHostCount", "Count", sender.unhealthy))
    application = (
        Kind("RequestCount", "Count", sender.requests),
        Kind("ActiveConnectionCount", "Count", sender.connections),
        Kind("NewConnectionCount", "Count", sender.new_connections),
        Kind("ProcessedBytes", "Bytes", sender.processed),
        Kind("ConsumedLCUs", "Count", sender.capacity_units),
        Kind("TargetResponseTime", "Seconds", sender.times),
        Kind("HTTPCode_Target_4XX_Count", "Count", sender.failed(0.01)),
        Kind("HTTPCode_Target_5XX_Count", "Count", sender.failed(0.001)),
    )
    network = (
        Kind("ActiveFlowCount", "Count", sender.flows),
        Kind("NewFlowCount", "Count", sender.new_flows),
        Kind("ProcessedBytes", "Bytes", sender.flow_bytes),
        Kind("ConsumedLCUs", "Count", sender.flow_units),
    )
    classic = (
        Kind("RequestCount", "Count", sender.requests),
        Kind("EstimatedProcessedBytes", "Bytes", sender.processed),
        Kind("Latency", "Seconds", sender.times),
        Kind("HTTPCode_Backend_5XX", "Count", sender.failed(0.001)),
    )
    modern = {"application": ("AWS/ApplicationELB", application), "network": ("AWS/NetworkELB", network)}
    for things in group_by_id(latent.estate.each(LoadBalancer)):
        balancer: LoadBalancer = things[-1]
        if balancer.kind == "classic":
            name = {"LoadBalancerName": balancer.dimension}
            yield from name_sources("AWS/ELB", name, classic + health, things)
            continue
        namespace, kinds = modern[balancer.kind]
        name = {"LoadBalancer": balancer.dimension}
        yield from name_sources(namespace, name, kinds, things)
        yield from name_sources(namespace, name | {"TargetGroup": target_group(latent, balancer)}, health, things)
