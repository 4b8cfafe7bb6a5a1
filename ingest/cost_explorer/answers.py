"""Cost Explorer's answers as rows: amounts exact, one currency a row, and no quantity over several units."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from ingest.cost_explorer.planning import AccountMonth
from ingest.errors import IngestError

COSTS = {
    "UnblendedCost": "unblended_cost",
    "BlendedCost": "blended_cost",
    "AmortizedCost": "amortized_cost",
    "NetUnblendedCost": "net_unblended_cost",
    "NetAmortizedCost": "net_amortized_cost",
}
QUANTITY = "UsageQuantity"
METRICS = [*COSTS, QUANTITY]
_SEVERAL_UNITS = "N/A"

Page = dict[str, Any]
Row = dict[str, Any]


def read_rows(pages: Iterable[Page], keys: Sequence[str], place: str) -> Iterator[tuple[str, Row]]:
    """(start of the period as AWS spells it, row) of each group.

    Args:
        keys: the columns that the groupings give, in their order.
        place: what was asked, for people.

    Raises:
        IngestError: an amount is no number, or one row has several currencies.
    """
    for page in pages:
        for period in page["ResultsByTime"]:
            for group in period["Groups"]:
                row = dict(zip(keys, group["Keys"], strict=True))
                row |= _read_metrics(group["Metrics"], place)
                row["is_estimated"] = period["Estimated"]
                yield period["TimePeriod"]["Start"], row


def read_daily(pages: Iterable[Page], account_id: str, place: str) -> list[Row]:
    """Rows of raw.cost_explorer_costs_daily (without load_id) of one account."""
    return [
        {"usage_date": date.fromisoformat(start), "account_id": account_id, **row}
        for start, row in read_rows(pages, ("service_name", "record_type"), place)
    ]


def read_totals(pages: Iterable[Page], place: str) -> dict[date, dict[str, AccountMonth]]:
    """First day of the month -> account -> its sums by record type."""
    months: dict[date, dict[str, AccountMonth]] = {}
    for start, row in read_rows(pages, ("account_id", "record_type"), place):
        first = date.fromisoformat(start).replace(day=1)
        month = months.setdefault(first, {}).setdefault(row["account_id"], AccountMonth())
        month.totals[row["record_type"]] = tuple(row[column] for column in COSTS.values())
        month.is_estimated |= row["is_estimated"]
    return months


def read_names(pages: Iterable[Page]) -> dict[str, str]:
    """Account names, where Cost Explorer tells them."""
    return {
        value["Value"]: value["Attributes"]["description"]
        for page in pages
        for value in page.get("DimensionValueAttributes", [])
        if value.get("Attributes", {}).get("description") and value["Value"].isdigit()
    }


def _read_metrics(metrics: dict[str, Any], place: str) -> Row:
    currencies = {metrics[metric]["Unit"] for metric in COSTS}
    if len(currencies) != 1:
        raise IngestError(f"{place}: several currencies in one row ({', '.join(sorted(currencies))})")
    row: Row = {"currency_code": currencies.pop()}
    row |= {column: _read_amount(metrics[metric]["Amount"], place) for metric, column in COSTS.items()}
    unit = metrics.get(QUANTITY, {}).get("Unit")
    if unit in (None, "", _SEVERAL_UNITS):  # hours and gigabytes added up mean nothing
        return row | {"usage_quantity": None, "usage_unit": None}
    return row | {"usage_quantity": _read_amount(metrics[QUANTITY]["Amount"], place), "usage_unit": unit}


def _read_amount(text: str, place: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise IngestError(f"{place}: the amount {text!r} is not a number") from error
