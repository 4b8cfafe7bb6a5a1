"""Waste: what costs money for nothing, with the evidence for each finding and what could not be judged."""

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

st.title("Waste")
show_as_of(queries.get_as_of())
show_answer("waste")

filters = choose_filters("waste")
found = queries.get_waste_recommendations(filters, ROWS_SHOWN)
show_totals(found, "waste", "How far the bill falls without the waste.")
show_quality(found)
list_findings("waste", queries.get_waste_recommendations, filters, found)
show_judgements("waste")
