"""Writes charges as legacy Cost and Usage Reports: CSV.gz, hourly, resource ids, create-new-version delivery.

Layout and names follow the CUR guide ("access-cur-s3"):
``<prefix>/<report>/<yyyymmdd-yyyymmdd>/<assembly>/<report>-<n>.csv.gz`` with a manifest in the assembly's folder and
another in the date-range folder that names the newest assembly. Columns appear only where a row uses them.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np

from demo import accounts, money
from demo.calendars import BillingPeriod, moment
from demo.charges import Books, Charge, line_item_id, monthly_charges
from demo.randomness import stream, uuid_like

BUCKET = "example-corp-billing"
PREFIX = "cur"
REPORT = "example-hourly"
ROWS_PER_FILE = 50_000
SOURCE = f"s3://{BUCKET}/{PREFIX}/{REPORT}"

# Always present, in this order; every other column of a report appears only when a row fills it.
_CORE = (
    "identity/LineItemId",
    "identity/TimeInterval",
    "bill/InvoiceId",
    "bill/InvoicingEntity",
    "bill/BillingEntity",
    "bill/BillType",
    "bill/PayerAccountId",
    "bill/BillingPeriodStartDate",
    "bill/BillingPeriodEndDate",
    "lineItem/UsageAccountId",
    "lineItem/LineItemType",
    "lineItem/UsageStartDate",
    "lineItem/UsageEndDate",
    "lineItem/ProductCode",
    "lineItem/UsageType",
    "lineItem/Operation",
    "lineItem/AvailabilityZone",
    "lineItem/ResourceId",
    "lineItem/UsageAmount",
    "lineItem/NormalizationFactor",
    "lineItem/NormalizedUsageAmount",
    "lineItem/CurrencyCode",
    "lineItem/UnblendedRate",
    "lineItem/UnblendedCost",
    "lineItem/BlendedRate",
    "lineItem/BlendedCost",
    "lineItem/LineItemDescription",
    "lineItem/TaxType",
    "lineItem/LegalEntity",
)
# A tag shows in reports from the month on in which it was activated for cost allocation (index of the period).
_ACTIVATED_LATER = {"resourceTags/user:CostCenter": 1}
_CATEGORIES = ("product", "pricing", "reservation", "savingsPlan", "resourceTags")


@dataclass(frozen=True)
class Delivery:
    """One version of one period's report: what was known up to an hour, written at another."""

    period: BillingPeriod
    known_to: int
    written: int
    is_final: bool


def plan_deliveries(books: Books) -> list[Delivery]:
    """Per period an early version and the newest one, oldest first."""
    horizon = books.estate.horizon
    deliveries = []
    for period in horizon.periods:
        if horizon.is_closed(period):
            early = period.start + 4 * 24 + 9
            written = min(period.end + 70, horizon.end - 3)
            newest = Delivery(period, period.end, written, True)
        else:
            # In the first hours of a month there is only one version yet.
            early = horizon.cur_end - 24
            newest = Delivery(period, horizon.cur_end, horizon.end - 2, False)
        if early > period.start:
            deliveries.append(Delivery(period, early, early + 4, False))
        deliveries.append(newest)
    return deliveries


def _quote(text: str) -> str:
    if any(mark in text for mark in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _order(headers: set[str]) -> list[str]:
    def rank(header: str) -> tuple[int, str]:
        return _CATEGORIES.index(header.split("/")[0]), header

    return [*_CORE, *sorted(headers - set(_CORE), key=rank)]


def _texts(values: np.ndarray) -> str | list[str]:
    """A column of money or quantities: one text where it never changes, else one per row."""
    distinct = np.unique(values)
    if len(distinct) == 1:
        return money.spell(int(distinct[0]))
    spelled = {int(value): money.spell(int(value)) for value in distinct}
    return [spelled[value] for value in values.tolist()]


class _Times:
    """Hour texts, made once."""

    def __init__(self, start: int, end: int):
        self.start = start
        marks = [moment(hour).strftime("%Y-%m-%dT%H:%M:%SZ") for hour in range(start, end + 1)]
        self.marks = marks
        self.intervals = [f"{first}/{last}" for first, last in zip(marks, marks[1:], strict=False)]

    def at(self, hour: int) -> str:
        return self.marks[hour - self.start]


@dataclass(frozen=True)
class _Header:
    """What every row of one delivery shares."""

    books: Books
    delivery: Delivery
    assembly: str
    times: _Times

    def is_active(self, column: str) -> bool:
        """Whether a column may show in this period's reports."""
        index = self.books.estate.horizon.periods.index(self.delivery.period)
        return index >= _ACTIVATED_LATER.get(column, 0)

    def row_columns(self, charge: Charge) -> dict[str, str]:
        """The texts that all rows of a charge share, by header."""
        period = self.delivery.period
        seed = self.books.estate.parameters.seed
        name = (charge.line_type, charge.account.account_id, sorted(charge.columns.items()), int(charge.starts[0]))
        invoice = ""
        if self.delivery.is_final:
            invoice = str(stream(seed, "invoice", charge.account.account_id, period.start).integers(10**9, 2 * 10**9))
        return {
            "identity/LineItemId": line_item_id(self.books, self.assembly, name),
            "bill/InvoiceId": invoice,
            "bill/InvoicingEntity": "Amazon Web Services, Inc.",
            "bill/BillingEntity": "AWS",
            "bill/BillType": "Anniversary",
            "bill/PayerAccountId": accounts.PAYER.account_id,
            "bill/BillingPeriodStartDate": self.times.at(period.start),
            "bill/BillingPeriodEndDate": self.times.at(period.end),
            "lineItem/UsageAccountId": charge.account.account_id,
            "lineItem/LineItemType": charge.line_type,
            "lineItem/CurrencyCode": "USD",
            "lineItem/LegalEntity": "Amazon Web Services, Inc.",
            **charge.columns,
        }


def _normalized(charge: Charge, quantity: np.ndarray) -> np.ndarray | None:
    factor = charge.columns.get("lineItem/NormalizationFactor")
    if factor is None:
        return None
    # Factors are quarters at the finest, so the product stays whole.
    quarters = int(float(factor) * 4)
    return quantity * quarters // 4


def _rows(header: _Header, charge: Charge, headers: list[str]) -> Iterator[str]:
    """The CSV rows of a charge within the delivery, each without its line end."""
    period = header.delivery.period
    last = period.end if charge.month_end is not None or charge.line_type == "Fee" else header.delivery.known_to
    here = (charge.starts >= period.start) & (charge.starts < min(last, period.end))
    starts = charge.starts[here]
    if not len(starts):
        return
    offsets = (starts - header.times.start).tolist()
    columns: dict[str, str | list[str]] = {name: _quote(text) for name, text in header.row_columns(charge).items()}
    if charge.month_end is None:
        columns["identity/TimeInterval"] = [header.times.intervals[offset] for offset in offsets]
        columns["lineItem/UsageStartDate"] = [header.times.marks[offset] for offset in offsets]
        columns["lineItem/UsageEndDate"] = [header.times.marks[offset + 1] for offset in offsets]
    else:
        first = header.times.at(int(starts[0]))
        end = header.times.at(period.end - 1).replace(":00:00Z", ":59:59Z")
        columns |= {
            "identity/TimeInterval": f"{first}/{end}",
            "lineItem/UsageStartDate": first,
            "lineItem/UsageEndDate": end,
        }
    quantity = charge.quantity[here]
    columns["lineItem/UsageAmount"] = _texts(quantity)
    normalized = _normalized(charge, quantity)
    if normalized is not None:
        columns["lineItem/NormalizedUsageAmount"] = _texts(normalized)
    columns["lineItem/UnblendedCost"] = columns["lineItem/BlendedCost"] = _texts(charge.unblended[here])
    for name, values in charge.measures.items():
        columns[name] = _texts(values[here])
    # Neighbouring constants melt into one text, so that a row costs one join over the few columns that vary.
    pieces: list[Iterator[str]] = []
    constant = ""
    for index, name in enumerate(headers):
        constant += "," if index else ""
        value = columns.get(name, "")
        if isinstance(value, str):
            constant += value
        else:
            pieces += [repeat(constant), iter(value)]
            constant = ""
    if not any(isinstance(value, list) for value in columns.values()):
        yield constant
        return
    yield from map("".join, zip(*pieces, repeat(constant), strict=False))


def _compress(lines: list[str]) -> bytes:
    # Level 4: neighbouring rows are nearly equal, so higher levels cost seconds and save little. No time in the header.
    machine = zlib.compressobj(4, zlib.DEFLATED, 31)
    return machine.compress(("\n".join(lines) + "\n").encode()) + machine.flush()


def _put(root: Path, key: str, body: bytes, written: int) -> None:
    target = root / key
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(body)
    os.utime(target, (written * 3600, written * 3600))


def _manifest(header: _Header, headers: list[str], keys: list[str]) -> bytes:
    period = header.delivery.period
    columns = []
    for name in headers:
        category, _, rest = name.partition("/")
        columns.append({"category": category, "name": rest})
    stamp = "%Y%m%dT%H%M%S.000Z"
    manifest = {
        "assemblyId": header.assembly,
        "account": accounts.PAYER.account_id,
        "columns": columns,
        "charset": "UTF-8",
        "compression": "GZIP",
        "contentType": "text/csv",
        "reportId": uuid_like(header.books.estate.parameters.seed, "report"),
        "reportName": REPORT,
        "billingPeriod": {
            "start": moment(period.start).strftime(stamp),
            "end": moment(period.end).strftime(stamp),
        },
        "bucket": BUCKET,
        "reportKeys": keys,
        "additionalArtifactKeys": [],
    }
    return (json.dumps(manifest, indent=2) + "\n").encode()


def _write_delivery(books: Books, delivery: Delivery, root: Path, rows_per_file: int) -> None:
    seed, period = books.estate.parameters.seed, delivery.period
    assembly = uuid_like(seed, "assembly", period.start, delivery.known_to)
    header = _Header(books, delivery, assembly, _Times(period.start, period.end + 1))
    monthly = monthly_charges(books, period, delivery.known_to, delivery.is_final)
    charges = [*books.hourly, *monthly]
    present = [
        charge for charge in charges if ((charge.starts >= period.start) & (charge.starts < delivery.known_to)).any()
    ]
    used: set[str] = set()
    for charge in present:
        used |= set(charge.columns) | set(charge.measures)
    headers = _order({column for column in used if header.is_active(column)})
    head = ",".join(headers)
    keys: list[str] = []

    def flush(rows: list[str]) -> None:
        key = f"{PREFIX}/{REPORT}/{period.folder}/{assembly}/{REPORT}-{len(keys) + 1}.csv.gz"
        _put(root, key, _compress([head, *rows]), delivery.written)
        keys.append(key)

    rows: list[str] = []
    for charge in present:
        rows.extend(_rows(header, charge, headers))
        while len(rows) >= rows_per_file:
            flush(rows[:rows_per_file])
            rows = rows[rows_per_file:]
    if rows:
        flush(rows)
    manifest = _manifest(header, headers, keys)
    _put(root, f"{PREFIX}/{REPORT}/{period.folder}/{assembly}/{REPORT}-Manifest.json", manifest, delivery.written)
    _put(root, f"{PREFIX}/{REPORT}/{period.folder}/{REPORT}-Manifest.json", manifest, delivery.written)


def write_reports(books: Books, root: Path, rows_per_file: int = ROWS_PER_FILE) -> None:
    """Write every delivery under ``root`` (the bucket's folder), and one that has begun and has no manifest yet."""
    _put(root, "aws-programmatic-access-test-object", b"", books.estate.horizon.start)
    for delivery in plan_deliveries(books):
        _write_delivery(books, delivery, root, rows_per_file)
    newest = books.estate.horizon.periods[-1]
    assembly = uuid_like(books.estate.parameters.seed, "assembly", newest.start, "under way")
    body = _compress([",".join(_CORE)])
    key = f"{PREFIX}/{REPORT}/{newest.folder}/{assembly}/{REPORT}-1.csv.gz"
    _put(root, key, body, books.estate.horizon.end - 1)
