"""`python -m ingest status`: what is loaded, from the ledger alone."""

import argparse
import json
from datetime import datetime
from typing import Any

from ingest.ledger import read_current_loads


def run(options: argparse.Namespace) -> int:
    """Print the ledger's current rows, as a table or as JSON."""
    loads = read_current_loads()
    if options.json:
        print(json.dumps(loads, default=_to_text, indent=2))
    elif not loads:
        print("nothing loaded yet; `python -m ingest cur --source s3://bucket/prefix/report` is the first step")
    else:
        for line in _format_table(loads):
            print(line)
    return 0


def _to_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _format_table(loads: list[dict[str, Any]]) -> list[str]:
    header = ("source", "partition", "rows", "data from", "data until", "loaded at")
    rows = [
        (
            load["source_name"],
            load["partition_key"],
            f"{load['row_count']:,}",
            _minute(load["data_from_at"]),
            _minute(load["data_until_at"]),
            _minute(load["loaded_at"]),
        )
        for load in loads
    ]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    ]


def _minute(instant: datetime | None) -> str:
    return "none" if instant is None else f"{instant:%Y-%m-%d %H:%M} UTC"
