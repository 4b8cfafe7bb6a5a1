"""The one envelope of the HTTP API: every list is answered in this shape, only items and totals differ."""

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from app import queries
from app.quality import describe_findings_quality, judge_findings, judge_reconciliation
from app.rows import Answer, AsOf, PortfolioCategory, Recommendation, RecommendationPage, SourceQuality, Usd

Item = TypeVar("Item", bound=Recommendation)


class Quality(BaseModel):
    """How far the figures of this answer can be trusted."""

    status: str = Field(
        description="Worst cost quality behind the answer: reconciled (agrees with Cost Explorer), provisional "
        "(can still change), disputed (disagrees), or unknown (nothing to compare)."
    )
    sources: list[SourceQuality]
    finding: str = Field(description="The same in words, with every source that is stale or was never loaded.")


class SavingsTotals(BaseModel):
    """Sums over all items that match the filters, on all pages."""

    count: int
    gross_savings_usd_per_month: Usd | None = Field(description="Null where no item's savings are known.")
    net_savings_usd_per_month: Usd | None = Field(description="Null where no item's savings are known.")
    counted_net_savings_usd_per_month: Usd | None = Field(
        description="What they add when the findings of all answers are carried out, each dollar once."
    )
    unknown_savings_count: int = Field(description="Items whose net savings aren't known: the sums leave them out.")
    portfolio: list[PortfolioCategory] = Field(
        default=[], description="Each category and the total, whatever the filters: of the portfolio's answer alone."
    )
    currency: str = "USD"


class Page(BaseModel):
    """Where this page ends. Pass `next_cursor` back as `cursor`, with the same filters; null on the last page."""

    limit: int
    next_cursor: str | None


class Envelope(BaseModel, Generic[Item]):
    """As-of times and quality first: no figure is read without them."""

    as_of: AsOf
    quality: Quality
    answer: Answer | None = Field(
        description="The sentence for people, of everything there is: filters don't change it. Null before a build."
    )
    totals: SavingsTotals
    items: list[Item]
    page: Page


def fill_envelope(answer_id: str, found: RecommendationPage[Item], limit: int) -> Envelope[Item]:
    """A page of findings as one of the five answers (`waste`, `rightsizing`, …), with as-of times and quality."""
    sources = queries.get_data_quality()
    status = (
        judge_findings(found.totals)
        if found.totals.count
        else judge_reconciliation(queries.get_reconciliation_summary())
    )
    return Envelope[Item](
        as_of=queries.get_as_of(),
        quality=Quality(status=status, sources=sources, finding=describe_findings_quality(found.totals, sources)),
        answer=next((answer for answer in queries.get_answers() if answer.answer_id == answer_id), None),
        totals=SavingsTotals(
            count=found.totals.count,
            gross_savings_usd_per_month=found.totals.gross_savings_usd_per_month,
            net_savings_usd_per_month=found.totals.net_savings_usd_per_month,
            counted_net_savings_usd_per_month=found.totals.counted_net_savings_usd_per_month,
            unknown_savings_count=found.totals.unknown_savings_count,
            portfolio=queries.get_portfolio() if answer_id == "portfolio" else [],
        ),
        items=found.items,
        page=Page(limit=limit, next_cursor=found.next_cursor),
    )
