"""Lines of covered use: DiscountedUsage, SavingsPlanCoveredUsage and the negations that balance it.

Columns: CUR guide, "Line item details", "Reservation details", "Savings Plans details".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from demo import money
from demo.billing.allocation import Cover
from demo.billing.columns import common_columns, price_columns
from demo.billing.commitments import Reservation, SavingsPlan, units_of
from demo.billing.lines import Grid, charge, multiply_down
from demo.billing.records import Charge, Meter
from demo.billing.usage import NORMALIZED_AMOUNT, PUBLIC_COST
from demo.money import multiply
from demo.prices import catalog
from demo.prices.commitments import INSTANCE_PLAN
from demo.prices.sizes import normalization_scaled

_PLATFORMS = {"Linux": "Linux/UNIX", "Windows": "Windows"}


def charge_covers(covers: Iterable[Cover], grid: Grid) -> list[Charge]:
    """The lines of all covered use, each machine's by commitment, then the negations."""
    charges: list[Charge] = []
    negated: dict[tuple[object, ...], list[tuple[Cover, Charge]]] = defaultdict(list)
    for cover in covers:
        plan, meter = cover.commitment, cover.meter
        if isinstance(plan, Reservation):
            charges.append(_discounted(plan, cover, grid))
            continue
        line = _covered(plan, cover, grid)
        charges.append(line)
        # The product stands for usage type and operation.
        negated[(plan.arn, meter.account, meter.region, meter.product, meter.zone)].append((cover, line))
    return [*charges, *_negate(negated.values(), grid)]


def reserved_platform(reservation: Reservation) -> str:
    """What a reservation is for, as descriptions name it."""
    if reservation.is_database:
        return reservation.kind.attributes["databaseEngine"]
    return f"{_PLATFORMS[reservation.kind.operating_system]} (Amazon VPC)"


def reservation_columns(reservation: Reservation) -> dict[str, str]:
    """What every line of a reservation says."""
    return {
        "pricing/term": "Reserved",
        "pricing/LeaseContractLength": reservation.term,
        "pricing/OfferingClass": reservation.offering_class,
        "pricing/PurchaseOption": reservation.payment,
        "reservation/ReservationARN": reservation.arn,
        "reservation/SubscriptionId": reservation.subscription_id,
    }


def plan_columns(plan: SavingsPlan) -> dict[str, str]:
    """What every line of a Savings Plan says."""
    return {
        "savingsPlan/SavingsPlanARN": plan.arn,
        "savingsPlan/OfferingType": plan.plan_type,
        "savingsPlan/PaymentOption": plan.payment,
        "savingsPlan/PurchaseTerm": plan.term,
        "savingsPlan/InstanceTypeFamily": plan.family if plan.plan_type == INSTANCE_PLAN else "",
        "savingsPlan/Region": plan.region.location if plan.region is not None else "",
    }


def _discounted(reservation: Reservation, cover: Cover, grid: Grid) -> Charge:
    meter, product = cover.meter, catalog.product(cover.meter.product)
    assert meter.region is not None
    amount = grid.gather(cover.quantity)
    here = np.flatnonzero(amount)
    amount = amount[here]
    # One hour of a machine takes so many hours of the reserved size.
    taken = amount * (units_of(meter.product) if reservation.is_flexible else 1)
    recurring = multiply_down(taken, reservation.rates.recurring_rate) // reservation.units
    upfront = multiply_down(taken, reservation.rates.amortized_rate) // reservation.units
    listed = product.list_rate(meter.region)
    columns = (
        common_columns(meter)
        | price_columns(meter.product, meter.region)
        | reservation_columns(reservation)
        | {
            "lineItem/LineItemDescription": (
                f"{reserved_platform(reservation)}, {reservation.instance_type} reserved instance applied"
            ),
            "lineItem/UnblendedRate": money.spell(0),
            "lineItem/BlendedRate": money.spell(0),
            "pricing/RateCode": "",
        }
    )
    return charge(
        meter.account,
        "DiscountedUsage",
        product.service,
        meter.region,
        product.unit,
        grid.starts[here],
        grid.length,
        amount,
        np.zeros(len(here), dtype=np.int64),
        columns,
        amortized=recurring + upfront,
        measures={
            PUBLIC_COST: multiply(amount, listed),
            "reservation/EffectiveCost": recurring + upfront,
            "reservation/AmortizedUpfrontCostForUsage": upfront,
            "reservation/RecurringFeeForUsage": recurring,
            **_normalized(meter, amount),
        },
    )


def _covered(plan: SavingsPlan, cover: Cover, grid: Grid) -> Charge:
    meter, product = cover.meter, catalog.product(cover.meter.product)
    assert meter.region is not None
    amount = grid.gather(cover.quantity)
    here = np.flatnonzero(amount)
    amount, effective = amount[here], grid.gather(cover.cost)[here]
    cost = multiply(amount, product.list_rate(meter.region))
    columns = (
        common_columns(meter)
        | price_columns(meter.product, meter.region)
        | plan_columns(plan)
        | {"savingsPlan/SavingsPlanRate": money.spell(plan.rate(meter.product, meter.region))}
    )
    return charge(
        meter.account,
        "SavingsPlanCoveredUsage",
        product.service,
        meter.region,
        product.unit,
        grid.starts[here],
        grid.length,
        amount,
        cost,
        columns,
        amortized=effective,
        measures={
            PUBLIC_COST: cost,
            "savingsPlan/SavingsPlanEffectiveCost": effective,
            **_normalized(meter, amount),
        },
    )


def _normalized(meter: Meter, amount: np.ndarray) -> dict[str, np.ndarray]:
    instance_type = catalog.product(meter.product).instance_type
    return {NORMALIZED_AMOUNT: multiply(amount, normalization_scaled(instance_type))} if instance_type else {}


def _negate(groups: Iterable[list[tuple[Cover, Charge]]], grid: Grid) -> Iterator[Charge]:
    """One line for each plan, account, operation, usage type and zone; it names no resource."""
    for members in groups:
        cover, line = members[0]
        plan, meter, product = cover.commitment, cover.meter, catalog.product(cover.meter.product)
        assert isinstance(plan, SavingsPlan)
        amount, cost = np.zeros(grid.rows, dtype=np.int64), np.zeros(grid.rows, dtype=np.int64)
        for _, each in members:
            rows = grid.place(each)
            amount[rows] += each.quantity
            cost[rows] -= each.unblended
        here = np.flatnonzero(amount)
        kept = (
            "lineItem/ProductCode",
            "lineItem/UsageType",
            "lineItem/Operation",
            "lineItem/AvailabilityZone",
            "lineItem/UnblendedRate",
            "product/ProductName",
            "product/region",
            "product/regionCode",
            "product/servicecode",
            "product/sku",
            "pricing/unit",
        )
        columns = {header: line.columns.get(header, "") for header in kept} | plan_columns(plan)
        # AWS fills a negation's rate with the on-demand rate, below zero.
        columns["lineItem/UnblendedRate"] = f"-{columns['lineItem/UnblendedRate']}"
        columns["lineItem/BlendedRate"] = columns["lineItem/UnblendedRate"]
        columns["lineItem/LineItemDescription"] = (
            f"SavingsPlanNegation used by AccountId : {meter.account.account_id}"
            f" and UsageSku : {product.sku(meter.region)}"
        )
        yield charge(
            meter.account,
            "SavingsPlanNegation",
            product.service,
            meter.region,
            product.unit,
            grid.starts[here],
            grid.length,
            amount[here],
            cost[here],
            columns,
            amortized=np.zeros(len(here), dtype=np.int64),
        )
