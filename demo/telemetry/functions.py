"""AWS/Lambda and LambdaInsights: what functions send, a minute at a time, of the invocations that there were (Lambda
developer guide, "Types of metrics for Lambda functions"). A function that isn't invoked is silent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from demo.billing import quantities
from demo.telemetry.latent import MINUTES, Latent, group_by_id
from demo.telemetry.samples import Grid, Kind, Source, name_sources
from demo.telemetry.spreading import spread_times
from demo.world.resources import Function

_WITH_INSIGHTS = 0.25


class _Sender:
    """Makes the samples of functions."""

    def __init__(self, latent: Latent):
        self._latent = latent
        self._first_memory: dict[str, int] = {}
        for function in latent.estate.each(Function):
            self._first_memory.setdefault(function.resource_id, function.memory_mb)

    def _invocations(self, function: Function, first: int, last: int) -> np.ndarray:
        """Invocations a minute, whole."""
        hourly = quantities.invocations(function, first, last)
        return self._latent.split(function, hourly, first, last)

    def invocations(self, function: Function, first: int, last: int) -> Grid:
        counts = self._invocations(function, first, last)
        return Grid(np.ones_like(counts), counts)

    def errors(self, function: Function, first: int, last: int) -> Grid:
        """One sample an invocation: 1 where it failed, else 0."""
        counts = self._invocations(function, first, last)
        share = float(np.exp(self._latent.draw(function, "errors").normal(np.log(0.002), 1.5)))
        chance = self._latent.uniform(function, "errors", first, last, MINUTES)
        failed = np.minimum(counts, np.floor(counts * min(share, 0.5) + chance))
        values = np.broadcast_to(np.array([0.0, 1.0]), (*counts.shape, 2))
        return Grid(values, np.stack([counts - failed, failed], axis=2))

    def throttles(self, function: Function, first: int, last: int) -> Grid:
        counts = self._invocations(function, first, last)
        return Grid(np.zeros_like(counts), counts)

    def duration(self, function: Function, first: int, last: int) -> Grid:
        """Milliseconds; the mean of each hour is what is billed by."""
        counts = self._invocations(function, first, last)
        sigma = float(self._latent.draw(function, "duration").uniform(0.1, 0.8))
        chance = self._latent.uniform(function, "duration", first, last, MINUTES)
        values, sizes = spread_times(counts, np.full(last - first, function.duration_ms), sigma, chance)
        return Grid(values, sizes)

    def concurrency(self, function: Function, first: int, last: int) -> Grid:
        counts = self._invocations(function, first, last)
        return Grid(np.ceil(counts * function.duration_ms / 60_000), is_sent=counts > 0)

    def _memory_share(self, function: Function, first: int, last: int) -> np.ndarray:
        """Share of the present memory; the function needs the same bytes whatever it is given later."""
        held = function.memory_mb / self._first_memory.get(function.resource_id, function.memory_mb)
        return np.clip(function.demand.memory(first, last, MINUTES) / held, 0.02, 0.99)

    def memory(self, function: Function, first: int, last: int) -> Grid:
        used = np.round(100 * self._memory_share(function, first, last), 2)
        return Grid(used, self._invocations(function, first, last))

    def memory_used(self, function: Function, first: int, last: int) -> Grid:
        used = np.rint(function.memory_mb * self._memory_share(function, first, last))
        return Grid(used, self._invocations(function, first, last))

    def memory_total(self, function: Function, first: int, last: int) -> Grid:
        counts = self._invocations(function, first, last)
        return Grid(np.full_like(counts, function.memory_mb), counts)


def list_sources(latent: Latent) -> Iterator[Source]:
    """The metrics of all functions; some have Lambda Insights, which tells their memory."""
    sender = _Sender(latent)
    kinds = (
        Kind("Invocations", "Count", sender.invocations),
        Kind("Errors", "Count", sender.errors),
        Kind("Throttles", "Count", sender.throttles),
        Kind("Duration", "Milliseconds", sender.duration),
        Kind("ConcurrentExecutions", "Count", sender.concurrency),
    )
    insights = (
        Kind("memory_utilization", "Percent", sender.memory),
        Kind("used_memory_max", "Megabytes", sender.memory_used),
        Kind("total_memory", "Megabytes", sender.memory_total),
    )
    for things in group_by_id(latent.estate.each(Function)):
        function: Function = things[-1]
        yield from name_sources("AWS/Lambda", {"FunctionName": function.name}, kinds, things)
        if latent.draw(function, "insights").random() < _WITH_INSIGHTS:
            yield from name_sources("LambdaInsights", {"function_name": function.name}, insights, things)
