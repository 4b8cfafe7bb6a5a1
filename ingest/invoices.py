"""AWS's invoices of closed months, as `ListInvoiceSummaries` tells them. The call is free of charge."""

import json
import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from ingest import ledger
from ingest.aws import Account, explained, open_account
from ingest.errors import IngestError
from ingest.snapshots import replace_partition

SOURCE_NAME = "invoices"
_REGION = "us-east-1"  # Invoicing's one endpoint
MONTHS = 3  # closed ones, asked for whether or not a bill of them is loaded
_AMOUNTS = ("total_amount", "total_amount_before_tax")
_PARTS = {"discounts_amount": "Discounts", "taxes_amount": "Taxes", "fees_amount": "Fees"}
_MONEY = pa.decimal128(38, 18)
_SCHEMA = pa.schema(
    [
        ("invoice_id", pa.string()),
        ("payer_account_id", pa.string()),
        ("invoicing_entity", pa.string()),
        ("billing_entity", pa.string()),
        ("billing_period_start_date", pa.date32()),
        ("issued_at", pa.timestamp("us", tz="UTC")),
        ("due_at", pa.timestamp("us", tz="UTC")),
        ("invoice_type", pa.string()),
        ("original_invoice_id", pa.string()),
        ("purchase_order_number", pa.string()),
        ("base_currency_code", pa.string()),
        *((f"base_{name}", _MONEY) for name in _AMOUNTS),
        ("base_subtotal_amount", _MONEY),
        *((f"base_{name}", _MONEY) for name in _PARTS),
        ("payment_currency_code", pa.string()),
        *((f"payment_{name}", _MONEY) for name in _AMOUNTS),
        ("payment_exchange_rate", _MONEY),
        ("amount_breakdown", pa.string()),
    ]
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MonthResult:
    """What a sync did with one billing month's invoices."""

    partition_key: str  # payer account/YYYY-MM
    row_count: int = 0
    request_count: int = 0
    error: str = ""


def sync_invoices(today: date | None = None) -> list[MonthResult]:
    """Read the invoices of closed months: the last three, and those that the loaded bill holds.

    Args:
        today: no month that holds it or a later day is asked for (UTC; default: today).

    Returns:
        One result a month, newest first; a month that fails keeps its earlier rows. A missing permission is told once:
        it would be missing for every other month too.

    Raises:
        IngestError: no credentials or no database.
    """
    ledger.create_raw_schema()
    ledger.refuse_other_origin()
    account = open_account()
    results: list[MonthResult] = []
    for first in plan_months(today or datetime.now(UTC).date(), ledger.list_months("cur", account.account_id)):
        try:
            results.append(_sync_month(account, first))
        except IngestError as error:
            results.append(MonthResult(f"{account.account_id}/{first:%Y-%m}", error=str(error)))
            if "AccessDenied" in str(error):
                break
    return results


def plan_months(today: date, billed: set[date], months: int = MONTHS) -> list[date]:
    """First days of the closed months to ask for, newest first."""
    plan = set()
    first = today.replace(day=1)
    open_month = first
    for _ in range(months):
        first = (first - timedelta(days=1)).replace(day=1)
        plan.add(first)
    return sorted(plan | {month for month in billed if month < open_month}, reverse=True)


def _sync_month(account: Account, first: date) -> MonthResult:
    partition_key = f"{account.account_id}/{first:%Y-%m}"
    place = f"invoices {account.account_id} {first:%Y-%m}"
    request = {
        "Selector": {"ResourceType": "ACCOUNT_ID", "Value": account.account_id},
        "Filter": {"BillingPeriod": {"Month": first.month, "Year": first.year}},
    }
    with explained(place):
        pages = list(account.client("invoicing", _REGION).get_paginator("list_invoice_summaries").paginate(**request))
    rows = [
        _read_invoice(each, account.account_id, first, place) for page in pages for each in page["InvoiceSummaries"]
    ]
    row_count = replace_partition(
        SOURCE_NAME,
        partition_key,
        "https://invoicing.us-east-1.api.aws",
        datetime.now(UTC).isoformat(),
        {"invoice_summaries": (_SCHEMA, rows)},
        len(pages),
    )
    _log.info("%s: %d invoices", partition_key, row_count)
    return MonthResult(partition_key, row_count, len(pages))


def _read_invoice(told: dict[str, Any], payer_account_id: str, first: date, place: str) -> dict[str, Any]:
    invoice_id = told.get("InvoiceId")
    if not invoice_id:
        raise IngestError(f"{place}: AWS told of an invoice without a number; ask again later")
    where = f"{place}, invoice {invoice_id}"
    entity, period = told.get("Entity", {}), told.get("BillingPeriod")
    base, payment = told.get("BaseCurrencyAmount", {}), told.get("PaymentCurrencyAmount", {})
    parts = base.get("AmountBreakdown", {})
    row: dict[str, Any] = {
        "invoice_id": invoice_id,
        "payer_account_id": told.get("AccountId", payer_account_id),
        "invoicing_entity": entity.get("InvoicingEntity"),
        "billing_entity": entity.get("BillingEntity"),
        "billing_period_start_date": date(period["Year"], period["Month"], 1) if period else first,
        "issued_at": told.get("IssuedDate"),
        "due_at": told.get("DueDate"),
        "invoice_type": told.get("InvoiceType"),
        "original_invoice_id": told.get("OriginalInvoiceId"),
        "purchase_order_number": told.get("PurchaseOrderNumber"),
        "base_currency_code": base.get("CurrencyCode"),
        "base_subtotal_amount": _read_amount(parts.get("SubTotalAmount"), where),
        "payment_currency_code": payment.get("CurrencyCode"),
        "payment_exchange_rate": _read_amount(payment.get("CurrencyExchangeDetails", {}).get("Rate"), where),
        "amount_breakdown": json.dumps(parts, sort_keys=True) if parts else None,
    }
    for name, key in (("total_amount", "TotalAmount"), ("total_amount_before_tax", "TotalAmountBeforeTax")):
        row[f"base_{name}"] = _read_amount(base.get(key), where)
        row[f"payment_{name}"] = _read_amount(payment.get(key), where)
    for name, key in _PARTS.items():
        row[f"base_{name}"] = _read_amount(parts.get(key, {}).get("TotalAmount"), where)
    return row


def _read_amount(text: str | None, place: str) -> Decimal | None:
    """None where AWS tells no amount: missing is never zero."""
    if text is None or text == "":
        return None
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise IngestError(f"{place}: the amount {text!r} is not a number") from error
