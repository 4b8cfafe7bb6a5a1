"""Invoicing: summaries of the invoices that the payer got, summed over the very lines of the bill."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from demo import money
from demo.billing.records import Charge
from demo.services.context import Action, Context, Parsed, page, seconds
from demo.timeline import INVOICE_HOURS, BillingPeriod, moment
from demo.wire import ServiceError, as_seconds
from demo.world import accounts


def _issued(period: BillingPeriod, lines: list[Charge]) -> int:
    return max([period.end + INVOICE_HOURS, *(line.known_from for line in lines)])


def _summaries(context: Context, period: BillingPeriod) -> Iterator[dict[str, Any]]:
    """The invoices of a final month: AWS's own, each late one, and those of other sellers."""
    invoices: dict[str, list[Charge]] = {}
    for line in context.account.charges(period):
        invoices.setdefault(line.columns.get("bill/InvoiceId", ""), []).append(line)
    for number, lines in sorted(invoices.items()):
        if not number:
            continue
        total, tax = (
            sum(int(np.sum(line.unblended)) for line in lines if is_all or line.line_type == "Tax")
            for is_all in (True, False)
        )
        columns = lines[0].columns
        amount = {
            "TotalAmount": _cents(total),
            "TotalAmountBeforeTax": _cents(total - tax),
            "CurrencyCode": "USD",
            "AmountBreakdown": {"SubTotalAmount": _cents(total - tax), "Taxes": {"TotalAmount": _cents(tax)}},
        }
        issued = _issued(period, lines)
        yield {
            "AccountId": accounts.PAYER.account_id,
            "InvoiceId": number,
            "IssuedDate": seconds(issued),
            "DueDate": seconds(issued),
            "Entity": {
                "InvoicingEntity": columns.get("bill/InvoicingEntity", "Amazon Web Services, Inc."),
                "BillingEntity": columns.get("bill/BillingEntity", "AWS"),
            },
            "BillingPeriod": {"Month": moment(period.start).month, "Year": moment(period.start).year},
            "InvoiceType": "INVOICE" if total >= 0 else "CREDIT_MEMO",
            "BaseCurrencyAmount": amount,
            "PaymentCurrencyAmount": amount,
        }


def _cents(units: int) -> str:
    """A sum rounded half up to the cent, as an invoice holds it."""
    cents = money.divide(abs(units), money.SCALE // 100)
    return f"{'-' if units < 0 and cents else ''}{cents // 100}.{cents % 100:02d}"


def _is_asked(period: BillingPeriod, wanted: Parsed) -> bool:
    month = wanted.get("BillingPeriod")
    first = moment(period.start)
    return not month or (first.month, first.year) == (month.get("Month"), month.get("Year"))


def list_summaries(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ListInvoiceSummaries by account or invoice; linked accounts get no invoices of their own."""
    selector = parameters.get("Selector") or {}
    kind, value = selector.get("ResourceType"), str(selector.get("Value", ""))
    if kind not in ("ACCOUNT_ID", "INVOICE_ID"):
        raise ServiceError(400, "ValidationException", "Selector.ResourceType must be ACCOUNT_ID or INVOICE_ID.")
    if kind == "ACCOUNT_ID" and context.account_id not in (accounts.PAYER.account_id, value):
        raise ServiceError(400, "AccessDeniedException", "You may see your own account's invoices alone.")
    wanted = parameters.get("Filter") or {}
    found: list[dict[str, Any]] = []
    horizon = context.account.horizon
    if kind == "INVOICE_ID" or value == accounts.PAYER.account_id:
        for period in horizon.periods:
            if horizon.is_final(period, horizon.cur_end) and _is_asked(period, wanted):
                found += _summaries(context, period)
    if kind == "INVOICE_ID":
        found = [each for each in found if each["InvoiceId"] == value]
        if not found or context.account_id != accounts.PAYER.account_id:
            raise ServiceError(404, "ResourceNotFoundException", f"Invoice {value} was not found.")
    interval = wanted.get("TimeInterval")
    if interval:
        first, last = (as_seconds(interval.get(name), name) for name in ("StartDate", "EndDate"))
        found = [each for each in found if first <= each["IssuedDate"] < last]
    if wanted.get("InvoicingEntity"):
        found = [each for each in found if each["Entity"]["InvoicingEntity"] == wanted["InvoicingEntity"]]
    chosen, token = page(
        found,
        parameters,
        token="NextToken",  # noqa: S106 - a parameter's name
        size="MaxResults",
        most=100,
        bad_token="ValidationException",  # noqa: S106 - an error code
    )
    return {"InvoiceSummaries": chosen} | ({"NextToken": token} if token else {})


ACTIONS: dict[str, Action] = {"ListInvoiceSummaries": list_summaries}
