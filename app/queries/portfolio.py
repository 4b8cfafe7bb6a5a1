"""The five answers, and what all findings are worth together."""

from app.database import fetch_rows
from app.rows import Answer, PortfolioCategory


def get_answers() -> list[Answer]:
    """The five answers, in the order people ask them."""
    return fetch_rows(
        """
        select
            answer_id, answer_order, question, sentence, figures, cost_quality,
            costs_as_of_at, metrics_as_of_at, evaluated_at
        from marts.fct_answers
        order by answer_order
        """,
        row_type=Answer,
    )


def get_portfolio() -> list[PortfolioCategory]:
    """Savings by category and in total, each dollar once."""
    return fetch_rows(
        """
        select
            recommendation_category, category_order, recommendation_count, unknown_savings_count,
            gross_savings_usd_per_month, net_savings_usd_per_month, counted_net_savings_usd_per_month,
            counted_net_savings_usd_per_year, overlap_usd_per_month, optimizable_spend_usd_per_month, savings_ratio,
            cost_quality, costs_as_of_at, metrics_as_of_at, evaluated_at
        from marts.fct_portfolio
        order by category_order
        """,
        row_type=PortfolioCategory,
    )
