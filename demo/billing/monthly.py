"""Lines of a whole month: tax, credits, refunds, support, the Marketplace, and what makes an invoice final."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from demo import money
from demo.billing.lines import charge, one
from demo.billing.records import Charge
from demo.errors import DemoError
from demo.journal import Event
from demo.money import SCALE
from demo.randomness import identifier
from demo.timeline import SUPPORT_HOURS, BillingPeriod, Horizon, moment
from demo.world.accounts import DEVELOPMENT, PAYER, PRODUCTION, Account, account_of

RESTATE = "Restate"
_INVOICE = "bill/InvoiceId"
_MARKETPLACE = "AWS Marketplace"
_CENT = Decimal("0.01")
_EC2 = {
    "lineItem/ProductCode": "AmazonEC2",
    "product/ProductName": "Amazon Elastic Compute Cloud",
    "product/servicecode": "AmazonEC2",
}
_EC2_SERVICE = "Amazon Elastic Compute Cloud - Compute"


@lru_cache(maxsize=1)
def _facts() -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(Path(__file__).with_name("monthly.json").read_text(encoding="utf-8"))
    return raw


def standing_lines(period: BillingPeriod) -> list[Charge]:
    """What is known of a month from its first hour on: a promotional credit and a Marketplace subscription."""
    return [_credit(period), _marketplace(period)]


def settle(
    charges: Sequence[Charge],
    period: BillingPeriod,
    horizon: Horizon,
    known_to: int,
    seed: int,
    events: Sequence[Event],
) -> list[Charge]:
    """All lines of a month at an hour: tax and invoice ids once it is final, then support and late refunds.

    A ``Restate`` event {"period": "YYYY-MM", "account": id, "amount_usd": text} refunds an amount of a month from its
    hour on. Raises DemoError for a period that isn't written so.
    """
    result = list(charges)
    is_final = horizon.is_final(period, known_to)
    if is_final:
        result += _taxes(charges, period)
    late = _late_lines(charges, period) + [
        _restatement(event, period) for event in events if event.action == RESTATE and _names(event, period)
    ]
    result += [line for line in late if line.known_from <= known_to]
    return [_invoiced(line, period, seed) for line in result] if is_final else result


def tax_ratio() -> Decimal:
    """The part of a product's cost that is taken as tax."""
    return Decimal(_facts()["tax_ratio"])


def _invoiced(line: Charge, period: BillingPeriod, seed: int) -> Charge:
    """Late lines and what others sell are on invoices of their own."""
    kind = (
        line.columns.get("bill/BillingEntity", "AWS") if not line.known_from else f"{line.line_type} {line.known_from}"
    )
    number = str(int(identifier(seed, "invoice", period.label, kind, length=8), 16) % 9 * 10**8 + 10**8)
    number = str(int(number) + int(identifier(seed, "invoice number", period.label, kind, length=6), 16))
    return replace(line, columns={**line.columns, _INVOICE: number})


def _month(
    period: BillingPeriod,
    account: Account,
    line_type: str,
    service: str,
    record_type: str,
    usd: int,
    columns: dict[str, str],
    quantity: int = 0,
    known_from: int = 0,
) -> Charge:
    return charge(
        account,
        line_type,
        service,
        None,
        columns.get("pricing/unit", ""),
        one(period.start),
        None,
        one(quantity),
        one(usd),
        columns,
        record_type=record_type,
        known_from=known_from,
    )


def _credit(period: BillingPeriod) -> Charge:
    text = "AWS promotional credit, Example Corp migration programme"
    columns = _EC2 | {"lineItem/LineItemDescription": text, "lineItem/UsageType": "BoxUsage"}
    amount = -money.parse(_facts()["credit_usd"])
    return _month(period, DEVELOPMENT, "Credit", _EC2_SERVICE, "Credit", amount, columns)


def _marketplace(period: BillingPeriod) -> Charge:
    facts = _facts()["marketplace"]
    price = money.parse(facts["usd_per_month"])
    columns = {
        "bill/BillingEntity": _MARKETPLACE,
        "bill/InvoicingEntity": "Example Software, Inc.",
        "lineItem/LegalEntity": "Example Software, Inc.",
        "lineItem/ProductCode": facts["product_code"],
        "lineItem/UsageType": "SubscriptionFee",
        "lineItem/LineItemDescription": f"AWS Marketplace subscription: {facts['name']}, monthly fee",
        "lineItem/UnblendedRate": money.spell(price),
        "lineItem/BlendedRate": money.spell(price),
        "product/ProductName": facts["name"],
        "pricing/unit": "Units",
    }
    return _month(period, DEVELOPMENT, "Fee", facts["name"], "Usage", price, columns, SCALE)


def _late_lines(charges: Sequence[Charge], period: BillingPeriod) -> list[Charge]:
    """Support of every month, and a refund to every second one (odd months of the calendar)."""
    lines = [_support(charges, period)]
    if moment(period.start).month % 2:
        facts = _facts()["refund"]
        text = "Refund for a service disruption in this billing period"
        columns = _EC2 | {"lineItem/LineItemDescription": text, "lineItem/UsageType": "BoxUsage"}
        known_from = period.end + int(facts["hours_after"])
        amount = -money.parse(facts["usd"])
        lines.append(_month(period, PRODUCTION, "Refund", _EC2_SERVICE, "Refund", amount, columns, 0, known_from))
    return lines


def _support(charges: Sequence[Charge], period: BillingPeriod) -> Charge:
    facts = _facts()["support"]
    base = money.to_decimal(
        sum(int(line.unblended.sum()) for line in charges if line.columns.get("bill/BillingEntity", "AWS") == "AWS")
    )
    owed = Decimal(0)
    steps = [(Decimal(start), Decimal(ratio)) for start, ratio in facts["steps"]]
    for (start, ratio), (end, _) in zip(steps, [*steps[1:], (max(base, steps[-1][0]), Decimal(0))], strict=True):
        owed += max(Decimal(0), min(base, end) - start) * ratio
    owed = max(owed, Decimal(facts["least_usd"])).quantize(_CENT, ROUND_HALF_UP)
    name = "AWS Support (Business)"
    columns = {
        "lineItem/ProductCode": "AWSSupportBusiness",
        "lineItem/UsageType": "Dollar",
        "lineItem/LineItemDescription": "AWS Support (Business): charge for this month's AWS usage",
        "product/ProductName": name,
        "product/servicecode": "AWSSupportBusiness",
        "pricing/unit": "Dollar",
    }
    known_from = period.end + SUPPORT_HOURS
    amount = money.parse(str(owed))
    return _month(period, PAYER, "Fee", name, "Support", amount, columns, SCALE, known_from)


def _names(event: Event, period: BillingPeriod) -> bool:
    named = str(event.details.get("period", ""))
    if len(named) != 7 or named[4] != "-":
        raise DemoError(f"a Restate event's period {named!r} isn't a month; write it like 2026-09")
    return named == period.label


def _restatement(event: Event, period: BillingPeriod) -> Charge:
    text = f"Refund of charges of {period.label}"
    columns = _EC2 | {"lineItem/LineItemDescription": text, "lineItem/UsageType": "BoxUsage"}
    account = account_of(str(event.details.get("account", PRODUCTION.account_id)))
    amount = -abs(money.parse(str(event.details["amount_usd"])))
    return _month(period, account, "Refund", _EC2_SERVICE, "Refund", amount, columns, 0, event.hour)


def _taxes(charges: Sequence[Charge], period: BillingPeriod) -> list[Charge]:
    """Tax per account and product on what is paid for it, credits left out, rounded to the cent."""
    bases: dict[tuple[str, str], int] = defaultdict(int)
    firsts: dict[tuple[str, str], Charge] = {}
    for line in charges:
        if line.line_type == "Credit":
            continue
        key = line.account.account_id, line.columns["lineItem/ProductCode"]
        firsts.setdefault(key, line)
        bases[key] += int(line.unblended.sum())
    taxes = []
    for key in sorted(bases):
        owed = (money.to_decimal(bases[key]) * tax_ratio()).quantize(_CENT, ROUND_HALF_UP)
        if owed <= 0:
            continue
        first = firsts[key]
        columns = {
            "bill/BillingEntity": first.columns.get("bill/BillingEntity", ""),
            "lineItem/ProductCode": key[1],
            "lineItem/TaxType": "USSalesTax",
            "lineItem/LineItemDescription": f"Tax for product code {key[1]}",
            "product/ProductName": first.columns.get("product/ProductName", ""),
        }
        amount = money.parse(str(owed))
        taxes.append(_month(period, first.account, "Tax", "Tax", "Tax", amount, columns, SCALE))
    return taxes
