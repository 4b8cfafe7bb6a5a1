"""Which rows of a report share all that describes them, so that it is stored once.

An hourly report says of each resource 700 times a month what it is. The describing columns of a row are reduced to a
fingerprint of 128 bits: the sum, over its columns, of a hash of name and value. Rows of equal fingerprint are taken for
equal: among a billion distinct combinations two fall together with a probability below 1e-19.
"""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Fingerprints kept at once (about 200 bytes each). A report with more distinct combinations than that repeats few of
# them; forgetting the older ones stores some twice and loses none.
_MOST_KNOWN = 1_000_000
# Bytes of a column's values that are kept between groups with their hashes.
_MOST_CACHED_BYTES = 2 << 20


@dataclass(frozen=True)
class Numbered:
    """The combinations of one group of rows."""

    ids: np.ndarray  # int32, one a row
    new_rows: np.ndarray  # int64, one row for each combination that was not known before
    new_ids: np.ndarray  # int32, their numbers


class Fingerprints:
    """Hashes of column values, kept between groups. For one thread at a time."""

    def __init__(self) -> None:
        self._columns: dict[str, _Known] = {}

    def of_column(self, name: str, column: pa.ChunkedArray) -> np.ndarray:
        """What a column adds to each row's fingerprint.

        Args:
            column: text, dictionaries allowed; null and empty text add nothing.

        Returns:
            uint64 of shape (rows, 2).
        """
        encoded = _encode(column)
        known = self._columns.setdefault(name, _Known(name))
        hashes = known.of_values(encoded.dictionary)
        indices = encoded.indices
        if indices.null_count:  # a dictionary that came from the file has no entry for null
            indices = pc.fill_null(indices, len(hashes))
            hashes = np.vstack([hashes, np.zeros((1, 2), dtype=np.uint64)])
        return np.take(hashes, indices.to_numpy(), axis=0)


class _Known:
    """The values of one column that were met, and their hashes."""

    def __init__(self, name: str):
        self._prefix = f"{name}\0"
        self._values = pa.array([], pa.string())
        self._hashes = np.zeros((0, 2), dtype=np.uint64)

    def of_values(self, values: pa.Array) -> np.ndarray:
        """uint64 of shape (values, 2)."""
        places = pc.index_in(values, self._values)
        if places.null_count:
            if self._values.nbytes > _MOST_CACHED_BYTES:
                self._values, self._hashes = self._values.slice(0, 0), self._hashes[:0]
                places = pc.index_in(values, self._values)
            new = values.filter(pc.is_null(places))
            self._hashes = np.vstack([self._hashes, [self._hash(value) for value in new.to_pylist()]])
            self._values = pa.concat_arrays([self._values, new])
            places = pc.index_in(values, self._values)
        return np.take(self._hashes, places.to_numpy(), axis=0)

    def _hash(self, value: str | None) -> np.ndarray:
        if not value:
            return np.zeros(2, dtype=np.uint64)
        digest = hashlib.blake2b(f"{self._prefix}{value}".encode(), digest_size=16).digest()
        return np.frombuffer(digest, dtype=np.uint64)


def _encode(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """One dictionary for all chunks; null is one of its entries, or an index that is null."""
    if pa.types.is_dictionary(column.type):
        return column.unify_dictionaries().combine_chunks()
    return column.dictionary_encode(null_encoding="encode").combine_chunks()


def count_values(column: pa.ChunkedArray) -> int:
    """Distinct values of a column, null not counted."""
    return len(pc.unique(_encode(column).indices))  # a file's dictionary may hold more than the group


class Combinations:
    """The combinations of one load, each with its number. Several threads may ask at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[int, int], int] = {}
        self._count = 0

    def number(self, fingerprints: np.ndarray) -> Numbered:
        """Number each row's combination.

        Args:
            fingerprints: uint64 of shape (rows, 2).
        """
        codes, firsts = _factorize(fingerprints)
        keys = list(map(tuple, fingerprints[firsts].tolist()))
        numbers = np.empty(len(keys), dtype=np.int32)
        new: list[int] = []
        with self._lock:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            for place, key in enumerate(keys):
                number = self._known.get(key)
                if number is None:
                    number = self._known[key] = self._count
                    self._count += 1
                    new.append(place)
                numbers[place] = number
        return Numbered(ids=numbers[codes], new_rows=firsts[new], new_ids=numbers[new])


def _factorize(fingerprints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each row the place of its fingerprint among the distinct ones, and of each of those its first row."""
    encoded = pa.array(fingerprints[:, 0]).dictionary_encode()
    codes = encoded.indices.to_numpy()
    firsts = np.empty(len(encoded.dictionary), dtype=np.int64)
    firsts[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    if (fingerprints[firsts[codes], 1] == fingerprints[:, 1]).all():
        return codes, firsts
    # Two combinations with the same first half: the slow way, which looks at both.
    _, unique_firsts, inverse = np.unique(fingerprints, axis=0, return_index=True, return_inverse=True)
    return inverse.reshape(-1), unique_firsts


def contents_fingerprint(
    fingerprints: np.ndarray, amounts: Mapping[str, pa.ChunkedArray], names: Sequence[str]
) -> tuple[int, int]:
    """A fingerprint of a group's rows whatever their order; those of groups add up (modulo 2**64) to their file's.

    Args:
        fingerprints: of each row's describing columns.
        amounts: other columns of the rows that tell them apart, each of a fixed width (instants, decimals).
        names: of all such columns there may be: those that are absent count as null in every row.
    """
    mixed = fingerprints.copy()
    with np.errstate(over="ignore"):
        for name in names:
            factors = _factors(name)
            if name not in amounts:
                mixed += _NULL_WORD * factors.sum(axis=0, dtype=np.uint64)
                continue
            words = _words(amounts[name])
            for place, factor in enumerate(factors):
                mixed += words[:, place : place + 1] * factor
        mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
        first, second = mixed.sum(axis=0, dtype=np.uint64).tolist()
    return first, second


_NULL_WORD = np.uint64(0x9E3779B97F4A7C15)


def _factors(name: str) -> np.ndarray:
    """Odd numbers of a column's own, uint64 of shape (words, lanes) = (2, 2)."""
    digest = hashlib.blake2b(name.encode(), digest_size=32).digest()
    return np.frombuffer(digest, dtype=np.uint64).reshape(2, 2) | np.uint64(1)


def _words(column: pa.ChunkedArray) -> np.ndarray:
    """The values as uint64 of shape (rows, 2); null is a word of its own."""
    array = column.combine_chunks()
    count = array.type.bit_width // 64
    buffer = array.buffers()[1]
    found = np.frombuffer(buffer, dtype=np.uint64)[array.offset * count : (array.offset + len(array)) * count]
    words = np.zeros((len(array), 2), dtype=np.uint64)
    words[:, :count] = found.reshape(len(array), count)
    if array.null_count:
        words[pc.is_null(array).to_numpy(zero_copy_only=False)] = _NULL_WORD
    return words
