"""The one envelope of the HTTP API: every list is answered in this shape, only items and totals differ."""

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from app.rows import AsOf, SourceQuality, Usd

Item = TypeVar("Item", bound=BaseModel)
Totals = TypeVar("Totals", bound=BaseModel)


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
    unknown_savings_count: int = Field(description="Items whose net savings aren't known: the sums leave them out.")
    currency: str = "USD"


class Page(BaseModel):
    """Where this page ends. Pass `next_cursor` back as `cursor`, with the same filters; null on the last page."""

    limit: int
    next_cursor: str | None


class Envelope(BaseModel, Generic[Item, Totals]):
    """As-of times and quality first: no figure is read without them."""

    as_of: AsOf
    quality: Quality
    totals: Totals
    items: list[Item]
    page: Page
