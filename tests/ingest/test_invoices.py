"""AWS's invoices: what the account says of them, month by month, and what stands when it doesn't."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest

from demo.wire import Request, ServiceError
from ingest.errors import IngestError
from ingest.invoices import _read_invoice, plan_months
from tests.conftest import Estate
from tests.simulated import Cloud, Product, sole_error

PAYER = "111122223333"
ROWS = """
    select invoice_id, payer_account_id, invoicing_entity, billing_entity, billing_period_start_date, issued_at,
        invoice_type, base_currency_code, base_total_amount, base_total_amount_before_tax, base_taxes_amount,
        payment_total_amount, base_discounts_amount
    from raw.invoice_summaries order by 5, 1
"""


def ask_account(cloud: Cloud) -> list[tuple[Any, ...]]:
    """Every invoice of the payer through boto3 itself."""
    client = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b").client(
        "invoicing", region_name="us-east-1", endpoint_url=cloud.endpoint.endpoint
    )
    told = client.list_invoice_summaries(Selector={"ResourceType": "ACCOUNT_ID", "Value": PAYER})["InvoiceSummaries"]
    return sorted(
        (
            (
                each["InvoiceId"],
                PAYER,
                each["Entity"]["InvoicingEntity"],
                each["Entity"]["BillingEntity"],
                date(each["BillingPeriod"]["Year"], each["BillingPeriod"]["Month"], 1),
                each["IssuedDate"],
                each["InvoiceType"],
                "USD",
                *(Decimal(each["BaseCurrencyAmount"][name]) for name in ("TotalAmount", "TotalAmountBeforeTax")),
                Decimal(each["BaseCurrencyAmount"]["AmountBreakdown"]["Taxes"]["TotalAmount"]),
                Decimal(each["PaymentCurrencyAmount"]["TotalAmount"]),
                None,  # it names no discounts: not zero
            )
            for each in told
        ),
        key=lambda row: (row[4], row[0]),
    )


@pytest.fixture
def copied(estate: Estate) -> Iterator[Product]:
    copy = estate.product.copy(f"{estate.product.database}_invoices")
    yield copy
    copy.drop()


def test_rows_equal_the_accounts_own_answer(estate: Estate) -> None:
    expected = ask_account(estate.cloud)
    assert estate.product.query(ROWS) == expected
    assert len(expected) == 7
    assert {row[6] for row in expected} == {"INVOICE", "CREDIT_MEMO"}
    ledger = estate.product.query(
        "select partition_key, row_count, request_count from raw.loads where source_name = 'invoices' order by 1"
    )
    assert ledger == [(f"{PAYER}/2026-08", 0, 1), (f"{PAYER}/2026-09", 4, 1), (f"{PAYER}/2026-10", 3, 1)]
    # Free: not among the priced requests.
    assert estate.product.query("select count(*) from raw.api_requests where source_name = 'invoices'") == [(0,)]


def test_a_month_is_replaced_not_doubled(copied: Product, cloud: Cloud) -> None:
    before = copied.query(ROWS)
    copied.change("update raw.invoice_summaries set invoice_id = invoice_id || 'x', base_total_amount = 1")
    again = copied.call_at(cloud.present, "invoices")
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[0] == f"{PAYER}/2026-10: 3 invoices, 1 requests"
    assert copied.query(ROWS) == before
    assert copied.query(
        "select count(*), count(*) filter (where is_current) from raw.loads where source_name = 'invoices'"
    ) == [(6, 3)]


def test_a_missing_permission_is_one_line_and_hurts_nothing(copied: Product, cloud: Cloud) -> None:
    before = copied.query(ROWS)
    denial = ServiceError(403, "AccessDeniedException", "not authorized to perform: invoicing:ListInvoiceSummaries")
    with cloud.refusing(lambda request: denial if b"Selector" in request.body else None), cloud.noting() as requests:
        finished = copied.call_at(cloud.present, "invoices")
    line = sole_error(finished)
    assert f"invoices {PAYER} 2026-10: AWS answered AccessDeniedException" in line
    assert "docs/iam-policy.json" in line
    assert sum(b"Selector" in request.body for request in requests) == 1
    assert copied.query(ROWS) == before


def test_a_month_that_fails_leaves_the_others(copied: Product, cloud: Cloud) -> None:
    def refuse(request: Request) -> ServiceError | None:
        if b"Selector" not in request.body:
            return None
        month = json.loads(request.body)["Filter"]["BillingPeriod"]["Month"]
        return ServiceError(400, "ValidationException", "bad luck") if month == 9 else None

    before = copied.query(ROWS)
    with cloud.refusing(refuse):
        finished = copied.call_at(cloud.present, "invoices")
    assert f"invoices {PAYER} 2026-09: AWS answered ValidationException" in sole_error(finished)
    assert [text.split(":")[0] for text in finished.stdout.splitlines()] == [f"{PAYER}/2026-10", f"{PAYER}/2026-08"]
    assert copied.query(ROWS) == before


def test_closed_months_are_asked_for_and_those_of_the_bill() -> None:
    billed = {date(2025, 3, 1), date(2026, 1, 1), date(2026, 2, 1)}
    assert plan_months(date(2026, 2, 28), billed, 2) == [date(2026, 1, 1), date(2025, 12, 1), date(2025, 3, 1)]


def read(**told: Any) -> dict[str, Any]:
    return _read_invoice({"InvoiceId": "7", **told}, "1", date(2026, 10, 1), "here")


def test_what_aws_does_not_tell_is_null() -> None:
    row = read()
    assert {name for name, value in row.items() if value is not None} == {
        "invoice_id",
        "payer_account_id",
        "billing_period_start_date",
    }
    assert row["billing_period_start_date"] == date(2026, 10, 1)


def test_every_part_of_an_invoice_has_its_column() -> None:
    parts = {
        "SubTotalAmount": "90",
        "Discounts": {"TotalAmount": "-5", "Breakdown": [{"Description": "EDP", "Amount": "-5"}]},
        "Taxes": {"TotalAmount": "10"},
        "Fees": {"TotalAmount": "2"},
    }
    row = read(
        IssuedDate=datetime(2026, 11, 3, tzinfo=UTC),
        BillingPeriod={"Month": 9, "Year": 2026},
        OriginalInvoiceId="6",
        PurchaseOrderNumber="PO",
        BaseCurrencyAmount={
            "TotalAmount": "97",
            "TotalAmountBeforeTax": "87",
            "CurrencyCode": "USD",
            "AmountBreakdown": parts,
        },
        PaymentCurrencyAmount={
            "TotalAmount": "90.21",
            "TotalAmountBeforeTax": "80.91",
            "CurrencyCode": "EUR",
            "CurrencyExchangeDetails": {"Rate": "0.93"},
        },
    )
    assert (row["base_total_amount"], row["base_total_amount_before_tax"]) == (Decimal(97), Decimal(87))
    assert (row["base_subtotal_amount"], row["base_discounts_amount"]) == (Decimal(90), Decimal(-5))
    assert (row["base_taxes_amount"], row["base_fees_amount"]) == (Decimal(10), Decimal(2))
    assert (row["payment_total_amount"], row["payment_total_amount_before_tax"]) == (Decimal("90.21"), Decimal("80.91"))
    assert (row["payment_currency_code"], row["payment_exchange_rate"]) == ("EUR", Decimal("0.93"))
    assert (row["original_invoice_id"], row["purchase_order_number"]) == ("6", "PO")
    assert row["billing_period_start_date"] == date(2026, 9, 1)
    assert json.loads(row["amount_breakdown"]) == parts


def test_an_amount_that_is_no_number_and_an_invoice_without_one_are_told() -> None:
    with pytest.raises(IngestError, match="^here, invoice 7: the amount 'much' is not a number$"):
        read(BaseCurrencyAmount={"TotalAmount": "much"})
    with pytest.raises(IngestError, match="^here: AWS told of an invoice without a number"):
        _read_invoice({}, "1", date(2026, 10, 1), "here")
