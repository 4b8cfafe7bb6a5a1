"""How old the data is, how far it can be trusted, and whether it is there at all."""

from app.database import BUILD_THE_MARTS, DataNotReady, fetch_rows
from app.rows import AsOf, BillDays, MetricCoverage, MissingMart, RequestCost, SourceQuality

MARTS = (
    "ai_context",
    "data_quality",
    "dim_accounts",
    "dim_commitments",
    "dim_resources",
    "fct_account_costs_monthly",
    "fct_answers",
    "fct_api_requests_monthly",
    "fct_commitment_coverage_recent",
    "fct_commitment_curves",
    "fct_commitment_options",
    "fct_commitment_strategies",
    "fct_cost_completeness_daily",
    "fct_cost_estimate_errors_daily",
    "fct_cost_reconciliation_daily",
    "fct_cost_reconciliation_monthly",
    "fct_costs_bridged_daily",
    "fct_invoice_reconciliation_monthly",
    "fct_metric_coverage",
    "fct_portfolio",
    "fct_portfolio_items",
    "fct_recommendations",
    "fct_resource_occupancy",
    "fct_resource_schedules",
    "fct_resource_utilization",
    "fct_rightsizing_options",
    "fct_rule_evaluations",
)


def get_data_quality() -> list[SourceQuality]:
    """What is known about each source: when it was loaded, how far it reaches, whether it keeps its promise."""
    return fetch_rows(
        """
        select
            source_name, last_loaded_at, data_as_of_at, first_data_at, freshness_promise_hours, is_fresh,
            load_count, row_count, finding, evaluated_at
        from marts.data_quality
        order by
            array_position(
                array['cur', 'cost_explorer', 'invoices', 'cloudwatch', 'inventory', 'prices'], source_name
            ),
            source_name
        """,
        row_type=SourceQuality,
    )


def get_metric_coverage() -> list[MetricCoverage]:
    """Per kind of resource, all accounts together: what is silent, what isn't billed, and what is held back."""
    return fetch_rows(
        """
        select
            resource_type,
            service_name,
            silence_means,
            sum(billed_resource_count)::bigint as billed_resource_count,
            sum(reporting_resource_count)::bigint as reporting_resource_count,
            sum(silent_resource_count)::bigint as silent_resource_count,
            sum(unread_resource_count)::bigint as unread_resource_count,
            sum(unbilled_resource_count)::bigint as unbilled_resource_count,
            sum(held_back_resource_count)::bigint as held_back_resource_count
        from marts.fct_metric_coverage
        group by resource_type, service_name, silence_means
        order by service_name, resource_type
        """,
        row_type=MetricCoverage,
    )


def get_bill_days() -> list[BillDays]:
    """Per account, how many days of its bill are whole, missing, cut off, or not delivered yet."""
    return fetch_rows(
        """
        select
            days.account_id,
            accounts.account_name,
            min(days.usage_date) as first_usage_date,
            max(days.usage_date) as last_usage_date,
            count(*) filter (where days.completeness_status = 'complete') as complete_day_count,
            count(*) filter (where days.completeness_status = 'gap') as gap_day_count,
            count(*) filter (where days.completeness_status = 'partial') as partial_day_count,
            count(*) filter (where days.completeness_status = 'not_delivered') as awaited_day_count,
            sum(days.unclassified_cost_usd) as unclassified_cost_usd
        from marts.fct_cost_completeness_daily as days
        left join marts.dim_accounts as accounts on days.account_id = accounts.account_id
        group by days.account_id, accounts.account_name
        order by days.account_id
        """,
        row_type=BillDays,
    )


def get_request_costs() -> list[RequestCost]:
    """What asking AWS has cost per month, source and operation, in all accounts and regions; newest month first."""
    return fetch_rows(
        """
        select
            request_month_start_date,
            source_name,
            operation,
            sum(request_count)::bigint as request_count,
            sum(billed_unit_count)::bigint as billed_unit_count,
            sum(request_cost_usd) as request_cost_usd,
            max(last_requested_at) as last_requested_at
        from marts.fct_api_requests_monthly
        group by request_month_start_date, source_name, operation
        order by request_month_start_date desc, request_cost_usd desc, source_name, operation
        """,
        row_type=RequestCost,
    )


def get_as_of() -> AsOf:
    """How old the figures are: newest costs, newest metrics, last run of the rules."""
    return fetch_rows(
        """
        select
            (select max(costs_as_of_at) from marts.fct_account_costs_monthly) as costs,
            (select max(metrics_as_of_at) from marts.fct_resource_utilization) as metrics,
            (select max(evaluated_at) from marts.fct_rule_evaluations) as evaluated
        """,
        row_type=AsOf,
    )[0]


def check_ready() -> None:
    """Return quietly when the database answers and holds every mart of `MARTS`; raise `ReadError` otherwise."""
    missing = fetch_rows(
        """
        select mart_name
        from unnest(%(marts)s::text[]) as mart_name
        where to_regclass('marts.' || mart_name) is null
        order by mart_name
        """,
        {"marts": list(MARTS)},
        row_type=MissingMart,
    )
    if missing:
        names = ", ".join(f"marts.{mart.mart_name}" for mart in missing)
        raise DataNotReady(f"the marts aren't built here (missing: {names})", BUILD_THE_MARTS)
