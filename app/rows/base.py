"""The typed rows that `app.queries` returns: what pages, routes, notebooks and tools agree on.

Money is an exact Decimal here and a decimal string in JSON, because a JSON number is a binary fraction to most readers.
None is always "not known", never zero.
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema


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
