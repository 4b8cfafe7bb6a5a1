"""Figures for notebooks that need no script and no network: styled tables from pandas frames, bars as inline SVG."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pandas as pd
from IPython.display import HTML

import app
from app.markup import Column, build_table
from app.words import escape_html, show_money

STYLE = Path(app.__file__).with_name("style.css")
_COLORS = {"invoiced": "#17616b", "partly invoiced": "#6ba3a8", "estimated": "#c98a10"}
_OTHER_COLOR = "#9aa5b1"
_WIDTH, _LABEL_WIDTH, _AMOUNT_WIDTH, _BAR_HEIGHT, _STEP = 860, 150, 170, 18, 30


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its amount in USD (None: not known, no bar is drawn) and the word that colours it."""

    label: str
    amount_usd: Decimal | None
    kind: str


def load_style() -> HTML:
    """The tables' look, the same as on the pages; display it once, at a notebook's top."""
    return HTML(f"<style>{STYLE.read_text(encoding='utf-8')}</style>")


def show_table(frame: pd.DataFrame, numbers: Collection[str] = (), short: Collection[str] = ()) -> HTML:
    """A frame of finished text as a table, every text in it escaped.

    The columns named in `numbers` stand to the right, those in `short` stay on one line.
    """
    columns = [Column(str(name), is_number=name in numbers, is_short=name in short) for name in frame.columns]
    return HTML(build_table(columns, [[str(cell) for cell in row] for row in frame.itertuples(index=False)]))


def show_sentences(sentences: Iterable[str]) -> HTML:
    """Sentences below each other, escaped."""
    return HTML("".join(f"<p>{escape_html(sentence)}</p>" for sentence in sentences))


def draw_bars(bars: Sequence[Bar]) -> HTML:
    """Horizontal bars as SVG. Lengths are a picture; the exact figure stands beside each bar."""
    largest = max((abs(bar.amount_usd) for bar in bars if bar.amount_usd is not None), default=Decimal(0))
    room = _WIDTH - _LABEL_WIDTH - _AMOUNT_WIDTH
    parts = []
    for place, bar in enumerate(bars):
        top = place * _STEP
        length = float(max(bar.amount_usd or 0, Decimal(0)) / largest) * room if largest else 0.0
        color = _COLORS.get(bar.kind, _OTHER_COLOR)
        middle = top + _BAR_HEIGHT - 4
        parts.append(
            f'<text x="0" y="{middle}">{escape_html(bar.label)}</text>'
            f'<rect x="{_LABEL_WIDTH}" y="{top}" width="{length:.1f}" height="{_BAR_HEIGHT}" rx="2" fill="{color}"/>'
            f'<text x="{_LABEL_WIDTH + length + 10:.1f}" y="{middle}">{escape_html(show_money(bar.amount_usd))}'
            f'<tspan fill="#5b6776" dx="8">{escape_html(bar.kind)}</tspan></text>'
        )
    height = max(len(bars) * _STEP, 1)
    return HTML(
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="100%" style="max-width: {_WIDTH}px" role="img" '
        f'aria-label="Bars" font-size="14" fill="#1d2733">{"".join(parts)}</svg>'
    )
