"""The lines of one delivery: charges with all their texts and measures by legacy header, cut into batches of rows.

A charge is one line repeated over time, so everything is kept per charge and only repeated, by NumPy and Arrow, when a
batch is written: no row ever becomes a Python object.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from demo.billing.records import Charge
from demo.reports.columns import ACCOUNT_NAME, ENDS, INTERVAL, PAYER_NAME, PERIOD_ENDS, PERIOD_STARTS, STARTS
from demo.timeline import BillingPeriod
from demo.world.accounts import PAYER

_TIMES = (INTERVAL, STARTS, ENDS, PERIOD_STARTS, PERIOD_ENDS)
_SELLER = "Amazon Web Services, Inc."


@dataclass(frozen=True)
class Line:
    """A charge as a delivery writes it: ``texts`` the same on each of its rows, ``measures`` one integer a row."""

    charge: Charge
    texts: dict[str, str]
    measures: dict[str, np.ndarray]

    @property
    def headers(self) -> set[str]:
        """The columns that it fills."""
        return {*self.texts, *self.measures, *_TIMES}


@dataclass(frozen=True)
class Batch:
    """Rows ``firsts[i]`` to ``lasts[i]`` of ``lines[i]``, in this order."""

    period: BillingPeriod
    lines: tuple[Line, ...]
    firsts: tuple[int, ...]
    lasts: tuple[int, ...]

    @cached_property
    def counts(self) -> np.ndarray:
        """Rows of each line."""
        return np.asarray(self.lasts, dtype=np.int64) - np.asarray(self.firsts, dtype=np.int64)

    @cached_property
    def owners(self) -> np.ndarray:
        """Of each row, the place of its line."""
        return np.repeat(np.arange(len(self.lines), dtype=np.int32), self.counts)

    @cached_property
    def offsets(self) -> np.ndarray:
        """The row at which each line begins, and the number of rows."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    @property
    def row_count(self) -> int:
        """Rows of the batch."""
        return int(self.offsets[-1])

    @cached_property
    def start_seconds(self) -> np.ndarray:
        """The start of each row, seconds since the epoch."""
        starts = [
            line.charge.starts[first:last]
            for line, first, last in zip(self.lines, self.firsts, self.lasts, strict=True)
        ]
        return np.concatenate(starts) * 3600

    @cached_property
    def end_seconds(self) -> np.ndarray:
        """The end of each row: a monthly one ends a second before the period does, as AWS writes it."""
        lengths = np.array([line.charge.length or 0 for line in self.lines], dtype=np.int64)[self.owners]
        return np.where(lengths > 0, self.start_seconds + lengths * 3600, self.period.end * 3600 - 1)

    def pieces(self, header: str) -> list[tuple[int, np.ndarray]]:
        """The values of a measure: (place of the line, its rows' integers) for the lines that have it."""
        return [
            (place, line.measures[header][self.firsts[place] : self.lasts[place]])
            for place, line in enumerate(self.lines)
            if header in line.measures
        ]

    def rows_of(self, places: Sequence[int]) -> np.ndarray:
        """The row numbers of some lines, ascending."""
        if len(places) == len(self.lines):
            return np.arange(self.row_count)
        spans = [np.arange(self.offsets[place], self.offsets[place + 1]) for place in places]
        return np.concatenate(spans) if spans else np.zeros(0, dtype=np.int64)


def write_lines(
    charges: Sequence[Charge], period: BillingPeriod, assembly: str, is_discounted: bool, hidden: frozenset[str]
) -> list[Line]:
    """The lines of a delivery.

    ``assembly``: the delivery's id, from which the lines' own ids are made. ``is_discounted``: whether a discount is
    negotiated, so that net columns exist. ``hidden``: headers not delivered yet (tags that aren't activated).
    """
    seen: dict[bytes, int] = {}
    return [_write_line(charge, assembly, seen, is_discounted, hidden) for charge in charges if len(charge.starts)]


def _write_line(
    charge: Charge, assembly: str, seen: dict[bytes, int], is_discounted: bool, hidden: frozenset[str]
) -> Line:
    account = charge.account
    texts = {
        "bill/InvoicingEntity": _SELLER,
        "bill/BillingEntity": "AWS",
        "bill/BillType": "Anniversary",
        "bill/PayerAccountId": PAYER.account_id,
        PAYER_NAME: PAYER.name,
        "lineItem/UsageAccountId": account.account_id,
        ACCOUNT_NAME: account.name,
        "lineItem/LineItemType": charge.line_type,
        "lineItem/CurrencyCode": "USD",
        "lineItem/LegalEntity": _SELLER,
    }
    texts.update({header: text for header, text in charge.columns.items() if text and header not in hidden})
    # Two lines that say the same (two credits of a month) still get ids of their own.
    digest = hashlib.blake2b(digest_size=32, key=assembly.encode()[:64])
    digest.update("\x1f".join([*texts.keys(), *texts.values()]).encode())
    repeats = seen.get(digest.digest(), 0)
    seen[digest.digest()] = repeats + 1
    digest.update(b"\x1e%d" % repeats)
    texts["identity/LineItemId"] = base64.b32encode(digest.digest()).decode().lower().rstrip("=")
    measures = {"lineItem/UsageAmount": charge.quantity, "lineItem/UnblendedCost": charge.unblended}
    # AWS leaves the blended cost of discount rows empty.
    if not charge.line_type.endswith("Discount"):
        measures["lineItem/BlendedCost"] = charge.blended
    if is_discounted:
        measures["lineItem/NetUnblendedCost"] = charge.net_unblended
    factor = texts.get("lineItem/NormalizationFactor")
    if factor is not None:
        # Factors are quarters at the finest, so the product stays whole.
        measures["lineItem/NormalizedUsageAmount"] = charge.quantity * int(float(factor) * 4) // 4
    measures.update(charge.measures)
    for header in measures:
        texts.pop(header, None)
    return Line(charge, texts, measures)


def used_headers(lines: Sequence[Line]) -> set[str]:
    """The columns that any of the lines fills."""
    used: set[str] = set()
    for line in lines:
        used |= line.headers
    return used


def cut_batches(lines: Sequence[Line], period: BillingPeriod, most_rows: int) -> Iterator[Batch]:
    """The rows of the lines in batches of ``most_rows``, the last one smaller."""
    held: list[tuple[Line, int, int]] = []
    room = most_rows
    for line in lines:
        first, count = 0, len(line.charge.starts)
        while first < count:
            last = min(count, first + room)
            held.append((line, first, last))
            room -= last - first
            first = last
            if room == 0:
                yield _batch(period, held)
                held, room = [], most_rows
    if held:
        yield _batch(period, held)


def _batch(period: BillingPeriod, held: list[tuple[Line, int, int]]) -> Batch:
    return Batch(
        period,
        tuple(line for line, _, _ in held),
        tuple(first for _, first, _ in held),
        tuple(last for *_, last in held),
    )
