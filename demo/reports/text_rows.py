"""Batches of lines as the bytes of CSV rows.

Most of a row is the same on all rows of its line: neighbouring constants melt into one text per line, so that a row is
a join of few pieces, done by Arrow for all rows at once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.reports.columns import ENDS, INTERVAL, PERIOD_ENDS, PERIOD_STARTS, STARTS, Column
from demo.reports.lines import Batch, Line
from demo.reports.table import map_content
from demo.reports.texts import spell_amounts, spell_instants, spell_intervals


def quote(text: str) -> str:
    """A field as CSV: quoted only where it must be."""
    if any(mark in text for mark in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text


def write_head(columns: Sequence[Column]) -> bytes:
    """The header row."""
    return (",".join(quote(column.name) for column in columns) + "\n").encode()


def write_rows(batch: Batch, columns: Sequence[Column], has_milliseconds: bool) -> pa.Buffer:
    """The rows of a batch, each with its line end. ``has_milliseconds``: how instants are spelled."""
    pieces: list[pa.Array] = []
    constants: list[list[str]] = [[] for _ in batch.lines]

    def close() -> None:
        """End the run of constant columns: one text per line, repeated over its rows."""
        encoded = pa.array(["".join(parts) for parts in constants], pa.string())
        pieces.append(encoded.take(pa.array(batch.owners)))
        for parts in constants:
            parts.clear()

    fixed = _Fixed(batch, has_milliseconds)
    for index, column in enumerate(columns):
        separator = "," if index else ""
        varying = _varying(batch, column, has_milliseconds)
        if varying is None:
            for parts, line in zip(constants, batch.lines, strict=True):
                parts.append(separator + fixed.text(column, line))
            continue
        for parts in constants:
            parts.append(separator)
        close()
        pieces.append(varying)
    for parts in constants:
        parts.append("\n")
    close()
    joined = pc.binary_join_element_wise(*pieces, "")
    buffers = joined.buffers()
    ends = np.frombuffer(buffers[1], dtype=np.int32)
    return buffers[2].slice(int(ends[joined.offset]), int(ends[joined.offset + len(joined)] - ends[joined.offset]))


class _Fixed:
    """The fields that are the same on every row of a line in this batch."""

    def __init__(self, batch: Batch, has_milliseconds: bool):
        self._has_milliseconds = has_milliseconds
        self._period = {PERIOD_STARTS: self._spell(batch.period.start), PERIOD_ENDS: self._spell(batch.period.end)}
        self._amounts: dict[int, str] = {}

    def _spell(self, hour: int) -> str:
        return str(spell_instants(np.array([hour * 3600]), self._has_milliseconds).to_pylist()[0])

    def text(self, column: Column, line: Line) -> str:
        """The field of a line, quoted where it must be."""
        if column.kind == "map":
            content = map_content(column, line.texts)
            if column.name == "discount":
                return quote(json.dumps({key: float(text) for key, text in content.items()}))
            return quote(json.dumps(content, ensure_ascii=False, separators=(",", ":")))
        for _, header in column.entries:
            if header in self._period:
                return self._period[header]
            text = line.texts.get(header)
            if text is not None:
                return quote(text)
            if header in line.measures:
                return self._amount(int(line.measures[header][0]))
        return ""

    def _amount(self, value: int) -> str:
        if value not in self._amounts:
            self._amounts[value] = str(spell_amounts(np.array([value]))[0])
        return self._amounts[value]


def _varying(batch: Batch, column: Column, has_milliseconds: bool) -> pa.Array | None:
    """The texts of a column that differ within a line; None where they don't."""
    headers = [header for _, header in column.entries]
    if INTERVAL in headers:
        return spell_intervals(batch.start_seconds, batch.end_seconds).cast(pa.string())
    if STARTS in headers:
        return spell_instants(batch.start_seconds, has_milliseconds).cast(pa.string())
    if ENDS in headers:
        return spell_instants(batch.end_seconds, has_milliseconds).cast(pa.string())
    for header in headers:
        # Judged by the whole line: where a measure stands still in this batch it may still move in the next one.
        if any(_moves(line.measures[header]) for line in batch.lines if header in line.measures):
            return _scatter(batch, column, header)
    return None


def _moves(values: np.ndarray) -> bool:
    return len(values) > 1 and bool((values != values[0]).any())


def _scatter(batch: Batch, column: Column, header: str) -> pa.Array:
    """The measure's rows spelled, the other lines' constant texts on theirs."""
    known: dict[str, int] = {"": 0}
    codes = np.zeros(len(batch.lines), dtype=np.int32)
    for place, line in enumerate(batch.lines):
        for _, name in column.entries:
            text = line.texts.get(name)
            if text is not None and not codes[place]:
                codes[place] = known.setdefault(quote(text), len(known))
    rows = codes[batch.owners]
    pieces = batch.pieces(header)
    spelled = spell_amounts(np.concatenate([values for _, values in pieces])).dictionary_encode()
    rows[batch.rows_of([place for place, _ in pieces])] = spelled.indices.to_numpy() + len(known)
    texts = pa.concat_arrays([pa.array(list(known), pa.string()), spelled.dictionary])
    return texts.take(pa.array(rows))
