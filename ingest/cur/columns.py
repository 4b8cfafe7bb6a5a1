"""Names and kinds of CUR columns, whatever form the delivery has."""

import re
from typing import Literal

from ingest.errors import IngestError

Kind = Literal["text", "number", "instant"]

# The typed columns of raw.cur_line_items, in its order.
CORE_COLUMNS: dict[str, Kind] = {
    "identity_line_item_id": "text",
    "identity_time_interval": "text",
    "bill_invoice_id": "text",
    "bill_billing_entity": "text",
    "bill_bill_type": "text",
    "bill_payer_account_id": "text",
    "bill_billing_period_start_date": "instant",
    "bill_billing_period_end_date": "instant",
    "line_item_usage_account_id": "text",
    "line_item_line_item_type": "text",
    "line_item_usage_start_date": "instant",
    "line_item_usage_end_date": "instant",
    "line_item_product_code": "text",
    "line_item_usage_type": "text",
    "line_item_operation": "text",
    "line_item_availability_zone": "text",
    "line_item_resource_id": "text",
    "line_item_line_item_description": "text",
    "line_item_currency_code": "text",
    "line_item_usage_amount": "number",
    "line_item_normalized_usage_amount": "number",
    "line_item_unblended_cost": "number",
    "line_item_blended_cost": "number",
    "line_item_net_unblended_cost": "number",
    "pricing_public_on_demand_cost": "number",
    "reservation_reservation_arn": "text",
    "reservation_effective_cost": "number",
    "reservation_net_effective_cost": "number",
    "reservation_amortized_upfront_cost_for_usage": "number",
    "reservation_recurring_fee_for_usage": "number",
    "reservation_amortized_upfront_fee_for_billing_period": "number",
    "reservation_unused_amortized_upfront_fee_for_billing_period": "number",
    "reservation_net_unused_amortized_upfront_fee_for_billing_period": "number",
    "reservation_unused_recurring_fee": "number",
    "reservation_net_unused_recurring_fee": "number",
    "reservation_unused_quantity": "number",
    "savings_plan_savings_plan_arn": "text",
    "savings_plan_savings_plan_effective_cost": "number",
    "savings_plan_net_savings_plan_effective_cost": "number",
    "savings_plan_total_commitment_to_date": "number",
    "savings_plan_used_commitment": "number",
    "savings_plan_amortized_upfront_commitment_for_billing_period": "number",
    "savings_plan_net_amortized_upfront_commitment_for_period": "number",
    "savings_plan_recurring_commitment_for_billing_period": "number",
    "savings_plan_net_recurring_commitment_for_billing_period": "number",
}

# What changes from hour to hour stands with the line item (raw.cur_line_item_amounts); all else of a line item, the
# other columns of the delivery included, once per distinct combination (raw.cur_attributes).
INTERVAL = "identity_time_interval"
STARTS = "line_item_usage_start_date"
ENDS = "line_item_usage_end_date"
PERIOD_STARTS = "bill_billing_period_start_date"
PERIOD_ENDS = "bill_billing_period_end_date"
AMOUNT_COLUMNS = tuple(name for name, kind in CORE_COLUMNS.items() if kind == "number")
DESCRIBING_COLUMNS = tuple(
    name for name in CORE_COLUMNS if name not in {INTERVAL, STARTS, ENDS} and name not in AMOUNT_COLUMNS
)

# Our own columns beside the delivered ones.
ATTRIBUTES_ID = "attributes_id"  # which combination describes a row
ATTRIBUTES = "attributes"  # JSON of every column that has none of its own
ROW_ATTRIBUTES = "row_attributes"  # JSON of those whose values differ from row to row

# Columns of CUR 2.0 that hold several values of a row under names of their own (table dictionary of CUR 2.0).
MAP_COLUMNS = frozenset({"product", "resource_tags", "cost_category", "discount", "tags"})

# Without these no total can be formed; every CUR has them, so their absence means that this is no CUR.
REQUIRED_COLUMNS = (
    "bill_payer_account_id",
    "bill_billing_period_start_date",
    "line_item_usage_account_id",
    "line_item_line_item_type",
    "line_item_usage_start_date",
    "line_item_product_code",
    "line_item_unblended_cost",
)


def squash(name: str) -> str:
    """A name by which all spellings of a column are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


# AWS's own name is a character longer than PostgreSQL allows.
_DELIVERED_NAMES = {
    "savings_plan_net_amortized_upfront_commitment_for_period": (
        "savings_plan_net_amortized_upfront_commitment_for_billing_period"
    )
}
_CORE_BY_SQUASHED = {squash(_DELIVERED_NAMES.get(name, name)): name for name in CORE_COLUMNS}


def athena_name(header: str) -> str:
    """The name that AWS gives a CSV header in Athena and Parquet: `lineItem/UsageAmount` -> `line_item_usage_amount`.

    Rule of the CUR user guide: an underscore before each capital, lower case, other characters become underscores,
    repeated ones are one, none at the ends.
    """
    name = re.sub(r"([A-Z])", r"_\1", header)
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def map_columns(headers: list[str], place: str) -> dict[str, str]:
    """Header of a delivered file -> core column, or the name under which it is kept in the attributes.

    CSV headers, Athena names and the spellings `SavingsPlanARN`/`SavingsPlanArn`/`savings_plan_a_r_n` all meet in the
    same core column. Of headers that would meet in one attribute name (tags `Name` and `name`) the first by the
    alphabet has it, and the others keep their own spelling; so do headers with letters that aren't ASCII.

    Args:
        headers: as they stand in the file or manifest.
        place: file or manifest they come from, for the error.

    Raises:
        IngestError: a header twice, two headers of one core column, or a required column missing.
    """
    mapped: dict[str, str] = {}
    taken: dict[str, str] = {}
    for header in sorted(headers):  # not in the order of the file, which differs from file to file
        name = _CORE_BY_SQUASHED.get(squash(header))
        if name is None:
            name = athena_name(header) if header.isascii() else header
            if name in taken:
                name = header
        if header in mapped or name in taken:
            other = taken.get(name, header)
            raise IngestError(f"{place}: columns '{other}' and '{header}' both mean '{name}'; export the report again")
        mapped[header] = name
        taken[name] = header
    missing = [name for name in REQUIRED_COLUMNS if name not in taken]
    if missing:
        raise IngestError(f"{place}: not a Cost & Usage Report, column {missing[0]} is missing")
    return {header: mapped[header] for header in headers}
