"""Statistics of every metric straight to Parquet, for accounts too large for the wire.

The rows are what GetMetricData would answer, had CloudWatch kept the period asked for.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from demo.forking import die_with
from demo.telemetry.aggregation import cut
from demo.telemetry.samples import Metric
from demo.telemetry.truth import Truth

STATISTICS = {"SampleCount": "sample_count", "Sum": "sum", "Minimum": "minimum", "Maximum": "maximum"}
_NAMES = ("account_id", "region", "namespace", "metric_name", "dimensions")
_THINGS_PER_FILE = 128
_ROWS_PER_GROUP = 500_000

SCHEMA = pa.schema(
    [
        *((name, pa.dictionary(pa.int32(), pa.string())) for name in _NAMES),
        ("period_seconds", pa.int32()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        *((column, pa.float64()) for column in STATISTICS.values()),
    ]
)


@dataclass(frozen=True)
class _Task:
    """What one call exports; forked workers inherit it."""

    truth: Truth
    folder: Path
    start: int
    end: int
    period: int
    chunks: tuple[tuple[Metric, ...], ...]


def write_points(
    truth: Truth,
    folder: Path,
    first: int,
    last: int,
    period: int,
    *,
    is_wanted: Callable[[Metric], bool] | None = None,
    processes: int = 2,
) -> int:
    """Write the statistics of the hours [first, last) as ``points-<n>.parquet`` into a folder; returns the rows.

    One row per metric and period with samples, in the columns of SCHEMA; ``dimensions`` is a JSON object. Periods count
    from the first hour. ``is_wanted`` chooses metrics. The files don't depend on the number of processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    things = [
        wanted
        for metrics in truth.by_resource()
        if (wanted := tuple(metric for metric in metrics if is_wanted is None or is_wanted(metric)))
    ]
    chunks = tuple(
        tuple(metric for metrics in things[start : start + _THINGS_PER_FILE] for metric in metrics)
        for start in range(0, len(things), _THINGS_PER_FILE)
    )
    task = _Task(truth, folder, first * 3600, last * 3600, period, chunks)
    if processes == 1 or len(chunks) == 1:
        return sum(_write_chunk(task, number) for number in range(len(chunks)))
    global _inherited
    _inherited = task
    try:
        with multiprocessing.get_context("fork").Pool(processes, die_with, (os.getpid(),)) as pool:
            return sum(pool.imap_unordered(_write_inherited, range(len(chunks))))
    finally:
        _inherited = None


_inherited: _Task | None = None


def _write_inherited(number: int) -> int:
    assert _inherited is not None
    return _write_chunk(_inherited, number)


def _write_chunk(task: _Task, number: int) -> int:
    rows = 0
    path = task.folder / f"points-{number:05d}.parquet"
    with pq.ParquetWriter(path, SCHEMA, compression="zstd", compression_level=1) as writer:
        held: list[tuple[Metric, list[np.ndarray]]] = []
        waiting = 0
        for metric in task.chunks[number]:
            columns = _compute(task, metric)
            held.append((metric, columns))
            waiting += len(columns[0])
            if waiting >= _ROWS_PER_GROUP:
                writer.write_table(_tabulate(held, task.period))
                rows, waiting, held = rows + waiting, 0, []
        if waiting:
            writer.write_table(_tabulate(held, task.period))
    return rows + waiting


def _compute(task: _Task, metric: Metric) -> list[np.ndarray]:
    """Seconds, and each of STATISTICS."""
    periods = cut(task.truth.read(metric, task.start, task.end), task.start, task.period)
    return [periods.seconds, *(periods.compute(name).values for name in STATISTICS)]


def _tabulate(held: list[tuple[Metric, list[np.ndarray]]], period: int) -> pa.Table:
    lengths = [len(columns[0]) for _, columns in held]
    texts: dict[str, list[str]] = {name: [] for name in _NAMES}
    for metric, _ in held:
        values = (metric.account_id, metric.region, metric.namespace, metric.name, json.dumps(dict(metric.dimensions)))
        for name, value in zip(_NAMES, values, strict=True):
            texts[name].append(value)
    arrays = []
    for name in _NAMES:
        distinct = sorted(set(texts[name]))
        places = {value: place for place, value in enumerate(distinct)}
        indices = np.repeat(np.array([places[value] for value in texts[name]], dtype=np.int32), lengths)
        arrays.append(pa.DictionaryArray.from_arrays(pa.array(indices), pa.array(distinct, pa.string())))
    seconds, *statistics = (np.concatenate([columns[place] for _, columns in held]) for place in range(5))
    arrays.append(pa.array(np.full(len(seconds), period, dtype=np.int32)))
    arrays.append(pa.array(seconds * 1_000_000).cast(pa.timestamp("us", tz="UTC")))
    arrays += [pa.array(np.asarray(values, dtype=np.float64)) for values in statistics]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)
