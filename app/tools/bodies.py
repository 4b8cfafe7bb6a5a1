"""What each tool does: it asks `app.queries` and answers with as-of times and quality before any figure."""

from pydantic import BaseModel, Field

from app import queries
from app.envelope import Envelope, Quality, fill_envelope
from app.quality import WORST_FIRST, describe_stale_sources, judge_reconciliation
from app.rows import (
    AccountMonthlyCost,
    Answer,
    AsOf,
    CommitmentOption,
    CommitmentRecommendation,
    CommitmentStrategy,
    Evidence,
    FoundResource,
    MonthlyCost,
    PortfolioItem,
    Recommendation,
    ReconciliationSummary,
    RightsizingRecommendation,
    RuleEvaluationTotals,
    ScheduleRecommendation,
)
from app.tools.parameters import CommitmentFindings, CostMonths, Findings, NamedResource, Nothing, Search
from app.words import MEANING_OF_COST_QUALITY

MAXIMUM_ACCOUNT_ROWS = 100
MAXIMUM_DISPUTED_ROWS = 10


class UnknownResource(Exception):
    """No resource has the name that was given, or more than one has it."""


class Result(BaseModel):
    """As-of times and quality first: no figure is read without them."""

    as_of: AsOf
    quality: Quality


class Answers(Result):
    """The five answers."""

    answers: list[Answer]


class Commitments(Envelope[CommitmentRecommendation]):
    """Commitments worth buying, and what else is on sale."""

    strategies: list[CommitmentStrategy] = Field(description="They cover the same usage: only one is to be taken.")
    options: list[CommitmentOption] = Field(description="Most saving first.")
    options_left_out_count: int


class Document(Result):
    """What may be known of one resource."""

    document: Evidence


class FoundResources(Result):
    """What a search found."""

    resources: list[FoundResource]


class Costs(Result):
    """Costs by month and account, and how they tie out."""

    months: list[MonthlyCost] = Field(description="Oldest first.")
    accounts: list[AccountMonthlyCost] = Field(description="The same months by account, newest month first.")
    accounts_left_out_count: int
    reconciliation: ReconciliationSummary


class DataQuality(Result):
    """How far the data can be trusted; the sources are in `quality`."""

    reconciliation: ReconciliationSummary
    verdicts: RuleEvaluationTotals


def get_answers(_: Nothing) -> Answers:
    """The five sentences with their exact figures; the quality is the worst behind any of them."""
    answers = queries.get_answers()
    found = {answer.cost_quality for answer in answers}
    status = next((each for each in WORST_FIRST if each in found), None)
    return Answers(as_of=queries.get_as_of(), quality=_describe_quality(status), answers=answers)


def analyze_waste(parameters: Findings) -> Envelope[Recommendation]:
    """A page of the findings on waste."""
    found = queries.get_waste_recommendations(parameters.to_filters(), parameters.limit, parameters.cursor)
    return fill_envelope("waste", found, parameters.limit)


def analyze_rightsizing(parameters: Findings) -> Envelope[RightsizingRecommendation]:
    """A page of the findings on sizes."""
    found = queries.get_rightsizing_recommendations(parameters.to_filters(), parameters.limit, parameters.cursor)
    return fill_envelope("rightsizing", found, parameters.limit)


def analyze_commitments(parameters: CommitmentFindings) -> Commitments:
    """A page of the commitments worth buying, beside the ways of committing and what is on sale."""
    found = queries.get_commitment_recommendations(parameters.to_filters(), parameters.limit, parameters.cursor)
    options = queries.get_commitment_options(parameters.usage_basis)
    envelope = fill_envelope("commitments", found, parameters.limit)
    return Commitments(
        **{name: getattr(envelope, name) for name in Envelope.model_fields},
        strategies=queries.get_commitment_strategies(parameters.usage_basis),
        options=options[: parameters.limit],
        options_left_out_count=max(0, len(options) - parameters.limit),
    )


def analyze_portfolio(parameters: Findings) -> Envelope[PortfolioItem]:
    """A page of all findings; `totals.portfolio` holds the categories."""
    found = queries.get_portfolio_items(parameters.to_filters(), parameters.limit, parameters.cursor)
    return fill_envelope("portfolio", found, parameters.limit)


def analyze_schedules(parameters: Findings) -> Envelope[ScheduleRecommendation]:
    """A page of the findings on quiet hours."""
    found = queries.get_schedule_recommendations(parameters.to_filters(), parameters.limit, parameters.cursor)
    return fill_envelope("schedules", found, parameters.limit)


def get_resource_context(parameters: NamedResource) -> Document:
    """Everything known of one resource. Raises: `UnknownResource`."""
    context = queries.get_resource_context(parameters.resource)
    if context is None:
        raise UnknownResource
    return Document(as_of=queries.get_as_of(), quality=_describe_quality(), document=context.document)


def find_resources(parameters: Search) -> FoundResources:
    """Resources that hold the text, those billed last first."""
    found = queries.find_resources(parameters.text, parameters.limit)
    return FoundResources(as_of=queries.get_as_of(), quality=_describe_quality(), resources=found)


def get_costs(parameters: CostMonths) -> Costs:
    """The newest months, together and by account, and the comparison with Cost Explorer."""
    months = queries.get_costs_monthly(parameters.account_id)[-parameters.month_count :]
    shown = {month.billing_period_start_date for month in months}
    accounts = [
        row
        for row in queries.get_account_costs_monthly(parameters.account_id)
        if row.billing_period_start_date in shown
    ]
    reconciliation = queries.get_reconciliation_summary(parameters.account_id, MAXIMUM_DISPUTED_ROWS)
    return Costs(
        as_of=queries.get_as_of(),
        quality=_describe_quality(judge_reconciliation(reconciliation)),
        months=months,
        accounts=accounts[:MAXIMUM_ACCOUNT_ROWS],
        accounts_left_out_count=max(0, len(accounts) - MAXIMUM_ACCOUNT_ROWS),
        reconciliation=reconciliation,
    )


def get_data_quality(_: Nothing) -> DataQuality:
    """Sources, comparison and verdicts."""
    reconciliation = queries.get_reconciliation_summary(disputed_limit=MAXIMUM_DISPUTED_ROWS)
    return DataQuality(
        as_of=queries.get_as_of(),
        quality=_describe_quality(judge_reconciliation(reconciliation)),
        reconciliation=reconciliation,
        verdicts=queries.get_rule_evaluation_totals(),
    )


def _describe_quality(status: str | None = None) -> Quality:
    """Quality of `status`; without one, of the whole comparison with Cost Explorer."""
    sources = queries.get_data_quality()
    status = status or judge_reconciliation(queries.get_reconciliation_summary())
    meaning = MEANING_OF_COST_QUALITY.get(status, "whether the costs tie out isn't known")
    sentence = f"{meaning[:1].upper()}{meaning[1:]}."
    return Quality(status=status, sources=sources, finding=" ".join([sentence, *describe_stale_sources(sources)]))
