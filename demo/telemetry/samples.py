"""Names of metrics, and the samples that services send of them: the material that statistics are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from demo.world.accounts import Account, Region

Dimensions = tuple[tuple[str, str], ...]


class Metric(NamedTuple):
    """A metric's name in CloudWatch, and the account and region that hold it. ``dimensions`` are sorted by name."""

    account_id: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions


@dataclass(frozen=True)
class Samples:
    """Samples of a metric in order of time: rows of a second, a value, and how often it was seen.

    A service sends either single values (one row a second, count 1) or, as PutMetricData's Values and Counts, several
    values of the same second. ``counts`` is None where every count is 1. Statistics follow: the sum is that of
    value x count, percentiles are those of the values repeated count times.
    """

    seconds: np.ndarray
    values: np.ndarray
    counts: np.ndarray | None = None

    @property
    def sizes(self) -> np.ndarray:
        """How often each value was seen."""
        return np.ones(len(self.values)) if self.counts is None else self.counts

    def between(self, start: int, end: int) -> Samples:
        """Those of [start, end), in seconds since 1970."""
        first, last = np.searchsorted(self.seconds, (start, end))
        counts = None if self.counts is None else self.counts[first:last]
        return Samples(self.seconds[first:last], self.values[first:last], counts)

    @property
    def weight(self) -> int:
        """Bytes held."""
        return self.seconds.nbytes + self.values.nbytes + (0 if self.counts is None else self.counts.nbytes)


NO_SAMPLES = Samples(np.array([], dtype=np.int64), np.array([]))


@dataclass(frozen=True)
class Grid:
    """What one thing sends in whole hours: ``values`` of the shape (hours, samples an hour[, values a sample]).

    ``counts``: how often each value was seen, of a shape that broadcasts to the values'; a count of 0 sends nothing.
    ``is_sent``: whether each sample is sent, broadcast to (hours, samples an hour); None: all are.
    """

    values: np.ndarray
    counts: np.ndarray | None = None
    is_sent: np.ndarray | None = None


@dataclass(frozen=True)
class Kind:
    """How one metric of one sort of thing is made.

    ``read(thing, first, last)`` makes the samples of the hours [first, last). ``is_lossy``: now and then a point is
    lost on its way; counts that are billed by never are. ``settles_after``: seconds until a sample is published.
    """

    name: str
    unit: str
    read: Callable[[Any, int, int], Grid]
    is_lossy: bool = False
    settles_after: int = 0


@dataclass(frozen=True)
class Source:
    """One metric and the descriptions of things that send it, in order of time."""

    metric: Metric
    kind: Kind
    things: tuple[Any, ...]


def name_sources(
    namespace: str, dimensions: dict[str, str], kinds: tuple[Kind, ...], things: tuple[Any, ...], region: str = ""
) -> Iterator[Source]:
    """A source for each kind, in the account and region of the things (or another region)."""
    account: Account = things[0].account
    home: Region = things[0].region
    named = tuple(sorted(dimensions.items()))
    for kind in kinds:
        yield Source(Metric(account.account_id, region or home.code, namespace, kind.name, named), kind, things)
