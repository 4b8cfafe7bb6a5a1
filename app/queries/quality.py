"""How old the data is, how far it can be trusted, and whether it is there at all."""

from app.database import BUILD_THE_MARTS, DataNotReady, fetch_rows
from app.rows import AsOf, MissingMart, SourceQuality

MARTS = (
    "ai_context",
    "data_quality",
    "dim_accounts",
    "dim_resources",
    "fct_account_costs_monthly",
    "fct_answers",
    "fct_commitment_curves",
    "fct_commitment_options",
    "fct_commitment_strategies",
    "fct_cost_reconciliation_daily",
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
            array_position(array['cur', 'cost_explorer', 'cloudwatch', 'inventory', 'prices'], source_name), source_name
        """,
        row_type=SourceQuality,
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
