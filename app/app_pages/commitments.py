"""Commitments: what to buy on what remains, the other ways beside it, and what another size would have done."""

import altair as alt
import streamlit as st

from app import queries
from app.frame import show_as_of, show_figures, show_table
from app.listing import ROWS_SHOWN, choose_filters, list_findings, show_answer, show_quality
from app.markup import Column, build_facts, build_note
from app.rows import CommitmentOption, CommitmentRecommendation
from app.words import (
    BASIS_WORDS,
    COMMITMENT_WORDS,
    count_things,
    show_count,
    show_decimal,
    show_money,
    show_ratio,
    show_share,
    show_word,
)

st.title("Commitments")
show_as_of(queries.get_as_of())
show_answer("commitments")


def show_term(years: int, payment_option: str) -> str:
    """`1 year, no upfront`."""
    return f"{count_things(years, 'year')}, {show_word(payment_option)}"


def draw_curve(option: CommitmentOption) -> None:
    """Net savings a month at every size of the commitment, from none to twice the best."""
    points = queries.get_commitment_curve(option.commitment_option_id)
    rows = [
        {
            "Commitment, $ an hour": float(point.hourly_commitment_usd),
            "Net savings, $ a month": float(point.net_savings_usd_per_month),
            "Coverage": show_ratio(point.coverage_ratio),
            "Utilization": show_ratio(point.utilization_ratio),
            "best": point.point_number * 2 == len(points) - 1,
        }
        for point in points
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("Commitment, $ an hour:Q"),
        y=alt.Y("Net savings, $ a month:Q"),
        tooltip=["Commitment, $ an hour:Q", "Net savings, $ a month:Q", "Coverage:N", "Utilization:N"],
    )
    marked = base.transform_filter("datum.best").mark_point(size=90, filled=True, color="#c98a10", opacity=1)
    st.altair_chart((base.mark_line(color="#17616b") + marked).properties(height=260), width="stretch")


def show_terms(found: CommitmentRecommendation) -> None:
    """The purchase's terms and its curve."""
    option = found.option
    st.html(
        build_facts(
            [
                ("Commitment", f"${show_decimal(option.hourly_commitment_usd, 5)} an hour"),
                ("Term and payment", show_term(option.term_years, option.payment_option)),
                ("In all", show_money(option.total_commitment_cost_usd)),
                ("Upfront", show_money(option.upfront_cost_usd)),
                ("Each month", show_money(option.recurring_cost_usd_per_month)),
                ("Covers", f"{show_share(option.coverage_ratio)} of what nothing covers"),
                ("Would have been used", show_share(option.utilization_ratio)),
                ("Upfront back after", f"{show_decimal(option.break_even_months)} months"),
                ("Loses money below", f"{show_share(option.break_even_utilization_ratio)} utilization"),
                ("Saves over the term", show_money(option.net_savings_usd_over_term)),
                ("Hours observed", show_count(option.hours_observed)),
            ]
        )
        + build_note("Net savings of the look-back at every size; the dot is the size proposed:")
    )
    draw_curve(option)


filters = choose_filters("commitment")
found = queries.get_commitment_recommendations(filters, ROWS_SHOWN)
show_figures(
    [
        ("Net savings per month", show_money(found.totals.net_savings_usd_per_month), "What the purchase saves."),
        (
            "Investment",
            show_money(found.items[0].option.total_commitment_cost_usd if len(found.items) == 1 else None)
            if found.items
            else show_money(None),
            "What is promised to AWS over the term.",
        ),
        ("Purchases", show_count(found.totals.count), "Commitments worth buying."),
    ]
)
show_quality(found)
list_findings("commitments", queries.get_commitment_recommendations, filters, found, show_terms)

st.subheader("Other ways of committing")
basis = st.radio(
    "Sized on",
    ["after_actions", "as_is"],
    format_func=lambda value: BASIS_WORDS[value],
    horizontal=True,
    key="basis",
)
strategies = queries.get_commitment_strategies(basis)
if strategies:
    st.html(build_note("They cover the same usage, so only one is to be taken; the one proposed is marked."))
    show_table(
        [
            Column("Kind", is_short=True),
            Column("Term and payment", is_short=True),
            Column("Purchases", is_number=True),
            Column("$ an hour", is_number=True),
            Column("Upfront", is_number=True),
            Column("Each month", is_number=True),
            Column("In all", is_number=True),
            Column("Saves per month", is_number=True),
            Column("Saves per year", is_number=True),
        ],
        [
            [
                COMMITMENT_WORDS[strategy.commitment_type] + (" ←" if strategy.is_recommended else ""),
                show_term(strategy.term_years, strategy.payment_option),
                show_count(strategy.commitment_count),
                show_decimal(strategy.hourly_commitment_usd, 5),
                show_money(strategy.upfront_cost_usd),
                show_money(strategy.recurring_cost_usd_per_month),
                show_money(strategy.total_commitment_cost_usd),
                show_money(strategy.net_savings_usd_per_month),
                show_money(strategy.net_savings_usd_per_year),
            ]
            for strategy in strategies
        ],
    )
else:
    st.html(build_note("No commitment on sale would have saved anything, or prices were never read."))
