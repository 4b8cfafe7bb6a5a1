"""Reservations and Savings Plans, and which machine's hour each of them covers.

Order (AWS's Savings Plans guide, "how plans apply"; EC2 guide, "how reserved instances are applied"): reservations
first, the owner's own machines before the family's; then Savings Plans, the owner's machines first, the highest
saving first and the lowest rate where savings are equal. Use it or lose it, hour by hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from demo import accounts, catalog, money
from demo.accounts import Account, Region
from demo.calendars import Horizon
from demo.estate import Estate, Instance
from demo.randomness import stream, uuid_like

TERM_HOURS = 365 * 24


@dataclass(frozen=True)
class Reservation:
    """A regional one-year standard reservation for Linux. Rates per instance-hour in units of 1e-10 USD."""

    arn: str
    subscription_id: str
    owner: Account
    region: Region
    instance_type: str
    count: int
    purchase_option: str
    recurring_rate: int
    amortized_rate: int
    upfront_fee: int
    start: int

    @property
    def end(self) -> int:
        """First hour after the term."""
        return self.start + TERM_HOURS

    @property
    def effective_rate(self) -> int:
        """What one covered hour costs once the upfront fee is spread over the term."""
        return self.recurring_rate + self.amortized_rate


@dataclass(frozen=True)
class SavingsPlan:
    """A one-year No Upfront Compute Savings Plan; ``commitment`` per hour in units of 1e-10 USD at plan rates."""

    arn: str
    owner: Account
    commitment: int
    start: int

    @property
    def end(self) -> int:
        """First hour after the term."""
        return self.start + TERM_HOURS


@dataclass(frozen=True)
class Coverage:
    """How one machine's hours are paid, each an integer array over the horizon's hours.

    ``reserved``: 0/1 per reservation index. ``plan_amount``: covered part of the hour in 1e-10 hours;
    ``plan_cost`` at plan rates, ``plan_list`` at on-demand rates. ``on_demand_amount``, ``on_demand_cost``: the rest.
    """

    reserved: dict[int, np.ndarray]
    plan_amount: np.ndarray
    plan_cost: np.ndarray
    plan_list: np.ndarray
    on_demand_amount: np.ndarray
    on_demand_cost: np.ndarray


@dataclass(frozen=True)
class Allocation:
    """Every machine's coverage, and per reservation and plan the hours and money used."""

    coverage: dict[str, Coverage]
    reserved_used: tuple[np.ndarray, ...]
    plan_used: np.ndarray

    def on_demand_total(self, hours: slice) -> int:
        """What is paid on demand in a span of hours: the only part of the instances' bill that use can change."""
        return sum(int(cover.on_demand_cost[hours].sum()) for cover in self.coverage.values())


def _reserve(
    seed: int, name: str, region: Region, instance_type: str, count: int, option: str, start: int, owner: Account
) -> Reservation:
    effective = catalog.reserved_rate(instance_type, region.code, option)
    upfront_share = {"no": Decimal(0), "partial": Decimal("0.5"), "all": Decimal(1)}[option]
    fee_each = (money.to_decimal(effective) * TERM_HOURS * upfront_share).quantize(Decimal("1"))
    amortized = money.divide(money.parse(str(fee_each)), TERM_HOURS)
    recurring = money.parse(str((money.to_decimal(effective) * (1 - upfront_share)).quantize(Decimal("0.0001"))))
    return Reservation(
        arn=f"arn:aws:ec2:{region.code}:{owner.account_id}:reserved-instances/{uuid_like(seed, 'reservation', name)}",
        subscription_id=str(stream(seed, "subscription", name).integers(10**9, 9 * 10**9)),
        owner=owner,
        region=region,
        instance_type=instance_type,
        count=count,
        purchase_option={"no": "No Upfront", "partial": "Partial Upfront", "all": "All Upfront"}[option],
        recurring_rate=recurring,
        amortized_rate=amortized,
        upfront_fee=money.parse(str(fee_each)) * count,
        start=start,
    )


def buy_reservations(seed: int, horizon: Horizon) -> tuple[Reservation, ...]:
    """Four No Upfront, two Partial Upfront bought within the first period (so its Fee row shows), one All Upfront."""
    home, owner = accounts.HOME_REGION, accounts.PRODUCTION
    return (
        _reserve(seed, "steady", home, "m5.xlarge", 4, "no", horizon.start - 150 * 24 + 7, owner),
        _reserve(seed, "batch", home, "c5.2xlarge", 2, "partial", horizon.start + 5 * 24 + 14, owner),
        _reserve(seed, "lonely", home, "r5.2xlarge", 1, "all", horizon.start - 120 * 24 + 3, owner),
    )


def _is_match(reservation: Reservation, instance: Instance) -> bool:
    return (
        instance.instance_type == reservation.instance_type
        and instance.region == reservation.region
        and instance.operating_system == "Linux"
    )


def _is_live(horizon: Horizon, start: int, end: int) -> np.ndarray:
    hours = horizon.start + np.arange(horizon.hours)
    return (hours >= start) & (hours < end)


def allocate(
    horizon: Horizon,
    instances: tuple[Instance, ...],
    running: dict[str, np.ndarray],
    reservations: tuple[Reservation, ...],
    plan: SavingsPlan | None,
) -> Allocation:
    """Apply reservations, then the plan, to every running hour. ``running`` holds booleans per hour by resource id."""
    open_hours = {instance.resource_id: running[instance.resource_id].copy() for instance in instances}
    reserved: dict[str, dict[int, np.ndarray]] = {instance.resource_id: {} for instance in instances}
    reserved_used = []
    for index, reservation in enumerate(reservations):
        left = np.where(_is_live(horizon, reservation.start, reservation.end), reservation.count, 0).astype(np.int64)
        takers = [instance for instance in instances if _is_match(reservation, instance)]
        takers.sort(key=lambda taker: (taker.account != reservation.owner, taker.resource_id))
        used = np.zeros(horizon.hours, dtype=np.int64)
        for taker in takers:
            covered = open_hours[taker.resource_id] & (left > 0)
            if covered.any():
                reserved[taker.resource_id][index] = covered.astype(np.int64)
            open_hours[taker.resource_id] &= ~covered
            left -= covered
            used += covered
        reserved_used.append(used)
    return _apply_plan(horizon, instances, open_hours, reserved, tuple(reserved_used), plan)


def _saving(instance: Instance) -> Decimal:
    list_rate = catalog.instance_rate(instance.instance_type, instance.operating_system, instance.region.code)
    plan_rate = catalog.savings_plan_rate(instance.instance_type, instance.operating_system, instance.region.code)
    return 1 - Decimal(plan_rate) / Decimal(list_rate)


def _apply_plan(
    horizon: Horizon,
    instances: tuple[Instance, ...],
    open_hours: dict[str, np.ndarray],
    reserved: dict[str, dict[int, np.ndarray]],
    reserved_used: tuple[np.ndarray, ...],
    plan: SavingsPlan | None,
) -> Allocation:
    left = np.zeros(horizon.hours, dtype=np.int64)
    if plan is not None:
        left = np.where(_is_live(horizon, plan.start, plan.end), plan.commitment, 0).astype(np.int64)
    offered = left.copy()
    coverage: dict[str, Coverage] = {}

    def rank(instance: Instance) -> tuple[bool, Decimal, int, str]:
        rate = catalog.savings_plan_rate(instance.instance_type, instance.operating_system, instance.region.code)
        return (plan is not None and instance.account != plan.owner, -_saving(instance), rate, instance.resource_id)

    for instance in sorted(instances, key=rank):
        is_open = open_hours[instance.resource_id].astype(np.int64)
        list_rate = catalog.instance_rate(instance.instance_type, instance.operating_system, instance.region.code)
        plan_rate = catalog.savings_plan_rate(instance.instance_type, instance.operating_system, instance.region.code)
        cost = np.minimum(left, plan_rate) * is_open
        # A plan that runs out within the hour covers a part of it; the part is rounded down to ten digits.
        partial = {int(rest): int(rest) * money.SCALE // plan_rate for rest in np.unique(cost) if 0 < rest < plan_rate}
        amount = np.where(cost == plan_rate, money.SCALE, 0).astype(np.int64)
        listed = np.where(cost == plan_rate, list_rate, 0).astype(np.int64)
        for rest, part in partial.items():
            here = cost == rest
            amount[here] = part
            listed[here] = money.divide(part * list_rate, money.SCALE)
        left = left - cost
        coverage[instance.resource_id] = Coverage(
            reserved=reserved[instance.resource_id],
            plan_amount=amount,
            plan_cost=cost,
            plan_list=listed,
            on_demand_amount=is_open * money.SCALE - amount,
            on_demand_cost=is_open * list_rate - listed,
        )
    return Allocation(coverage, reserved_used, offered - left)


def buy_savings_plan(
    seed: int, estate: Estate, running: dict[str, np.ndarray], reservations: tuple[Reservation, ...]
) -> SavingsPlan:
    """A plan of the payer's for half of what the first period's uncovered hours would cost at plan rates."""
    horizon = estate.horizon
    bare = allocate(horizon, estate.instances, running, reservations, None)
    hours = slice(0, horizon.periods[0].hours)
    spend = 0
    for instance in estate.instances:
        rate = catalog.savings_plan_rate(instance.instance_type, instance.operating_system, instance.region.code)
        spend += int((bare.coverage[instance.resource_id].on_demand_amount[hours] // money.SCALE).sum()) * rate
    hourly = Decimal(spend) / horizon.periods[0].hours / 2
    commitment = money.parse(str(money.to_decimal(int(hourly)).quantize(Decimal("0.001"))))
    arn = f"arn:aws:savingsplans::{accounts.PAYER.account_id}:savingsplan/{uuid_like(seed, 'savings plan')}"
    return SavingsPlan(arn, accounts.PAYER, commitment, horizon.start - 60 * 24 + 11)
