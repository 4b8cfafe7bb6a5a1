"""Answers without a model: the sentences of the five answers that a question's words ask for."""

import re
from collections.abc import Sequence

from app.assistant.answers import AssistantAnswer, ToolCall, find_as_of
from app.tools import call_tool

# Beginnings of words, per answer.
_WORDS = {
    "waste": ("wast", "idle", "unused", "unattached", "orphan", "zombie", "nobody", "delet", "upgrad", "gp2", "gp3"),
    "rightsizing": ("rightsiz", "right-siz", "resiz", "downsiz", "size", "larg", "oversiz", "overprovision", "smaller",
                    "over-provision", "too big"),
    "commitments": ("commit", "savings plan", "reserv", "upfront", "purchas", "buy"),
    "portfolio": ("portfolio", "together", "total", "overall", "altogether", "everything", "in all", "worth"),
    "schedules": ("schedul", "night", "weekend", "evening", "hours", "quiet", "switch off", "switched off", "turn off",
                  "turned off", "be off", "shut down"),
}  # fmt: skip


def choose_answers(question: str) -> list[str]:
    """Ids of the answers that the question's words name; [] where none does."""
    asked = question.lower()
    return [
        answer_id
        for answer_id, words in _WORDS.items()
        if any(re.search(rf"\b{re.escape(word)}", asked) for word in words)
    ]


def answer_from_templates(
    question: str, reason: str, calls: Sequence[ToolCall] = (), details: Sequence[str] = ()
) -> AssistantAnswer:
    """The sentences that fit the question, all five where none does.

    `reason` says why no model's answer is shown. `details` are warnings that must not stand in the text itself.
    """
    call = ToolCall(name="get_answers", arguments={}, result=call_tool("get_answers"))
    warning = f"Answered from templates: {reason}."
    if "error" in call.result:
        error = call.result["error"]
        return AssistantAnswer(
            text=f"{error['title']}: {error['reason']}. What to do: {error['remedy']}.",
            citations=[], tool_calls=[*calls, call], source="template", warnings=[warning, *details], as_of=None,
        )  # fmt: skip
    answers = call.result["answers"]
    chosen = choose_answers(question)
    shown = [answer for answer in answers if answer["answer_id"] in chosen] or answers
    lines = [answer["sentence"] for answer in shown] or ["There is no answer yet: nothing was loaded and built."]
    return AssistantAnswer(
        text="\n".join([warning, *lines]),
        citations=[answer["answer_id"] for answer in shown],
        tool_calls=[*calls, call],
        source="template",
        warnings=[warning, *details],
        as_of=find_as_of([call]),
    )
