"""AWS/CloudFront and AWS/ApiGateway: what distributions and APIs send, by the minute, of the requests that there were
(CloudFront developer guide, "Viewing CloudFront and edge function metrics"; API Gateway developer guide, "Amazon API
Gateway dimensions and metrics"). No request is silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from demo.billing import quantities
from demo.billing.quantities import KILOBYTE
from demo.telemetry.latent import MINUTES, Latent, divide, group_by_id
from demo.telemetry.samples import Grid, Kind, Source, name_sources
from demo.telemetry.spreading import spread_times
from demo.world.accounts import HOME_REGION
from demo.world.resources import Distribution, RestApi

_NO_BYTES = np.zeros(1, dtype=np.int64)


class _Sender:
    """Makes the samples of distributions and APIs."""

    def __init__(self, latent: Latent):
        self._latent = latent

    def _requests(self, thing: Distribution | RestApi, first: int, last: int) -> np.ndarray:
        """Requests a minute, whole."""

        def make() -> np.ndarray:
            return self._latent.split(thing, quantities.requests(thing, first, last), first, last)

        made: np.ndarray = self._latent.keep(("requests", thing.resource_id, thing.since, first, last), make)
        return made

    def requests(self, thing: Distribution | RestApi, first: int, last: int) -> Grid:
        """One sample a request."""
        counts = self._requests(thing, first, last)
        return Grid(np.ones_like(counts), counts)

    def _failed(self, thing: Distribution | RestApi, first: int, last: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
        counts = self._requests(thing, first, last)
        usual = {"4xx": 0.02, "5xx": 0.002}[kind]
        share = usual * float(np.exp(self._latent.draw(thing, kind).normal(0.0, 1.0)))
        chance = self._latent.uniform(thing, kind, first, last, MINUTES)
        return counts, np.minimum(counts, np.floor(counts * min(share, 0.5) + chance))

    def failures(self, kind: str) -> Callable[[RestApi, int, int], Grid]:
        """One sample a request: 1 where it failed, else 0; its average is the error rate."""

        def read(api: RestApi, first: int, last: int) -> Grid:
            counts, failed = self._failed(api, first, last, kind)
            values = np.broadcast_to(np.array([0.0, 1.0]), (*counts.shape, 2))
            return Grid(values, np.stack([counts - failed, failed], axis=2))

        return read

    def failure_rate(self, *kinds: str) -> Callable[[Distribution, int, int], Grid]:
        """Percent of a minute's requests."""

        def read(distribution: Distribution, first: int, last: int) -> Grid:
            counts = self._requests(distribution, first, last)
            failed = sum((self._failed(distribution, first, last, kind)[1] for kind in kinds), np.zeros_like(counts))
            rate = np.divide(100 * failed, counts, out=np.zeros_like(counts), where=counts > 0)
            return Grid(np.minimum(rate, 100.0), counts)

        return read

    def downloaded(self, distribution: Distribution, first: int, last: int) -> Grid:
        counts = self._requests(distribution, first, last)
        by_edge = quantities.edge_requests(distribution, quantities.requests(distribution, first, last)).values()
        hourly = sum((quantities.request_bytes(part, distribution.kb_per_request) for part in by_edge), _NO_BYTES)
        return Grid(divide(hourly, counts), is_sent=counts > 0)

    def uploaded(self, distribution: Distribution, first: int, last: int) -> Grid:
        counts = self._requests(distribution, first, last)
        return Grid(counts * 12.0, is_sent=counts > 0)

    def answered(self, thing: RestApi, first: int, last: int) -> Grid:
        counts = self._requests(thing, first, last)
        return Grid(counts * 2.5 * KILOBYTE, is_sent=counts > 0)

    def times(self, overhead: float) -> Callable[[RestApi, int, int], Grid]:
        """Milliseconds until an answer, with what the gateway itself adds."""

        def read(api: RestApi, first: int, last: int) -> Grid:
            counts = self._requests(api, first, last)
            mean = float(np.exp(self._latent.draw(api, "latency").normal(np.log(70.0), 0.7))) + overhead
            chance = self._latent.uniform(api, "latency", first, last, MINUTES)
            return Grid(*spread_times(counts, mean * (1 + api.demand.hourly(first, last)), 0.6, chance))

        return read


def list_sources(latent: Latent) -> Iterator[Source]:
    """The metrics of all distributions, which CloudFront keeps in the home region alone, and of all APIs."""
    sender = _Sender(latent)
    distribution_kinds = (
        Kind("Requests", "None", sender.requests),
        Kind("BytesDownloaded", "None", sender.downloaded),
        Kind("BytesUploaded", "None", sender.uploaded),
        Kind("4xxErrorRate", "Percent", sender.failure_rate("4xx")),
        Kind("5xxErrorRate", "Percent", sender.failure_rate("5xx")),
        Kind("TotalErrorRate", "Percent", sender.failure_rate("4xx", "5xx")),
    )
    for things in group_by_id(latent.estate.each(Distribution)):
        name = {"DistributionId": things[-1].distribution_id, "Region": "Global"}
        yield from name_sources("AWS/CloudFront", name, distribution_kinds, things, HOME_REGION.code)
    shared = (
        Kind("Count", "Count", sender.requests),
        Kind("Latency", "Milliseconds", sender.times(8.0)),
        Kind("IntegrationLatency", "Milliseconds", sender.times(0.0)),
    )
    rest = (Kind("4XXError", "Count", sender.failures("4xx")), Kind("5XXError", "Count", sender.failures("5xx")))
    plain = (
        Kind("4xx", "Count", sender.failures("4xx")),
        Kind("5xx", "Count", sender.failures("5xx")),
        Kind("DataProcessed", "Bytes", sender.answered),
    )
    for apis in group_by_id(latent.estate.each(RestApi)):
        api: RestApi = apis[-1]
        is_rest = api.kind == "REST"
        name = {"ApiName": api.name} if is_rest else {"ApiId": api.api_id}
        for dimensions in (name, name | {"Stage": api.stage}):
            yield from name_sources("AWS/ApiGateway", dimensions, shared + (rest if is_rest else plain), apis)
