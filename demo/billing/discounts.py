"""A negotiated discount (Enterprise Discount Program): net columns, and the EdpDiscount lines that they replace.

Every discounted line's net cost is lower by its part of the discount; the EdpDiscount line of the same account, product
and hour (or day) carries the sum of these parts below zero and nets to nothing. So the sum of all costs is the sum of
all net costs, to the last digit. Tax, credits, refunds, support and the Marketplace aren't discounted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from demo.billing.lines import charge
from demo.billing.records import Charge
from demo.money import SCALE, multiply

DISCOUNTED = frozenset(
    {
        "Usage",
        "DiscountedUsage",
        "RIFee",
        "SavingsPlanCoveredUsage",
        "SavingsPlanNegation",
        "SavingsPlanRecurringFee",
        "SavingsPlanUpfrontFee",
    }
)
RECORD_TYPE = "Enterprise Discount Program Discount"
_RI = "reservation/"
_SP = "savingsPlan/"
_NET_MEASURES = (
    f"{_RI}EffectiveCost",
    f"{_RI}AmortizedUpfrontCostForUsage",
    f"{_RI}RecurringFeeForUsage",
    f"{_RI}AmortizedUpfrontFeeForBillingPeriod",
    f"{_RI}UpfrontValue",
    f"{_SP}SavingsPlanEffectiveCost",
    f"{_SP}RecurringCommitmentForBillingPeriod",
    f"{_SP}AmortizedUpfrontCommitmentForBillingPeriod",
)


def is_discounted(line: Charge) -> bool:
    """Whether the agreement covers a line: AWS's own charges for use and commitments."""
    if line.columns.get("bill/BillingEntity", "AWS") != "AWS":
        return False
    is_upfront = line.line_type == "Fee" and "reservation/ReservationARN" in line.columns
    return line.line_type in DISCOUNTED or is_upfront


def discount(charges: Sequence[Charge], percent: int) -> list[Charge]:
    """The charges with net amounts, and the EdpDiscount lines after them."""
    if not percent:
        return list(charges)
    rate = percent * SCALE // 100
    result: list[Charge] = []
    groups: dict[tuple[object, ...], list[tuple[Charge, np.ndarray]]] = defaultdict(list)
    for line in charges:
        if not is_discounted(line):
            result.append(line)
            continue
        part = multiply(line.unblended, rate)
        result.append(_with_net(line, part, rate))
        if part.any():
            groups[(line.account, line.columns["lineItem/ProductCode"], line.service, line.length)].append((line, part))
    result = _balance_plans(_balance_reservations(result))
    return [*result, *(_discount_line(members, percent) for members in groups.values())]


def net_name(header: str) -> str:
    """reservation/NetEffectiveCost of reservation/EffectiveCost."""
    category, name = header.split("/")
    return f"{category}/Net{name}"


def _with_net(line: Charge, part: np.ndarray, rate: int) -> Charge:
    measures = dict(line.measures)
    for header in _NET_MEASURES:
        if header in measures and header != f"{_RI}EffectiveCost":
            measures[net_name(header)] = measures[header] - multiply(measures[header], rate)
    if f"{_RI}EffectiveCost" in measures:
        measures[f"{_RI}NetEffectiveCost"] = (
            measures[f"{_RI}NetAmortizedUpfrontCostForUsage"] + measures[f"{_RI}NetRecurringFeeForUsage"]
        )
    net = line.unblended - part
    accrual = net
    if line.line_type == "DiscountedUsage":
        accrual = measures[f"{_RI}NetEffectiveCost"]
    elif line.line_type == "SavingsPlanCoveredUsage":
        accrual = measures[f"{_SP}NetSavingsPlanEffectiveCost"]
    elif line.line_type in ("SavingsPlanNegation", "SavingsPlanUpfrontFee", "Fee"):
        accrual = np.zeros_like(net)
    return replace(line, net_unblended=net, net_amortized=accrual, measures=measures)


def _balance_reservations(charges: list[Charge]) -> list[Charge]:
    """What is unused of a reservation's net cost: all of it but what its covered use took."""
    taken: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for line in charges:
        if line.line_type == "DiscountedUsage":
            sums = taken[line.columns["reservation/ReservationARN"]]
            sums[0] += int(line.measures[f"{_RI}NetRecurringFeeForUsage"].sum())
            sums[1] += int(line.measures[f"{_RI}NetAmortizedUpfrontCostForUsage"].sum())
    for index, line in enumerate(charges):
        if line.line_type != "RIFee":
            continue
        recurring, upfront = taken[line.columns["reservation/ReservationARN"]]
        unused_recurring = line.net_unblended - recurring
        unused_upfront = line.measures[f"{_RI}NetAmortizedUpfrontFeeForBillingPeriod"] - upfront
        measures = {
            **line.measures,
            f"{_RI}NetUnusedRecurringFee": unused_recurring,
            f"{_RI}NetUnusedAmortizedUpfrontFeeForBillingPeriod": unused_upfront,
        }
        charges[index] = replace(line, net_amortized=unused_recurring + unused_upfront, measures=measures)
    return charges


def _balance_plans(charges: list[Charge]) -> list[Charge]:
    """What is unused of a plan's net commitment in each row: all of it but what its covered use took."""
    used: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for line in charges:
        if line.line_type == "SavingsPlanCoveredUsage":
            rows = used[line.columns["savingsPlan/SavingsPlanARN"]]
            effective = line.measures[f"{_SP}NetSavingsPlanEffectiveCost"]
            for start, value in zip(line.starts.tolist(), effective.tolist(), strict=True):
                rows[start] += value
    for index, line in enumerate(charges):
        if line.line_type == "SavingsPlanRecurringFee":
            rows = used[line.columns["savingsPlan/SavingsPlanARN"]]
            total = (
                line.measures[f"{_SP}NetRecurringCommitmentForBillingPeriod"]
                + line.measures[f"{_SP}NetAmortizedUpfrontCommitmentForBillingPeriod"]
            )
            taken = np.array([rows.get(start, 0) for start in line.starts.tolist()], dtype=np.int64)
            charges[index] = replace(line, net_amortized=total - taken)
    return charges


def _discount_line(members: Sequence[tuple[Charge, np.ndarray]], percent: int) -> Charge:
    first = members[0][0]
    starts, places = np.unique(np.concatenate([line.starts for line, _ in members]), return_inverse=True)
    sums = np.zeros(len(starts), dtype=np.int64)
    np.subtract.at(sums, places, np.concatenate([part for _, part in members]))
    here = np.flatnonzero(sums)
    kept = ("lineItem/ProductCode", "product/ProductName", "product/servicecode")
    columns = {header: first.columns.get(header, "") for header in kept} | {
        "lineItem/LineItemDescription": f"Enterprise Discount Program Discount ({percent}%)",
    }
    nothing = np.zeros(len(here), dtype=np.int64)
    line = charge(
        first.account,
        "EdpDiscount",
        first.service,
        None,
        "",
        starts[here],
        first.length,
        nothing,
        sums[here],
        columns,
        record_type=RECORD_TYPE,
    )
    return replace(line, blended=nothing, net_unblended=nothing, net_amortized=nothing)
