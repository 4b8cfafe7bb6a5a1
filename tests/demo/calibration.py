"""Where the constants of world.background come from: ``python -m tests.demo.calibration TRACES.parquet``.

The traces are of machines whose purpose nobody wrote down. Which of them do nothing is told without any threshold: a
Gaussian mixture over log mean processor load and log mean traffic, its size chosen by BIC; the quiet machines belong to
the components below the overall mean in both. No machine stands on both sides: even numbers are fitted, odd ones judge.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from demo.world.background import draw_background

_SLOT_SECONDS = 300
_DAY_SLOTS = 288
# Added before logarithms, as some machines never sent a byte. With less than 0.1 MB a day those would be a component
# of no width, and the BIC would count such points instead of kinds of machines.
_LEAST_LOAD, _LEAST_BYTES = 0.01, 1e5
QUANTILES = (0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Mixture:
    """``members``: per machine, its probability of each component. ``means``: of each component."""

    likelihood: float
    means: np.ndarray
    members: np.ndarray


def read_days(path: Path) -> pd.DataFrame:
    """One row per machine and day: vm, day, mean_load and peak_load in percent, bytes, slots."""
    columns = ["vm", "ts", "cpu_cap_mhz", "cpu_mhz", "net_rx_kbps", "net_tx_kbps"]
    traces = pd.read_parquet(path, columns=columns)
    traces = traces[traces.cpu_cap_mhz > 0].drop_duplicates(["vm", "ts"])
    load = 100 * traces.cpu_mhz / traces.cpu_cap_mhz
    moved = (traces.net_rx_kbps + traces.net_tx_kbps) * 1000.0 * _SLOT_SECONDS
    frame = pd.DataFrame({"vm": traces.vm, "day": traces.ts // 86_400, "load": load, "bytes": moved})
    days = frame.groupby(["vm", "day"]).agg(
        mean_load=("load", "mean"), peak_load=("load", "max"), bytes=("bytes", "sum"), slots=("load", "size")
    )
    return days.reset_index()


def fit_mixture(points: np.ndarray, components: int, starts: int = 15) -> Mixture:
    """The likeliest Gaussian mixture of so many components, by expectation maximisation from several starts."""
    return max((_climb(points, components, start) for start in range(starts)), key=lambda fit: fit.likelihood)


def _climb(points: np.ndarray, components: int, start: int) -> Mixture:
    rng = np.random.default_rng(start)
    count, dimensions = points.shape
    means = points[rng.choice(count, components, replace=False)]
    spreads = np.array([np.cov(points.T)] * components)
    weights = np.full(components, 1 / components)
    before = -np.inf
    while True:
        logs = np.empty((count, components))
        for index in range(components):
            away = points - means[index]
            distance = np.einsum("ni,ij,nj->n", away, np.linalg.inv(spreads[index]), away)
            size = np.linalg.slogdet(spreads[index])[1] + dimensions * np.log(2 * np.pi)
            logs[:, index] = np.log(weights[index]) - 0.5 * (size + distance)
        highest = logs.max(axis=1, keepdims=True)
        each = highest[:, 0] + np.log(np.exp(logs - highest).sum(axis=1))
        members = np.exp(logs - each[:, None])
        likelihood = float(each.sum())
        if likelihood - before < 1e-6:
            return Mixture(likelihood, means, members)
        before = likelihood
        taken = members.sum(axis=0) + 1e-9
        weights, means = taken / count, members.T @ points / taken[:, None]
        for index in range(components):
            away = points - means[index]
            # A little width, so that no component shrinks to one point.
            spreads[index] = (away.T * members[:, index]) @ away / taken[index] + 1e-2 * np.eye(dimensions)


def find_quiet(days: pd.DataFrame, most_components: int = 7) -> np.ndarray:
    """The numbers of the machines to which nobody brings work."""
    means = days.groupby("vm").agg(load=("mean_load", "mean"), bytes=("bytes", "mean"))
    points = np.log(np.c_[means["load"] + _LEAST_LOAD, means["bytes"] + _LEAST_BYTES])
    fits = [fit_mixture(points, components) for components in range(1, most_components + 1)]
    parameters = 6 * np.arange(1, most_components + 1) - 1
    scores = [-2 * fit.likelihood + number * np.log(len(points)) for fit, number in zip(fits, parameters, strict=True)]
    best = fits[int(np.argmin(scores))]
    is_quiet = (best.means < points.mean(axis=0)).all(axis=1)
    return np.asarray(means.index.to_numpy()[best.members[:, is_quiet].sum(axis=1) > 0.5])


def describe(days: pd.DataFrame) -> pd.DataFrame:
    """Per machine: the median day's mean load, peak and megabytes, their highest in 14 days, their daily spreads."""
    whole = days[days.slots > 0.85 * _DAY_SLOTS]

    def summarise(rows: pd.DataFrame) -> pd.Series:
        rows = rows.sort_values("day")
        return pd.Series(
            {
                "mean_load": rows.mean_load.median(),
                "peak_load": rows.peak_load.median(),
                "peak_load_14d": rows.peak_load.rolling(14).max().median(),
                "megabytes": rows.bytes.median() / 1e6,
                "megabytes_14d": rows.bytes.rolling(14).max().median() / 1e6,
                "spread_peak": np.log(rows.peak_load + _LEAST_LOAD).std(),
                "spread_bytes": np.log(rows.bytes + _LEAST_BYTES).std(),
            }
        )

    return pd.DataFrame({vm: summarise(rows) for vm, rows in whole.groupby("vm")}).T


def simulate_days(machines: int, seed: int = 1, days: int = 87) -> pd.DataFrame:
    """What read_days would read of machines with nothing but their own load."""
    first = 480_000 // 24 * 24
    frames = []
    for number in range(machines):
        own = draw_background(seed, f"calibration {number}", "UTC", first, first + days * 24, 12)
        load, moved = own.cpu.reshape(days, -1), (own.inbound + own.outbound).reshape(days, -1)
        frames.append(
            pd.DataFrame(
                {
                    "vm": number,
                    "day": np.arange(days),
                    "mean_load": load.mean(axis=1),
                    "peak_load": load.max(axis=1),
                    "bytes": moved.sum(axis=1),
                    "slots": load.shape[1],
                }
            )
        )
    return pd.concat(frames)


def compare(path: Path) -> pd.DataFrame:
    """Quantiles of the quiet machines, fitted half and held-out half, and of simulated ones, side by side."""
    days = read_days(path)
    quiet = days[days.vm.isin(find_quiet(days))]
    sides = {
        "fitted": describe(quiet[quiet.vm % 2 == 0]),
        "held_out": describe(quiet[quiet.vm % 2 == 1]),
        "simulated": describe(simulate_days(400)),
    }
    return pd.concat({side: table.quantile(list(QUANTILES)) for side, table in sides.items()}, axis=1)


if __name__ == "__main__":
    print(compare(Path(sys.argv[1])).T.sort_index(level=1).round(3).to_string())
