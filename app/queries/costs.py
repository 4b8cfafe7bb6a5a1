"""Costs by month, and CUR against Cost Explorer."""

from app.database import fetch_rows
from app.rows import (
    AccountMonthlyCost,
    EstimateError,
    InvoiceComparison,
    MonthlyCost,
    MonthToDate,
    ReconciliationCount,
    ReconciliationDates,
    ReconciliationDay,
    ReconciliationDifference,
    ReconciliationSummary,
)


def get_costs_monthly(account_id: str | None = None) -> list[MonthlyCost]:
    """Billing periods, oldest first: all accounts together, or one account.

    A period counts as invoiced when every account in it is, and as estimated when no account has an invoice yet.
    """
    return fetch_rows(
        """
        select
            billing_period_start_date,
            count(distinct account_id) as account_count,
            sum(unblended_cost_usd) as unblended_cost_usd,
            sum(amortized_cost_usd) as amortized_cost_usd,
            sum(public_on_demand_cost_usd) as public_on_demand_cost_usd,
            sum(line_item_count)::bigint as line_item_count,
            max(last_usage_date) as last_usage_date,
            case
                when bool_and(invoice_status = 'invoiced') then 'invoiced'
                when bool_and(invoice_status = 'estimated') then 'estimated'
                when bool_and(invoice_status is not null) then 'partly_invoiced'
            end as invoice_status,
            max(costs_as_of_at) as costs_as_of_at
        from marts.fct_account_costs_monthly
        where %(account_id)s::text is null or account_id = %(account_id)s
        group by billing_period_start_date
        order by billing_period_start_date
        """,
        {"account_id": account_id},
        row_type=MonthlyCost,
    )


def get_account_costs_monthly(account_id: str | None = None) -> list[AccountMonthlyCost]:
    """Cost per billing period and account, newest period first, dearest account first."""
    return fetch_rows(
        """
        select
            billing_period_start_date, payer_account_id, account_id, account_name,
            unblended_cost_usd, amortized_cost_usd, public_on_demand_cost_usd,
            line_item_count, first_usage_date, last_usage_date, invoice_status, costs_as_of_at
        from marts.fct_account_costs_monthly
        where %(account_id)s::text is null or account_id = %(account_id)s
        order by billing_period_start_date desc, amortized_cost_usd desc nulls last, account_id, payer_account_id
        """,
        {"account_id": account_id},
        row_type=AccountMonthlyCost,
    )


def get_reconciliation_summary(account_id: str | None = None, disputed_limit: int = 50) -> ReconciliationSummary:
    """CUR against Cost Explorer: sums per status, how far it ties out, and the largest disputed rows.

    A row is one day × account × service × class of charge. `last_reconciled_date` is the newest day of which every row
    is reconciled.
    """
    statuses = fetch_rows(
        """
        select
            reconciliation_status,
            count(*) as row_count,
            count(*) filter (
                where cur_unblended_cost_usd is null or cost_explorer_unblended_cost_usd is null
            ) as one_sided_count,
            sum(cur_unblended_cost_usd) as cur_unblended_cost_usd,
            sum(cost_explorer_unblended_cost_usd) as cost_explorer_unblended_cost_usd,
            sum(unblended_difference_usd) as unblended_difference_usd,
            sum(cur_amortized_cost_usd) as cur_amortized_cost_usd,
            sum(cost_explorer_amortized_cost_usd) as cost_explorer_amortized_cost_usd,
            sum(amortized_difference_usd) as amortized_difference_usd,
            min(usage_date) as first_usage_date,
            max(usage_date) as last_usage_date
        from marts.fct_cost_reconciliation_daily
        where %(account_id)s::text is null or account_id = %(account_id)s
        group by reconciliation_status
        order by array_position(array['reconciled', 'provisional', 'disputed'], reconciliation_status)
        """,
        {"account_id": account_id},
        row_type=ReconciliationCount,
    )
    dates = fetch_rows(
        """
        with days as (
            select usage_date, bool_and(reconciliation_status = 'reconciled') as is_reconciled
            from marts.fct_cost_reconciliation_daily
            where %(account_id)s::text is null or account_id = %(account_id)s
            group by usage_date
        )

        select
            max(usage_date) filter (where is_reconciled) as last_reconciled_date,
            max(usage_date) as last_compared_date
        from days
        """,
        {"account_id": account_id},
        row_type=ReconciliationDates,
    )[0]
    disputed = fetch_rows(
        """
        select
            usage_date, account_id, service_name, record_class, cur_unblended_cost_usd,
            cost_explorer_unblended_cost_usd,
            unblended_difference_usd, amortized_difference_usd, tolerance_usd, difference_cause
        from marts.fct_cost_reconciliation_daily
        where reconciliation_status = 'disputed'
            and (%(account_id)s::text is null or account_id = %(account_id)s)
        order by
            greatest(abs(unblended_difference_usd), abs(amortized_difference_usd)) desc nulls first,
            usage_date desc, account_id, service_name, record_class
        limit %(limit)s
        """,
        {"account_id": account_id, "limit": disputed_limit},
        row_type=ReconciliationDay,
    )
    return ReconciliationSummary(
        statuses=statuses,
        last_reconciled_date=dates.last_reconciled_date,
        last_compared_date=dates.last_compared_date,
        disputed=disputed,
    )


def get_reconciliation_differences(account_id: str | None = None) -> list[ReconciliationDifference]:
    """What doesn't tie out to the last digit, per month, class of charge, status and cause; newest month first."""
    return fetch_rows(
        """
        select
            usage_month_start_date,
            record_class,
            reconciliation_status,
            difference_cause,
            sum(row_count)::bigint as row_count,
            sum(unblended_difference_usd) as unblended_difference_usd,
            sum(amortized_difference_usd) as amortized_difference_usd,
            sum(absolute_unblended_difference_usd) as absolute_unblended_difference_usd,
            min(first_usage_date) as first_usage_date,
            max(last_usage_date) as last_usage_date
        from marts.fct_cost_reconciliation_monthly
        where
            difference_cause <> 'none'
            and (%(account_id)s::text is null or account_id = %(account_id)s)
        group by usage_month_start_date, record_class, reconciliation_status, difference_cause
        order by
            usage_month_start_date desc,
            array_position(array['disputed', 'provisional', 'reconciled'], reconciliation_status),
            absolute_unblended_difference_usd desc nulls last,
            record_class,
            difference_cause
        """,
        {"account_id": account_id},
        row_type=ReconciliationDifference,
    )


def get_invoice_comparison() -> list[InvoiceComparison]:
    """CUR against AWS's invoices of closed months, newest month first, the largest difference first."""
    return fetch_rows(
        """
        select
            billing_period_start_date, payer_account_id, invoice_id, billing_entity, invoicing_entity,
            cur_unblended_cost_usd, invoice_total_usd, difference_usd, reconciliation_status, difference_cause
        from marts.fct_invoice_reconciliation_monthly
        order by billing_period_start_date desc, abs(difference_usd) desc nulls last, invoice_id
        """,
        row_type=InvoiceComparison,
    )


def get_month_to_date(account_id: str | None = None) -> list[MonthToDate]:
    """The newest month that any source knows: the bill's days, those that Cost Explorer estimates, both together.

    `costs_as_of_at` is the oldest of a row's. [] where nothing is known.
    """
    return fetch_rows(
        """
        with newest as (
            select date_trunc('month', max(usage_date))::date as month_start_date
            from marts.fct_costs_bridged_daily
            where %(account_id)s::text is null or account_id = %(account_id)s
        )

        select
            newest.month_start_date,
            costs.cost_source,
            count(distinct costs.usage_date) as day_count,
            min(costs.usage_date) as first_usage_date,
            max(costs.usage_date) as last_usage_date,
            sum(costs.unblended_cost_usd) as unblended_cost_usd,
            sum(costs.amortized_cost_usd) as amortized_cost_usd,
            min(costs.costs_as_of_at) as costs_as_of_at
        from marts.fct_costs_bridged_daily as costs
        inner join newest on costs.usage_date >= newest.month_start_date
        where %(account_id)s::text is null or costs.account_id = %(account_id)s
        group by grouping sets ((newest.month_start_date, costs.cost_source), (newest.month_start_date))
        order by array_position(array['cur', 'cost_explorer'], costs.cost_source) nulls last
        """,
        {"account_id": account_id},
        row_type=MonthToDate,
    )


def get_estimate_errors(account_id: str | None = None) -> list[EstimateError]:
    """How far Cost Explorer's last estimates were from the bill, per month, newest first."""
    return fetch_rows(
        """
        select
            date_trunc('month', usage_date)::date as month_start_date,
            count(distinct usage_date) as day_count,
            sum(estimated_unblended_cost_usd) as estimated_unblended_cost_usd,
            sum(billed_unblended_cost_usd) as billed_unblended_cost_usd,
            sum(unblended_error_usd) as unblended_error_usd
        from marts.fct_cost_estimate_errors_daily
        where %(account_id)s::text is null or account_id = %(account_id)s
        group by date_trunc('month', usage_date)::date
        order by month_start_date desc
        """,
        {"account_id": account_id},
        row_type=EstimateError,
    )
