"""From a question to an answer: Claude where it can be asked and every figure is proven, the templates otherwise."""

from collections.abc import Sequence

import anthropic
from anthropic.types import MessageParam

from app.assistant.answers import AssistantAnswer, ToolCall, find_as_of
from app.assistant.claude import Conversation, NoAnswer, open_client
from app.assistant.prompt import ask_for_correction
from app.assistant.templates import answer_from_templates
from app.assistant.verifier import Verdict, collect_evidence, verify

MAXIMUM_QUESTION_LENGTH = 4_000
MAXIMUM_HISTORY = 6  # questions before this one that are sent along
NO_KEY = "no key is set (ANTHROPIC_API_KEY)"
REJECTED = "Claude's answer was held back, because figures in it stand in no result"
Exchange = tuple[str, AssistantAnswer]


def answer_question(
    question: str, client: anthropic.Anthropic | None = None, history: Sequence[Exchange] = ()
) -> AssistantAnswer:
    """Answer `question`. Never raises for what the API or the database do: the answer says it.

    Args:
        question: At most 4,000 characters; what is longer is cut.
        client: Without one, a client is made from ANTHROPIC_API_KEY; without that, templates answer.
        history: Questions and answers before this one, oldest first; their results still prove figures.
    """
    question = question.strip()[:MAXIMUM_QUESTION_LENGTH]
    if not question:
        return answer_from_templates(question, "no question was asked")
    history = [exchange for exchange in history if exchange[0].strip()][-MAXIMUM_HISTORY:]
    calls: list[ToolCall] = []
    try:
        client = client or open_client()
        if client is None:
            return answer_from_templates(question, NO_KEY)
        conversation = Conversation(client, _recall(history), calls)
        text = conversation.ask(question)
        verdict = _verify(text, calls, question, history)
        if verdict.unbound:
            text = conversation.ask(ask_for_correction(verdict.unbound))
            verdict = _verify(text, calls, question, history)
    except NoAnswer as none:
        return answer_from_templates(question, str(none), calls)
    if verdict.unbound:
        return answer_from_templates(question, REJECTED, calls, [f"Not proven: {', '.join(verdict.unbound)}."])
    return AssistantAnswer(
        text=text,
        citations=verdict.citations,
        tool_calls=calls,
        source="claude",
        warnings=[],
        as_of=find_as_of(calls),
    )


def _recall(history: Sequence[Exchange]) -> list[MessageParam]:
    messages: list[MessageParam] = []
    for question, answer in history:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer.text}]
    return messages


def _verify(text: str, calls: list[ToolCall], question: str, history: Sequence[Exchange]) -> Verdict:
    before = [call for _, answer in history for call in answer.tool_calls]
    evidence = collect_evidence((call.name, call.result) for call in [*before, *calls])
    return verify(text, evidence, "\n".join([question, *(asked for asked, _ in history)]))
