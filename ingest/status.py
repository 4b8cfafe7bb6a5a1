"""`python -m ingest status`: what is loaded, from the ledger alone, and what is being loaded at this moment."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ingest import database, ledger
from ingest.cur.planning import find_gaps
from ingest.progress import describe_progress, read_progress
from ingest.requests import Budget, describe_budget, read_budget

Row = dict[str, Any]


def run(options: argparse.Namespace) -> int:
    """Print the ledger's current rows, loads under way and missing months, as tables or as JSON."""
    loads = ledger.read_current_loads()
    under_way = read_progress()
    missing = _find_missing(loads)
    budget = _read_budget() if loads else None
    if options.json:
        told = {"loads": loads, "under_way": under_way, "missing": missing, "requests": budget and asdict(budget)}
        print(json.dumps(told, default=_to_text, indent=2))
        return 0
    if not loads and not under_way:
        print("nothing loaded yet; `python -m ingest cur --source s3://bucket/prefix/report` is the first step")
    for line in _format_table(loads) if loads else []:
        print(line)
    for month in missing:
        print(f"missing: {month}, though months before and after it are loaded")
    for load in loads:
        if load["statistics"].get("is_capped"):
            print(f"capped: {load['partition_key']}: {_describe_capped(load['statistics'])}")
        if load["statistics"].get("held_back_finding"):
            print(f"held back: {load['partition_key']}: {load['statistics']['held_back_finding']}")
    if budget is not None:
        print(f"requests this month: {describe_budget(budget)}")
    for each in under_way:
        print(_describe(each))
    return 0


def _read_budget() -> Budget:
    with database.connect() as connection:
        return read_budget(connection, datetime.now(UTC))


def _describe_capped(statistics: Row) -> str:
    if not statistics["due_series_count"]:
        return (
            "stopped at the month's cap for requests before its metrics were listed; what was collected before stands"
        )
    return (
        f"{statistics['collected_series_count']:,} of {statistics['due_series_count']:,} metrics were collected before "
        "the month's cap for requests; the others end earlier"
    )


def _find_missing(loads: Sequence[Row]) -> list[str]:
    """account/YYYY-MM of the bill's months between an account's first and last that aren't loaded."""
    months: dict[str, set[str]] = {}
    for load in loads:
        if load["source_name"] == "cur":
            owner, *_, period = load["partition_key"].split("/")
            months.setdefault(owner, set()).add(period)
    return [f"{owner}/{period}" for owner, periods in sorted(months.items()) for period in find_gaps(periods)]


def _describe(progress: Row) -> str:
    told = describe_progress(
        progress["partition_key"],
        progress["phase"],
        (progress["files_done"], progress["file_count"]),
        (progress["bytes_done"], progress["byte_count"]),
        progress["row_count"],
        progress["seconds"],
    )
    if progress["is_alive"]:
        return f"loading: {told}"
    return f"killed: {told}; sync again, what was loaded before stands whole"


def _to_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _format_table(loads: Sequence[Row]) -> list[str]:
    header = ("source", "partition", "rows loaded", "data from", "data until", "state", "cost", "before", "loaded at")
    rows = [
        (
            load["source_name"],
            load["partition_key"],
            f"{load['total_row_count']:,}",
            _minute(load["data_from_at"]),
            _minute(load["data_until_at"]),
            load["period_state"] or "",
            _money(load["unblended_cost"]),
            _money(load["replaced_unblended_cost"]),
            _minute(load["loaded_at"]),
        )
        for load in loads
    ]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    ]


def _money(amount: Decimal | None) -> str:
    """To the cent, for the eye; --json has every digit."""
    return "" if amount is None else f"{amount:,.2f}"


def _minute(instant: datetime | None) -> str:
    return "none" if instant is None else f"{instant:%Y-%m-%d %H:%M} UTC"
