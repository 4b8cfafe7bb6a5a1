"""Files as S3 would show them: put in place in one step, dated by the simulated clock, the same bytes every time."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from demo.reports.columns import Column
from demo.reports.lines import Line, cut_batches
from demo.reports.table import build_schema, build_table
from demo.reports.text_rows import write_head, write_rows
from demo.timeline import BillingPeriod

# Neighbouring rows are nearly equal, so higher levels cost seconds and save little.
_LEVEL = 1
_CSV_BATCH = 65_536
_PARQUET_BATCH = 131_072


def put(path: Path, body: bytes, hour: int) -> None:
    """Write a file, last modified at a simulated hour; a reader sees the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.part")
    scratch.write_bytes(body)
    place(scratch, path, hour)


def place(scratch: Path, path: Path, hour: int) -> None:
    """Date a finished file and give it its name."""
    os.utime(scratch, (hour * 3600, hour * 3600))
    scratch.replace(path)


def compress(body: bytes) -> bytes:
    """Gzip without a time in its header."""
    machine = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    return machine.compress(body) + machine.flush()


def write_chunk(
    path: Path,
    lines: Sequence[Line],
    period: BillingPeriod,
    columns: Sequence[Column],
    is_parquet: bool,
    is_export: bool,
    hour: int,
) -> None:
    """One data file with all rows of the lines. Memory is bound by a batch, whatever the number of rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.part")
    if is_parquet:
        _write_parquet(scratch, lines, period, columns, is_export)
    else:
        with scratch.open("wb") as file:
            file.writelines(_compressed(lines, period, columns, is_export))
    place(scratch, path, hour)


def _write_parquet(
    path: Path, lines: Sequence[Line], period: BillingPeriod, columns: Sequence[Column], has_nulls: bool
) -> None:
    texts = [column.name for column in columns if column.kind == "text"]
    texts += [
        f"{column.name}.key_value.{part}" for column in columns if column.kind == "map" for part in ("key", "value")
    ]
    others = [column.name for column in columns if column.kind in ("number", "instant")]
    # Without Arrow's own schema in the file: readers see plain strings, as in AWS's files. Statistics of texts would
    # double the time and serve nobody.
    with pq.ParquetWriter(
        path,
        build_schema(columns),
        compression="snappy",
        use_dictionary=texts,
        write_statistics=others,
        store_schema=False,
    ) as writer:
        for batch in cut_batches(lines, period, _PARQUET_BATCH):
            writer.write_table(build_table(batch, columns, has_nulls))


def _compressed(
    lines: Sequence[Line], period: BillingPeriod, columns: Sequence[Column], has_milliseconds: bool
) -> Iterator[bytes]:
    machine = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    yield machine.compress(write_head(columns))
    for batch in cut_batches(lines, period, _CSV_BATCH):
        yield machine.compress(write_rows(batch, columns, has_milliseconds))
    yield machine.flush()


def write_small_table(path: Path, columns: dict[str, list[str]], hour: int) -> None:
    """A Parquet file of a few texts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.part")
    pq.write_table(pa.table(columns), scratch, store_schema=False)
    place(scratch, path, hour)
