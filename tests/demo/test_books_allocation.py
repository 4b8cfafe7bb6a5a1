"""Commitments cover what AWS's rules say: against its own worked case and against a slow restatement, hour by hour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from demo.billing import allocation
from demo.billing.allocation import Ladder, UseClass, allocate
from demo.billing.books import keep_books
from demo.billing.commitments import Reservation, SavingsPlan, commit, reserve, units_of
from demo.billing.meters import Meters
from demo.billing.records import Meter
from demo.money import SCALE
from demo.parameters import Parameters, parse_end
from demo.prices import catalog
from demo.prices.commitments import COMPUTE_PLAN, INSTANCE_PLAN
from demo.timeline import draw_horizon
from demo.world.accounts import ANALYTICS, DEVELOPMENT, HOME_REGION, PAYER, PRODUCTION, Account
from demo.world.founding import SMALLEST_ESTATE, draw_estate

ANCHOR = parse_end("2026-11-23")

# AWS's Savings Plans guide: on-demand price, Compute plan's price, units an hour.
GUIDE = {
    "c5.9xlarge": (4, 2, 1),
    "c5.24xlarge Windows": (10, 8, 1),
    "fargate-vcpu": ("1.5", 1, 10),
    "fargate-gb": (2, 1, 5),
}


@dataclass(frozen=True)
class GuidePlan(SavingsPlan):
    """A Compute plan at the guide's prices."""

    def rate(self, product: str, region: object) -> int:
        return int(Fraction(GUIDE[product][1]) * SCALE)


@pytest.mark.parametrize(
    ("commitment", "bill", "left"),
    [
        (25, "25", {}),
        # The dollars go where they save most: the gigabytes, then half of the c5.9xlarge.
        (6, "33", {"c5.9xlarge": "0.5", "c5.24xlarge Windows": "1", "fargate-vcpu": "10"}),
        (0, "39", {"c5.9xlarge": "1", "c5.24xlarge Windows": "1", "fargate-vcpu": "10", "fargate-gb": "5"}),
    ],
)
def test_the_guides_case(monkeypatch: pytest.MonkeyPatch, commitment: int, bill: str, left: dict[str, str]) -> None:
    def product(key: str) -> SimpleNamespace:
        kind = "fargate" if "fargate" in key else "ec2"
        rate = int(Fraction(GUIDE[key][0]) * SCALE)
        return SimpleNamespace(commitment_class=kind, is_spot=False, list_rate=lambda _: rate, instance_family="c5")

    monkeypatch.setattr(allocation, "catalog", SimpleNamespace(product=product))
    plan = GuidePlan("arn", PAYER, COMPUTE_PLAN, commitment * SCALE, 0)
    classes = sorted(UseClass(key, HOME_REGION, DEVELOPMENT, "") for key in GUIDE)
    use = [np.array([int(GUIDE[each.product][2]) * SCALE]) for each in classes]
    rest = Ladder([plan], classes, 0, 1).run(use).open
    found = {each.product: Fraction(int(value[0]), SCALE) for each, value in zip(classes, rest, strict=True)}
    assert {key: value for key, value in found.items() if value} == {
        key: Fraction(value) for key, value in left.items()
    }
    on_demand = sum(value * Fraction(GUIDE[key][0]) for key, value in found.items())
    assert commitment + on_demand == Fraction(bill)


def machine(name: str, kind: str, account: Account = PRODUCTION, zone: str = "us-east-1a", on: int = 1) -> Meter:
    key = kind if "/" in kind else f"ec2/{kind}/Linux"
    category = catalog.product(key).commitment_class
    return Meter(name, account, HOME_REGION, key, np.array([on * SCALE]), zone=zone, commitment_class=category)


def rests(meters: list[Meter], *commitments: Reservation | SavingsPlan) -> dict[str, float]:
    done = allocate(meters, commitments, ANCHOR, ANCHOR + 1)
    return {meter.resource_id: int(meter.quantity[0]) / SCALE for meter in done.rest}


def test_rules_of_reservations() -> None:
    def buy(kind: str, count: int, owner: Account = PRODUCTION, zone: str = "") -> Reservation:
        return reserve(1, f"{kind}{zone}", owner, HOME_REGION, f"ec2/{kind}", count, ANCHOR - 9, zone=zone)

    large = buy("m5.large/Linux", 3)
    # Smallest first, then a part of the larger one; another family, system, region or Spot never.
    sizes = [machine("a", "m5.2xlarge"), machine("b", "m5.large"), machine("c", "m5.xlarge")]
    assert rests(sizes, large) == {"a": 1.0}
    others = [machine("d", "c5.large"), machine("e", "ec2/m5.large/Windows"), machine("f", "spot/m5.large/Linux")]
    assert rests([sizes[0], *others], large) == {"a": 0.25, "d": 1.0, "e": 1.0, "f": 1.0}
    # The owner's before the family's, however large.
    mine, theirs = machine("x", "m5.4xlarge"), machine("y", "m5.large", DEVELOPMENT)
    assert rests([theirs, mine], large) == {"x": 1 - 3 / 8, "y": 1.0}
    assert rests([theirs, mine], replace(large, owner=ANALYTICS)) == {"x": 1 - 2 / 8}
    # Zonal: that type in that zone alone, before regional ones; Windows: that type alone.
    zonal = buy("m5.large/Linux", 1, zone="us-east-1b")
    both = [
        machine("a", "m5.large"),
        machine("b", "m5.large", zone="us-east-1b"),
        machine("c", "m5.xlarge", zone="us-east-1b"),
    ]
    assert rests(both, zonal) == {"a": 1.0, "c": 1.0}
    assert rests(both, replace(large, count=1), zonal) == {"c": 1.0}
    windows = buy("m5.large/Windows", 2)
    assert rests([machine("a", "ec2/m5.large/Windows"), machine("b", "ec2/m5.xlarge/Windows")], windows) == {"b": 1.0}
    assert rests([sizes[1]], replace(large, start=ANCHOR + 1)) == {"b": 1.0}


def test_rules_of_plans() -> None:
    def plan(kind: str, dollars: float, owner: Account = PAYER) -> SavingsPlan:
        bound = {"family": "m5", "region": HOME_REGION} if kind == INSTANCE_PLAN else {}
        return commit(1, f"{kind}{owner.name}", owner, kind, int(dollars * SCALE), ANCHOR - 9, **bound)  # type: ignore[arg-type]

    use = [machine("a", "m5.large"), machine("b", "c5.large"), machine("c", "spot/c5.large/Linux")]
    assert rests(use, plan(COMPUTE_PLAN, 9)) == {"c": 1.0}
    assert rests(use, plan(INSTANCE_PLAN, 9)) == {"b": 1.0, "c": 1.0}
    # The instance plan takes the m5, so that Compute's money is there for the c5.
    assert rests(use, plan(COMPUTE_PLAN, 0.0629), plan(INSTANCE_PLAN, 0.07)) == {"c": 1.0}
    # m5 saves more than c5, but the owner's use comes first.
    rate = catalog.savings_plan_rate("ec2/c5.large/Linux", HOME_REGION, COMPUTE_PLAN) / SCALE
    assert rests(use, plan(COMPUTE_PLAN, rate))["b"] > 0
    family = [replace(use[0], account=DEVELOPMENT), use[1]]
    assert rests(family, plan(COMPUTE_PLAN, rate, PRODUCTION)) == {"a": 1.0}


def test_against_a_slow_restatement() -> None:
    """Each machine's hour, covered one by one in Python's exact numbers."""
    parameters = Parameters(9, ANCHOR, SMALLEST_ESTATE, months=2)
    estate = draw_estate(parameters, draw_horizon(parameters))
    commitments = keep_books(estate).commitments
    first = ANCHOR - 60 * 24
    meters = Meters(estate.resources).measure(first, ANCHOR)
    done = allocate(meters, commitments, first, ANCHOR)
    left: dict[tuple[str, str], np.ndarray] = {}
    for meter in done.rest:
        key = (meter.resource_id, meter.product)
        left[key] = left.get(key, 0) + meter.quantity
    partial = 0
    for hour in np.random.default_rng(4).choice(ANCHOR - first, 60, replace=False).tolist():
        slow, used = cover_slowly(meters, commitments, first, hour)
        for meter, rest in slow:
            partial += 0 < rest < SCALE
            found = left.get((meter.resource_id, meter.product))
            assert (0 if found is None else int(found[hour])) == rest, (hour, meter)
        assert [int(each[hour]) for each in done.used] == used
    assert partial > 10


def cover_slowly(
    meters: list[Meter], commitments: tuple[Reservation | SavingsPlan, ...], first: int, hour: int
) -> tuple[list[tuple[Meter, int]], list[int]]:
    here = [meter for meter in meters if meter.commitment_class and int(meter.quantity[hour])]
    here.sort(key=lambda meter: (meter.product, meter.region, meter.account, meter.zone, meter.resource_id))
    rest = [int(meter.quantity[hour]) for meter in here]
    money = [each.hourly_units if each.start <= first + hour < each.end else 0 for each in commitments]
    offered = list(money)

    def facts(meter: Meter) -> tuple[str, str, str]:
        parts = meter.product.split("/")
        return parts[0], parts[1].rsplit(".", 1)[0], "/".join(parts[2:])

    for is_zonal in (True, False):
        for is_owner in (True, False):
            for index, each in enumerate(commitments):
                if isinstance(each, SavingsPlan) or bool(each.zone) != is_zonal:
                    continue
                bought = facts(Meter("", PAYER, None, each.product, np.zeros(0)))
                for size, place in sorted(
                    (units_of(m.product) if "." in m.product else 0, p) for p, m in enumerate(here)
                ):
                    meter = here[place]
                    if meter.region != each.region or (meter.account == each.owner) != is_owner:
                        continue
                    kind = facts(meter)
                    if each.is_database:
                        fits = kind[:2] == bought[:2] and kind[2].split("/")[0] == bought[2].split("/")[0]
                    elif is_zonal or "Windows" in each.product:
                        fits = meter.product == each.product and each.zone in ("", meter.zone)
                    else:
                        fits = kind == bought
                    if fits:
                        units = size if each.is_database or (not is_zonal and "Windows" not in each.product) else 1
                        part = min(rest[place], money[index] // units)
                        rest[place] -= part
                        money[index] -= part * units
    for plan_type in (INSTANCE_PLAN, COMPUTE_PLAN):
        for is_owner in (True, False):
            choices = []
            for index, each in enumerate(commitments):
                for place, meter in enumerate(here):
                    if isinstance(each, Reservation) or each.plan_type != plan_type or meter.commitment_class == "rds":
                        continue
                    if (meter.account == each.owner) != is_owner or meter.region is None:
                        continue
                    if plan_type == INSTANCE_PLAN and (facts(meter)[:2], meter.region) != (
                        ("ec2", each.family),
                        each.region,
                    ):
                        continue
                    rate = catalog.savings_plan_rate(meter.product, meter.region, plan_type, each.term, each.payment)
                    saving = 1 - Fraction(rate, catalog.product(meter.product).list_rate(meter.region))
                    choices.append((-saving, rate, index, place))
            for rate, index, members in pooled(choices, here):
                total = sum(rest[member] for member in members)
                cost = (total * rate * 2 + SCALE) // (2 * SCALE)
                part = total if cost <= money[index] else min(total, money[index] * SCALE // rate)
                if part:
                    money[index] -= min(cost, money[index])
                for member in members:
                    mine = min(part, rest[member])
                    rest[member] -= mine
                    part -= mine
    return list(zip(here, rest, strict=True)), [before - after for before, after in zip(offered, money, strict=True)]


def pooled(choices: list[tuple[Fraction, int, int, int]], here: list[Meter]) -> list[tuple[int, int, list[int]]]:
    """Machines that nothing tells apart share what a plan pays for them: its money is rounded once."""
    groups: dict[tuple[Fraction, int, int, str, str, str, str], list[int]] = {}
    for saving, rate, index, place in sorted(choices):
        meter = here[place]
        region = meter.region.code if meter.region else ""
        key = (saving, rate, index, meter.product, region, meter.account.account_id, meter.zone)
        groups.setdefault(key, []).append(place)
    return [(key[1], key[2], members) for key, members in groups.items()]
