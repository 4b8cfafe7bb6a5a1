"""What each rule judged, and what it couldn't."""

from app.database import fetch_rows
from app.rows import RuleEvaluation, RuleEvaluationCount, RuleEvaluationTotals


def get_rule_evaluation_counts(category: str | None = None) -> list[RuleEvaluationCount]:
    """Resources per rule (of `category`; None: all) and verdict: what was not judged beside what was."""
    return fetch_rows(
        """
        select rule_id, max(rule_name) as rule_name, evaluation_status, count(*) as resource_count
        from marts.fct_rule_evaluations
        where %(category)s::text is null or recommendation_category = %(category)s
        group by rule_id, evaluation_status
        order by rule_id, evaluation_status
        """,
        {"category": category},
        row_type=RuleEvaluationCount,
    )


def get_rule_evaluation_totals(category: str | None = None) -> RuleEvaluationTotals:
    """How much was judged (flagged or passed), undecided (too early, too little data), waived or not applicable."""
    return fetch_rows(
        """
        select
            count(*) filter (where evaluation_status in ('flagged', 'passed')) as judged_count,
            count(*) filter (where evaluation_status in ('insufficient_data', 'too_early')) as undecided_count,
            count(*) filter (where evaluation_status = 'waived') as waived_count,
            count(*) filter (where evaluation_status = 'not_applicable') as not_applicable_count
        from marts.fct_rule_evaluations
        where %(category)s::text is null or recommendation_category = %(category)s
        """,
        {"category": category},
        row_type=RuleEvaluationTotals,
    )[0]


def get_rule_evaluations(
    statuses: list[str], account_id: str | None = None, limit: int = 200, category: str | None = None
) -> list[RuleEvaluation]:
    """Verdicts of the given kinds (`insufficient_data`, `too_early`, …), by rule and resource, at most `limit`."""
    return fetch_rows(
        """
        select
            rule_id, rule_name, resource_key, resource_id, resource_name, resource_type,
            account_id, account_name, region, evaluation_status, finding, days_observed, days_needed, evaluated_at
        from marts.fct_rule_evaluations
        where evaluation_status = any(%(statuses)s)
            and (%(account_id)s::text is null or account_id = %(account_id)s)
            and (%(category)s::text is null or recommendation_category = %(category)s)
        order by rule_id, evaluation_status, resource_key
        limit %(limit)s
        """,
        {"statuses": statuses, "account_id": account_id, "limit": limit, "category": category},
        row_type=RuleEvaluation,
    )
