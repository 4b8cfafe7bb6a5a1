"""Which findings are asked for, and how many at once."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAXIMUM_LIMIT = 500
DEFAULT_LIMIT = 50


def _reject_unstorable(text: str) -> str:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds a character that no name can have")
    return text


Name = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_reject_unstorable)]
Names = Annotated[list[Name], Field(max_length=200)]


class RecommendationFilters(BaseModel):
    """Which findings are asked for. An empty list lets everything through; values of one list are alternatives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_id: Names = Field(default=[], description="AWS account ids; repeat the parameter for several.")
    region: Names = Field(default=[], description="AWS regions, for example `eu-west-1`; repeatable.")
    service: Names = Field(default=[], description="Service names as in `service_name`; repeatable.")
    rule_id: Names = Field(default=[], description="Rules, as in `rule_id`; repeatable.")
    minimum_savings_usd_per_month: Decimal | None = Field(
        default=None,
        ge=0,
        le=10**15,
        max_digits=25,
        decimal_places=10,
        allow_inf_nan=False,
        description="Leave out findings whose net savings are lower, or unknown. USD per month.",
    )
    minimum_confidence_ratio: Decimal | None = Field(
        default=None,
        ge=0,
        le=1,
        decimal_places=10,
        allow_inf_nan=False,
        description="Leave out findings less sure than this, 0–1.",
    )
