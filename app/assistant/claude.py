"""The conversation with Claude: rounds of tool calls, bounded, and what to say when the API can't answer."""

import logging
import os
import re
from dataclasses import dataclass, field
from typing import Any

import anthropic
from anthropic.types import Message, MessageParam, ToolChoiceParam, ToolParam

from app.assistant.answers import ToolCall
from app.assistant.prompt import SYSTEM, fence
from app.tools import TOOLS, call_tool
from app.tools.calling import describe_error

log = logging.getLogger(__name__)

DEFAULT_MODEL = "claude-sonnet-5-5"
MAXIMUM_ROUNDS = 8
MAXIMUM_CALLS_PER_ROUND = 6
MAXIMUM_TOKENS_PER_ROUND = 4_000
MAXIMUM_TOKENS = 300_000  # of a whole conversation, read and written
MAXIMUM_RESULT_CHARACTERS = 120_000
TIMEOUT_SECONDS = 60
RETRIES = 1


class NoAnswer(Exception):
    """Claude gave no answer that can be shown; the text says why, in the middle of a sentence."""


@dataclass
class Conversation:
    """One question to Claude. `calls` holds what the tools gave: all that an answer may be proven with."""

    client: anthropic.Anthropic
    messages: list[MessageParam]
    calls: list[ToolCall] = field(default_factory=list)
    rounds: int = 0
    tokens: int = 0

    def ask(self, text: str) -> str:
        """Claude's answer to `text`, after whatever tools it called. Raises: `NoAnswer`."""
        self.messages.append({"role": "user", "content": text})
        while True:
            message = self._create()
            self.messages.append({"role": "assistant", "content": message.content})
            if message.stop_reason == "tool_use":
                self.messages.append({"role": "user", "content": self._run_tools(message)})
                continue
            if message.stop_reason == "pause_turn":
                continue
            if message.stop_reason == "refusal":
                raise NoAnswer("Claude declined the question")
            if message.stop_reason not in ("end_turn", "stop_sequence"):
                raise NoAnswer("Claude's answer was cut off")
            written = "\n".join(block.text for block in message.content if block.type == "text").strip()
            if not written:
                raise NoAnswer("Claude answered nothing")
            return written

    def _create(self) -> Message:
        if self.rounds == MAXIMUM_ROUNDS or self.tokens >= MAXIMUM_TOKENS:
            raise NoAnswer("Claude came to no answer within the rounds or tokens it may use")
        self.rounds += 1
        choice: ToolChoiceParam = {"type": "auto"}
        if self.rounds == MAXIMUM_ROUNDS:  # the last must be words
            choice = {"type": "none"}
        try:
            message = self.client.messages.create(
                model=choose_model(),
                max_tokens=MAXIMUM_TOKENS_PER_ROUND,
                system=SYSTEM,
                messages=self.messages,
                tools=list_tools(),
                tool_choice=choice,
            )
        except Exception as error:  # whatever the API or its client does, the templates still answer
            log.warning("Claude gave no answer: %s", type(error).__name__)  # no more: a request holds the key
            raise NoAnswer(explain(error)) from None
        if not isinstance(message, Message) or not isinstance(message.content, list):
            raise NoAnswer("the API's answer couldn't be read")
        self.tokens += (message.usage.input_tokens or 0) + (message.usage.output_tokens or 0) if message.usage else 0
        return message

    def _run_tools(self, message: Message) -> list[Any]:
        results = []
        asked = [block for block in message.content if block.type == "tool_use"]
        for place, block in enumerate(asked):
            if place < MAXIMUM_CALLS_PER_ROUND:
                result = run_tool(block.name, block.input)
            else:
                result = describe_error("Too many calls", "too many tools were called at once", "call fewer")
            arguments = block.input if isinstance(block.input, dict) else {}
            self.calls.append(ToolCall(name=block.name, arguments=arguments, result=result))
            name = block.name if block.name in TOOLS else "unknown"  # the fence holds nothing that isn't ours
            results.append(
                {
                    "type": "tool_result",
                    "tool_use_id": block.id,
                    "content": fence(name, result),
                    "is_error": "error" in result,
                }
            )
        if not results:
            raise NoAnswer("the API's answer couldn't be read")
        return results


def run_tool(name: str, arguments: object) -> dict[str, Any]:
    """The tool's answer; an error where the arguments aren't an object or the answer is longer than may be read."""
    if not isinstance(arguments, dict):
        return describe_error("A parameter isn't valid", "the arguments aren't an object", "see the tool's schema")
    result = call_tool(name, arguments)
    if len(fence(name, result)) > MAXIMUM_RESULT_CHARACTERS:
        return describe_error("The result is too long", "it holds more than can be read", "ask with a lower limit")
    return result


def list_tools() -> list[ToolParam]:
    """The catalogue as the Messages API describes tools."""
    return [
        {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
        for tool in TOOLS.values()
    ]


def choose_model() -> str:
    """The model that the environment names, or the default."""
    return os.environ.get("TIEOUT_ASSISTANT_MODEL", "").strip() or DEFAULT_MODEL


def open_client() -> anthropic.Anthropic | None:
    """A client with the environment's key, or None without one. The SDK itself reads ANTHROPIC_BASE_URL.

    Raises: `NoAnswer` for an address that is none.
    """
    key = os.environ.get("ANTHROPIC_API_KEY", "").strip()
    if not key:
        return None
    try:
        return anthropic.Anthropic(api_key=key, timeout=TIMEOUT_SECONDS, max_retries=RETRIES)
    except Exception as error:
        log.warning("no client for Claude: %s", type(error).__name__)
        raise NoAnswer("the address in ANTHROPIC_BASE_URL can't be used") from None


def explain(error: Exception) -> str:
    """Why the API gave nothing, in our own words: its words might repeat what was sent, the key too."""
    if isinstance(error, anthropic.AuthenticationError | anthropic.PermissionDeniedError):
        return "the API refused the key in ANTHROPIC_API_KEY"
    if isinstance(error, anthropic.NotFoundError):
        model = re.sub(r"[^\w.:@/-]", "", choose_model())[:80]
        return f"the API knows no model {model} (TIEOUT_ASSISTANT_MODEL)"
    if isinstance(error, anthropic.RateLimitError):
        return "the API allows no more questions now"
    if isinstance(error, anthropic.APITimeoutError):
        return "the API didn't answer in time"
    if isinstance(error, anthropic.APIConnectionError):
        return "the API can't be reached"
    if isinstance(error, anthropic.APIStatusError):
        return f"the API can't answer now (status {error.status_code})"
    return "the API's answer couldn't be read"
