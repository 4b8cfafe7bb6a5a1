"""The truth behind CloudWatch: every metric of an estate, and its samples in any window of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from demo.randomness import noise_key, uniforms
from demo.telemetry import (
    balancers,
    computing,
    containers,
    databases,
    disks,
    edges,
    functions,
    gateways,
    storage,
    tables,
)
from demo.telemetry.latent import Latent
from demo.telemetry.samples import NO_SAMPLES, Grid, Metric, Samples, Source
from demo.world.estate import Estate

_THEMES = (computing, disks, databases, functions, storage, tables, balancers, gateways, containers, edges)
# Now and then a point is lost on its way: of seven real EC2 and RDS series of 5-minute points (Numenta Anomaly
# Benchmark, realAWSCloudwatch, 2014) 5 of about 28,900 are missing, each alone. Seldom, and by choice, all of a thing's
# are lost for up to two hours, so that whoever reads must cope with it.
_LOST_SHARE = 0.0002
_OUTAGE_BLOCK = 60 * 86_400
_OUTAGES_PER_BLOCK = 0.05
_SHORTEST_OUTAGE, _LONGEST_OUTAGE = 900, 7200


class Truth:
    """Every metric that the estate's things send. Nothing is known at or after the estate's present."""

    def __init__(self, estate: Estate):
        self.estate = estate
        self.now = estate.horizon.end * 3600
        self._latent = Latent(estate)
        self._sources: dict[Metric, Source] = {
            source.metric: source for theme in _THEMES for source in theme.list_sources(self._latent)
        }
        self.metrics: tuple[Metric, ...] = tuple(self._sources)

    def unit(self, metric: Metric) -> str | None:
        """The unit that a metric is sent in; None for one that nothing sends."""
        source = self._sources.get(metric)
        return None if source is None else source.kind.unit

    def owner(self, metric: Metric) -> str:
        """The resource id of what sends a metric (of a group: the first of its members). Raises KeyError."""
        resource_id: str = self._sources[metric].things[0].resource_id
        return resource_id

    def read(self, metric: Metric, start: int, end: int) -> Samples:
        """The samples of [start, end), in seconds since 1970; none for a metric that nothing sends."""
        source = self._sources.get(metric)
        if source is None:
            return NO_SAMPLES
        end = min(end, self.now)
        first, last = start // 3600, -(-end // 3600)
        parts = [part for thing in source.things if len((part := self._send(source, thing, first, last)).seconds)]
        if not parts:
            return NO_SAMPLES
        whole = parts[0] if len(parts) == 1 else _merge(parts)
        return whole.between(start, min(end, self.now - source.kind.settles_after + 1))

    def is_active(self, metric: Metric, since: int) -> bool:
        """Whether anything was sent from a second on."""
        end = self.now
        for reach in (3 * 3600, 86_400, self.now - since):
            start = max(since, self.now - reach)
            if start < end and len(self.read(metric, start, end).seconds):
                return True
            end = start
        return False

    def _send(self, source: Source, thing: Any, first: int, last: int) -> Samples:
        """What one description of a thing sends in the hours [first, last) that it is there."""
        life, since, until = thing.life, thing.since, thing.until
        first = max(first, since, life.launched)
        for bound in (until, life.ended):
            last = last if bound is None else min(last, bound)
        if first >= last:
            return NO_SAMPLES
        grid = source.kind.read(thing, first, last)
        if source.kind.is_lossy:
            is_kept = self._delivery(thing.resource_id, first, last, grid.values.shape[1])
            grid = replace(grid, is_sent=is_kept if grid.is_sent is None else grid.is_sent & is_kept)
        return _flatten(grid, first)

    def _delivery(self, resource_id: str, first: int, last: int, per_hour: int) -> np.ndarray:
        """Which samples of a thing arrive, (hours, samples an hour)."""

        def make() -> np.ndarray:
            seconds = np.arange(first * 3600, last * 3600, 3600 // per_hour)
            return self._is_delivered(resource_id, seconds).reshape(last - first, per_hour)

        made: np.ndarray = self._latent.keep(("delivery", resource_id, first, last, per_hour), make)
        return made

    def _is_delivered(self, resource_id: str, seconds: np.ndarray) -> np.ndarray:
        seed = self.estate.parameters.seed
        is_kept = uniforms(noise_key(seed, "lost points", resource_id), seconds // 60) >= _LOST_SHARE
        blocks = np.arange(int(seconds[0]) // _OUTAGE_BLOCK - 1, int(seconds[-1]) // _OUTAGE_BLOCK + 1)
        chances = uniforms(noise_key(seed, "outages", resource_id), np.arange(3) + 3 * blocks[:, None])
        for block, (happens, place, length) in zip(blocks.tolist(), chances.tolist(), strict=True):
            if happens < _OUTAGES_PER_BLOCK:
                start = (block + place) * _OUTAGE_BLOCK
                lasts = _SHORTEST_OUTAGE + length * (_LONGEST_OUTAGE - _SHORTEST_OUTAGE)
                is_kept &= (seconds < start) | (seconds >= start + lasts)
        return is_kept

    def by_resource(self) -> Iterator[tuple[Metric, ...]]:
        """All metrics, those of one thing together, so that what they share is made once."""
        together: dict[object, list[Metric]] = {}
        for metric in self._sources:
            together.setdefault(self.owner(metric), []).append(metric)
        return (tuple(metrics) for metrics in together.values())


def _flatten(grid: Grid, first: int) -> Samples:
    values = grid.values
    hours, per_hour = values.shape[:2]
    is_sent = None if grid.is_sent is None else np.broadcast_to(grid.is_sent, (hours, per_hour))
    if is_sent is not None and not is_sent.any():
        return NO_SAMPLES
    seconds = first * 3600 + np.arange(hours * per_hour) * (3600 // per_hour)
    counts = None if grid.counts is None else np.broadcast_to(grid.counts, values.shape)
    if values.ndim == 3:
        seconds = np.repeat(seconds, values.shape[2])
        is_sent = None if is_sent is None else np.broadcast_to(is_sent[..., None], values.shape)
    keep = None if is_sent is None or is_sent.all() else is_sent
    if counts is not None and not (counts > 0).all():
        keep = counts > 0 if keep is None else keep & (counts > 0)
    if keep is None:
        return Samples(seconds, values.reshape(-1), None if counts is None else counts.reshape(-1).astype(float))
    flat = keep.reshape(-1)
    return Samples(
        seconds[flat], values.reshape(-1)[flat], None if counts is None else counts.reshape(-1)[flat].astype(float)
    )


def _merge(parts: list[Samples]) -> Samples:
    seconds = np.concatenate([part.seconds for part in parts])
    values = np.concatenate([part.values for part in parts])
    counts = None
    if any(part.counts is not None for part in parts):
        counts = np.concatenate([part.sizes for part in parts])
    if (np.diff(seconds) < 0).any():
        order = np.argsort(seconds, kind="stable")
        return Samples(seconds[order], values[order], None if counts is None else counts[order])
    return Samples(seconds, values, counts)
