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
    """The days × accounts × services that compare alike, and their cost in both sources.

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
    """One day × account × service, CUR against Cost Explorer (`marts.fct_cost_reconciliation_daily`)."""

    usage_date: date
    account_id: str | None
    service_name: str | None
    cur_unblended_cost_usd: Usd | None
    cost_explorer_unblended_cost_usd: Usd | None
    unblended_difference_usd: Usd | None
    amortized_difference_usd: Usd | None
    tolerance_usd: Usd | None
    difference_cause: str | None


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
