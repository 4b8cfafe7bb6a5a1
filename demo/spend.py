"""Cost Explorer's view: the bill summed per UTC day, account, service, charge type and region, a day behind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demo.charges import Books, Charge, monthly_charges

NO_REGION = "NoRegion"


@dataclass(frozen=True)
class Cell:
    """One sum. ``day`` counts days since 1970-01-01; quantity and money count 1e-10."""

    day: int
    account_id: str
    service: str
    record_type: str
    region: str
    unit: str
    quantity: int
    unblended: int
    amortized: int


def sum_spend(books: Books) -> list[Cell]:
    """All cells that Cost Explorer knows: usage before its own lag, monthly lines as they stood at that hour."""
    horizon = books.estate.horizon
    charges: list[Charge] = list(books.hourly)
    for period in horizon.periods:
        if period.start < horizon.cost_explorer_end:
            known_to = min(period.end, horizon.cost_explorer_end)
            charges += monthly_charges(books, period, known_to, horizon.is_closed(period))
    sums: dict[tuple[int, str, str, str, str, str], list[int]] = {}
    for charge in charges:
        here = charge.starts < horizon.cost_explorer_end
        days = charge.starts[here] // 24
        if not len(days):
            continue
        edges = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
        totals = [
            np.add.reduceat(values[here], edges) for values in (charge.quantity, charge.unblended, charge.amortized)
        ]
        region = charge.region.code if charge.region else NO_REGION
        for index, day in enumerate(days[edges].tolist()):
            key = (day, charge.account.account_id, charge.service, charge.record_type, region, charge.unit)
            cell = sums.setdefault(key, [0, 0, 0])
            for measure in range(3):
                cell[measure] += int(totals[measure][index])
    return [Cell(*key, *values) for key, values in sorted(sums.items())]


def write_spend(books: Books, path: Path) -> None:
    """Keep the cells as JSON: [day, account, service, charge type, region, unit, quantity, unblended, amortized]."""
    cells = [
        [c.day, c.account_id, c.service, c.record_type, c.region, c.unit, c.quantity, c.unblended, c.amortized]
        for c in sum_spend(books)
    ]
    path.write_text(json.dumps(cells, separators=(",", ":")) + "\n", encoding="utf-8")


def read_spend(path: Path) -> list[Cell]:
    """The inverse of write_spend."""
    return [Cell(*row) for row in json.loads(path.read_text(encoding="utf-8"))]
