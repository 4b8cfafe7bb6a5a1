"""HTML that pages and reports share: tables, facts and status marks, with every text escaped.

Names and tags come from AWS, where anybody can type anything: they go through here and stay text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.evidence import list_measures, list_thresholds
from app.rows import Answer, OccupancyHour, Recommendation
from app.words import (
    MEANING_OF_COST_QUALITY,
    UNKNOWN,
    count_things,
    escape_html,
    show_account,
    show_money,
    show_ratio,
    show_text,
    show_time,
    show_word,
    show_yes_no,
)

_STEP = re.compile(r"(?:^|\s)(\d{1,2})\.\s+")
_MARKS = {
    "good": {"reconciled", "invoiced", "fresh", "passed"},
    "pending": {"provisional", "partly_invoiced", "estimated", "too_early", "insufficient_data"},
    "bad": {"disputed", "stale", "never loaded"},
}


@dataclass(frozen=True)
class Markup:
    """HTML that is already safe: `build_table` and `build_facts` leave it as it is."""

    html: str


@dataclass(frozen=True)
class Column:
    """A table's column: numbers stand to the right, short values (dates, ids, statuses) on one line, bars get room."""

    title: str
    is_number: bool = False
    is_short: bool = False
    is_bar: bool = False


Cell = str | Markup


def build_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], caption: str = "") -> str:
    """An HTML table; plain strings are escaped."""
    head = "".join(f'<th scope="col"{_alignment(column)}>{escape_html(column.title)}</th>' for column in columns)
    body = "".join(
        "<tr>"
        + "".join(f"<td{_alignment(column)}>{_html(cell)}</td>" for column, cell in zip(columns, row, strict=True))
        + "</tr>"
        for row in rows
    )
    title = f"<caption>{escape_html(caption)}</caption>" if caption else ""
    return (
        f'<div class="tieout-scroll"><table class="tieout-table">{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def build_facts(facts: Sequence[tuple[str, Cell]]) -> str:
    """A list of names and values."""
    lines = "".join(f"<dt>{escape_html(name)}</dt><dd>{_html(value)}</dd>" for name, value in facts)
    return f'<dl class="tieout-facts">{lines}</dl>'


def build_note(text: str) -> str:
    """A paragraph of secondary text."""
    return f'<p class="tieout-note">{escape_html(text)}</p>'


def build_answer(answer: Answer | None) -> str:
    """One of the five answers, as a page begins with it."""
    if answer is None:
        return build_note("No answer yet: the models haven't been built with data.")
    return (
        f'<section class="tieout-answer"><p class="tieout-question">{escape_html(answer.question)}</p>'
        f'<p class="tieout-sentence">{escape_html(answer.sentence)}</p></section>'
    )


def build_week(hours: Sequence[OccupancyHour], quiet_ranges: Sequence[Sequence[int]]) -> str:
    """A week as 7 × 24 cells: the darker, the more weeks saw work in that hour; a frame where it can be off.

    An hour that was never seen is hatched: it isn't quiet, it is unknown.
    """
    seen = {hour.hour_of_week: hour for hour in hours}
    off = {hour for start, end in quiet_ranges for hour in range(start, end)}
    head = "".join(f'<th scope="col">{hour:02d}</th>' for hour in range(24))
    rows = ""
    for day, name in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")):
        cells = ""
        for clock in range(24):
            place = day * 24 + clock
            found = seen.get(place)
            kinds = "tieout-hour" + (" tieout-hour-off" if place in off else "")
            if found is None:
                cells += f'<td class="{kinds} tieout-hour-unseen" title="{name} {clock:02d}:00: never seen"></td>'
                continue
            title = (
                f"{name} {clock:02d}:00: at work in {found.weeks_active_count} of {found.weeks_observed_count} weeks"
                + (", can be off" if place in off else "")
            )
            share = f"{float(found.occupancy_ratio):.2f}"
            cells += f'<td class="{kinds}" style="--share: {share}" title="{escape_html(title)}"></td>'
        rows += f'<tr><th scope="row">{name}</th>{cells}</tr>'
    return (
        '<div class="tieout-scroll"><table class="tieout-week"><thead><tr><th></th>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def build_steps(text: str | None) -> str:
    """Guided steps: `1. … 2. …` in one text becomes a numbered list; any other text stays as its author set it."""
    parts = _STEP.split(text or "")
    numbers = [int(number) for number in parts[1::2]]
    if parts[0].strip() or not numbers or numbers != list(range(1, len(numbers) + 1)):
        return f'<p class="tieout-steps">{escape_html(show_text(text))}</p>'
    steps = "".join(f"<li>{escape_html(step.strip())}</li>" for step in parts[2::2])
    return f'<ol class="tieout-steps">{steps}</ol>'


def mark_status(status: str | None) -> Markup:
    """A status in words, with a colour that says the same."""
    return Markup(f'<span class="tieout-mark tieout-mark-{_kind(status)}">{escape_html(show_word(status))}</span>')


def draw_bars(amounts: Sequence[Decimal | None], kinds: Sequence[str | None]) -> list[Markup]:
    """A bar per amount, in proportion to the largest and in its status's colour; none where the amount isn't known.

    Plain HTML, so that pages and reports draw alike and need no script. Lengths are a picture: show the figure beside.
    """
    largest = max((amount for amount in amounts if amount is not None), default=Decimal(0))
    shares = [float(amount / largest) if amount and amount > 0 and largest > 0 else 0.0 for amount in amounts]
    return [
        Markup(f'<div class="tieout-bar tieout-bar-{_kind(kind)}" style="width: {share:.1%}"></div>')
        for share, kind in zip(shares, kinds, strict=True)
    ]


def name_resource(found: Recommendation) -> str:
    """What people call the resource: its Name tag, else its id."""
    return found.resource_name or found.resource_id or found.recommendation_id


def name_region(found: Recommendation) -> str | None:
    """Where the resource is; a plan that knows no region covers all. None where no source tells."""
    return found.region or ("all regions" if found.commitment_option_id else None)


def build_evidence(found: Recommendation) -> str:
    """Everything behind one finding: measures, thresholds with sources, worth, risk, steps, ids, as-of times."""
    measures = [[measure.label, measure.value] for measure in list_measures(found.evidence)]
    thresholds = [
        [threshold.label, threshold.value, show_text(threshold.source)] for threshold in list_thresholds(found.evidence)
    ]
    quality = found.cost_quality or ""
    parts = [
        f'<h3 class="tieout-name">{escape_html(name_resource(found))}</h3>',
        f'<p class="tieout-finding">{escape_html(show_text(found.finding))}</p>',
        '<div class="tieout-columns"><section>',
        "<h4>What was measured</h4>",
        build_table([Column("Measure"), Column("Value", is_number=True)], measures)
        if measures
        else build_note("The rule left no measures."),
        "<h4>Held against</h4>",
        build_table([Column("Threshold"), Column("Value", is_number=True), Column("Source")], thresholds)
        if thresholds
        else build_note("The rule names no thresholds."),
        "</section><section>",
        "<h4>What it is worth, and how sure</h4>",
        build_facts(
            [
                ("Net savings per month", show_money(found.net_savings_usd_per_month)),
                ("Net savings per year", show_money(found.net_savings_usd_per_year)),
                ("Gross savings per month", show_money(found.gross_savings_usd_per_month)),
                ("Confidence", show_ratio(found.confidence_ratio)),
                ("Risk", show_word(found.risk)),
                ("Effort", show_word(found.implementation_effort)),
                ("Restart needed", show_yes_no(found.is_restart_needed)),
                ("Can be undone", show_yes_no(found.is_rollback_possible)),
                ("Look-back", UNKNOWN if found.lookback_days is None else count_things(found.lookback_days, "day")),
                ("Costs", mark_status(found.cost_quality)),
            ]
        ),
        build_note(f"{quality.capitalize()}: {MEANING_OF_COST_QUALITY[quality]}.")
        if quality in MEANING_OF_COST_QUALITY
        else "",
        "<h4>What to do</h4>",
        build_steps(found.remediation),
        "<h4>Which resource, and as of when</h4>",
        build_facts(
            [
                *([("Resource", show_text(found.resource_id))] if found.resource_key else []),
                ("Type", show_text(found.resource_description or found.resource_type)),
                ("Service", show_text(found.service_name)),
                ("Account", show_account(found.account_id, found.account_name)),
                ("Region", show_text(name_region(found))),
                ("Rule", found.rule_id),
                ("Recommendation", found.recommendation_id),
                ("Status", show_word(found.status)),
                ("Costs as of", show_time(found.costs_as_of_at)),
                ("Metrics as of", show_time(found.metrics_as_of_at)),
                ("Evaluated", show_time(found.evaluated_at)),
            ]
        ),
        "</section></div>",
    ]
    return f'<article class="tieout-evidence">{"".join(parts)}</article>'


def _kind(status: str | None) -> str:
    return next((kind for kind, statuses in _MARKS.items() if status in statuses), "plain")


def _html(cell: Cell) -> str:
    return cell.html if isinstance(cell, Markup) else escape_html(cell)


def _alignment(column: Column) -> str:
    kinds = (("number", column.is_number), ("short", column.is_short), ("bars", column.is_bar))
    return next((f' class="tieout-{name}"' for name, is_so in kinds if is_so), "")
