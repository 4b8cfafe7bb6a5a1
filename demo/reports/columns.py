"""The columns of a report: which there are, how they are called in each form, and of what type they are.

Inside, a column is known by its legacy CSV header (``lineItem/UsageType``). Sources: the CUR guide's data dictionary
("Column attribute service", the Athena naming rule), the table dictionary of CUR 2.0, and for types the
Well-Architected Labs' legacy Parquet files (costs and amounts double, rates and reserved unit counts text, times in
milliseconds).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from demo.errors import DemoError

INTERVAL = "identity/TimeInterval"
STARTS = "lineItem/UsageStartDate"
ENDS = "lineItem/UsageEndDate"
PERIOD_STARTS = "bill/BillingPeriodStartDate"
PERIOD_ENDS = "bill/BillingPeriodEndDate"
INSTANTS = frozenset({STARTS, ENDS, PERIOD_STARTS, PERIOD_ENDS})

# Names of accounts, which CUR 2.0 alone has.
PAYER_NAME = "bill/PayerAccountName"
ACCOUNT_NAME = "lineItem/UsageAccountName"

# Always delivered, in this order; every other column of a legacy report appears only where a row fills it.
LEGACY_CORE = (
    "identity/LineItemId",
    INTERVAL,
    "bill/InvoiceId",
    "bill/InvoicingEntity",
    "bill/BillingEntity",
    "bill/BillType",
    "bill/PayerAccountId",
    PERIOD_STARTS,
    PERIOD_ENDS,
    "lineItem/UsageAccountId",
    "lineItem/LineItemType",
    STARTS,
    ENDS,
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
_CATEGORIES = (
    "identity",
    "bill",
    "lineItem",
    "product",
    "pricing",
    "reservation",
    "discount",
    "savingsPlan",
    "resourceTags",
    "costCategory",
)
_NUMBERS = frozenset(
    [
        "lineItem/UsageAmount",
        "lineItem/NormalizationFactor",
        "lineItem/NormalizedUsageAmount",
        "lineItem/UnblendedCost",
        "lineItem/BlendedCost",
        "lineItem/NetUnblendedCost",
        "pricing/publicOnDemandCost",
        "reservation/UnusedNormalizedUnitQuantity",
        "reservation/UnusedQuantity",
        "savingsPlan/SavingsPlanRate",
        "savingsPlan/TotalCommitmentToDate",
        "savingsPlan/UsedCommitment",
    ]
    + [
        f"{category}/{net}{measure}"
        for net in ("", "Net")
        for category, measures in (
            (
                "reservation",
                (
                    "AmortizedUpfrontCostForUsage",
                    "AmortizedUpfrontFeeForBillingPeriod",
                    "EffectiveCost",
                    "RecurringFeeForUsage",
                    "UnusedAmortizedUpfrontFeeForBillingPeriod",
                    "UnusedRecurringFee",
                    "UpfrontValue",
                ),
            ),
            (
                "savingsPlan",
                (
                    "AmortizedUpfrontCommitmentForBillingPeriod",
                    "RecurringCommitmentForBillingPeriod",
                    "SavingsPlanEffectiveCost",
                ),
            ),
        )
        for measure in measures
    ]
)


@dataclass(frozen=True)
class Column:
    """One delivered column: its name there, its kind (text, number, instant or map) and the headers that fill it.

    A map's entries are (key, header), other columns have one entry with their own name as key; where two headers share
    a key (tags that differ only in case) the first non-empty value stands.
    """

    name: str
    kind: str
    entries: tuple[tuple[str, str], ...]


def kind_of(header: str) -> str:
    """text, number or instant."""
    if header in INSTANTS:
        return "instant"
    return "number" if header in _NUMBERS or header.startswith("discount/") else "text"


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """The Athena spelling: an underscore before each capital, other characters become one underscore, lower case."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"([A-Z])", r"_\1", name).lower()).strip("_")


def _rank(header: str) -> tuple[int, str]:
    category = header.split("/", 1)[0]
    return (_CATEGORIES.index(category) if category in _CATEGORIES else len(_CATEGORIES)), header


def order_headers(used: Iterable[str]) -> list[str]:
    """The headers of a legacy delivery in which ``used`` ones are filled."""
    return [*LEGACY_CORE, *sorted(set(used) - {*LEGACY_CORE, PAYER_NAME, ACCOUNT_NAME}, key=_rank)]


def legacy_csv_columns(used: Iterable[str]) -> list[Column]:
    """The columns of a legacy CSV."""
    return [Column(header, kind_of(header), ((header, header),)) for header in order_headers(used)]


def legacy_parquet_columns(used: Iterable[str]) -> list[Column]:
    """The columns of a legacy Parquet file; headers that Athena spells alike become one."""
    merged: dict[str, list[str]] = {}
    for header in order_headers(used):
        merged.setdefault(snake(header), []).append(header)
    return [
        Column(name, kind_of(headers[0]), tuple((name, header) for header in headers))
        for name, headers in merged.items()
    ]


# The fixed columns of CUR 2.0 with resource ids and without split cost allocation, in AWS's (alphabetical) order.
# What a legacy report holds in product/, resourceTags/, costCategory/ and discount/ columns stands in the four maps.
EXPORT_COLUMNS: tuple[str, ...] = tuple(
    json.loads(Path(__file__).with_name("export_columns.json").read_text(encoding="utf-8"))["columns"]
)
_MAPS = {"product": "product", "resourceTags": "resource_tags", "costCategory": "cost_category", "discount": "discount"}
_NUMBER_NAMES = frozenset(
    {snake(header) for header in _NUMBERS} | {"discount_bundled_discount", "discount_total_discount"}
)
_INSTANT_NAMES = frozenset(snake(header) for header in INSTANTS)


def export_columns(used: Iterable[str], has_discount_lines: bool = False) -> list[Column]:
    """The columns of a CUR 2.0 export: always the same ones, whatever ``used`` headers fill them.

    ``has_discount_lines``: discounts come as lines of their own ("manual discount compatibility"), so that the discount
    columns don't exist.

    Raises DemoError for a header that none of them takes: a column must not get lost on the way.
    """
    fixed = set(EXPORT_COLUMNS)
    entries: dict[str, list[tuple[str, str]]] = {name: [] for name in EXPORT_COLUMNS}
    for header in (*order_headers(used), PAYER_NAME, ACCOUNT_NAME):
        category, _, rest = header.partition("/")
        name = snake(header)
        if name in fixed and name not in _MAPS.values():
            entries[name].append((name, header))
        elif category in _MAPS:
            entries[_MAPS[category]].append((snake(rest), header))
        else:
            raise DemoError(f"CUR 2.0 has no column for {header}")
    return [
        Column(name, _export_kind(name), tuple(entries[name]))
        for name in EXPORT_COLUMNS
        if not (has_discount_lines and name.startswith("discount"))
    ]


def _export_kind(name: str) -> str:
    if name in _MAPS.values():
        return "map"
    if name in _INSTANT_NAMES:
        return "instant"
    return "number" if name in _NUMBER_NAMES else "text"
