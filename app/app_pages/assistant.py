"""Assistant: questions in words, answered from the same figures as everything else; no figure that no tool gave."""

import streamlit as st

from app import queries
from app.assistant import AssistantAnswer, answer_question
from app.frame import escape_markdown, show_as_of
from app.listing import show_answer
from app.markup import build_note

EXAMPLES = (
    "Where do we waste the most?",
    "What should we commit to, and what does it cost?",
    "What is everything worth together?",
)


def show_reply(reply: AssistantAnswer) -> None:
    """An answer, where it came from, and what was held back."""
    st.markdown(escape_markdown(reply.text).replace("\n", "  \n"))
    told = ["Answered by Claude, every figure checked against the tools' results."] if reply.source == "claude" else []
    st.html(build_note(" ".join([*told, *reply.warnings])))


st.title("Assistant")
show_as_of(queries.get_as_of())
show_answer("portfolio")
asked: list[tuple[str, AssistantAnswer]] = st.session_state.setdefault("asked", [])
for question, reply in asked:
    with st.chat_message("user"):
        st.markdown(escape_markdown(question))
    with st.chat_message("assistant"):
        show_reply(reply)
chosen: str | None = None
if not asked:
    st.html(build_note("Ask in your own words, or begin with one of these:"))
    for place, example in zip(st.columns(len(EXAMPLES)), EXAMPLES, strict=True):
        if place.button(example, width="stretch"):
            chosen = example
written = st.chat_input("What do you want to know?") or chosen
if written:
    with st.chat_message("user"):
        st.markdown(escape_markdown(written))
    with st.chat_message("assistant"), st.spinner("Looking it up"):
        asked.append((written, answer_question(written)))
    st.rerun()
