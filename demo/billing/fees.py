"""What commitments themselves cost: recurring and upfront fees of reservations and Savings Plans.

A reservation's RIFee is one row a month on its owner's account, the whole month's fee from the first day on; what no
use has taken so far counts as unused. A plan's recurring fee is a row an hour (or day).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from demo import money
from demo.billing.allocation import Allocation
from demo.billing.commitments import Reservation, SavingsPlan
from demo.billing.coverage import plan_columns, reservation_columns, reserved_platform
from demo.billing.lines import Grid, charge, one
from demo.billing.records import Charge
from demo.billing.usage import PUBLIC_COST
from demo.money import SCALE
from demo.prices.commitments import COMPUTE_PLAN
from demo.prices.products import price_text
from demo.prices.sizes import normalization_factor, normalization_scaled
from demo.randomness import identifier
from demo.timeline import moment

PLAN_SERVICE = "Savings Plans for AWS Compute usage"
_YEARS = {"1yr": "1 year", "3yr": "3 year"}
_TAKEN = ("reservation/RecurringFeeForUsage", "reservation/AmortizedUpfrontCostForUsage")


def charge_fees(
    allocation: Allocation, commitments: Sequence[object], covered: Sequence[Charge], grid: Grid
) -> list[Charge]:
    """The fees of a period as they are known so far; ``covered``: the lines of its covered use."""
    charges: list[Charge] = []
    for index, each in enumerate(commitments):
        if isinstance(each, Reservation):
            charges += _reservation_fees(each, allocation.used[index], covered, grid)
        elif isinstance(each, SavingsPlan):
            charges += _plan_fees(each, allocation.offered[index], allocation.used[index], grid)
    return charges


def _reservation_fees(
    reservation: Reservation, used: np.ndarray, covered: Sequence[Charge], grid: Grid
) -> Iterator[Charge]:
    period = grid.period
    if reservation.start >= grid.last or reservation.end <= period.start:
        return
    first = max(period.start, reservation.start)
    hours = min(period.end, reservation.end) - first
    total = hours * reservation.count
    unused = total * SCALE - int(used.sum()) // reservation.units
    rates, factor = reservation.rates, normalization_factor(reservation.instance_type)
    scaled = normalization_scaled(reservation.instance_type)
    taken = dict.fromkeys(_TAKEN, 0)
    for line in covered:
        if line.columns.get("reservation/ReservationARN") == reservation.arn:
            for header in taken:
                taken[header] += int(line.measures[header].sum())
    fee, upfront = total * rates.recurring_rate, total * rates.amortized_rate
    unused_recurring, unused_upfront = (
        owed - taken[header] for owed, header in zip((fee, upfront), _TAKEN, strict=True)
    )
    columns = _reserved_product(reservation) | {
        "lineItem/LineItemDescription": (
            f"USD {price_text(rates.recurring_rate)} hourly fee per {reserved_platform(reservation)},"
            f" {reservation.instance_type} instance"
        ),
        "lineItem/NormalizationFactor": factor,
        "lineItem/UnblendedRate": money.spell(rates.recurring_rate),
        "lineItem/BlendedRate": money.spell(rates.recurring_rate),
        "pricing/unit": "Hrs",
        "reservation/ModificationStatus": "Original",
        "reservation/NumberOfReservations": str(reservation.count),
        "reservation/StartTime": moment(reservation.start).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "reservation/EndTime": moment(reservation.end).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "reservation/TotalReservedUnits": money.spell(total * SCALE),
        "reservation/UnitsPerReservation": money.spell(hours * SCALE),
        "reservation/TotalReservedNormalizedUnits": money.spell(total * scaled),
        "reservation/NormalizedUnitsPerReservation": money.spell(hours * scaled),
    }
    yield charge(
        reservation.owner,
        "RIFee",
        reservation.kind.service,
        reservation.region,
        "Hrs",
        one(first),
        None,
        one(total * SCALE),
        one(fee),
        columns,
        amortized=one(unused_recurring + unused_upfront),
        record_type="Recurring",
        measures={
            PUBLIC_COST: one(0),
            "lineItem/NormalizedUsageAmount": one(total * scaled),
            "reservation/AmortizedUpfrontFeeForBillingPeriod": one(upfront),
            "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": one(unused_upfront),
            "reservation/UnusedRecurringFee": one(unused_recurring),
            "reservation/UnusedQuantity": one(unused),
            # Quantities of a type are multiples of its factor, which counts quarters.
            "reservation/UnusedNormalizedUnitQuantity": one(unused * (scaled * 4 // SCALE) // 4),
            "reservation/UpfrontValue": one(reservation.upfront_fee),
        },
    )
    if reservation.upfront_fee and period.start <= reservation.start:
        yield _sign_up(reservation)


def _reserved_product(reservation: Reservation) -> dict[str, str]:
    product = reservation.kind
    usage_type = f"{reservation.region.prefix}HeavyUsage:{reservation.instance_type}"
    return {
        "lineItem/ProductCode": product.code,
        "lineItem/UsageType": usage_type,
        "lineItem/Operation": product.operation,
        "product/ProductName": product.name,
        "product/servicecode": product.service_code,
        "product/region": reservation.region.code,
        "product/regionCode": reservation.region.code,
        "product/sku": identifier(0, "sku", usage_type, product.operation, length=16).upper(),
        **reservation_columns(reservation),
    }


def _sign_up(reservation: Reservation) -> Charge:
    columns = _reserved_product(reservation) | {
        "bill/BillType": "Purchase",
        "lineItem/LineItemDescription": f"Sign up charge for subscription: {reservation.subscription_id}",
        "pricing/unit": "Quantity",
    }
    return charge(
        reservation.owner,
        "Fee",
        reservation.kind.service,
        reservation.region,
        "Quantity",
        one(reservation.start),
        1,
        one(reservation.count * SCALE),
        one(reservation.upfront_fee),
        columns,
        amortized=one(0),
        record_type="Upfront",
    )


def _plan_fees(plan: SavingsPlan, offered: np.ndarray, used: np.ndarray, grid: Grid) -> Iterator[Charge]:
    total, taken = grid.gather(offered), grid.gather(used)
    lasted = grid.gather(np.where(offered > 0, 1, 0).astype(np.int64))
    here = np.flatnonzero(lasted)
    if not len(here):
        return
    total, taken, lasted = total[here], taken[here], lasted[here]
    payment = plan.payment.replace(" ", "")
    is_compute = plan.plan_type == COMPUTE_PLAN
    kind = "ComputeSP" if is_compute else "EC2SP"
    place = "" if plan.region is None else plan.region.prefix
    usage_type = f"{place}{kind}:{'' if is_compute else plan.family + '.'}{plan.term}{payment}"
    described = "Compute Savings Plan" if is_compute else f"{plan.family} EC2 Instance Savings Plan"
    if plan.region is not None:
        described += f" in {plan.region.location}"
    columns = {
        "lineItem/ProductCode": "ComputeSavingsPlans",
        "lineItem/UsageType": usage_type,
        "lineItem/LineItemDescription": f"{_YEARS[plan.term]} {plan.payment} {described}",
        "product/ProductName": PLAN_SERVICE,
        "product/servicecode": "ComputeSavingsPlans",
        "product/usagetype": usage_type,
        "product/sku": identifier(0, "sku", usage_type, length=16).upper(),
        "pricing/LeaseContractLength": plan.term,
        "pricing/PurchaseOption": plan.payment,
        "pricing/unit": "Hrs",
        "savingsPlan/StartTime": moment(plan.start).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "savingsPlan/EndTime": moment(plan.end).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        **plan_columns(plan),
    }
    yield charge(
        plan.owner,
        "SavingsPlanRecurringFee",
        PLAN_SERVICE,
        None,
        "Hrs",
        grid.starts[here],
        grid.length,
        lasted * SCALE,
        lasted * plan.recurring,
        columns
        | {"lineItem/UnblendedRate": money.spell(plan.recurring), "lineItem/BlendedRate": money.spell(plan.recurring)},
        amortized=total - taken,
        measures={
            "savingsPlan/TotalCommitmentToDate": total,
            "savingsPlan/UsedCommitment": taken,
            "savingsPlan/RecurringCommitmentForBillingPeriod": lasted * plan.recurring,
            "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod": lasted * plan.amortized_upfront,
        },
    )
    if plan.upfront_fee and grid.period.start <= plan.start < grid.last:
        yield charge(
            plan.owner,
            "SavingsPlanUpfrontFee",
            PLAN_SERVICE,
            None,
            "Quantity",
            one(plan.start),
            1,
            one(SCALE),
            one(plan.upfront_fee),
            columns | {"bill/BillType": "Purchase", "pricing/unit": "Quantity"},
            amortized=one(0),
        )
