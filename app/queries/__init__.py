"""The one package of SQL that reads for people: pages, routes, notebooks and tools all call these functions.

Only marts are read. A measure's formula lives in its model; here rows are filtered, ordered and summed, nothing else.
Every function raises `app.database.ReadError` (its three kinds say what to do) where the figures can't be read.
"""

from app.queries.commitments import (
    get_commitment_coverage,
    get_commitment_curve,
    get_commitment_options,
    get_commitment_strategies,
    get_commitments,
)
from app.queries.costs import (
    get_account_costs_monthly,
    get_costs_monthly,
    get_estimate_errors,
    get_invoice_comparison,
    get_month_to_date,
    get_reconciliation_differences,
    get_reconciliation_summary,
)
from app.queries.evaluations import (
    get_rule_evaluation_counts,
    get_rule_evaluation_totals,
    get_rule_evaluations,
)
from app.queries.filters import (
    DEFAULT_LIMIT,
    MAXIMUM_LIMIT,
    Name,
    RecommendationFilters,
)
from app.queries.portfolio import (
    get_answers,
    get_portfolio,
)
from app.queries.quality import (
    MARTS,
    check_ready,
    get_as_of,
    get_bill_days,
    get_data_quality,
    get_metric_coverage,
    get_request_costs,
)
from app.queries.recommendations import (
    get_commitment_recommendations,
    get_filter_values,
    get_portfolio_items,
    get_recommendation,
    get_rightsizing_recommendations,
    get_savings_by_rule,
    get_schedule_recommendations,
    get_waste_recommendations,
)
from app.queries.resources import (
    MAXIMUM_FOUND,
    find_resources,
    get_occupancy,
    get_portfolio_context,
    get_resource_context,
)

__all__ = [
    "DEFAULT_LIMIT",
    "MARTS",
    "MAXIMUM_FOUND",
    "MAXIMUM_LIMIT",
    "Name",
    "RecommendationFilters",
    "check_ready",
    "find_resources",
    "get_account_costs_monthly",
    "get_answers",
    "get_as_of",
    "get_bill_days",
    "get_commitment_coverage",
    "get_commitment_curve",
    "get_commitment_options",
    "get_commitment_recommendations",
    "get_commitment_strategies",
    "get_commitments",
    "get_costs_monthly",
    "get_data_quality",
    "get_estimate_errors",
    "get_filter_values",
    "get_invoice_comparison",
    "get_metric_coverage",
    "get_month_to_date",
    "get_occupancy",
    "get_portfolio",
    "get_portfolio_context",
    "get_portfolio_items",
    "get_recommendation",
    "get_reconciliation_differences",
    "get_reconciliation_summary",
    "get_request_costs",
    "get_resource_context",
    "get_rightsizing_recommendations",
    "get_rule_evaluation_counts",
    "get_rule_evaluation_totals",
    "get_rule_evaluations",
    "get_savings_by_rule",
    "get_schedule_recommendations",
    "get_waste_recommendations",
]
