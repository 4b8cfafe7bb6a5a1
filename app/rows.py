"""The typed rows that `app.queries` returns: what pages, routes, notebooks and tools agree on.

Money is an exact Decimal here and a decimal string in JSON, because a JSON number is a binary fraction to most readers.
None is always "not known", never zero.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema


def format_exactly(amount: Decimal) -> str:
    """Every digit the database holds, without an exponent."""
    return format(amount, "f")


def serialize_measures(value: Any, *, is_money: bool = False) -> Any:
    """JSON of an evidence object: what is in USD is an exact decimal string, other measures are numbers."""
    if isinstance(value, dict):
        is_money = is_money or "usd" in str(value.get("unit", "")).lower()
        return {key: serialize_measures(item, is_money=is_money or "_usd" in key) for key, item in value.items()}
    if isinstance(value, list):
        return [serialize_measures(item, is_money=is_money) for item in value]
    if isinstance(value, Decimal):
        return format_exactly(value) if is_money else float(value)
    if is_money and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


Usd = Annotated[
    Decimal,
    PlainSerializer(format_exactly, return_type=str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "format": "decimal", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["70.0800000000"]}
    ),
]
Ratio = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
Evidence = Annotated[dict[str, Any], PlainSerializer(serialize_measures, when_used="json")]


class FrozenRow(BaseModel):
    """A row can't be changed after it's read: what is shown is what the mart holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    resource_key: str
    resource_id: str | None
    resource_name: str | None = Field(description="The tag `Name`; null where there is none.")
    resource_type: str | None
    resource_description: str | None
    service_name: str | None
    account_id: str | None
    account_name: str | None = Field(description="Null where no source names the account.")
    region: str | None
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


class RecommendationPage(FrozenRow):
    """One page of findings, the totals over all pages, and the cursor of the next page (None on the last)."""

    items: list[Recommendation]
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


class SourceQuality(FrozenRow):
    """What is known about one source of data (`marts.data_quality`). A source never loaded has nulls."""

    source_name: str
    last_loaded_at: datetime | None
    data_as_of_at: datetime | None = Field(description="End of the newest period or point that the source holds.")
    first_data_at: datetime | None
    freshness_promise_hours: int | None
    is_fresh: bool | None
    load_count: int | None
    row_count: int | None
    finding: str | None
    evaluated_at: datetime | None


class AsOf(FrozenRow):
    """How old the figures are. None: that source was never loaded."""

    costs: datetime | None = Field(description="End of the newest cost data in the marts.")
    metrics: datetime | None = Field(description="Newest CloudWatch point in the marts.")
    evaluated: datetime | None = Field(description="When the rules were last run.")


class MissingMart(FrozenRow):
    """A mart that the app needs and the database doesn't have."""

    mart_name: str
