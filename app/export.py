"""Findings as CSV, all of them, exact to the last digit; what isn't known is an empty cell."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from app import queries
from app.rows import Recommendation, format_exactly, serialize_measures
from app.words import protect_spreadsheet


def write_waste_csv(filters: queries.RecommendationFilters) -> bytes:
    """UTF-8 CSV (with the mark that spreadsheets look for) of every waste finding that `filters` let through."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(Recommendation.model_fields)
    for found in _read_all(filters):
        writer.writerow([_write_cell(getattr(found, name)) for name in Recommendation.model_fields])
    return text.getvalue().encode("utf-8-sig")


def _read_all(filters: queries.RecommendationFilters) -> Iterator[Recommendation]:
    cursor = None
    while True:
        page = queries.get_waste_recommendations(filters, queries.MAXIMUM_LIMIT, cursor)
        yield from page.items
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


def _write_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format_exactly(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return protect_spreadsheet(json.dumps(serialize_measures(value), ensure_ascii=False))
    return protect_spreadsheet(str(value))
