"""Blended cost: the organisation's average (account billing guide, "Understanding consolidated bills").

EC2's instance hours of a usage type are averaged hour by hour (day by day in daily reports) over on-demand and
reserved use; other products with several prices over the month. In the real reports of 2018 that is so: DiscountedUsage
rows have a blended cost and Usage rows of the same type are lower by it. Savings Plans' rows, fees and taxes blend with
nothing. Sums stay exact: the last row of a group takes what rounding leaves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from demo import money
from demo.billing.lines import Grid
from demo.billing.records import Charge
from demo.money import SCALE

_RATE = "lineItem/BlendedRate"
_BLENDED = ("Usage", "DiscountedUsage")


def blend(charges: Sequence[Charge], grid: Grid) -> list[Charge]:
    """The charges with blended costs and rates; only lines of use on the grid change, their order doesn't."""
    result = list(charges)
    groups: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, each in enumerate(charges):
        if each.line_type in _BLENDED and each.length == grid.length and each.columns.get("lineItem/UnblendedRate"):
            usage_type, operation = each.columns["lineItem/UsageType"], each.columns.get("lineItem/Operation", "")
            groups[(each.columns["lineItem/ProductCode"], usage_type, operation)].append(index)
    for (code, usage_type, _), members in groups.items():
        if len({charges[index].columns["lineItem/UnblendedRate"] for index in members}) < 2:
            continue
        if code == "AmazonEC2" and "BoxUsage" in usage_type:
            _blend_rows(result, members, grid)
        elif all(charges[index].line_type == "Usage" for index in members):
            _blend_month(result, members)
    return result


def _blend_rows(charges: list[Charge], members: Sequence[int], grid: Grid) -> None:
    """Average each row of the grid over all lines."""
    cost, amount = np.zeros(grid.rows, dtype=np.int64), np.zeros(grid.rows, dtype=np.int64)
    last = np.full(grid.rows, -1)
    for index in members:
        rows = grid.place(charges[index])
        cost[rows] += charges[index].unblended
        amount[rows] += charges[index].quantity
        last[rows] = index
    ratio = cost / np.maximum(amount, 1)
    rates = np.rint(ratio * SCALE).astype(np.int64)
    spread = np.zeros(grid.rows, dtype=np.int64)
    for index in members:
        each = charges[index]
        rows = grid.place(each)
        blended = np.rint(each.quantity * ratio[rows]).astype(np.int64)
        blended = np.where(last[rows] == index, cost[rows] - spread[rows], blended)
        spread[rows] += blended
        charges[index] = replace(each, blended=blended, measures={**each.measures, _RATE: rates[rows]})


def _blend_month(charges: list[Charge], members: Sequence[int]) -> None:
    """Average all rows of a month."""
    # A month's requests in 1e-10 leave int64: whole units and parts are added up apart.
    amount = sum(
        int((charges[index].quantity // SCALE).sum()) * SCALE + int((charges[index].quantity % SCALE).sum())
        for index in members
    )
    cost = sum(int(charges[index].unblended.sum()) for index in members)
    rate = money.spell(money.divide(cost * SCALE, amount))
    spread = 0
    for index in members:
        each = charges[index]
        blended = np.rint(each.quantity * (cost / amount)).astype(np.int64)
        if index == members[-1]:
            blended[-1] += cost - spread - int(blended.sum())
        spread += int(blended.sum())
        charges[index] = replace(each, blended=blended, columns={**each.columns, _RATE: rate})
