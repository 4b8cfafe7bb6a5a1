"""Several values of one sample: how long each of a minute's requests took."""

from __future__ import annotations

import numpy as np

# The quantiles that stand for a minute's requests, each in the middle of its share of them, and their normal scores.
_SHARES = np.array([0.5, 0.8, 0.95, 0.99, 1.0])
_SCORES = np.array([-0.674, 0.385, 1.15, 1.881, 2.576])


def spread_times(
    requests: np.ndarray, mean: np.ndarray, sigma: float, chance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Times of ``requests`` (hours, slots): values and counts of the shape (hours, slots, 5).

    Times are log-normal with the spread ``sigma``; ``mean`` (hours) is exactly the mean of each hour's requests.
    ``chance`` (hours, slots) in [0, 1) decides which quantile a single request stands for.
    """
    ends = np.floor(requests[..., None] * _SHARES + chance[..., None])
    ends[..., -1] = requests
    counts = np.diff(ends, axis=-1, prepend=0.0)
    wobble = np.exp(0.3 * sigma * (2 * chance - 1))
    values = np.exp(sigma * _SCORES) * wobble[..., None]
    totals = (values * counts).sum(axis=(1, 2))
    sums = requests.sum(axis=1)
    scale = np.divide(mean * sums, totals, out=np.zeros_like(totals), where=totals > 0)
    return values * scale[:, None, None], counts
