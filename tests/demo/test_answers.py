"""The answer key: labels from demand, planted cases near any threshold, and savings that a changed bill confirms."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from demo import money
from demo.answers import HOURS_PER_MONTH, WINDOW_HOURS
from demo.calendars import draw_horizon
from demo.charges import Books, HourlyBill, keep_books
from demo.commitments import allocate
from demo.demand import ROLES, UNNEEDED_ROLES
from demo.estate import draw_estate
from demo.labels import judge
from demo.metrics import Metric, Truth
from demo.parameters import Parameters
from tests.demo.conftest import PARAMETERS

BUSY = {"steady", "office", "nightly"}


@pytest.fixture(scope="module")
def books() -> Books:
    return keep_books(draw_estate(PARAMETERS, draw_horizon(PARAMETERS)))


@pytest.fixture(scope="module")
def answers(account: Path) -> dict[str, dict[str, Any]]:
    resources: dict[str, dict[str, Any]] = json.loads((account / "answer_key.json").read_text())["resources"]
    return resources


def test_every_planted_kind_occurs_and_every_resource_is_answered(books: Books, answers: dict[str, Any]) -> None:
    estate = books.estate
    everything = (
        *estate.instances,
        *estate.volumes,
        *estate.databases,
        *estate.load_balancers,
        *estate.nat_gateways,
    )
    assert {thing.resource_id for thing in everything} == set(answers)
    kinds = Counter(answer["kind"] for answer in answers.values() if answer["service"] == "ec2")
    assert set(kinds) == set(ROLES)
    billed = {charge.columns.get("lineItem/ResourceId") for charge in books.hourly} - {None}
    assert billed <= set(answers)


def test_covered_idle_machine_saves_nothing_and_absorbed_one_does(books: Books, answers: dict[str, Any]) -> None:
    idle = {i.instance_type: answers[i.resource_id] for i in books.estate.instances[:9] if i.role == "idle"}
    lonely, absorbed = idle["r5.2xlarge"], idle["m5.xlarge"]
    assert lonely["is_idle"]
    assert not lonely["is_waste"]
    assert Decimal(lonely["true_saving_usd_per_month"]) == 0 < Decimal(lonely["list_cost_usd_per_month"])
    assert absorbed["is_waste"]
    assert Decimal(absorbed["true_saving_usd_per_month"]) > 0


def test_savings_equal_the_difference_of_two_whole_bills(books: Books, answers: dict[str, Any]) -> None:
    """Take machines out of the estate, keep the commitments, write the bill anew: it falls by what the key says."""
    estate, horizon = books.estate, books.estate.horizon
    first = horizon.cur_end - WINDOW_HOURS

    def billed(some: Books) -> int:
        """Instance charges of the window, as cash without the yearly fees that no removal changes."""
        total = 0
        for charge in some.hourly:
            if "BoxUsage" in charge.columns["lineItem/UsageType"]:
                total += int(charge.unblended[charge.starts >= first].sum())
        return total

    def rebill(instances: tuple[Any, ...]) -> int:
        running = {i.resource_id: estate.demand[i.resource_id].is_running for i in instances}
        reduced = dataclasses.replace(estate, instances=instances)
        allocation = allocate(horizon, instances, running, books.reservations, books.plan)
        bill = HourlyBill(reduced, books.reservations, books.plan, allocation)
        for instance in instances:
            bill.add_instance(instance)
        bill.add_plan()
        return billed(Books(reduced, books.reservations, books.plan, allocation, tuple(bill.charges)))

    whole = billed(books)
    idle = [i for i in estate.instances if answers[i.resource_id]["is_idle"] and i.life.launched < first]
    assert len(idle) >= 4
    for instance in idle:
        fall = whole - rebill(tuple(other for other in estate.instances if other is not instance))
        expected = (money.to_decimal(fall) * HOURS_PER_MONTH / WINDOW_HOURS).quantize(Decimal("0.0001"))
        assert Decimal(answers[instance.resource_id]["true_saving_usd_per_month"]) == expected


def test_labels_follow_from_demand(books: Books, answers: dict[str, Any]) -> None:
    for instance in books.estate.instances:
        demand = books.estate.demand[instance.resource_id]
        label = judge(demand, books.estate.horizon)
        assert answers[instance.resource_id]["is_idle"] == label.is_idle
        if label.is_idle:
            assert not demand.work[-288:].any()
            assert instance.role in UNNEEDED_ROLES
        if instance.role == "stopped":
            assert not demand.is_running.any()
            assert answers[instance.resource_id]["true_saving_usd_per_month"] == "0.0000"


def test_many_planted_cases_lie_near_any_sensible_threshold() -> None:
    """Within a factor of two of a 5 % peak or of 5 MB a day over two weeks (peers' rules lie there), at least 30 %."""
    near = planted = quiet_idle = loud_idle = 0
    for seed in (31, 32, 33):
        parameters = Parameters(seed, PARAMETERS.end_hour, 120)
        estate = draw_estate(parameters, draw_horizon(parameters))
        truth = Truth(estate)
        since = (parameters.end_hour - 14 * 24) * 3600
        for instance in estate.instances:
            if instance.role in BUSY:
                continue
            recent = {}
            for name in ("CPUUtilization", "NetworkIn", "NetworkOut"):
                key = ("InstanceId", instance.resource_id)
                series = truth.read(Metric(instance.account.account_id, instance.region.code, "AWS/EC2", name, key))
                recent[name] = series.values[series.seconds >= since]
            planted += 1
            if not len(recent["CPUUtilization"]):
                continue
            peak = recent["CPUUtilization"].max()
            daily = (recent["NetworkIn"].sum() + recent["NetworkOut"].sum()) / 14 / 1e6
            near += bool(2.5 <= peak <= 10 or 2.5 <= daily <= 10)
            if instance.role == "idle":
                quiet_idle += bool(peak < 5)
                loud_idle += bool(peak >= 5)
    assert near / planted >= 0.3
    assert quiet_idle
    assert loud_idle, "no threshold on the peak separates idle from busy"
