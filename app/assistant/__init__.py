"""Questions in words, answered by Claude over the same tools as everything else; no figure that no tool gave."""

from app.assistant.answering import answer_question
from app.assistant.answers import AssistantAnswer, ToolCall

__all__ = ["AssistantAnswer", "ToolCall", "answer_question"]
