"""Figures for notebooks that need no script and no network: tables from pandas frames, sentences, one style."""

from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd
from IPython.display import HTML

import app
from app.markup import Column, Markup, build_table
from app.words import escape_html

STYLE = Path(app.__file__).with_name("style.css")


def load_style() -> HTML:
    """The tables' look, the same as on the pages; display it once, at a notebook's top."""
    return HTML(f"<style>{STYLE.read_text(encoding='utf-8')}</style>")


def show_table(frame: pd.DataFrame, numbers: Collection[str] = (), short: Collection[str] = ()) -> HTML:
    """A frame of finished text (or `Markup`, such as bars) as a table, every text in it escaped.

    The columns named in `numbers` stand to the right, those in `short` stay on one line.
    """
    columns = [
        Column(str(name), is_number=name in numbers, is_short=name in short, is_bar=name == "")
        for name in frame.columns
    ]
    rows = frame.itertuples(index=False, name=None)
    return HTML(
        build_table(columns, [[cell if isinstance(cell, Markup) else str(cell) for cell in row] for row in rows])
    )


def show_sentences(sentences: Iterable[str]) -> HTML:
    """Sentences below each other, escaped."""
    return HTML("".join(f"<p>{escape_html(sentence)}</p>" for sentence in sentences))
