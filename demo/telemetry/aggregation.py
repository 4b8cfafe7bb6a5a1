"""Statistics of samples per period, as CloudWatch's user guide defines them ("CloudWatch statistics definitions")."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from demo.telemetry.samples import Samples

PLAIN_STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_NUMBER = r"\d{1,2}(?:\.\d{1,10})?|100(?:\.0{1,10})?"
_PERCENTILE = re.compile(rf"p({_NUMBER})")
_TRIMMED = re.compile(rf"(tm|wm|tc|ts)({_NUMBER})|(TM|WM|TC|TS)\(({_NUMBER})?%:({_NUMBER})?%\)|(IQM|iqm)")
_RANK = re.compile(r"PR\((-?\d+(?:\.\d+)?)?:(-?\d+(?:\.\d+)?)?\)")


@dataclass(frozen=True)
class Points:
    """One value per period that has any: the period's first second, and the statistic."""

    seconds: np.ndarray
    values: np.ndarray


def is_statistic(name: str) -> bool:
    """Whether a text names a statistic: SampleCount, Average, Sum, Minimum, Maximum, pNN, tmNN, TM(a%:b%), IQM ..."""
    return name in PLAIN_STATISTICS or any(
        pattern.fullmatch(name) is not None for pattern in (_PERCENTILE, _TRIMMED, _RANK)
    )


@dataclass(frozen=True)
class Periods:
    """Samples cut into periods: ``edges`` is each period's first row, ``seconds`` its first second."""

    samples: Samples
    edges: np.ndarray
    seconds: np.ndarray

    def compute(self, statistic: str) -> Points:
        """A statistic of each period."""
        if not len(self.edges):
            return Points(self.seconds, np.array([]))
        return Points(self.seconds, self._compute(statistic))

    def _compute(self, statistic: str) -> np.ndarray:
        values, counts = self.samples.values, self.samples.counts
        if statistic == "Maximum":
            return np.asarray(np.maximum.reduceat(values, self.edges))
        if statistic == "Minimum":
            return np.asarray(np.minimum.reduceat(values, self.edges))
        if statistic == "Sum":
            return self._sum(values, counts)
        if statistic == "SampleCount":
            return self._size(counts)
        if statistic == "Average":
            return np.asarray(self._sum(values, counts) / self._size(counts))
        return self._of_ranks(statistic)

    def _sum(self, values: np.ndarray, counts: np.ndarray | None) -> np.ndarray:
        return np.asarray(np.add.reduceat(values if counts is None else values * counts, self.edges))

    def _size(self, counts: np.ndarray | None) -> np.ndarray:
        if counts is None:
            return np.diff(np.append(self.edges, len(self.samples.values))).astype(float)
        return np.asarray(np.add.reduceat(counts, self.edges))

    def _of_ranks(self, statistic: str) -> np.ndarray:
        values, sizes = self.samples.values, self.samples.sizes
        owner = np.repeat(np.arange(len(self.edges)), np.diff(np.append(self.edges, len(values))))
        order = np.lexsort((values, owner))
        values, sizes = values[order], sizes[order]
        ends = np.cumsum(sizes)
        starts = ends[self.edges] - sizes[self.edges]
        totals = np.add.reduceat(sizes, self.edges)
        percentile = _PERCENTILE.fullmatch(statistic)
        if percentile is not None:
            place = (totals - 1) * (float(percentile.group(1)) / 100)
            low = values[np.searchsorted(ends, starts + np.floor(place), side="right")]
            high = values[np.searchsorted(ends, starts + np.ceil(place), side="right")]
            return np.asarray(low + (high - low) * (place - np.floor(place)))
        rank = _RANK.fullmatch(statistic)
        if rank is not None:
            low_bound = -np.inf if rank.group(1) is None else float(rank.group(1))
            high_bound = np.inf if rank.group(2) is None else float(rank.group(2))
            inside = (values > low_bound) & (values <= high_bound)
            return np.asarray(100 * np.add.reduceat(sizes * inside, self.edges) / totals)
        return self._trim(
            statistic, values, sizes, ends - np.repeat(starts, np.diff(np.append(self.edges, len(values))))
        )

    def _trim(self, statistic: str, values: np.ndarray, sizes: np.ndarray, upto: np.ndarray) -> np.ndarray:
        """Statistics of the samples between two ranks; ``upto``: how many of the period there are up to a row."""
        kind, low, high = _read_trim(statistic)
        totals = np.add.reduceat(sizes, self.edges)
        lengths = np.diff(np.append(self.edges, len(values)))
        lower, upper = (np.repeat(totals * share, lengths) for share in (low, high))
        kept = np.clip(np.minimum(upto, upper) - np.maximum(upto - sizes, lower), 0.0, None)
        kept_sizes = np.add.reduceat(kept, self.edges)
        if kind == "tc":
            return np.asarray(kept_sizes)
        sums = np.add.reduceat(values * kept, self.edges)
        if kind == "ts":
            return np.asarray(sums)
        if kind == "wm":
            # Winsorized: what lies outside counts as the nearest value inside.
            inside = kept > 0
            least = np.minimum.reduceat(np.where(inside, values, np.inf), self.edges)
            most = np.maximum.reduceat(np.where(inside, values, -np.inf), self.edges)
            sums = sums + least * totals * low + most * totals * (1 - high)
            return np.asarray(sums / totals)
        return np.asarray(sums / kept_sizes)


def _read_trim(statistic: str) -> tuple[str, float, float]:
    found = _TRIMMED.fullmatch(statistic)
    if found is None:
        raise ValueError(f"{statistic} is not a statistic")
    short, high, long, from_text, to_text, _ = found.groups()
    if short is not None:
        return short, 0.0, float(high) / 100
    if long is not None:
        return long.lower(), float(from_text or 0) / 100, float(to_text or 100) / 100
    return "tm", 0.25, 0.75


def cut(samples: Samples, start: int, period: int) -> Periods:
    """Cut samples (all at or after ``start``, seconds since 1970) into periods counted from ``start``."""
    if not len(samples.seconds):
        return Periods(samples, np.array([], dtype=np.int64), samples.seconds)
    numbers = (samples.seconds - start) // period
    edges = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    return Periods(samples, edges, start + numbers[edges] * period)
