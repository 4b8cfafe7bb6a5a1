"""Pieces that every Streamlit page uses: as-of times, tables, figures in a row, and what to do when it fails."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app.database import ReadError
from app.markup import Cell, Column, build_note, build_table
from app.rows import AsOf
from app.words import show_time

STYLE = Path(__file__).with_name("style.css")
LOGO = str(Path(__file__).with_name("logo.svg"))


def show_as_of(as_of: AsOf) -> None:
    """The line under a page's title: no figure stands without its date."""
    st.html(
        build_note(
            f"Costs as of {show_time(as_of.costs)} · metrics as of {show_time(as_of.metrics)} · "
            f"rules evaluated {show_time(as_of.evaluated)}"
        )
    )


def show_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    """A small table for reading; every text in it is escaped."""
    st.html(build_table(columns, rows))


def show_figures(figures: Sequence[tuple[str, str, str]]) -> None:
    """Figures in a row that wraps: label, value, and what exactly it says."""
    for place, (label, value, meaning) in zip(st.columns(len(figures)), figures, strict=True):
        place.metric(label, value, help=meaning, border=True)


def show_nothing_loaded() -> None:
    """What to do when the marts are there and empty."""
    st.info(
        "No costs have been loaded yet. Run `make demo` for a simulated account, or load yours with "
        "`python -m ingest cur --source s3://bucket/prefix/report` and then `dbt build`."
    )


def show_problem(error: ReadError) -> None:
    """Why there are no figures, and the command that helps."""
    st.error(f"**{error.title}.** {escape_markdown(error.reason)}")
    st.markdown(f"What to do: {error.remedy}.")


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is: every punctuation mark loses its meaning."""
    return "".join(f"\\{character}" if character in "\\`*_{}[]()#+-.!|~$<>:&^=\"'" else character for character in text)
