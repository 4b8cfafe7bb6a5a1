"""Numbers and times as a report spells them, for whole columns at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.money import SCALE


def spell_amounts(values: np.ndarray) -> pa.Array:
    """Integers of 1e-10 as decimals with ten digits (-1 -> "-0.0000000001"), strings."""
    encoded = pa.array(values).dictionary_encode()
    distinct = encoded.dictionary.to_numpy()
    whole, fraction = np.divmod(np.abs(distinct), SCALE)
    digits = pc.utf8_lpad(pa.array(fraction).cast(pa.string()), 10, "0")
    texts = pc.binary_join_element_wise(pa.array(whole).cast(pa.string()), digits, ".")
    if (distinct < 0).any():
        signs = pa.array(["", "-"]).take(pa.array((distinct < 0).astype(np.int8)))
        texts = pc.binary_join_element_wise(signs, texts, "")
    return texts.take(encoded.indices)


def spell_instants(seconds: np.ndarray, has_milliseconds: bool) -> pa.DictionaryArray:
    """Seconds since the epoch as ISO texts in UTC: 2026-11-01T00:00:00Z, or with .000 before the Z."""
    encoded = pa.array(seconds).dictionary_encode()
    marks = np.datetime_as_string(encoded.dictionary.to_numpy().astype("datetime64[s]"))
    ending = ".000Z" if has_milliseconds else "Z"
    texts = pa.array([f"{mark}{ending}" for mark in marks.tolist()], pa.string())
    return pa.DictionaryArray.from_arrays(encoded.indices, texts)


def spell_intervals(starts: np.ndarray, ends: np.ndarray) -> pa.DictionaryArray:
    """``start/end`` of each row, both in seconds since the epoch."""
    # Both in one integer: what differs between rows is the length, which is below 2^22 seconds (48 days).
    encoded = pa.array((starts << 22) + (ends - starts)).dictionary_encode()
    keys = encoded.dictionary.to_numpy()
    first, last = (
        np.datetime_as_string(values.astype("datetime64[s]")).tolist()
        for values in (keys >> 22, (keys >> 22) + (keys & ((1 << 22) - 1)))
    )
    texts = pa.array([f"{start}Z/{end}Z" for start, end in zip(first, last, strict=True)], pa.string())
    return pa.DictionaryArray.from_arrays(encoded.indices, texts)


def to_doubles(values: np.ndarray) -> np.ndarray:
    """The doubles nearest to integers of 1e-10."""
    result = values / SCALE
    # Beyond 2^53 the integer itself has no exact double: those few go through exact arithmetic.
    if len(values) and max(-int(values.min()), int(values.max())) > 2**53:
        for place in np.flatnonzero(np.abs(values) > 2**53):
            result[place] = int(values[place]) / SCALE
    return result
