"""Data quality: what CloudWatch sees of what is billed, what is there of each day, and what asking AWS cost."""

import streamlit as st

from app import queries
from app.frame import show_as_of, show_nothing_loaded, show_table
from app.markup import Column, build_note
from app.words import (
    MEANING_OF_SILENCE,
    show_account,
    show_count,
    show_date,
    show_money,
    show_month,
    show_name,
    show_source,
    show_text,
    show_time,
    show_word,
)

st.title("Data quality")
as_of = queries.get_as_of()
show_as_of(as_of)
if as_of.costs is None:
    show_nothing_loaded()

st.subheader("What is billed, and what reports")
coverage = queries.get_metric_coverage()
if coverage:
    st.html(
        build_note(
            "Resources of the newest two weeks of the bill, by what CloudWatch lists of them. Silent: it was read and "
            "knows no metric of them. Not read: nobody asked it in their region, so nothing is known. Held back: "
            "CloudWatch lists a metric of theirs and doesn't answer for it."
        )
    )
    show_table(
        [
            Column("Kind", is_short=True),
            Column("Service", is_short=True),
            Column("Billed", is_number=True),
            Column("Reporting", is_number=True),
            Column("Silent", is_number=True),
            Column("Silence means", is_short=True),
            Column("Not read", is_number=True),
            Column("Reporting, not billed", is_number=True),
            Column("Held back", is_number=True),
        ],
        [
            [
                show_name(kind.resource_type),
                show_text(kind.service_name),
                show_count(kind.billed_resource_count),
                show_count(kind.reporting_resource_count),
                show_count(kind.silent_resource_count),
                MEANING_OF_SILENCE.get(kind.silence_means, show_word(kind.silence_means)),
                show_count(kind.unread_resource_count),
                show_count(kind.unbilled_resource_count),
                show_count(kind.held_back_resource_count),
            ]
            for kind in coverage
        ],
    )
else:
    st.html(build_note("No resource of a kind with metrics is known."))

st.subheader("The bill, day by day")
bills = queries.get_bill_days()
if bills:
    st.html(
        build_note(
            "Missing: the bill reaches past the day and has nothing of it. Cut off: it ends within the day. Awaited: "
            "it doesn't reach the day yet, and Cost Explorer does. Unclassified: cost of line item types that AWS "
            "added and seed line_item_types doesn't know; it counts as cash."
        )
    )
    show_table(
        [
            Column("Account"),
            Column("From", is_short=True),
            Column("To", is_short=True),
            Column("Whole days", is_number=True),
            Column("Missing", is_number=True),
            Column("Cut off", is_number=True),
            Column("Awaited", is_number=True),
            Column("Unclassified", is_number=True),
        ],
        [
            [
                show_account(bill.account_id, bill.account_name),
                show_date(bill.first_usage_date),
                show_date(bill.last_usage_date),
                show_count(bill.complete_day_count),
                show_count(bill.gap_day_count),
                show_count(bill.partial_day_count),
                show_count(bill.awaited_day_count),
                show_money(bill.unclassified_cost_usd),
            ]
            for bill in bills
        ],
    )
else:
    st.html(build_note("No day of any bill is known."))

st.subheader("What asking AWS cost")
costs = queries.get_request_costs()
if costs:
    st.html(build_note("Every priced request, whether or not its answer was kept, at the price of its time."))
    show_table(
        [
            Column("Month", is_short=True),
            Column("Source", is_short=True),
            Column("Request", is_short=True),
            Column("Requests", is_number=True),
            Column("Billed units", is_number=True),
            Column("Cost", is_number=True),
            Column("Newest", is_short=True),
        ],
        [
            [
                show_month(cost.request_month_start_date),
                show_source(cost.source_name),
                show_text(cost.operation),
                show_count(cost.request_count),
                show_count(cost.billed_unit_count),
                show_money(cost.request_cost_usd),
                show_time(cost.last_requested_at),
            ]
            for cost in costs
        ],
    )
else:
    st.html(build_note("No priced request has been made."))
