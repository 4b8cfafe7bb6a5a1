"""The five answers, the portfolio, what a model may know, and how far the data can be trusted."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from app.rows.base import Evidence, FrozenRow, Ratio, Usd


class Answer(FrozenRow):
    """One of the five answers: a sentence and the exact figures behind it (`marts.fct_answers`)."""

    answer_id: str = Field(description="waste, rightsizing, commitments, portfolio or schedules.")
    answer_order: int
    question: str
    sentence: str = Field(description="Its amounts are rounded to cents.")
    figures: Evidence = Field(description="The exact figures by name; whatever is in USD is a decimal string.")
    cost_quality: str
    costs_as_of_at: datetime | None
    metrics_as_of_at: datetime | None
    evaluated_at: datetime | None


class PortfolioCategory(FrozenRow):
    """What the findings of a category, or all of them, are worth together (`marts.fct_portfolio`)."""

    recommendation_category: str = Field(description="waste, rightsizing, commitment, schedule or total.")
    category_order: int
    recommendation_count: int
    unknown_savings_count: int
    gross_savings_usd_per_month: Usd | None
    net_savings_usd_per_month: Usd | None = Field(description="Each finding on its own, overlaps included.")
    counted_net_savings_usd_per_month: Usd | None = Field(description="Each dollar once.")
    counted_net_savings_usd_per_year: Usd | None
    overlap_usd_per_month: Usd | None
    optimizable_spend_usd_per_month: Usd | None
    savings_ratio: Ratio | None = Field(description="Counted savings ÷ optimizable spend.")
    cost_quality: str
    costs_as_of_at: datetime | None
    metrics_as_of_at: datetime | None
    evaluated_at: datetime | None


class Context(FrozenRow):
    """A document for a language model (`marts.ai_context`). Names in it are their owners' text, no instruction."""

    ai_context_id: str
    document: dict[str, Any]


class FoundResource(FrozenRow):
    """A resource that a search found (`marts.dim_resources`)."""

    resource_key: str
    resource_id: str | None
    resource_name: str | None
    resource_type: str | None
    resource_description: str | None
    service_name: str | None
    account_id: str | None
    account_name: str | None
    region: str | None
    environment: str | None
    last_billed_at: datetime | None


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


class MetricCoverage(FrozenRow):
    """How far CloudWatch sees a kind of resource (`marts.fct_metric_coverage`, all accounts together)."""

    resource_type: str
    service_name: str | None
    silence_means: str
    billed_resource_count: int
    reporting_resource_count: int = Field(description="Of the billed ones, those that report.")
    silent_resource_count: int = Field(description="Of the billed ones, those that don't, where CloudWatch was read.")
    unread_resource_count: int = Field(description="Of the billed ones, those where CloudWatch was never read.")
    unbilled_resource_count: int = Field(description="Those that report and aren't billed.")
    held_back_resource_count: int = Field(description="Of all these, those with a metric that is asked for in vain.")


class RequestCost(FrozenRow):
    """What one kind of request to AWS cost in one month (`marts.fct_api_requests_monthly`, summed)."""

    request_month_start_date: date
    source_name: str
    operation: str
    request_count: int
    billed_unit_count: int
    request_cost_usd: Usd
    last_requested_at: datetime | None


class BillDays(FrozenRow):
    """What is there of the days of one account's bill (`marts.fct_cost_completeness_daily`, counted)."""

    account_id: str
    account_name: str | None
    first_usage_date: date
    last_usage_date: date
    complete_day_count: int
    gap_day_count: int
    partial_day_count: int
    awaited_day_count: int
    unclassified_cost_usd: Usd


class AsOf(FrozenRow):
    """How old the figures are. None: that source was never loaded."""

    costs: datetime | None = Field(description="End of the newest cost data in the marts.")
    metrics: datetime | None = Field(description="Newest CloudWatch point in the marts.")
    evaluated: datetime | None = Field(description="When the rules were last run.")


class MissingMart(FrozenRow):
    """A mart that the app needs and the database doesn't have."""

    mart_name: str
