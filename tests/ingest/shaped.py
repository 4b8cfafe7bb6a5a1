"""What the loader would store of a file, joined again as the view raw.cur_line_items does, without a database."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa

from ingest.cur import files
from ingest.cur.combinations import Combinations, Fingerprints
from ingest.cur.shaping import Shaped, Shaper

PERIOD = datetime(2026, 10, 1, tzinfo=UTC)
AMOUNTS = {
    "lineItem/UsageAmount": "line_item_usage_amount",
    "lineItem/UnblendedCost": "line_item_unblended_cost",
    "lineItem/BlendedCost": "line_item_blended_cost",
    "pricing/publicOnDemandCost": "pricing_public_on_demand_cost",
    "reservation/EffectiveCost": "reservation_effective_cost",
}
INSTANTS = {
    "bill/BillingPeriodStartDate": "bill_billing_period_start_date",
    "bill/BillingPeriodEndDate": "bill_billing_period_end_date",
    "lineItem/UsageStartDate": "line_item_usage_start_date",
    "lineItem/UsageEndDate": "line_item_usage_end_date",
}
TEXTS = {
    "identity/LineItemId": "identity_line_item_id",
    "bill/PayerAccountId": "bill_payer_account_id",
    "lineItem/UsageAccountId": "line_item_usage_account_id",
    "lineItem/LineItemType": "line_item_line_item_type",
    "lineItem/ProductCode": "line_item_product_code",
    "lineItem/UsageType": "line_item_usage_type",
    "lineItem/Operation": "line_item_operation",
    "lineItem/ResourceId": "line_item_resource_id",
    "lineItem/CurrencyCode": "line_item_currency_code",
    "lineItem/LineItemDescription": "line_item_line_item_description",
}
INTERVAL = "identity/TimeInterval"
Row = dict[str, Any]


@dataclass(frozen=True)
class Stored:
    """What came of one file. `rows`: each by column of the view, attributes among them; empty ones absent."""

    rows: list[Row]
    contents: tuple[int, int]
    combination_count: int
    kept_with_rows: set[str]  # columns that stand in row_attributes


def read_file(path: Path, data_format: files.DataFormat = "csv", rows: int = 3, block_bytes: int = 1 << 12) -> Stored:
    """Read a file of October 2026, in blocks so small that there are several, and shape so many rows at a time."""
    with mock.patch.object(files, "_BLOCK_BYTES", block_bytes), mock.patch.object(files, "GROUP_ROWS", rows):
        groups = list(files.read_groups(path, "the-file", data_format))
    if data_format == "parquet":
        return shape_groups(groups)
    # A CSV's groups end where a block does.
    return shape_groups(group.slice(first, rows) for group in groups for first in range(0, group.num_rows, rows))


def shape_groups(groups: Iterable[pa.Table]) -> Stored:
    shaper = Shaper("the-file", PERIOD, Combinations(), Fingerprints())
    return _join([shaper.shape(group) for group in groups])


def _join(shaped: Sequence[Shaped]) -> Stored:
    described: dict[int, Row] = {}
    for each in shaped:
        for row in each.attributes.to_pylist() if each.attributes is not None else []:
            number = row.pop("attributes_id")
            assert number not in described, "two combinations have the same number"
            described[number] = row
    rows: list[Row] = []
    kept: set[str] = set()
    for each in shaped:
        for amounts in each.amounts.to_pylist():
            own = json.loads(amounts.pop("row_attributes", None) or "{}")
            kept |= set(own)
            common = dict(described[amounts.pop("attributes_id")])
            others = json.loads(common.pop("attributes"))
            assert not set(own) & set(others), "a column stands in both places"
            row = {**amounts, **common, **others, **own}
            rows.append({name: value for name, value in row.items() if value is not None})
    first, second = (sum(each.contents[place] for each in shaped) % 2**64 for place in (0, 1))
    return Stored(rows, (first, second), len(described), kept)


def spell_interval(start: datetime, end: datetime) -> str:
    """How AWS writes the interval of a usage that starts and ends on full seconds."""
    return f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"


def expect(row: Mapping[str, str], other_names: Mapping[str, str]) -> Row:
    """What must be stored of a CSV's row; `other_names`: of the columns that have no type.

    PostgreSQL's text holds no U+0000; it becomes U+FFFD.
    """
    expected: Row = {}
    for header, text in row.items():
        if text == "" or header == INTERVAL:
            continue
        if header in AMOUNTS:
            expected[AMOUNTS[header]] = Decimal(text)
        elif header in INSTANTS:
            expected[INSTANTS[header]] = datetime.fromisoformat(text)
        else:
            expected[TEXTS.get(header) or other_names[header]] = text.replace("\0", "\ufffd")
    start, end = (expected.get(INSTANTS[f"lineItem/Usage{side}Date"]) for side in ("Start", "End"))
    # Not stored where the view can spell it.
    if row[INTERVAL] and not (start and end and row[INTERVAL] == spell_interval(start, end)):
        expected["identity_time_interval"] = row[INTERVAL].replace("\0", "\ufffd")
    return expected
