"""Batches of lines as Arrow tables, the way Parquet files hold them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from demo.reports.columns import INTERVAL, PERIOD_ENDS, PERIOD_STARTS, STARTS, Column
from demo.reports.lines import Batch
from demo.reports.texts import spell_amounts, spell_intervals, to_doubles

_INSTANT = pa.timestamp("ms", tz="UTC")
_TEXT = pa.dictionary(pa.int32(), pa.string())
# Keys and values as dictionaries: they are repeated row by row, and spelling them out takes most of a writer's time.
_MAP = pa.map_(_TEXT, _TEXT)
_NUMBER_MAP = pa.map_(_TEXT, pa.float64())


def build_schema(columns: Sequence[Column]) -> pa.Schema:
    """The types of the columns: text as dictionaries (plain text once written), doubles, milliseconds in UTC, maps."""
    kinds = {"text": _TEXT, "number": pa.float64(), "instant": _INSTANT, "map": _MAP}
    return pa.schema(
        [pa.field(column.name, _NUMBER_MAP if column.name == "discount" else kinds[column.kind]) for column in columns]
    )


def build_table(batch: Batch, columns: Sequence[Column], has_nulls: bool) -> pa.Table:
    """The rows of a batch.

    ``has_nulls``: what a row doesn't fill is null (CUR 2.0); else an empty text or 0.0, as legacy Parquet has it.
    """
    build = {"text": _texts, "number": _numbers, "map": _maps}
    arrays = [
        _instants(batch, column) if column.kind == "instant" else build[column.kind](batch, column, has_nulls)
        for column in columns
    ]
    return pa.Table.from_arrays(arrays, schema=build_schema(columns))


def _instants(batch: Batch, column: Column) -> pa.Array:
    header = column.entries[0][1]
    if header in (PERIOD_STARTS, PERIOD_ENDS):
        hour = batch.period.start if header == PERIOD_STARTS else batch.period.end
        seconds = np.full(batch.row_count, hour * 3600)
    else:
        seconds = batch.start_seconds if header == STARTS else batch.end_seconds
    return pa.array(seconds * 1000).cast(_INSTANT)


def _texts(batch: Batch, column: Column, has_nulls: bool) -> pa.Array:
    headers = [header for _, header in column.entries]
    if INTERVAL in headers:
        return spell_intervals(batch.start_seconds, batch.end_seconds).cast(_TEXT)
    known: dict[str, int] = {"": 0}
    codes = np.zeros(len(batch.lines), dtype=np.int32)
    for header in headers:
        for place, line in enumerate(batch.lines):
            text = line.texts.get(header)
            if text is not None and not codes[place]:
                codes[place] = known.setdefault(text, len(known))
    measured = [pieces for pieces in map(batch.pieces, headers) if pieces]
    if has_nulls and not measured and not codes.any():
        return pa.DictionaryArray.from_arrays(pa.nulls(batch.row_count, pa.int32()), pa.array([""]))
    rows = codes[batch.owners]
    for pieces in measured:
        spelled = spell_amounts(np.concatenate([values for _, values in pieces])).dictionary_encode()
        own = [known.setdefault(text, len(known)) for text in spelled.dictionary.to_pylist()]
        rows[batch.rows_of([place for place, _ in pieces])] = np.array(own, dtype=np.int32)[spelled.indices.to_numpy()]
    # A dictionary must not hold a text twice: Arrow's Parquet writer would not give the same bytes every time.
    indices = pa.array(rows, mask=rows == 0) if has_nulls else pa.array(rows)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(known), pa.string()))


def _numbers(batch: Batch, column: Column, has_nulls: bool) -> pa.Array:
    # Constants are set per line and repeated, measures row by row.
    constants = np.full(len(batch.lines), np.nan)
    for _, header in column.entries:
        for place, line in enumerate(batch.lines):
            text = line.texts.get(header)
            if text is not None:
                constants[place] = float(text)
    measured = [pieces for pieces in (batch.pieces(header) for _, header in column.entries) if pieces]
    is_empty = np.isnan(constants)
    if is_empty.all() and not measured:
        return pa.nulls(batch.row_count, pa.float64()) if has_nulls else pa.array(np.zeros(batch.row_count))
    if not has_nulls:
        constants[is_empty] = 0.0
    values = constants[batch.owners]
    for pieces in measured:
        rows = batch.rows_of([place for place, _ in pieces])
        values[rows] = to_doubles(np.concatenate([piece for _, piece in pieces]))
    return pa.array(values, mask=np.isnan(values)) if has_nulls else pa.array(values)


def _maps(batch: Batch, column: Column, has_nulls: bool) -> pa.Array:
    kind = _NUMBER_MAP if column.name == "discount" else _MAP
    keys: dict[str, int] = {}
    items: dict[str | float, int] = {}
    codes: list[tuple[list[int], list[int]]] = []
    for line in batch.lines:
        content = map_content(column, line.texts)
        values = map(float, content.values()) if kind == _NUMBER_MAP else content.values()
        codes.append(
            ([keys.setdefault(key, len(keys)) for key in content], [items.setdefault(v, len(items)) for v in values])
        )
    sizes = np.array([len(own) for own, _ in codes], dtype=np.int32)
    offsets = np.concatenate([[0], np.cumsum(sizes[batch.owners], dtype=np.int64)]).astype(np.int32)
    key_codes = _repeat([own for own, _ in codes], batch.counts)
    item_codes = _repeat([own for _, own in codes], batch.counts)
    keyed = pa.DictionaryArray.from_arrays(pa.array(key_codes), pa.array(list(keys), pa.string()))
    if kind == _NUMBER_MAP:
        valued = pa.array(list(items), pa.float64()).take(pa.array(item_codes))
    else:
        valued = pa.DictionaryArray.from_arrays(pa.array(item_codes), pa.array(list(items), pa.string()))
    return pa.MapArray.from_arrays(pa.array(offsets), keyed, valued)


def _repeat(codes: Sequence[Sequence[int]], counts: np.ndarray) -> np.ndarray:
    """Each line's codes once per row of the line."""
    return np.concatenate(
        [np.tile(np.array(own, dtype=np.int32), count) for own, count in zip(codes, counts.tolist(), strict=True)]
    )


def map_content(column: Column, texts: dict[str, str]) -> dict[str, str]:
    """What a line's map column holds, in the order of its keys."""
    content: dict[str, str] = {}
    for key, header in column.entries:
        text = texts.get(header)
        if text is not None:
            content.setdefault(key, text)
    return content
