"""Findings as CSV, all of them, exact to the last digit; what isn't known is an empty cell."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from app import queries
from app.rows import Recommendation, RecommendationPage, format_exactly, serialize_measures
from app.words import protect_spreadsheet

ReadPage = Callable[[queries.RecommendationFilters, int, str | None], RecommendationPage[Any]]


def write_findings_csv(read_page: ReadPage, filters: queries.RecommendationFilters) -> bytes:
    """UTF-8 CSV (with the mark that spreadsheets look for) of every finding that `filters` let through.

    Args:
        read_page: the query of the answer, `queries.get_waste_recommendations` for example.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(Recommendation.model_fields)
    for found in _read_all(read_page, filters):
        writer.writerow([_write_cell(getattr(found, name)) for name in Recommendation.model_fields])
    return text.getvalue().encode("utf-8-sig")


def _read_all(read_page: ReadPage, filters: queries.RecommendationFilters) -> Iterator[Recommendation]:
    cursor = None
    while True:
        page = read_page(filters, queries.MAXIMUM_LIMIT, cursor)
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
