"""Commitments that there are, and those on sale, beside one another and at every size."""

from app.database import fetch_rows
from app.rows import CommitmentCoverage, CommitmentOption, CommitmentStrategy, CurvePoint, HeldCommitment


def get_commitments(limit: int) -> list[HeldCommitment]:
    """What there is of reservations and Savings Plans: those that end soonest first, those that are over last."""
    return fetch_rows(
        """
        select
            held.commitment_arn, held.commitment_id, held.commitment_type, held.plan_type, held.payment_option,
            held.term_years, held.service_code, held.region, held.instance_family, held.instance_type,
            held.reservation_count, held.owner_account_id, accounts.account_name as owner_account_name, held.end_at,
            held.commitment_status, held.days_until_expiry, held.hourly_commitment_usd,
            held.last_30_days_unused_commitment_usd, held.last_30_days_net_savings_usd,
            held.last_30_days_utilization_ratio, held.last_30_days_effective_savings_ratio, held.net_savings_usd
        from marts.dim_commitments as held
        left join marts.dim_accounts as accounts on held.owner_account_id = accounts.account_id
        order by coalesce(held.commitment_status, '') = 'expired', held.end_at, held.commitment_arn
        limit %(limit)s
        """,
        {"limit": limit},
        row_type=HeldCommitment,
    )


def get_commitment_coverage() -> list[CommitmentCoverage]:
    """How much of the last 30 days' usage commitments pay for: everything first, then those with most to cover."""
    return fetch_rows(
        """
        select
            service_code, is_total, first_usage_date, last_usage_date, coverable_on_demand_cost_usd,
            reserved_on_demand_cost_usd, savings_plan_on_demand_cost_usd, eligible_on_demand_cost_usd, coverage_ratio,
            effective_savings_ratio, spot_cost_usd, spot_unlisted_cost_usd, spot_savings_usd
        from marts.fct_commitment_coverage_recent
        where coverable_on_demand_cost_usd > 0 or spot_cost_usd > 0
        order by is_total desc, coverable_on_demand_cost_usd desc nulls last, service_code
        """,
        row_type=CommitmentCoverage,
    )


def get_commitment_options(usage_basis: str = "after_actions") -> list[CommitmentOption]:
    """The best size of every commitment on sale, most saving first.

    Args:
        usage_basis: `as_is`, or `after_actions`: what remains after the other findings.
    """
    return fetch_rows(
        """
        select
            commitment_option_id, usage_basis, commitment_type, rule_id, payer_account_id, commitment_name, region,
            instance_family, instance_type, platform, term_years, payment_option, hourly_commitment_usd,
            reserved_instance_count, upfront_cost_usd, recurring_cost_usd_per_month, commitment_cost_usd_per_month,
            total_commitment_cost_usd, eligible_on_demand_cost_usd_per_month, covered_on_demand_cost_usd_per_month,
            net_savings_usd_per_month, net_savings_usd_per_year, net_savings_usd_over_term, coverage_ratio,
            utilization_ratio, savings_ratio, break_even_months, break_even_utilization_ratio, lookback_days,
            hours_observed, is_recommended, confidence_ratio, evaluated_at
        from marts.fct_commitment_options
        where usage_basis = %(usage_basis)s
        order by net_savings_usd_per_month desc, commitment_option_id
        """,
        {"usage_basis": usage_basis},
        row_type=CommitmentOption,
    )


def get_commitment_curve(commitment_option_id: str) -> list[CurvePoint]:
    """What a commitment would have saved from none to twice its best size; [] for an unknown one."""
    return fetch_rows(
        """
        select point_number, hourly_commitment_usd, net_savings_usd_per_month, coverage_ratio, utilization_ratio
        from marts.fct_commitment_curves
        where commitment_option_id = %(commitment_option_id)s
        order by point_number
        """,
        {"commitment_option_id": commitment_option_id},
        row_type=CurvePoint,
    )


def get_commitment_strategies(usage_basis: str = "after_actions") -> list[CommitmentStrategy]:
    """The ways of committing, most saving first. They cover the same usage: only one is to be taken."""
    return fetch_rows(
        """
        select
            commitment_strategy_id, usage_basis, payer_account_id, commitment_type, rule_id, term_years,
            payment_option, commitment_count, hourly_commitment_usd, upfront_cost_usd, recurring_cost_usd_per_month,
            total_commitment_cost_usd, net_savings_usd_per_month, net_savings_usd_per_year, is_recommended
        from marts.fct_commitment_strategies
        where usage_basis = %(usage_basis)s
        order by net_savings_usd_per_month desc, commitment_strategy_id
        """,
        {"usage_basis": usage_basis},
        row_type=CommitmentStrategy,
    )
