"""A group of delivered rows as what is stored: amounts row by row, and what describes them once per combination."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal, InvalidOperation

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.cur.columns import (
    AMOUNT_COLUMNS,
    ATTRIBUTES,
    ATTRIBUTES_ID,
    CORE_COLUMNS,
    DESCRIBING_COLUMNS,
    ENDS,
    INTERVAL,
    MAP_COLUMNS,
    PERIOD_ENDS,
    PERIOD_STARTS,
    ROW_ATTRIBUTES,
    STARTS,
    Kind,
    map_columns,
)
from ingest.cur.combinations import Combinations, Fingerprints, contents_fingerprint, count_values
from ingest.errors import IngestError

INSTANT = pa.timestamp("us", tz="UTC")
NUMBER = pa.decimal128(38, 18)
# AWS writes amounts with up to ten decimals: Parquet's doubles are brought to those ten, a CSV's digits are never cut.
_FROM_DOUBLE = pa.decimal128(38, 10)

_DIGITS_BEFORE = NUMBER.precision - NUMBER.scale
_TOO_LARGE = Decimal(10) ** _DIGITS_BEFORE
_LAST_PLACE = Decimal(1).scaleb(-NUMBER.scale)
_EXACT = Context(prec=1000)
_NUMBER_TEXT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")

# Where columns differ from row to row (a discount's amount), each row would be a combination of its own. Groups of so
# many rows, with so many combinations a row, keep such columns with the row; not those that say what a resource is.
_FEW_ROWS = 10_000
_SAY_WHAT_IT_IS = ("product", "resource_tags", "cost_category", "tags")
_COMBINATIONS_PER_ROW = 0.5
_VALUES_PER_ROW = 0.25

# With what describes a row, these tell it from every other row.
_TELLING_APART = (STARTS, ENDS, *AMOUNT_COLUMNS)


@dataclass(frozen=True)
class Shaped:
    """One group, ready to be stored."""

    amounts: pa.Table  # ATTRIBUTES_ID, and of the columns of raw.cur_line_item_amounts those with values
    attributes: pa.Table | None  # combinations seen for the first time: ATTRIBUTES_ID, DESCRIBING_COLUMNS, ATTRIBUTES
    contents: tuple[int, int]  # see contents_fingerprint


class Shaper:
    """Shapes the groups of one file, in their order."""

    def __init__(self, place: str, period_start_at: datetime, combinations: Combinations, fingerprints: Fingerprints):
        self._place = place
        self._period_start_at = period_start_at
        self._combinations = combinations
        self._fingerprints = fingerprints
        self._rows_before = 0
        self._names: dict[str, str] = {}
        self._schema: pa.Schema | None = None

    def shape(self, group: pa.Table) -> Shaped:
        """Type what is typed, number the combinations.

        Raises:
            IngestError: a column that is missing, double or of another type, a value that isn't of its column's type,
                or a row of another billing period. Names column, row and file.
        """
        if self._schema is None or not group.schema.equals(self._schema):
            self._names = map_columns(group.schema.names, self._place)
            self._schema = group.schema
        columns = {name: group.column(header) for header, name in self._names.items()}
        amounts = self._type_amounts(columns)
        describing = {
            name: self._as_text(name, column)
            for name, column in columns.items()
            if (name not in CORE_COLUMNS or name in DESCRIBING_COLUMNS) and column.null_count < group.num_rows
        }
        fingerprints = np.zeros((group.num_rows, 2), dtype=np.uint64)
        for name, column in describing.items():
            fingerprints += self._fingerprint(name, column)
        contents = self._fingerprint_contents(fingerprints, amounts)
        varying = _find_varying(fingerprints, describing)
        for name in varying:
            fingerprints -= self._fingerprint(name, describing[name])
        numbered = self._combinations.number(fingerprints)
        amounts[ATTRIBUTES_ID] = pa.chunked_array([pa.array(numbered.ids)])
        if varying:
            members = {name: describing[name] for name in varying}
            amounts[ROW_ATTRIBUTES] = pa.chunked_array([_to_json(members, self._names.values())])
        attributes = None
        if len(numbered.new_rows):
            rows = pa.array(numbered.new_rows)
            taken = {name: _take(column, rows) for name, column in describing.items() if name not in varying}
            for name in (PERIOD_STARTS, PERIOD_ENDS):
                if name in taken:  # typed where its row can still be named
                    taken[name] = self._convert(name, columns[name]).take(rows).combine_chunks()
            attributes = self._describe(taken, pa.array(numbered.new_ids))
        self._rows_before += group.num_rows
        return Shaped(pa.table(amounts), attributes, contents)

    def _fingerprint_contents(
        self, fingerprints: np.ndarray, amounts: Mapping[str, pa.ChunkedArray]
    ) -> tuple[int, int]:
        """Of the group's rows, wherever the groups of their file end: what is absent is null in all rows."""
        if INTERVAL in amounts:
            fingerprints = fingerprints + self._fingerprint(INTERVAL, amounts[INTERVAL])
        return contents_fingerprint(fingerprints, amounts, _TELLING_APART)

    # --- amounts and instants ---

    def _type_amounts(self, columns: Mapping[str, pa.ChunkedArray]) -> dict[str, pa.ChunkedArray]:
        typed: dict[str, pa.ChunkedArray] = {}
        for name in (STARTS, ENDS, *AMOUNT_COLUMNS):
            column = columns.get(name)
            if column is not None and column.null_count < len(column):
                typed[name] = self._convert(name, column)
        told = _tell_other_intervals(columns.get(INTERVAL), columns[STARTS], typed.get(STARTS), typed.get(ENDS))
        if told.null_count < len(told):
            try:
                told.validate(full=True)
            except pa.ArrowInvalid as error:
                raise self._not_utf8(INTERVAL) from error
            typed[INTERVAL] = told
        return typed

    def _convert(self, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        kind = CORE_COLUMNS[name]
        self._refuse_other_kind(name, kind, column.type)
        try:
            if kind == "instant":
                return _convert_distinct(column, lambda values: _empty_to_null(values).cast(INSTANT))
            if pa.types.is_dictionary(column.type):
                return _convert_distinct(column, _parse_numbers)
            if pa.types.is_floating(column.type):
                return _convert_doubles(column)
            if pa.types.is_string(column.type):
                return pa.chunked_array([_parse_numbers(column.combine_chunks())], NUMBER)
            if pa.types.is_decimal(column.type):
                _refuse_large(column)
            return column.cast(NUMBER)
        except pa.ArrowInvalid as error:
            raise self._locate(name, kind, column, error) from error

    def _refuse_other_kind(self, name: str, kind: Kind, found: pa.DataType) -> None:
        inner = found.value_type if pa.types.is_dictionary(found) else found
        if pa.types.is_string(inner) or pa.types.is_null(inner):
            return
        is_number = pa.types.is_integer(inner) or pa.types.is_floating(inner) or pa.types.is_decimal(inner)
        is_instant = pa.types.is_timestamp(inner) or pa.types.is_date(inner)
        if (kind == "number" and is_number) or (kind == "instant" and is_instant):
            return
        raise IngestError(
            f"{self._place}: column {self._header(name)} holds {found}, and in a Cost & Usage Report it is "
            f"{_ARTICLES[kind]}; export the report again"
        )

    def _locate(self, name: str, kind: Kind, column: pa.ChunkedArray, error: Exception) -> IngestError:
        """The first value that can't be converted, by its row in the file."""
        wanted = NUMBER if kind == "number" else INSTANT
        for place, each in enumerate(column):
            try:
                value = each.as_py()
            except UnicodeDecodeError:
                return self._not_utf8(name)
            if value == "":
                continue  # null, in Parquet
            try:
                single = pa.array([value])
                if kind == "number" and pa.types.is_string(single.type):
                    _parse_numbers(single)
                    continue
                if pa.types.is_decimal(single.type):
                    _refuse_large(single)
                single.cast(_FROM_DOUBLE if pa.types.is_floating(single.type) else wanted)
            except (pa.ArrowException, TypeError, ValueError):
                row = self._rows_before + place + 1
                return IngestError(
                    f"{self._place}: row {row:,}, column {self._header(name)}: '{value}' {_explain(kind, value)}; "
                    "nothing of this month was loaded"
                )
        return IngestError(f"{self._place}: column {self._header(name)}: {' '.join(str(error).split())}")

    def _header(self, name: str) -> str:
        return next((header for header, known in self._names.items() if known == name), name)

    # --- what describes ---

    def _as_text(self, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """A describing column as text, by which its rows are compared and from which it is stored."""
        if pa.types.is_string(column.type):
            return column
        if pa.types.is_dictionary(column.type) and pa.types.is_string(column.type.value_type):
            return column
        if pa.types.is_map(column.type):
            try:
                return pa.chunked_array([_spell_map(chunk) for chunk in column.chunks], pa.string())
            except pa.ArrowException as error:
                raise self._odd_type(name, column.type) from error
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
            raise self._odd_type(name, column.type)
        return column.cast(pa.string())

    def _odd_type(self, name: str, found: pa.DataType) -> IngestError:
        return IngestError(
            f"{self._place}: column {self._header(name)} holds {found}, which no Cost & Usage Report has; "
            "export the report again"
        )

    def _fingerprint(self, name: str, column: pa.ChunkedArray) -> np.ndarray:
        try:
            return self._fingerprints.of_column(name, column)
        except UnicodeDecodeError as error:
            raise self._not_utf8(name) from error

    def _not_utf8(self, name: str) -> IngestError:
        return IngestError(
            f"{self._place}: column {self._header(name)} holds text that isn't UTF-8; "
            "sync again after AWS's next delivery"
        )

    def _describe(self, taken: Mapping[str, pa.Array], ids: pa.Array) -> pa.Table:
        count = len(ids)
        described: dict[str, pa.Array] = {ATTRIBUTES_ID: ids}
        for name in DESCRIBING_COLUMNS:
            if name not in taken:
                kind = CORE_COLUMNS[name]
                described[name] = pa.nulls(count, INSTANT if kind == "instant" else pa.string())
            elif CORE_COLUMNS[name] == "instant":
                described[name] = taken[name]
            else:
                described[name] = _clean(_empty_to_null(taken[name]))
        self._refuse_other_period(described[PERIOD_STARTS])
        others = {name: values for name, values in taken.items() if name not in CORE_COLUMNS}
        described[ATTRIBUTES] = _to_json(others, self._names.values(), count)
        return pa.table(described)

    def _refuse_other_period(self, starts: pa.Array) -> None:
        for start in pc.unique(starts).to_pylist():
            if start != self._period_start_at:
                found = "no billing period" if start is None else f"billing period {start:%Y-%m-%d}"
                raise IngestError(
                    f"{self._place}: rows of {found} in the delivery of {self._period_start_at:%Y-%m-%d}; "
                    "nothing of this month was loaded: sync again after AWS's next delivery"
                )


def _explain(kind: Kind, value: object) -> str:
    """What is wrong with a value that can't be converted."""
    if kind == "number":
        try:
            if Decimal(str(value)).is_finite():
                return "has more digits than are kept: 20 before the point, 18 decimals"
        except InvalidOperation:
            pass
    return f"is not {_ARTICLES[kind]}"


_ARTICLES: dict[Kind, str] = {"text": "text", "number": "a number", "instant": "a time"}


def _find_varying(fingerprints: np.ndarray, describing: Mapping[str, pa.ChunkedArray]) -> list[str]:
    """Columns without typed place whose values differ so often that they are kept with their row."""
    row_count = len(fingerprints)
    if row_count < _FEW_ROWS:
        return []
    if len(pc.unique(pa.array(fingerprints[:, 0]))) < row_count * _COMBINATIONS_PER_ROW:
        return []
    return [
        name
        for name, column in describing.items()
        if name not in CORE_COLUMNS
        and not name.startswith(_SAY_WHAT_IT_IS)
        and count_values(column) > row_count * _VALUES_PER_ROW
    ]


def _take(column: pa.ChunkedArray, rows: pa.Array) -> pa.Array:
    array = column.take(rows).combine_chunks()
    return array.cast(pa.string()) if pa.types.is_dictionary(array.type) else array


def _convert_distinct(column: pa.ChunkedArray, convert: Callable[[pa.Array], pa.Array]) -> pa.ChunkedArray:
    """Convert each distinct value once."""
    encoded = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    if encoded.num_chunks == 0:
        return pa.chunked_array([], convert(pa.array([], column.type)).type)
    converted = convert(encoded.chunk(0).dictionary)
    return pa.chunked_array([converted.take(chunk.indices) for chunk in encoded.chunks], converted.type)


def _parse_numbers(values: pa.Array) -> pa.Array:
    """Text as decimals of 18 places; empty text is null.

    Arrow's own cast wraps around where a number has more digits than fit: only what can't be that long is left to it.

    Raises:
        pa.ArrowInvalid: one of them is no number, or has more digits than are kept.
    """
    values = _empty_to_null(values)
    longest = pc.max(pc.binary_length(values)).as_py() or 0
    buffer = values.buffers()[2]
    text = b"" if buffer is None else buffer.to_pybytes()
    if longest <= _DIGITS_BEFORE and b"e" not in text and b"E" not in text:
        return values.cast(NUMBER)
    encoded = values.dictionary_encode()
    return pa.array([_parse_number(each) for each in encoded.dictionary.to_pylist()], NUMBER).take(encoded.indices)


def _parse_number(text: str) -> Decimal:
    if not _NUMBER_TEXT.fullmatch(text):
        raise pa.ArrowInvalid(f"{text} is no number")
    number = Decimal(text)
    exponent = number.normalize(_EXACT).as_tuple().exponent
    if number.copy_abs() >= _TOO_LARGE or not isinstance(exponent, int) or exponent < -NUMBER.scale:
        raise pa.ArrowInvalid(f"{text} has more digits than are kept")
    return number.quantize(_LAST_PLACE, context=_EXACT)


def _refuse_large(column: pa.ChunkedArray | pa.Array) -> None:
    largest = pc.max(pc.abs(column)).as_py()
    if largest is not None and largest >= _TOO_LARGE:
        raise pa.ArrowInvalid(f"{largest} has more digits than are kept")


def _convert_doubles(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Doubles as decimals of ten places, as Arrow's own cast, in less time.

    A double that stands for a decimal of ten places, times 1e10, is off the whole number by less than one half as long
    as that number is below 2**51.

    Raises:
        pa.ArrowInvalid: one of them is no number.
    """
    values = column.combine_chunks().cast(pa.float64())
    scaled = pc.fill_null(values, 0.0).to_numpy() * 1e10
    if not (np.abs(scaled) < 2.0**51).all():  # also where one is NaN
        return column.cast(_FROM_DOUBLE)
    words = np.empty((len(scaled), 2), dtype=np.int64)
    words[:, 0] = np.rint(scaled)
    words[:, 1] = words[:, 0] >> 63
    validity = pc.is_valid(values).buffers()[1] if values.null_count else None
    return pa.chunked_array([pa.Array.from_buffers(_FROM_DOUBLE, len(values), [validity, pa.py_buffer(words)])])


def _tell_other_intervals(
    intervals: pa.ChunkedArray | None,
    rows: pa.ChunkedArray,
    starts: pa.ChunkedArray | None,
    ends: pa.ChunkedArray | None,
) -> pa.ChunkedArray:
    """The time intervals as text where they aren't `start/end` of the usage; else null: the view spells those.

    Empty text where none is delivered.

    Args:
        rows: any column, for their number.
    """
    if intervals is None or intervals.null_count == len(intervals):
        return pa.chunked_array([pa.repeat(pa.scalar(""), len(rows))])
    text = _clean(pc.fill_null(_flatten_chunks(intervals), ""))
    if starts is None or ends is None:
        return pa.chunked_array([text])
    spelled = [_convert_distinct(column, _spell_instants) for column in (starts, ends)]
    joined = pc.binary_join_element_wise(*spelled, "/").combine_chunks()
    is_same = pc.fill_null(pc.equal(text, joined), False)
    return pa.chunked_array([pc.if_else(is_same, pa.scalar(None, pa.string()), text)])


def _spell_instants(values: pa.Array) -> pa.Array:
    """`2018-10-01T00:00:00Z`; null where an instant isn't on a full second, which that can't spell."""
    seconds = values.cast(pa.timestamp("s", tz="UTC"), safe=False)
    is_full = pc.equal(seconds.cast(INSTANT), values)
    return pc.if_else(is_full, pc.strftime(seconds, "%Y-%m-%dT%H:%M:%SZ"), pa.scalar(None, pa.string()))


def _flatten_chunks(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Text in one piece and without a dictionary."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return array.cast(pa.string()) if pa.types.is_dictionary(array.type) else array


def _empty_to_null(values: pa.Array) -> pa.Array:
    if not pa.types.is_string(values.type):
        return values
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)


# --- JSON ------------------------------------------------------------------------------------------------------------


def _to_json(columns: Mapping[str, pa.Array | pa.ChunkedArray], names: object, count: int | None = None) -> pa.Array:
    """One JSON object a row, without empty values. A map's members stand beside the columns, under map_key.

    Args:
        columns: text.
        names: all columns of the delivery: a map's member that would take the name of one of them is `map.key`.
        count: of rows, needed where there are no columns.
    """
    taken = frozenset(names)  # type: ignore[call-overload]
    members = []
    for name in sorted(columns):
        text = _empty_to_null(_flatten_chunks(columns[name]))
        count = len(text)
        if name in MAP_COLUMNS:
            encoded = text.dictionary_encode()
            spelled = pa.array([_flatten(name, value, taken) for value in encoded.dictionary.to_pylist()], pa.string())
            members.append(pc.fill_null(spelled.take(encoded.indices), ""))
        else:
            member = pc.binary_join_element_wise(f',{json.dumps(name)}:"', _escape(text), '"', "")
            members.append(pc.fill_null(member, ""))
    if not members:
        return pa.array(["{}"] * (count or 0), pa.string())
    joined = pc.binary_join_element_wise(*members, "")
    return pc.binary_join_element_wise("{", pc.utf8_slice_codeunits(joined, start=1), "}", "")


def _flatten(name: str, text: str, taken: frozenset[str]) -> str:
    """The members of a map, each with a comma before it. What isn't a JSON object stays what it is."""
    try:
        content = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        return f",{json.dumps(name)}:{_spell(text)}"
    spelled = []
    for key, value in content.items():
        if value is None or value == "":
            continue
        member = f"{name}_{key}" if f"{name}_{key}" not in taken else f"{name}.{key}"
        told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        spelled.append(f",{_spell(member)}:{_spell(told)}")
    return "".join(spelled)


def _spell(text: str) -> str:
    # PostgreSQL stores neither U+0000 nor half a surrogate pair.
    return json.dumps(re.sub("[\0\ud800-\udfff]", "\ufffd", text), ensure_ascii=False)


def _spell_map(column: pa.MapArray) -> pa.Array:
    """A Parquet map as JSON text, as Data Exports spell it in CSV. A member without a value is empty text."""
    values = _escape(pc.fill_null(column.items.cast(pa.string()), ""))
    members = pc.binary_join_element_wise('"', _escape(column.keys), '":"', values, '"', "")
    # A slice's offsets count from the array's beginning; its keys and items are the whole array's in some versions of
    # Arrow, and those of its rows alone in others.
    offsets = column.offsets
    if len(offsets) and len(members) < offsets[-1].as_py():
        offsets = pc.subtract(offsets, offsets[0])
    lists = pa.ListArray.from_arrays(offsets, members)
    spelled = pc.binary_join_element_wise("{", pc.binary_join(lists, ","), "}", "")
    return pc.if_else(pc.is_null(column), pa.scalar(None, pa.string()), spelled)


def _clean(values: pa.Array) -> pa.Array:
    """PostgreSQL stores no U+0000: it becomes U+FFFD."""
    return pc.replace_substring(values, "\0", "\ufffd")


def _escape(values: pa.Array) -> pa.Array:
    """JSON's escapes."""
    values = pc.replace_substring(values, "\\", "\\\\")
    values = pc.replace_substring(values, '"', '\\"')
    if not pc.any(pc.match_substring_regex(values, r"[\x00-\x1f]")).as_py():
        return values
    values = _clean(values)
    for code in range(1, 32):
        values = pc.replace_substring(values, chr(code), f"\\u{code:04x}")
    return values
