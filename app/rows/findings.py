"""Findings: what to do, what it is worth, how sure we are, and what was judged."""

from datetime import date, datetime
from decimal import Decimal
from typing import Generic, TypeVar

from pydantic import Field

from app.rows.base import Evidence, FrozenRow, Ratio, Usd

Found = TypeVar("Found", bound="Recommendation")


class Recommendation(FrozenRow):
    """One finding: what to do, what it is worth and how sure we are (`marts.fct_recommendations`)."""

    recommendation_id: str = Field(description="Stable hash of rule, resource and scope: the same from build to build.")
    recommendation_category: str = Field(description="waste, rightsizing, commitment or schedule.")
    rule_id: str
    rule_name: str | None
    action_type: str | None = Field(description="Vocabulary of AWS Cost Optimization Hub: Stop, Delete, Rightsize, …")
    status: str = Field(
        description="open, accepted, scheduled, implemented, verified, dismissed or expired. "
        "Answers hold those still to be done: open, accepted and scheduled."
    )
    resource_key: str | None = Field(description="Null for a commitment, which is of no one resource.")
    resource_id: str | None
    resource_name: str | None = Field(description="The tag `Name`; null where there is none.")
    resource_type: str | None
    resource_description: str | None
    service_name: str | None
    account_id: str | None
    account_name: str | None = Field(description="Null where no source names the account.")
    region: str | None
    environment: str | None = Field(description="The tag `Environment`; null where there is none.")
    commitment_option_id: str | None = Field(description="Of a commitment; null for findings on resources.")
    finding: str | None = Field(description="One sentence with its numbers.")
    evidence: Evidence | None = Field(
        description="The measures behind the finding, each with its unit, and the thresholds they were held against. "
        "Whatever is in USD is a decimal string; other measures are numbers."
    )
    remediation: str | None = Field(description="Guided steps, plain text.")
    gross_savings_usd_per_month: Usd | None = Field(description="List arithmetic, before commitments are considered.")
    net_savings_usd_per_month: Usd | None = Field(
        description="How far the bill falls without the waste: what is paid anyway under a commitment isn't counted."
    )
    net_savings_usd_per_year: Usd | None = Field(description="Twelve such months.")
    confidence_ratio: Ratio | None = Field(description="How sure the rule is, 0–1.")
    risk: str | None = Field(description="very_low, low, medium, high or very_high.")
    implementation_effort: str | None = Field(description="very_low, low, medium, high or very_high.")
    is_restart_needed: bool | None
    is_rollback_possible: bool | None
    lookback_days: int | None = Field(description="Days of metrics the rule looked at.")
    cost_quality: str | None = Field(
        description="How the costs behind it tie out: reconciled, provisional or disputed."
    )
    costs_as_of_at: datetime | None
    metrics_as_of_at: datetime | None
    evaluated_at: datetime | None


class RecommendationTotals(FrozenRow):
    """Sums over every finding that the filters let through, not over one page of them."""

    count: int = Field(description="Findings that match the filters, on all pages.")
    gross_savings_usd_per_month: Usd | None = Field(description="Null where no finding's savings are known.")
    net_savings_usd_per_month: Usd | None = Field(description="Null where no finding's savings are known.")
    unknown_savings_count: int = Field(description="Findings whose net savings aren't known: the sums leave them out.")
    reconciled_count: int = Field(description="Findings whose costs agree with Cost Explorer.")
    provisional_count: int = Field(description="Findings whose costs can't be compared for good yet.")
    disputed_count: int = Field(description="Findings whose costs disagree with Cost Explorer.")
    counted_net_savings_usd_per_month: Usd | None = Field(
        description="Net savings when all findings of all categories are carried out, each dollar once."
    )


class RightsizingOption(FrozenRow):
    """The smallest size that fits under one preset (`marts.fct_rightsizing_options`)."""

    rightsizing_option_id: str
    rule_id: str
    resource_key: str
    preset: str = Field(
        description="Compute Optimizer's name: Maximum savings, Balanced, Default or Maximum performance."
    )
    preset_order: int
    is_recommended: bool = Field(description="Of the preset that the finding follows.")
    current_size: str
    current_vcpu_count: Decimal | None
    current_memory_gib: Decimal | None
    recommended_size: str
    recommended_vcpu_count: Decimal | None
    recommended_memory_gib: Decimal | None
    cpu_percentile: Decimal = Field(description="Of the hourly CPU peaks.")
    cpu_percentile_pct: Decimal | None
    projected_cpu_pct: Decimal | None = Field(description="On the recommended size.")
    cpu_limit_pct: Decimal | None
    is_memory_known: bool = Field(description="False: nobody measures it, so it is kept.")
    memory_maximum_pct: Decimal | None
    projected_memory_pct: Decimal | None
    memory_limit_pct: Decimal | None
    current_rate_usd_per_hour: Usd | None
    recommended_rate_usd_per_hour: Usd | None
    rate_source: str | None = Field(description="own: both rates are the account's; list: AWS's list had to help.")
    gross_savings_usd_per_month: Usd | None
    net_savings_usd_per_month: Usd | None
    evaluated_at: datetime | None


class ResourceSchedule(FrozenRow):
    """The weekly schedule that a machine's own past allows (`marts.fct_resource_schedules`)."""

    rule_id: str
    resource_key: str
    environment: str | None
    time_zone: str
    is_time_zone_given: bool = Field(description="False: UTC is an assumption.")
    weeks_observed_count: int
    observed_hours_per_week: int
    active_hours_per_week: int
    quiet_hours_per_week: int
    window_count: int
    regularity_ratio: Ratio | None
    quiet_ranges: list[list[int]] = Field(description="[from, to) in hours of the week; Monday 00:00 is 0.")
    quiet_hours_text: str
    quiet_confidence_ratio: Ratio | None
    gross_savings_usd_per_month: Usd | None
    net_savings_usd_per_month: Usd | None
    is_non_production: bool
    evaluated_at: datetime | None


class OccupancyHour(FrozenRow):
    """How often a machine was at work in one hour of the week (`marts.fct_resource_occupancy`)."""

    hour_of_week: int
    time_zone: str
    weeks_observed_count: int
    weeks_active_count: int
    occupancy_ratio: Ratio


class CommitmentOption(FrozenRow):
    """The best size of a commitment on sale, what it would have cost and saved (`marts.fct_commitment_options`)."""

    commitment_option_id: str
    usage_basis: str = Field(description="as_is, or after_actions: what remains after the other findings.")
    commitment_type: str
    rule_id: str
    payer_account_id: str | None
    commitment_name: str
    region: str | None
    instance_family: str | None
    instance_type: str | None
    platform: str | None
    term_years: int
    payment_option: str
    hourly_commitment_usd: Usd
    reserved_instance_count: int | None
    upfront_cost_usd: Usd
    recurring_cost_usd_per_month: Usd
    commitment_cost_usd_per_month: Usd
    total_commitment_cost_usd: Usd = Field(description="Over the whole term: the investment.")
    eligible_on_demand_cost_usd_per_month: Usd
    covered_on_demand_cost_usd_per_month: Usd
    net_savings_usd_per_month: Usd
    net_savings_usd_per_year: Usd
    net_savings_usd_over_term: Usd
    coverage_ratio: Ratio
    utilization_ratio: Ratio
    savings_ratio: Ratio
    break_even_months: Decimal
    break_even_utilization_ratio: Ratio
    lookback_days: int
    hours_observed: int
    is_recommended: bool
    confidence_ratio: Ratio
    evaluated_at: datetime | None


class CurvePoint(FrozenRow):
    """What one commitment would have saved at another size (`marts.fct_commitment_curves`)."""

    point_number: int
    hourly_commitment_usd: Usd
    net_savings_usd_per_month: Usd
    coverage_ratio: Ratio
    utilization_ratio: Ratio | None


class CommitmentStrategy(FrozenRow):
    """One way of committing, all its purchases together (`marts.fct_commitment_strategies`)."""

    commitment_strategy_id: str
    usage_basis: str
    payer_account_id: str | None
    commitment_type: str
    rule_id: str
    term_years: int
    payment_option: str
    commitment_count: int
    hourly_commitment_usd: Usd
    upfront_cost_usd: Usd
    recurring_cost_usd_per_month: Usd
    total_commitment_cost_usd: Usd
    net_savings_usd_per_month: Usd
    net_savings_usd_per_year: Usd
    is_recommended: bool


class CommitmentCoverage(FrozenRow):
    """What commitments cover of a service's usage, or of everything's (`marts.fct_commitment_coverage_recent`)."""

    service_code: str
    is_total: bool
    first_usage_date: date
    last_usage_date: date
    coverable_on_demand_cost_usd: Usd | None
    reserved_on_demand_cost_usd: Usd
    savings_plan_on_demand_cost_usd: Usd
    eligible_on_demand_cost_usd: Usd
    coverage_ratio: Ratio | None
    effective_savings_ratio: Ratio | None
    spot_cost_usd: Usd
    spot_unlisted_cost_usd: Usd
    spot_savings_usd: Usd | None


class HeldCommitment(FrozenRow):
    """A reservation or Savings Plan that the bill has seen, with its owner's name (`marts.dim_commitments`)."""

    commitment_arn: str
    commitment_id: str
    commitment_type: str
    plan_type: str | None
    payment_option: str | None
    term_years: int | None
    service_code: str | None
    region: str | None
    instance_family: str | None
    instance_type: str | None
    reservation_count: int | None
    owner_account_id: str | None
    owner_account_name: str | None
    end_at: datetime | None
    commitment_status: str | None
    days_until_expiry: int | None
    hourly_commitment_usd: Usd | None
    last_30_days_unused_commitment_usd: Usd | None
    last_30_days_net_savings_usd: Usd | None
    last_30_days_utilization_ratio: Ratio | None
    last_30_days_effective_savings_ratio: Ratio | None
    net_savings_usd: Usd | None


class RightsizingRecommendation(Recommendation):
    """A finding on a size, with what each preset would choose."""

    options: list[RightsizingOption]


class ScheduleRecommendation(Recommendation):
    """A finding on quiet hours, with the schedule."""

    schedule: ResourceSchedule


class CommitmentRecommendation(Recommendation):
    """A commitment worth buying, with its terms."""

    option: CommitmentOption


class PortfolioItem(Recommendation):
    """A finding with what it adds to all others."""

    counted_net_savings_usd_per_month: Usd | None = Field(description="What it adds when all are carried out.")
    overlap_usd_per_month: Usd | None = Field(description="What another finding saves already.")
    overlap_reason: str = Field(description="none, removed_as_waste or resized_first.")


class RecommendationPage(FrozenRow, Generic[Found]):
    """One page of findings, the totals over all pages, and the cursor of the next page (None on the last)."""

    items: list[Found]
    totals: RecommendationTotals
    next_cursor: str | None


class RuleSavings(FrozenRow):
    """What one rule found and how sure it is: the open findings of a rule, summed."""

    rule_id: str
    rule_name: str | None
    finding_count: int
    gross_savings_usd_per_month: Usd | None
    net_savings_usd_per_month: Usd | None
    lowest_confidence_ratio: Ratio | None
    highest_confidence_ratio: Ratio | None


class RuleEvaluationCount(FrozenRow):
    """How many resources a rule judged with one verdict (`marts.fct_rule_evaluations`)."""

    rule_id: str
    rule_name: str | None
    evaluation_status: str
    resource_count: int


class RuleEvaluationTotals(FrozenRow):
    """Verdicts of all rules together; a resource that two rules speak about counts twice."""

    judged_count: int
    undecided_count: int
    waived_count: int
    not_applicable_count: int


class RuleEvaluation(FrozenRow):
    """One rule's verdict on one resource."""

    rule_id: str
    rule_name: str | None
    resource_key: str
    resource_id: str | None
    resource_name: str | None = Field(description="The tag `Name`; null where there is none.")
    resource_type: str | None
    account_id: str | None
    account_name: str | None = Field(description="Null where no source names the account.")
    region: str | None
    evaluation_status: str
    finding: str | None
    days_observed: int | None
    days_needed: int | None
    evaluated_at: datetime | None


class FilterValue(FrozenRow):
    """A value that the findings can be filtered by; `label` is what people call it."""

    kind: str
    value: str
    label: str | None


class FilterValues(FrozenRow):
    """The accounts, regions, services and rules that have findings."""

    accounts: list[FilterValue]
    regions: list[FilterValue]
    services: list[FilterValue]
    rules: list[FilterValue]
