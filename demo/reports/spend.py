"""Cost Explorer's view: the bill summed per UTC day, account, service, charge type, region and usage type.

Kept as one Parquet file per billing period, so that advancing the clock rewrites few of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from demo.billing.records import Charge
from demo.money import SCALE
from demo.reports.files import place

NO_REGION = "NoRegion"
SPEND_FOLDER = "cost_explorer"
MONEY = ("unblended", "blended", "amortized", "net_unblended", "net_amortized")
_KEYS = ("account_id", "service", "record_type", "region", "usage_type", "unit")


@dataclass(frozen=True, slots=True)
class Cell:
    """One sum. ``day`` counts days since 1970-01-01; quantity and money count 1e-10."""

    day: int
    account_id: str
    service: str
    record_type: str
    region: str
    usage_type: str
    unit: str
    quantity: int
    unblended: int
    blended: int
    amortized: int
    net_unblended: int
    net_amortized: int


def sum_spend(charges: Sequence[Charge], known_to: int) -> pa.Table:
    """The cells of charges that start before an hour, sorted by day and key.

    Columns: day (int32), the six texts, quantity_whole and quantity_fraction (a sum of requests leaves int64 when it
    counts 1e-10) and the five costs (int64 of 1e-10).
    """
    keys: dict[tuple[str, ...], int] = {}
    codes: list[np.ndarray] = []
    days: list[np.ndarray] = []
    sums: list[np.ndarray] = []
    for charge in charges:
        count = int(np.searchsorted(charge.starts, known_to))
        if not count:
            continue
        key = (
            charge.account.account_id,
            charge.service,
            charge.record_type,
            charge.region.code if charge.region else NO_REGION,
            charge.columns.get("lineItem/UsageType", ""),
            charge.unit,
        )
        day = charge.starts[:count] // 24
        edges = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
        quantity = charge.quantity[:count]
        whole = quantity // SCALE
        values = [whole, quantity - whole * SCALE, *(getattr(charge, measure)[:count] for measure in MONEY)]
        codes.append(np.full(len(edges), keys.setdefault(key, len(keys))))
        days.append(day[edges])
        sums.append(np.stack([np.add.reduceat(column, edges) for column in values]))
    return _gather(keys, codes, days, sums)


def _gather(
    keys: dict[tuple[str, ...], int], codes: list[np.ndarray], days: list[np.ndarray], sums: list[np.ndarray]
) -> pa.Table:
    if not keys:
        return _table(np.zeros(0, dtype=np.int64), [], np.zeros((2 + len(MONEY), 0), dtype=np.int64))
    ranks = {key: rank for rank, key in enumerate(sorted(keys))}
    rank_of = np.array([ranks[key] for key in keys])
    groups = np.concatenate(days) * len(keys) + rank_of[np.concatenate(codes)]
    order = np.argsort(groups, kind="stable")
    edges = np.flatnonzero(np.diff(groups[order], prepend=groups[order[0]] - 1))
    totals = np.add.reduceat(np.concatenate(sums, axis=1)[:, order], edges, axis=1)
    totals[0] += totals[1] // SCALE
    totals[1] %= SCALE
    groups = groups[order][edges]
    names = list(ranks)
    return _table(groups // len(keys), [names[rank] for rank in (groups % len(keys)).tolist()], totals)


def _table(days: np.ndarray, names: list[tuple[str, ...]], totals: np.ndarray) -> pa.Table:
    columns: dict[str, pa.Array] = {"day": pa.array(days.astype(np.int32))}
    for index, key in enumerate(_KEYS):
        columns[key] = pa.array([name[index] for name in names], pa.string()).dictionary_encode()
    for name, values in zip(("quantity_whole", "quantity_fraction", *MONEY), totals, strict=True):
        columns[name] = pa.array(values)
    return pa.table(columns)


def write_spend(table: pa.Table, path: Path, hour: int) -> None:
    """Keep the cells of a billing period, dated at a simulated hour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.part")
    pq.write_table(table, scratch, compression="zstd")
    place(scratch, path, hour)


def read_spend_table(folder: Path) -> pa.Table:
    """All cells that Cost Explorer knows, as columns (see sum_spend), oldest period first."""
    tables = [pq.read_table(path) for path in sorted(folder.glob("*.parquet"))]
    return pa.concat_tables(tables or [sum_spend((), 0)]).unify_dictionaries()


def read_spend(folder: Path) -> list[Cell]:
    """All cells that Cost Explorer knows."""
    table = read_spend_table(folder)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    quantities = [
        whole * SCALE + fraction
        for whole, fraction in zip(columns["quantity_whole"], columns["quantity_fraction"], strict=True)
    ]
    keys = (columns[name] for name in ("day", *_KEYS))
    return [Cell(*row) for row in zip(*keys, quantities, *(columns[name] for name in MONEY), strict=True)]
