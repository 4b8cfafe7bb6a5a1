"""Schedules: machines that rest in the same hours of every week, and the week that says so."""

import streamlit as st

from app import queries
from app.frame import show_as_of
from app.listing import (
    ROWS_SHOWN,
    choose_filters,
    list_findings,
    show_answer,
    show_judgements,
    show_quality,
    show_totals,
)
from app.markup import build_note, build_week
from app.rows import ScheduleRecommendation

st.title("Schedules")
show_as_of(queries.get_as_of())
show_answer("schedules")


def show_week(found: ScheduleRecommendation) -> None:
    """The hours of the week, how often each saw work, and which can be off."""
    schedule = found.schedule
    assumed = "" if schedule.is_time_zone_given else " (assumed: no row in seed account_time_zones)"
    st.html(
        build_note(
            f"Its week in {schedule.time_zone}{assumed}: the darker, the more of {schedule.weeks_observed_count} weeks "
            f"saw work in that hour; framed: {schedule.quiet_hours_per_week} hours in which it can be off; hatched: "
            "never seen."
        )
    )
    st.html(build_week(queries.get_occupancy(schedule.resource_key), schedule.quiet_ranges))


filters = choose_filters("schedule")
found = queries.get_schedule_recommendations(filters, ROWS_SHOWN)
show_totals(found, "schedule", "How far the bill falls when they are off in their quiet hours.")
show_quality(found)
list_findings("schedules", queries.get_schedule_recommendations, filters, found, show_week)
show_judgements("schedule")
