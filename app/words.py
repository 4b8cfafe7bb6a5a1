"""How figures and text are shown to people: money, ratios, dates, unknowns, and text that came from AWS.

Formatting alone: no figure is computed here. What isn't known is shown as "unknown", never as zero or a blank.
"""

import html
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

UNKNOWN = "unknown"
CENT = Decimal("0.01")
STATUS_WORDS = {
    "reconciled": "reconciled",
    "provisional": "provisional",
    "disputed": "disputed",
    "invoiced": "invoiced",
    "partly_invoiced": "partly invoiced",
    "estimated": "estimated",
    "flagged": "flagged",
    "passed": "passed",
    "not_applicable": "not applicable",
    "too_early": "too early",
    "insufficient_data": "insufficient data",
    "waived": "waived",
}
SOURCE_WORDS = {
    "cur": "Cost and Usage Report",
    "cloudwatch": "CloudWatch",
    "cost_explorer": "Cost Explorer",
    "invoices": "AWS invoices",
    "inventory": "Inventory",
    "prices": "Prices",
}
_SPELLING = {
    "api": "API",
    "cloudfront": "CloudFront",
    "cpu": "CPU",
    "dynamodb": "DynamoDB",
    "ebs": "EBS",
    "ec2": "EC2",
    "ecs": "ECS",
    "elb": "ELB",
    "io": "I/O",
    "iops": "IOPS",
    "nat": "NAT",
    "rds": "RDS",
    "s3": "S3",
}
COMMITMENT_WORDS = {
    "compute_savings_plan": "Compute Savings Plan",
    "ec2_instance_savings_plan": "EC2 Instance Savings Plans",
    "ec2_reserved_instance": "EC2 Reserved Instances",
}
PLAN_WORDS = {
    "ComputeSavingsPlans": "Compute Savings Plan",
    "DatabaseSavingsPlans": "Database Savings Plan",
    "EC2InstanceSavingsPlans": "EC2 Instance Savings Plan",
    "SageMakerSavingsPlans": "SageMaker Savings Plan",
}
BASIS_WORDS = {"after_actions": "what remains after the other findings", "as_is": "the account as it is"}
OVERLAP_WORDS = {
    "none": "nothing else saves it",
    "removed_as_waste": "another finding removes the resource",
    "resized_first": "another finding makes the machine smaller first",
}
CAUSE_WORDS = {
    "credit_or_refund_timing": "a credit or refund that one source doesn't have yet",
    "tax": "tax that one source doesn't have yet",
    "support": "AWS Support, posted on the 6th or 7th of the next month",
    "marketplace": "a charge of the AWS Marketplace",
    "currency": "told in another currency",
    "reporting_lag": "too young to compare",
    "unfinished_charge": "a fee of the whole month, still running",
    "missing_in_cur": "missing in the Cost and Usage Report",
    "missing_in_cost_explorer": "missing in Cost Explorer",
    "never_asked": "invoices were never read",
    "invoice_pending": "not invoiced yet",
    "missing_invoice": "no invoice bills it",
}
MEANING_OF_SILENCE = {
    "zero": "idle: nothing happened",
    "not_running": "not running, or attached to nothing",
    "unknown": UNKNOWN,
}
MEANING_OF_COST_QUALITY = {
    "reconciled": "the costs agree with Cost Explorer on every day old enough to compare",
    "provisional": "the costs can still change: the bill of these days isn't final, or can't be compared yet",
    "disputed": "the costs disagree with Cost Explorer by more than the tolerance",
}


def show_money(amount: Decimal | None) -> str:
    """US dollars with two digits, rounded half up: `$1,234.50`. An amount that isn't zero never shows as zero."""
    if amount is None:
        return UNKNOWN
    sign = "−" if amount < 0 else ""
    rounded = round_to_cents(abs(amount))
    if amount and not rounded:
        return f"{sign}<$0.01"
    return f"{sign}${rounded:,.2f}"


def round_to_cents(amount: Decimal) -> Decimal:
    """Half a cent goes up, as on an invoice."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def show_ratio(ratio: Decimal | None) -> str:
    """A ratio of 0–1 as a whole percentage: `85 %`."""
    if ratio is None:
        return UNKNOWN
    return f"{(ratio * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP)} %"


def show_share(ratio: Decimal | None) -> str:
    """A ratio of 0–1 as a percentage with a tenth: `13.8 %`."""
    if ratio is None:
        return UNKNOWN
    return f"{(ratio * 100).quantize(Decimal('0.1'), rounding=ROUND_HALF_UP)} %"


def show_decimal(number: Decimal | None, digits: int = 1) -> str:
    """A number with at most so many decimals, and none that says nothing: `62.5`, `8`."""
    if number is None:
        return UNKNOWN
    text = f"{number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP):,f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def show_count(count: int | None) -> str:
    """A whole number with thousands separated: `12,345`."""
    return UNKNOWN if count is None else f"{count:,}"


def show_time(moment: datetime | None) -> str:
    """A moment in UTC to the minute: `2026-11-21 06:00 UTC`."""
    return UNKNOWN if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def show_date(day: date | None) -> str:
    """A day: `2026-11-21`."""
    return UNKNOWN if day is None else day.isoformat()


def show_month(day: date | None) -> str:
    """The month that a billing period begins: `November 2026`."""
    return UNKNOWN if day is None else f"{day:%B %Y}"


def show_yes_no(answer: bool | None) -> str:
    """`yes`, `no` or `unknown`."""
    return UNKNOWN if answer is None else "yes" if answer else "no"


def show_word(word: str | None) -> str:
    """A value of one of the house's vocabularies in plain words: `insufficient_data` becomes `insufficient data`."""
    return UNKNOWN if not word else STATUS_WORDS.get(word, word.replace("_", " "))


def show_cause(cause: str | None) -> str:
    """Why two sources differ: `tax` becomes `tax that one source doesn't have yet`."""
    return CAUSE_WORDS.get(cause, show_word(cause)) if cause else UNKNOWN


def show_name(name: str) -> str:
    """A name of the house in plain words: `idle_ec2_instances` becomes `Idle EC2 instances`."""
    words = " ".join(_SPELLING.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]


def show_source(source_name: str) -> str:
    """The name people know a source by."""
    return SOURCE_WORDS.get(source_name, source_name.replace("_", " "))


def show_text(text: str | None) -> str:
    """Text as it is; `unknown` where there is none. Not escaped: that is the place's business (`escape_html`)."""
    return text if text else UNKNOWN


def show_account(account_id: str | None, account_name: str | None) -> str:
    """`Name (123456789012)`, or the bare id where no source names the account."""
    if account_name and account_id:
        return f"{account_name} ({account_id})"
    return show_text(account_name or account_id)


def count_things(count: int, singular: str, plural: str | None = None) -> str:
    """`1 finding`, `2,000 findings`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def escape_html(text: object) -> str:
    """Text from AWS is whatever its author typed: in HTML it must stay text."""
    return html.escape(str(text), quote=True)


def protect_spreadsheet(text: str | None) -> str:
    """A cell for a CSV file: what a spreadsheet would run as a formula is marked as text by a leading apostrophe."""
    if not text:
        return ""
    return f"'{text}" if text[0] in "=+-@\t\r" else text
