"""Portfolio: what all findings are worth together, each dollar once."""

import streamlit as st

from app import queries
from app.frame import show_as_of, show_figures, show_table
from app.listing import ROWS_SHOWN, choose_filters, list_findings, show_answer, show_quality
from app.markup import Column, build_note, draw_bars, mark_status
from app.rows import PortfolioItem
from app.words import OVERLAP_WORDS, show_count, show_money, show_share, show_word

st.title("Portfolio")
show_as_of(queries.get_as_of())
show_answer("portfolio")

categories = queries.get_portfolio()
total = next((part for part in categories if part.recommendation_category == "total"), None)
if total is not None:
    show_figures(
        [
            (
                "Counted per month",
                show_money(total.counted_net_savings_usd_per_month),
                "How far the bill falls when every finding is carried out, each dollar once.",
            ),
            ("Counted per year", show_money(total.counted_net_savings_usd_per_year), "Twelve such months."),
            (
                "Of what can be optimized",
                show_share(total.savings_ratio),
                f"Of {show_money(total.optimizable_spend_usd_per_month)} a month: amortized cost without credits, "
                "refunds and tax.",
            ),
            (
                "Not counted twice",
                show_money(total.overlap_usd_per_month),
                "What findings would save that others save already.",
            ),
        ]
    )
    bars = draw_bars(
        [part.counted_net_savings_usd_per_month for part in categories], [part.cost_quality for part in categories]
    )
    show_table(
        [
            Column("Answer", is_short=True),
            Column("Findings", is_number=True),
            Column("On their own, per month", is_number=True),
            Column("Counted, per month", is_number=True),
            Column("", is_bar=True),
            Column("Overlap", is_number=True),
            Column("Share", is_number=True),
            Column("Costs", is_short=True),
        ],
        [
            [
                show_word(part.recommendation_category).capitalize(),
                show_count(part.recommendation_count),
                show_money(part.net_savings_usd_per_month),
                show_money(part.counted_net_savings_usd_per_month),
                bar,
                show_money(part.overlap_usd_per_month),
                show_share(part.savings_ratio),
                mark_status(part.cost_quality) if part.recommendation_count else "",
            ]
            for part, bar in zip(categories, bars, strict=True)
        ],
    )
    st.html(
        build_note(
            "What is stopped or deleted is neither resized nor scheduled nor upgraded; a schedule on a resized machine "
            "saves hours of the smaller one; commitments are sized on what remains."
        )
    )


def show_overlap(item: PortfolioItem) -> None:
    """What the finding adds to the others."""
    st.html(
        build_note(
            f"Together with all others it adds {show_money(item.counted_net_savings_usd_per_month)} a month: "
            f"{OVERLAP_WORDS.get(item.overlap_reason, item.overlap_reason)}."
        )
    )


st.subheader("Every finding")
filters = choose_filters(None)
found = queries.get_portfolio_items(filters, ROWS_SHOWN)
show_quality(found)
list_findings("portfolio", queries.get_portfolio_items, filters, found, show_overlap)
