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
    show_cause,
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
differences = queries.get_reconciliation_differences()
invoices = queries.get_invoice_comparison()
to_date = queries.get_month_to_date()
estimated = next((part for part in to_date if part.cost_source == "cost_explorer"), None)
together = next((part for part in to_date if part.cost_source is None), None)
errors = queries.get_estimate_errors()
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
if estimated and together:
    # The bill ends days ago: what Cost Explorer says of the days since is an estimate, and named so.
    spend.insert(
        0,
        (
            f"{show_month(together.month_start_date)} to date, {count_things(estimated.day_count, 'day')} estimated",
            show_money(together.amortized_cost_usd),
            f"Amortized cost up to {show_date(together.last_usage_date)}; Cost Explorer's estimate from "
            f"{show_date(estimated.first_usage_date)} on, until the Cost and Usage Report holds those days.",
        ),
    )
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
            "Newest day on which every account, service and class of charge agrees with Cost Explorer.",
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

if estimated:
    st.html(build_note(f"{show_month(estimated.month_start_date)} to date, to the newest day that a source knows:"))
    show_table(
        [
            Column("Source", is_short=True),
            Column("Days", is_short=True),
            Column("Amortized", is_number=True),
            Column("Unblended", is_number=True),
            Column("Costs as of", is_short=True),
        ],
        [
            [
                {"cur": "Cost and Usage Report", "cost_explorer": "Cost Explorer, estimated"}.get(
                    part.cost_source or "", "Together"
                ),
                f"{show_date(part.first_usage_date)} – {show_date(part.last_usage_date)}",
                show_money(part.amortized_cost_usd),
                show_money(part.unblended_cost_usd),
                show_time(part.costs_as_of_at),
            ]
            for part in to_date
        ],
    )
for error in errors[:1]:
    st.html(
        build_note(
            f"Estimates of {count_things(error.day_count, 'day')} of {show_month(error.month_start_date)} were "
            f"{show_money(error.unblended_error_usd)} off: {show_money(error.estimated_unblended_cost_usd)} estimated, "
            f"{show_money(error.billed_unblended_cost_usd)} billed (unblended)."
        )
    )

st.subheader("Does it tie out?")
if reconciliation.statuses:
    worst = judge_reconciliation(reconciliation)
    st.html(
        build_note(
            "The Cost and Usage Report against Cost Explorer, per day, account, service and class of charge. Compared "
            f"through {show_date(reconciliation.last_compared_date)}; taken together: {show_word(worst)}."
        )
    )
    show_table(
        [
            Column("Status", is_short=True),
            Column("Days × accounts × services × classes", is_number=True),
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
    if differences:
        with st.expander("What differs, and why"):
            show_table(
                [
                    Column("Month", is_short=True),
                    Column("Class", is_short=True),
                    Column("Status", is_short=True),
                    Column("Cause"),
                    Column("Days × accounts × services", is_number=True),
                    Column("Difference", is_number=True),
                    Column("Amortized", is_number=True),
                    Column("Without signs", is_number=True),
                ],
                [
                    [
                        show_month(difference.usage_month_start_date),
                        show_word(difference.record_class),
                        mark_status(difference.reconciliation_status),
                        show_cause(difference.difference_cause),
                        show_count(difference.row_count),
                        show_money(difference.unblended_difference_usd),
                        show_money(difference.amortized_difference_usd),
                        show_money(difference.absolute_unblended_difference_usd),
                    ]
                    for difference in differences
                ],
            )
    if reconciliation.disputed:
        with st.expander("Disputed days, the largest differences first", expanded=True):
            show_table(
                [
                    Column("Day", is_short=True),
                    Column("Account"),
                    Column("Service"),
                    Column("Class", is_short=True),
                    Column("Cost and Usage Report", is_number=True),
                    Column("Cost Explorer", is_number=True),
                    Column("Difference", is_number=True),
                    Column("Tolerance", is_number=True),
                    Column("Cause"),
                ],
                [
                    [
                        show_date(day.usage_date),
                        show_text(day.account_id),
                        show_text(day.service_name),
                        show_word(day.record_class),
                        show_money(day.cur_unblended_cost_usd),
                        show_money(day.cost_explorer_unblended_cost_usd),
                        show_money(day.unblended_difference_usd),
                        show_money(day.tolerance_usd),
                        show_cause(day.difference_cause),
                    ]
                    for day in reconciliation.disputed
                ],
            )
else:
    st.html(build_note("Nothing has been compared: Cost Explorer or the Cost and Usage Report was never loaded."))

if invoices:
    st.html(build_note("The Cost and Usage Report against AWS's own invoices of closed months."))
    show_table(
        [
            Column("Billing period", is_short=True),
            Column("Invoice", is_short=True),
            Column("From"),
            Column("Cost and Usage Report", is_number=True),
            Column("Invoiced", is_number=True),
            Column("Difference", is_number=True),
            Column("Status", is_short=True),
            Column("Cause"),
        ],
        [
            [
                show_month(invoice.billing_period_start_date),
                show_text(invoice.invoice_id) if invoice.invoice_id else "none",
                show_text(invoice.invoicing_entity or invoice.billing_entity),
                show_money(invoice.cur_unblended_cost_usd),
                show_money(invoice.invoice_total_usd),
                show_money(invoice.difference_usd),
                mark_status(invoice.reconciliation_status),
                show_cause(invoice.difference_cause),
            ]
            for invoice in invoices
        ],
    )

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
