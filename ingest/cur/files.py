"""CUR files as Arrow batches: typed core columns and one JSON text of the rest. No row becomes a Python object."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from ingest.cur.columns import CORE_COLUMNS, Kind, map_columns
from ingest.errors import IngestError

ATTRIBUTES = "attributes"  # the batches' last column: JSON text
INSTANT = pa.timestamp("us", tz="UTC")
NUMBER = pa.decimal128(38, 18)
# AWS writes amounts with up to ten decimals: Parquet's doubles are brought to those ten, a CSV's digits are never cut.
_FROM_DOUBLE = pa.decimal128(38, 10)
STORED_TYPES: dict[Kind, pa.DataType] = {"text": pa.string(), "number": NUMBER, "instant": INSTANT}
_BATCH_ROWS = 65_536
_BLOCK_BYTES = 16 << 20


def read_batches(path: Path, place: str, data_format: str) -> Iterator[pa.RecordBatch]:
    """Stream one CUR file.

    Args:
        path: the file on this machine.
        place: where it came from, for errors.
        data_format: `csv.gz`, `csv` or `parquet`.

    Yields:
        Batches with every column of CORE_COLUMNS (text: string; number: decimal128(38, 18); instant:
        timestamp[us, UTC]; null where the delivery lacks the column) and `attributes` (dictionary of
        strings): a JSON object of the other columns' non-empty values.

    Raises:
        IngestError: the file can't be read to its end, or a value isn't of its column's type.
    """
    try:
        if data_format == "parquet":
            yield from _read_parquet(path, place)
        else:
            yield from _read_csv(path, place, compression="gzip" if data_format == "csv.gz" else None)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise IngestError(f"{place}: {_explain(error)}; sync again after AWS's next delivery") from error


def _explain(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "Truncated compressed stream" in text:
        return "the file ends in the middle of its compressed data"
    return text


def _read_csv(path: Path, place: str, compression: str | None) -> Iterator[pa.RecordBatch]:
    headers = _read_headers(path, place, compression)
    mapped = map_columns(headers, place)
    types = {header: STORED_TYPES[CORE_COLUMNS.get(name, "text")] for header, name in mapped.items()}
    with pa.input_stream(str(path), compression=compression) as stream:
        try:
            reader = pa.csv.open_csv(
                stream,
                read_options=pa.csv.ReadOptions(block_size=_BLOCK_BYTES),
                parse_options=pa.csv.ParseOptions(newlines_in_values=True),
                convert_options=pa.csv.ConvertOptions(
                    column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True
                ),
            )
            for batch in reader:
                yield _shape(batch, mapped, place)
        except pa.ArrowInvalid as error:
            raise IngestError(
                f"{place}: {_name_column(str(error), headers)}; nothing of this month was loaded"
            ) from error


def _read_headers(path: Path, place: str, compression: str | None) -> list[str]:
    # A row that doesn't fit is told when the rows are read: first it must be clear whether this is a CUR at all.
    options = pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=lambda row: "skip")
    with pa.input_stream(str(path), compression=compression) as stream:
        try:
            return pa.csv.open_csv(stream, parse_options=options).schema.names
        except pa.ArrowInvalid as error:
            raise IngestError(
                f"{place}: {' '.join(str(error).split())}; sync again after AWS's next delivery"
            ) from error


def _name_column(message: str, headers: list[str]) -> str:
    """Arrow counts columns (`In CSV column #3: ...`); people know them by name."""
    found = re.match(r"In CSV column #(\d+): (.*)", " ".join(message.split()))
    if found is None:
        return " ".join(message.split())
    return f"column {headers[int(found[1])]}: {found[2]}"


def _read_parquet(path: Path, place: str) -> Iterator[pa.RecordBatch]:
    with pa.parquet.ParquetFile(path) as file:
        mapped = map_columns(file.schema_arrow.names, place)
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            yield _shape(batch, mapped, place)


def _shape(batch: pa.RecordBatch, mapped: dict[str, str], place: str) -> pa.RecordBatch:
    """Core columns in their order and types, the rest as JSON text."""
    header_of = {name: header for header, name in mapped.items()}
    columns: list[pa.Array] = []
    for name, kind in CORE_COLUMNS.items():
        header = header_of.get(name)
        if header is None:
            columns.append(pa.nulls(batch.num_rows, STORED_TYPES[kind]))
            continue
        try:
            columns.append(_convert(batch.column(header), kind))
        except pa.ArrowInvalid as error:
            raise IngestError(f"{place}: column {header}: {' '.join(str(error).split())}") from error
    others = {name: batch.column(header) for header, name in mapped.items() if name not in CORE_COLUMNS}
    columns.append(_to_json(others, batch.num_rows))
    return pa.RecordBatch.from_arrays(columns, names=[*CORE_COLUMNS, ATTRIBUTES])


def _convert(values: pa.Array, kind: Kind) -> pa.Array:
    if kind == "text":
        return _empty_to_null(values.cast(pa.string()))
    if pa.types.is_string(values.type):
        values = _empty_to_null(values)
    if pa.types.is_floating(values.type):
        values = values.cast(_FROM_DOUBLE)
    return values.cast(STORED_TYPES[kind])


def _empty_to_null(values: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)


def _to_json(columns: dict[str, pa.Array], row_count: int) -> pa.DictionaryArray:
    """One JSON object a row, in the order of the names, without empty values; each distinct text is made once a run.

    A report's rows come resource by resource, hour by hour: in these columns a row mostly equals the one before, so
    only the first of each run of equal rows is spelled.
    """
    if not columns or not row_count:
        return pa.array(["{}"] * row_count, pa.string()).dictionary_encode()
    is_first = np.zeros(row_count, dtype=bool)
    is_first[0] = True
    for values in columns.values():
        is_first[1:] |= _differ_from_previous(values)
    firsts = pa.array(np.flatnonzero(is_first))
    members = []
    for name in sorted(columns):
        text = _empty_to_null(columns[name].take(firsts).cast(pa.string()))
        member = pc.binary_join_element_wise(f',"{_escape(name)}":"', _escape_array(text), '"', "")
        members.append(pc.fill_null(member, ""))
    joined = pc.binary_join_element_wise(*members, "")
    texts = pc.binary_join_element_wise("{", pc.utf8_slice_codeunits(joined, start=1), "}", "").dictionary_encode()
    runs = pa.array(np.cumsum(is_first) - 1)
    return pa.DictionaryArray.from_arrays(texts.indices.take(runs), texts.dictionary)


def _differ_from_previous(values: pa.Array) -> np.ndarray:
    """Of each value but the first, whether it differs from the one before; nulls equal each other."""
    if values.null_count == len(values):
        return np.zeros(len(values) - 1, dtype=bool)
    codes = values.dictionary_encode(null_encoding="encode").indices.to_numpy(zero_copy_only=False)
    return np.asarray(codes[1:] != codes[:-1])


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _escape_array(values: pa.Array) -> pa.Array:
    """JSON's escapes. U+0000, which PostgreSQL can't store, becomes U+FFFD; other control characters are spelled."""
    values = pc.replace_substring(values, "\\", "\\\\")
    values = pc.replace_substring(values, '"', '\\"')
    if not pc.any(pc.match_substring_regex(values, r"[\x00-\x1f]")).as_py():
        return values
    values = pc.replace_substring(values, "\x00", "\ufffd")
    for code in range(1, 32):
        values = pc.replace_substring(values, chr(code), f"\\u{code:04x}")
    return values
