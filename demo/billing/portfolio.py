"""What the organisation bought before the account's clock starts: every kind of commitment, sized by its use.

The machines in demo.world.computing that are there to be reserved fix which reservations; databases and plans are
fitted to a week of use before the anchor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from demo.billing.allocation import allocate
from demo.billing.commitments import Reservation, SavingsPlan, commit, reserve, units_of
from demo.billing.records import Meter
from demo.money import multiply
from demo.prices import catalog
from demo.prices.commitments import COMPUTE_PLAN, INSTANCE_PLAN
from demo.world.accounts import ANALYTICS, HOME_REGION, PAYER, PRODUCTION, Account, Region

DAY = 24
# Plans and databases are fitted to the use of so many hours before the anchor.
SAMPLE_HOURS = 7 * DAY


def buy_portfolio(seed: int, anchor: int, sample: Sequence[Meter]) -> list[Reservation | SavingsPlan]:
    """All commitments of before the anchor, given the meters of the SAMPLE_HOURS before it."""
    reservations = [*_reserve_instances(seed, anchor), *_reserve_databases(seed, anchor, sample)]
    first = anchor - SAMPLE_HOURS
    rest = allocate(sample, reservations, first, anchor).rest
    plans: list[SavingsPlan] = []
    found = _largest_family(rest, reservations)
    if found is not None:
        family, region = found
        hourly = _spend(rest, INSTANCE_PLAN, "Partial Upfront", family, region)
        # Above its least use and, where use never varies, above all of it: some hours leave commitment unused.
        size = int(np.quantile(hourly, 0.6))
        size = size + size // 20 if size <= int(hourly.min()) else size
        start = anchor - 217 * DAY - 9
        plans.append(
            commit(
                seed, "family", PRODUCTION, INSTANCE_PLAN, size, start, "Partial Upfront", family=family, region=region
            )
        )
        rest = allocate(rest, plans, first, anchor).rest
    hourly = _spend(rest, COMPUTE_PLAN, "No Upfront", "", None)
    least = int(np.quantile(hourly, 0.2))
    plans.append(commit(seed, "payer", PAYER, COMPUTE_PLAN, least * 45 // 100, anchor - 301 * DAY - 13))
    plans.append(
        commit(seed, "linked", ANALYTICS, COMPUTE_PLAN, least * 12 // 100, anchor - 33 * DAY - 4, "All Upfront")
    )
    return [*reservations, *plans]


def _reserve_instances(seed: int, anchor: int) -> list[Reservation]:
    """All payment options, zonal and regional, Linux and Windows, running out, renewed and from long before."""
    home = HOME_REGION
    renewal = anchor - 47 * DAY - 10

    def buy(
        name: str, owner: Account, instance_type: str, count: int, start: int, payment: str, **terms: str
    ) -> Reservation:
        system = "Windows" if name == "windows" else "Linux"
        return reserve(seed, name, owner, home, f"ec2/{instance_type}/{system}", count, start, payment=payment, **terms)

    return [
        # Zonal ones are for exactly one type in one zone: two machines, of which one stops at night, and a lonely one.
        buy("batch", PRODUCTION, "c5.2xlarge", 2, anchor - 152 * DAY - 6, "Partial Upfront", zone="us-east-1a"),
        buy(
            "lonely", PRODUCTION, "r5.2xlarge", 1, anchor - 503 * DAY - 3, "All Upfront", term="3yr", zone="us-east-1a"
        ),
        # Six ran out and were replaced by ten: large units that machines of all sizes share.
        buy("general", PRODUCTION, "m5.large", 6, renewal - 365 * DAY, "No Upfront"),
        buy("general-renewed", PRODUCTION, "m5.large", 10, renewal, "Partial Upfront"),
        buy(
            "burstable", PRODUCTION, "t3.small", 5, anchor - 75 * DAY - 15, "All Upfront", offering_class="convertible"
        ),
        buy("windows", PRODUCTION, "m6i.large", 1, anchor - 261 * DAY - 8, "No Upfront"),
        # The payer has no such machine: the family's are covered.
        buy("family", PAYER, "c6i.large", 2, anchor - 118 * DAY - 2, "No Upfront", offering_class="convertible"),
    ]


def _reserve_databases(seed: int, anchor: int, sample: Sequence[Meter]) -> list[Reservation]:
    """One reservation in the most used family of databases, at its smallest used size, for half of its use."""
    used: dict[tuple[Account, Region, str, str], list[Meter]] = defaultdict(list)
    for meter in sample:
        if meter.commitment_class == "rds" and meter.region is not None:
            product = catalog.product(meter.product)
            used[(meter.account, meter.region, product.instance_family, meter.product.split("/")[2])].append(meter)
    if not used:
        return []

    def units(meters: list[Meter]) -> int:
        return sum(int(meter.quantity.sum()) // 10**10 * units_of(meter.product) for meter in meters) // SAMPLE_HOURS

    best = max(sorted(used), key=lambda key: units(used[key]))
    smallest = min((meter.product for meter in used[best]), key=lambda key: (units_of(key), key))
    count = max(1, units(used[best]) // units_of(smallest) // 2)
    return [
        reserve(seed, "database", best[0], best[1], smallest, count, anchor - 89 * DAY - 20, payment="Partial Upfront")
    ]


def _largest_family(rest: Sequence[Meter], reservations: Sequence[Reservation]) -> tuple[str, Region] | None:
    """The family and region with most on-demand spend on instances, of those that no flexible reservation is for."""
    reserved = {(each.kind.instance_family, each.region) for each in reservations if each.is_flexible}
    spent: dict[tuple[str, Region], int] = defaultdict(int)
    for meter in rest:
        product = catalog.product(meter.product)
        if meter.commitment_class != "ec2" or meter.region is None or product.is_spot:
            continue
        if (product.instance_family, meter.region) not in reserved:
            spent[(product.instance_family, meter.region)] += int(
                multiply(meter.quantity, product.list_rate(meter.region)).sum()
            )
    return max(sorted(spent), key=lambda key: spent[key]) if spent else None


def _spend(rest: Sequence[Meter], plan_type: str, payment: str, family: str, region: Region | None) -> np.ndarray:
    """What all use that a plan may cover costs per hour at its rates."""
    total = np.zeros(SAMPLE_HOURS, dtype=np.int64)
    for meter in rest:
        product = catalog.product(meter.product)
        classes = ("ec2",) if plan_type == INSTANCE_PLAN else ("ec2", "fargate", "lambda")
        if meter.commitment_class not in classes or product.is_spot or meter.region is None:
            continue
        if family and (product.instance_family, meter.region) != (family, region):
            continue
        total += multiply(
            meter.quantity, catalog.savings_plan_rate(meter.product, meter.region, plan_type, "1yr", payment)
        )
    return total
