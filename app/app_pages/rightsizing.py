"""Rightsizing: machines larger than their work, and what each of Compute Optimizer's presets would choose."""

import streamlit as st

from app import queries
from app.frame import show_as_of, show_table
from app.listing import (
    ROWS_SHOWN,
    choose_filters,
    list_findings,
    show_answer,
    show_judgements,
    show_quality,
    show_totals,
)
from app.markup import Column, build_note
from app.rows import RightsizingRecommendation
from app.words import UNKNOWN, show_decimal, show_money

st.title("Rightsizing")
show_as_of(queries.get_as_of())
show_answer("rightsizing")


def show_options(found: RightsizingRecommendation) -> None:
    """What each preset would choose, and how full it would be."""
    st.html(build_note("What each preset would choose; the finding follows the one marked."))
    show_table(
        [
            Column("Preset", is_short=True),
            Column("Size", is_short=True),
            Column("vCPU", is_number=True),
            Column("Memory, GiB", is_number=True),
            Column("CPU then, %", is_number=True),
            Column("CPU limit, %", is_number=True),
            Column("Memory then, %", is_number=True),
            Column("Memory limit, %", is_number=True),
            Column("Net per month", is_number=True),
            Column("Gross per month", is_number=True),
        ],
        [
            [
                option.preset + (" ←" if option.is_recommended else ""),
                f"{option.current_size} → {option.recommended_size}",
                show_decimal(option.recommended_vcpu_count),
                show_decimal(option.recommended_memory_gib),
                show_decimal(option.projected_cpu_pct),
                show_decimal(option.cpu_limit_pct),
                show_decimal(option.projected_memory_pct) if option.is_memory_known else f"{UNKNOWN}: kept",
                show_decimal(option.memory_limit_pct),
                show_money(option.net_savings_usd_per_month),
                show_money(option.gross_savings_usd_per_month),
            ]
            for option in found.options
        ],
    )


filters = choose_filters("rightsizing")
found = queries.get_rightsizing_recommendations(filters, ROWS_SHOWN)
show_totals(found, "rightsizing", "How far the bill falls with the smaller sizes.")
show_quality(found)
list_findings("rightsizing", queries.get_rightsizing_recommendations, filters, found, show_options)
show_judgements("rightsizing")
