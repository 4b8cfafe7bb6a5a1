"""What each tool takes. A parameter that isn't known is refused: a misspelt filter must not widen the answer."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app import queries

DEFAULT_LIMIT = 10
MAXIMUM_LIMIT = 50  # a model reads every item it is sent, and pays for it


class Nothing(BaseModel):
    """A tool without parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Findings(queries.RecommendationFilters):
    """Filters and paging of findings."""

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAXIMUM_LIMIT, description="Findings on a page.")
    cursor: str | None = Field(
        default=None, description="`page.next_cursor` of the page before, with the same filters as then."
    )

    def to_filters(self) -> queries.RecommendationFilters:
        """The filters without anything else."""
        return queries.RecommendationFilters(**self.model_dump(include=set(queries.RecommendationFilters.model_fields)))


class CommitmentFindings(Findings):
    """Findings on commitments, and the usage that the options are sized on."""

    usage_basis: Literal["after_actions", "as_is"] = Field(
        default="after_actions",
        description="Of `strategies` and `options`: `after_actions` is what remains after the other findings are "
        "carried out, `as_is` the usage of today. The recommendations are always sized on what remains.",
    )


class NamedResource(BaseModel):
    """One resource."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resource: queries.Name = Field(description="Its `resource_key`, or a `resource_id` that only one resource has.")


class Search(BaseModel):
    """Text to look for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: queries.Name = Field(description="Part of an id, name, type, description or account; case is ignored.")
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAXIMUM_LIMIT, description="Resources at most.")


class CostMonths(BaseModel):
    """Which costs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_id: queries.Name | None = Field(default=None, description="One AWS account; null: all together.")
    month_count: int = Field(default=3, ge=1, le=24, description="How many of the newest billing periods.")
