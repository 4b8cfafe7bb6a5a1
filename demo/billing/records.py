"""What billing passes on: meters (use per hour of one product) and charges (lines of the bill). Counts of 1e-10."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from demo.world.accounts import Account, Region


@dataclass(frozen=True)
class Meter:
    """How much of one product a resource used in each hour of a window [first, last).

    ``product`` is a key of the price catalogue (demo.prices.catalog.product). ``quantity``: int64 per hour, in 1e-10.
    ``tags`` and ``categories``: user tags and cost categories by name. ``zone``: of instances (RDS: the region's code).
    ``commitment_class``: "ec2", "fargate" or "lambda" where a Savings Plan may cover it, "rds" where only a reservation
    may, "" where nothing does.
    """

    resource_id: str
    account: Account
    region: Region | None
    product: str
    quantity: np.ndarray
    tags: dict[str, str] = field(hash=False, default_factory=dict)
    zone: str = ""
    commitment_class: str = ""
    categories: dict[str, str] = field(hash=False, default_factory=dict)


@dataclass(frozen=True)
class Charge:
    """One repeated line of the bill: constant columns and, per row, integers.

    ``columns``: legacy header (``lineItem/UsageType``) -> text, the same on every row; empty texts are left out.
    ``starts``: first hour of each row, ascending. ``length``: hours of each row (1 or 24), or None where the row lasts
    to the period's end (monthly lines). ``service`` is Cost Explorer's name, ``record_type`` its charge type.
    ``unblended``, ``blended``, ``amortized`` and their net twins are in 1e-10 USD; net ones equal gross ones where no
    discount is negotiated. ``measures``: the other columns that change from row to row, by legacy header.
    ``known_from``: the hour from which reports hold the line, where it is later than its start (support, late refunds).
    """

    account: Account
    line_type: str
    service: str
    record_type: str
    region: Region | None
    unit: str
    starts: np.ndarray
    length: int | None
    quantity: np.ndarray
    unblended: np.ndarray
    blended: np.ndarray
    amortized: np.ndarray
    net_unblended: np.ndarray
    net_amortized: np.ndarray
    columns: dict[str, str] = field(hash=False)
    measures: dict[str, np.ndarray] = field(default_factory=dict, hash=False)
    known_from: int = 0
