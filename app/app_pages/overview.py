"""Overview: what was spent, whether it ties out, how fresh the data is, what could be saved and how sure that is."""

import streamlit as st

from app import queries
from app.frame import show_as_of, show_figures, show_nothing_loaded, show_table
from app.markup import Column, build_answer, build_note, draw_bars, mark_status
from app.quality import describe_findings_quality, describe_stale_sources, judge_reconciliation
from app.rows import SourceQuality
from app.words import (
    UNKNOWN,
    count_things,
    show_account,
    show_count,
    show_date,
    show_money,
    show_month,
    show_ratio,
    show_source,
    show_text,
    show_time,
    show_word,
)

MONTHS_SHOWN = 13


def mark_freshness(source: SourceQuality) -> str:
    """The word for a source's state."""
    if source.last_loaded_at is None:
        return "never loaded"
    if source.is_fresh is None:
        return UNKNOWN
    return "fresh" if source.is_fresh else "stale"


st.title("Overview")
as_of = queries.get_as_of()
show_as_of(as_of)

months = queries.get_costs_monthly()
reconciliation = queries.get_reconciliation_summary()
everything = queries.get_portfolio_items(limit=1).totals
total = next((part for part in queries.get_portfolio() if part.recommendation_category == "total"), None)
sources = queries.get_data_quality()

if as_of.costs is None:
    show_nothing_loaded()

for answer in queries.get_answers():
    st.html(build_answer(answer))

spend = [
    (
        f"{show_month(month.billing_period_start_date)}, {show_word(month.invoice_status)}",
        show_money(month.amortized_cost_usd),
        f"Amortized cost of all accounts, usage up to {show_date(month.last_usage_date)}.",
    )
    for month in reversed(months[-2:])
]
show_figures(
    [
        *spend,
        (
            "Potential per month",
            show_money(total.counted_net_savings_usd_per_month if total else None),
            f"How far the bill falls, each dollar once: {count_things(everything.count, 'finding')}.",
        ),
        (
            "Ties out through",
            show_date(reconciliation.last_reconciled_date),
            "Newest day on which every account and service agrees with Cost Explorer.",
        ),
    ]
)

st.subheader("Spend by month")
if months:
    shown_months = list(reversed(months[-MONTHS_SHOWN:]))
    bars = draw_bars(
        [month.amortized_cost_usd for month in shown_months], [month.invoice_status for month in shown_months]
    )
    show_table(
        [
            Column("Billing period", is_short=True),
            Column("Amortized", is_number=True),
            Column("", is_bar=True),
            Column("Unblended", is_number=True),
            Column("Invoice", is_short=True),
            Column("Usage up to", is_short=True),
        ],
        [
            [
                show_month(month.billing_period_start_date),
                show_money(month.amortized_cost_usd),
                bar,
                show_money(month.unblended_cost_usd),
                mark_status(month.invoice_status),
                show_date(month.last_usage_date),
            ]
            for month, bar in zip(shown_months, bars, strict=True)
        ],
    )
    with st.expander("By account"):
        show_table(
            [
                Column("Billing period", is_short=True),
                Column("Account"),
                Column("Amortized", is_number=True),
                Column("Unblended", is_number=True),
                Column("Invoice", is_short=True),
                Column("Costs as of", is_short=True),
            ],
            [
                [
                    show_month(cost.billing_period_start_date),
                    show_account(cost.account_id, cost.account_name),
                    show_money(cost.amortized_cost_usd),
                    show_money(cost.unblended_cost_usd),
                    mark_status(cost.invoice_status),
                    show_time(cost.costs_as_of_at),
                ]
                for cost in queries.get_account_costs_monthly()
            ],
        )
else:
    st.html(build_note("No billing period has been loaded."))

st.subheader("Does it tie out?")
if reconciliation.statuses:
    worst = judge_reconciliation(reconciliation)
    st.html(
        build_note(
            f"The Cost and Usage Report against Cost Explorer, per day, account and service. Compared through "
            f"{show_date(reconciliation.last_compared_date)}; taken together: {show_word(worst)}."
        )
    )
    show_table(
        [
            Column("Status", is_short=True),
            Column("Days × accounts × services", is_number=True),
            Column("Known to one source only", is_number=True),
            Column("Cost and Usage Report", is_number=True),
            Column("Cost Explorer", is_number=True),
            Column("Difference", is_number=True),
            Column("Days", is_short=True),
        ],
        [
            [
                mark_status(count.reconciliation_status),
                show_count(count.row_count),
                show_count(count.one_sided_count),
                show_money(count.cur_unblended_cost_usd),
                show_money(count.cost_explorer_unblended_cost_usd),
                show_money(count.unblended_difference_usd),
                f"{show_date(count.first_usage_date)} – {show_date(count.last_usage_date)}",
            ]
            for count in reconciliation.statuses
        ],
    )
    if reconciliation.disputed:
        with st.expander("Disputed days, the largest differences first", expanded=True):
            show_table(
                [
                    Column("Day", is_short=True),
                    Column("Account"),
                    Column("Service"),
                    Column("Cost and Usage Report", is_number=True),
                    Column("Cost Explorer", is_number=True),
                    Column("Difference", is_number=True),
                    Column("Tolerance", is_number=True),
                    Column("Cause", is_short=True),
                ],
                [
                    [
                        show_date(day.usage_date),
                        show_text(day.account_id),
                        show_text(day.service_name),
                        show_money(day.cur_unblended_cost_usd),
                        show_money(day.cost_explorer_unblended_cost_usd),
                        show_money(day.unblended_difference_usd),
                        show_money(day.tolerance_usd),
                        show_word(day.difference_cause),
                    ]
                    for day in reconciliation.disputed
                ],
            )
else:
    st.html(build_note("Nothing has been compared: Cost Explorer or the Cost and Usage Report was never loaded."))

st.subheader("What could be saved, and how sure that is")
savings = queries.get_savings_by_rule()
if savings:
    show_table(
        [
            Column("Rule", is_short=True),
            Column("Findings", is_number=True),
            Column("Net per month", is_number=True),
            Column("Gross per month", is_number=True),
            Column("Confidence, lowest", is_number=True),
            Column("Confidence, highest", is_number=True),
        ],
        [
            [
                show_text(rule.rule_name or rule.rule_id),
                show_count(rule.finding_count),
                show_money(rule.net_savings_usd_per_month),
                show_money(rule.gross_savings_usd_per_month),
                show_ratio(rule.lowest_confidence_ratio),
                show_ratio(rule.highest_confidence_ratio),
            ]
            for rule in savings
        ],
    )
    st.html(build_note(describe_findings_quality(everything, [])))
    st.page_link("app_pages/portfolio.py", label="All findings with their evidence →")
else:
    st.html(build_note("No rule has found anything."))

st.subheader("How fresh the data is")
stale = describe_stale_sources(sources)
if stale:
    st.html(build_note(" ".join(stale)))
show_table(
    [
        Column("Source", is_short=True),
        Column("State", is_short=True),
        Column("Data up to", is_short=True),
        Column("Last loaded", is_short=True),
        Column("Promised within", is_number=True),
        Column("Rows", is_number=True),
        Column("In words"),
    ],
    [
        [
            show_source(source.source_name),
            mark_status(mark_freshness(source)),
            show_time(source.data_as_of_at),
            show_time(source.last_loaded_at),
            UNKNOWN if source.freshness_promise_hours is None else f"{source.freshness_promise_hours} h",
            show_count(source.row_count),
            show_text(source.finding),
        ]
        for source in sources
    ],
)
