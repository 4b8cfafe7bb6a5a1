"""What the assistant answers with."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.rows import AsOf


class ToolCall(BaseModel):
    """One call of a tool, and what it gave: the proof of the answer's figures."""

    model_config = ConfigDict(frozen=True)

    name: str
    arguments: dict[str, Any]
    result: dict[str, Any]


class AssistantAnswer(BaseModel):
    """An answer, where its figures stand, and what was held back."""

    model_config = ConfigDict(frozen=True)

    text: str
    citations: list[str] = Field(
        description="Where the figures stand: places in the tools' results, or ids of the five answers."
    )
    tool_calls: list[ToolCall]
    source: Literal["claude", "template"]
    warnings: list[str] = Field(description="Sentences for people: why it is a template, what could not be bound.")
    as_of: AsOf | None = Field(description="How old the figures are; null where none could be read.")


def find_as_of(calls: list[ToolCall]) -> AsOf | None:
    """The age of the figures in the newest result that says one."""
    found = [call.result["as_of"] for call in calls if "as_of" in call.result]
    return AsOf.model_validate(found[-1]) if found else None
