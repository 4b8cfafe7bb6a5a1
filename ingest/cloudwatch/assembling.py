"""Answers as rows of raw.cloudwatch_datapoints: a row per series and period, a column per statistic."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ingest.cloudwatch.catalog import FINE, HOUR, STATISTIC_COLUMNS
from ingest.cloudwatch.requesting import Points

COLUMNS = tuple(STATISTIC_COLUMNS.values())
SCHEMA = pa.schema(
    [
        ("series_id", pa.int64()),
        ("period_seconds", pa.int32()),
        ("period_start_at", pa.timestamp("us", tz="UTC")),
        *((column, pa.float64()) for column in COLUMNS),
        ("load_id", pa.int64()),
    ]
)
_PLACES = {statistic: place for place, statistic in enumerate(STATISTIC_COLUMNS)}


def assemble_rows(answers: Sequence[Points], period_seconds: int, load_id: int) -> pa.Table:
    """One period's answers as rows, ordered by series and time; where a point came twice, the later one stands.

    Returns:
        A table of SCHEMA.
    """
    series: dict[int, list[Points]] = {}
    for each in answers:
        if each.query.period_seconds == period_seconds and len(each.seconds):
            series.setdefault(each.query.known.series_id, []).append(each)
    if not series:
        return SCHEMA.empty_table()
    ids = sorted(series)
    stamps = [_list_seconds(series[series_id]) for series_id in ids]
    lengths = [len(seconds) for seconds in stamps]
    values = np.full((len(COLUMNS), sum(lengths)), np.nan)
    start = 0
    for series_id, seconds in zip(ids, stamps, strict=True):
        row = values[:, start : start + len(seconds)]
        for points in series[series_id]:
            column = row[_PLACES[points.query.statistic]]
            if np.array_equal(points.seconds, seconds):
                column[:] = points.values
            else:
                column[np.searchsorted(seconds, points.seconds)] = points.values
        start += len(seconds)
    return _to_table(
        np.repeat(np.array(ids, dtype=np.int64), lengths), np.concatenate(stamps), values, period_seconds, load_id
    )


def _list_seconds(members: Sequence[Points]) -> np.ndarray:
    """The periods of a series, in order: nearly always those of each of its statistics."""
    first = members[0].seconds
    if _is_rising(first) and all(np.array_equal(first, each.seconds) for each in members[1:]):
        return first
    return np.unique(np.concatenate([each.seconds for each in members]))


def _is_rising(seconds: np.ndarray) -> bool:
    return bool((seconds[1:] > seconds[:-1]).all())


def _to_table(
    series_ids: np.ndarray, seconds: np.ndarray, values: np.ndarray, period_seconds: int, load_id: int
) -> pa.Table:
    count = len(seconds)
    return pa.Table.from_arrays(
        [
            pa.array(series_ids, pa.int64()),
            pa.repeat(pa.scalar(period_seconds, pa.int32()), count),
            pa.array(seconds * 1_000_000).cast(pa.timestamp("us", tz="UTC")),
            *(pa.array(column, pa.float64(), from_pandas=True) for column in values),  # NaN: not asked for
            pa.repeat(pa.scalar(load_id, pa.int64()), count),
        ],
        schema=SCHEMA,
    )


def add_up_hours(fine: pa.Table) -> pa.Table:
    """What five-minute rows, whole hours of them, add up to by the hour.

    Averages are weighted by their sample counts, which makes them those that CloudWatch would give for the hour; a
    percentile of an hour can't be had from those of its parts and is null.

    Args:
        fine: of SCHEMA, ordered by series and time.
    """
    if not len(fine):
        return SCHEMA.empty_table()
    assert fine["period_seconds"][0].as_py() == FINE
    seconds = fine["period_start_at"].cast(pa.int64()).to_numpy() // 1_000_000
    hours, series_ids = seconds // HOUR * HOUR, fine["series_id"].to_numpy()
    is_first = np.ones(len(hours), dtype=bool)
    is_first[1:] = (hours[1:] != hours[:-1]) | (series_ids[1:] != series_ids[:-1])
    edges = np.flatnonzero(is_first)
    columns = {name: fine[name].combine_chunks().to_numpy(zero_copy_only=False).astype(np.float64) for name in COLUMNS}
    values = np.full((len(COLUMNS), len(edges)), np.nan)

    def put(name: str, column: np.ndarray) -> None:
        values[COLUMNS.index(name)] = column

    put("maximum_value", np.fmax.reduceat(columns["maximum_value"], edges))
    put("minimum_value", np.fmin.reduceat(columns["minimum_value"], edges))
    put("sum_value", _sum(columns["sum_value"], edges))
    put("sample_count", _sum(columns["sample_count"], edges))
    weighted = columns["average_value"] * columns["sample_count"]
    weights = np.where(np.isnan(weighted), np.nan, columns["sample_count"])
    with np.errstate(invalid="ignore", divide="ignore"):
        put("average_value", _sum(weighted, edges) / _sum(weights, edges))
    return _to_table(series_ids[edges], hours[edges], values, HOUR, fine["load_id"][0].as_py())


def _sum(column: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Sums between edges; NaN where there was nothing to add."""
    is_there = ~np.isnan(column)
    sums = np.add.reduceat(np.where(is_there, column, 0.0), edges)
    return np.where(np.logical_or.reduceat(is_there, edges), sums, np.nan)
