"""Costs by month, and whether they tie out."""

from datetime import date, datetime

from app.rows.base import FrozenRow, Usd


class MonthlyCost(FrozenRow):
    """One billing period, all accounts together (`marts.fct_account_costs_monthly`, summed)."""

    billing_period_start_date: date
    account_count: int
    unblended_cost_usd: Usd | None
    amortized_cost_usd: Usd | None
    public_on_demand_cost_usd: Usd | None
    line_item_count: int | None
    last_usage_date: date | None
    invoice_status: str | None
    costs_as_of_at: datetime | None


class AccountMonthlyCost(FrozenRow):
    """What one account cost in one billing period (`marts.fct_account_costs_monthly`)."""

    billing_period_start_date: date
    payer_account_id: str | None
    account_id: str | None
    account_name: str | None
    unblended_cost_usd: Usd | None
    amortized_cost_usd: Usd | None
    public_on_demand_cost_usd: Usd | None
    line_item_count: int | None
    first_usage_date: date | None
    last_usage_date: date | None
    invoice_status: str | None
    costs_as_of_at: datetime | None


class ReconciliationCount(FrozenRow):
    """The days × accounts × services × classes that compare alike, and their cost in both sources.

    `one_sided_count` of them are known to one source alone: the other's sum leaves them out.
    """

    reconciliation_status: str
    row_count: int
    one_sided_count: int
    cur_unblended_cost_usd: Usd | None
    cost_explorer_unblended_cost_usd: Usd | None
    unblended_difference_usd: Usd | None
    cur_amortized_cost_usd: Usd | None
    cost_explorer_amortized_cost_usd: Usd | None
    amortized_difference_usd: Usd | None
    first_usage_date: date | None
    last_usage_date: date | None


class ReconciliationDay(FrozenRow):
    """One day × account × service × class, CUR against Cost Explorer (`marts.fct_cost_reconciliation_daily`)."""

    usage_date: date
    account_id: str | None
    service_name: str | None
    record_class: str | None
    cur_unblended_cost_usd: Usd | None
    cost_explorer_unblended_cost_usd: Usd | None
    unblended_difference_usd: Usd | None
    amortized_difference_usd: Usd | None
    tolerance_usd: Usd | None
    difference_cause: str | None


class ReconciliationDifference(FrozenRow):
    """What differs alike in a month: one class, status and cause (`marts.fct_cost_reconciliation_monthly`, summed)."""

    usage_month_start_date: date
    record_class: str | None
    reconciliation_status: str | None
    difference_cause: str | None
    row_count: int
    unblended_difference_usd: Usd | None
    amortized_difference_usd: Usd | None
    absolute_unblended_difference_usd: Usd | None
    first_usage_date: date | None
    last_usage_date: date | None


class InvoiceComparison(FrozenRow):
    """CUR against one invoice of AWS (`marts.fct_invoice_reconciliation_monthly`); no number: what no invoice bills."""

    billing_period_start_date: date
    payer_account_id: str | None
    invoice_id: str | None
    billing_entity: str | None
    invoicing_entity: str | None
    cur_unblended_cost_usd: Usd | None
    invoice_total_usd: Usd | None
    difference_usd: Usd | None
    reconciliation_status: str | None
    difference_cause: str | None


class MonthToDate(FrozenRow):
    """The newest month's days by source (`marts.fct_costs_bridged_daily`, summed), and all of them together.

    `cost_source`: `cur`; `cost_explorer`, whose days are estimates until CUR holds them; None for both together.
    """

    month_start_date: date
    cost_source: str | None
    day_count: int
    first_usage_date: date
    last_usage_date: date
    unblended_cost_usd: Usd | None
    amortized_cost_usd: Usd | None
    costs_as_of_at: datetime | None


class EstimateError(FrozenRow):
    """A month's estimates against what CUR came to hold (`marts.fct_cost_estimate_errors_daily`, summed)."""

    month_start_date: date
    day_count: int
    estimated_unblended_cost_usd: Usd | None
    billed_unblended_cost_usd: Usd | None
    unblended_error_usd: Usd | None


class ReconciliationDates(FrozenRow):
    """How far the comparison reaches: the newest day that ties out whole, and the newest day compared."""

    last_reconciled_date: date | None
    last_compared_date: date | None


class ReconciliationSummary(FrozenRow):
    """Does the CUR tie out with Cost Explorer, how far, and where not."""

    statuses: list[ReconciliationCount]
    last_reconciled_date: date | None
    last_compared_date: date | None
    disputed: list[ReconciliationDay]
