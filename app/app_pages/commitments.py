"""Commitments: what there is, what to buy on what remains, the other ways beside it, and what another size would do."""

import altair as alt
import streamlit as st

from app import queries
from app.frame import show_as_of, show_figures, show_table
from app.listing import ROWS_SHOWN, choose_filters, list_findings, show_answer, show_quality
from app.markup import Column, build_facts, build_note
from app.rows import CommitmentOption, CommitmentRecommendation, HeldCommitment
from app.words import (
    BASIS_WORDS,
    COMMITMENT_WORDS,
    PLAN_WORDS,
    UNKNOWN,
    count_things,
    show_account,
    show_count,
    show_date,
    show_decimal,
    show_money,
    show_ratio,
    show_share,
    show_text,
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


def name_commitment(held: HeldCommitment) -> str:
    """`2 × c5.2xlarge reserved, us-east-1`, `EC2 Instance Savings Plan, m5, eu-west-1`."""
    if held.commitment_type == "reserved_instance":
        count = "" if held.reservation_count is None else f"{show_count(held.reservation_count)} × "
        kind = f"{count}{held.instance_type or show_text(held.service_code)} reserved"
    else:
        plan = held.plan_type or "Savings Plan"
        kind = ", ".join(part for part in (PLAN_WORDS.get(plan, plan), held.instance_family) if part)
    return f"{kind}, {held.region}" if held.region else kind


def show_expiry(held: HeldCommitment) -> str:
    """`2027-06-27, in 213 days`; of one that is over, when it ended."""
    if held.end_at is None or held.days_until_expiry is None:
        return UNKNOWN
    day = show_date(held.end_at.date())
    if held.commitment_status == "expired":
        return f"{day}, expired"
    return f"{day}, in {count_things(held.days_until_expiry, 'day')}"


st.subheader("What you have")
commitments = queries.get_commitments(ROWS_SHOWN + 1)
if commitments:
    st.html(
        build_note("Of the last 30 days that the bill holds; what it saved is less the whole commitment, unused too.")
    )
    show_table(
        [
            Column("Commitment"),
            Column("Id", is_short=True),
            Column("Owner"),
            Column("Term and payment", is_short=True),
            Column("Ends", is_short=True),
            Column("$ an hour", is_number=True),
            Column("Utilization", is_number=True),
            Column("Unused", is_number=True),
            Column("Saved", is_number=True),
            Column("Of on demand", is_number=True),
        ],
        [
            [
                name_commitment(held),
                held.commitment_id,
                show_account(held.owner_account_id, held.owner_account_name),
                UNKNOWN if held.term_years is None else show_term(held.term_years, held.payment_option or ""),
                show_expiry(held),
                show_decimal(held.hourly_commitment_usd, 5),
                show_share(held.last_30_days_utilization_ratio),
                show_money(held.last_30_days_unused_commitment_usd),
                show_money(held.last_30_days_net_savings_usd),
                show_share(held.last_30_days_effective_savings_ratio),
            ]
            for held in commitments[:ROWS_SHOWN]
        ],
    )
    if len(commitments) > ROWS_SHOWN:
        st.html(build_note(f"The {show_count(ROWS_SHOWN)} that end soonest; marts.dim_commitments has them all."))
else:
    st.html(build_note("The bill holds no Reserved Instance and no Savings Plan."))

st.subheader("How much of your usage they cover")
if coverage := queries.get_commitment_coverage():
    st.html(
        build_note(
            f"{coverage[0].first_usage_date:%d %b %Y} to {coverage[0].last_usage_date:%d %b %Y}, at on-demand price. "
            "Effective savings are of everything, what nobody used included; Spot is bought beside commitments."
        )
    )
    show_table(
        [
            Column("Service"),
            Column("Could be covered", is_number=True),
            Column("By reservations", is_number=True),
            Column("By Savings Plans", is_number=True),
            Column("On demand", is_number=True),
            Column("Coverage", is_number=True),
            Column("Effective savings", is_number=True),
            Column("Spot", is_number=True),
            Column("Spot saved", is_number=True),
        ],
        [
            [
                "All services" if row.is_total else row.service_code,
                show_money(row.coverable_on_demand_cost_usd),
                show_money(row.reserved_on_demand_cost_usd),
                show_money(row.savings_plan_on_demand_cost_usd),
                show_money(row.eligible_on_demand_cost_usd),
                show_share(row.coverage_ratio),
                show_share(row.effective_savings_ratio) if row.is_total else "",
                show_money(row.spot_cost_usd) if row.spot_cost_usd else "",
                show_money(row.spot_savings_usd) if row.spot_cost_usd else "",
            ]
            for row in coverage
        ],
    )
else:
    st.html(build_note("The last 30 days hold nothing that a commitment could cover, and no Spot."))
