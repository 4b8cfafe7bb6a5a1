"""The answer key tells what whole bills tell: without a thing, with the right size of it, with it off at night."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from demo.billing.books import Books, keep_books
from demo.money import to_decimal
from demo.parameters import Parameters, parse_end
from demo.timeline import draw_horizon
from demo.truth import key as module
from demo.truth.key import WINDOW_HOURS, answer, write_answers
from demo.truth.kinds import SERVICES
from demo.truth.schedules import find_schedule, follow
from demo.truth.sizes import find_sizes, name_size
from demo.truth.spelling import HOURS_PER_MONTH
from demo.world.estate import Estate
from demo.world.founding import SMALLEST_ESTATE, draw_estate
from demo.world.labels import judge
from demo.world.resources import Database, Instance, Resource, Volume

PARAMETERS = Parameters(8, parse_end("2026-11-23T00:00:00"), SMALLEST_ESTATE, months=2, hourly_days=60)
LAST = PARAMETERS.end_hour - 6
FIRST = LAST - WINDOW_HOURS


def make_books() -> Books:
    return keep_books(draw_estate(PARAMETERS, draw_horizon(PARAMETERS)))


books = cache(make_books)


@cache
def resources() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = answer(books())["resources"]
    return found


def bill(of: Books) -> int:
    """All use of the window as cash, in 1e-10 USD; fees of commitments are the same in every bill here."""
    total = 0
    for period in of.estate.horizon.periods:
        for line in of.charges(period, of.estate.horizon.cur_end):
            if line.line_type in ("Usage", "SavingsPlanCoveredUsage", "SavingsPlanNegation", "DiscountedUsage"):
                total += int(line.unblended[(line.starts >= FIRST) & (line.starts < LAST)].sum())
    return total


def rebill(instead: dict[str, Resource | None]) -> Decimal:
    """By how much a month's bill falls when things are taken out or changed from the window's start on."""
    estate = books().estate
    things: list[Resource] = []
    for thing in estate.resources:
        if thing.resource_id not in instead:
            things.append(thing)
            continue
        changed = instead[thing.resource_id]
        if changed is not None:
            things += [replace(thing, until=FIRST), replace(changed, since=FIRST)]
    other = Books(Estate(estate.parameters, estate.horizon, tuple(things)), (), books().commitments)
    fall = to_decimal(bill(books()) - bill(other)) * HOURS_PER_MONTH / WINDOW_HOURS
    return fall.quantize(Decimal("0.0001"))


def lasting(kind: type[Resource] = Resource) -> list[Any]:
    """Things with one description that are older than the window and on."""
    counts = Counter(thing.resource_id for thing in books().estate.resources)
    return [
        thing
        for thing in books().estate.each(kind)
        if counts[thing.resource_id] == 1
        and thing.life.launched < FIRST
        and resources()[thing.resource_id]["kind"] != "gone"
    ]


def test_every_thing_is_answered_and_what_is_gone_saves_nothing() -> None:
    key, estate = resources(), books().estate
    assert set(key) == {thing.resource_id for thing in estate.resources}
    assert {each["service"] for each in key.values()} == set(SERVICES)
    assert {name for name, each in key.items() if each["is_counted"]} == set(estate.counted())
    for each in key.values():
        assert each["is_waste"] <= each["is_idle"]
        if each["kind"] == "gone":
            assert each["true_saving_usd_per_month"] == "0.0000"


@pytest.mark.parametrize("service", ["ec2", "rds", "lambda", "dynamodb", "elb", "ecs", "s3", "apigateway"])
def test_a_removal_saves_what_two_whole_bills_differ_by(service: str) -> None:
    things = [thing for thing in lasting() if resources()[thing.resource_id]["service"] == service]
    thing = max(things, key=lambda each: float(resources()[each.resource_id]["true_saving_usd_per_month"]))
    saving = Decimal(resources()[thing.resource_id]["true_saving_usd_per_month"])
    assert saving > 0 or service == "lambda"
    estate = books().estate
    rest = tuple(each for each in estate.resources if each.resource_id != thing.resource_id)
    other = Books(Estate(estate.parameters, estate.horizon, rest), (), books().commitments)
    fall = to_decimal(bill(books()) - bill(other)) * HOURS_PER_MONTH / WINDOW_HOURS
    assert fall.quantize(Decimal("0.0001")) == saving


def test_right_sizes_and_quiet_hours_save_what_a_changed_whole_bill_tells() -> None:
    now, seen = PARAMETERS.end_hour, set()
    for thing in lasting():
        told, service = resources()[thing.resource_id], resources()[thing.resource_id]["service"]
        # Free tiers fill from the month's first hour on; the window of this test begins later.
        if told.get("resize") and (service, "resize") not in seen and service not in ("lambda", "dynamodb"):
            seen.add((service, "resize"))
            (size,) = [each for each in find_sizes(thing, books().estate, now) if each.name == told["resize"]["to"]]
            assert rebill({thing.resource_id: size.thing}) == Decimal(told["resize"]["true_saving_usd_per_month"])
        if told.get("quiet_hours") and not told["is_idle"] and (service, "hours") not in seen:
            seen.add((service, "hours"))
            schedule = find_schedule(thing, judge(thing, now), now)
            assert schedule is not None
            rested = follow(thing, schedule, FIRST, LAST)
            assert rebill({thing.resource_id: rested}) == Decimal(told["quiet_hours"]["true_saving_usd_per_month"])
    assert {("ec2", "resize"), ("rds", "resize"), ("ebs", "resize"), ("ecs", "resize"), ("ec2", "hours")} <= seen


def test_what_is_paid_anyway_is_no_waste_and_freed_hours_are() -> None:
    idle = {
        each.instance_type: resources()[each.resource_id]
        for each in lasting(Instance)[:12]
        if each.demand.role == "idle"
    }
    lonely, absorbed = idle["r5.2xlarge"], idle["m5.xlarge"]
    assert lonely["is_idle"] and not lonely["is_waste"]
    assert lonely["hours_reserved"] == WINDOW_HOURS
    assert Decimal(lonely["true_saving_usd_per_month"]) == 0 < Decimal(lonely["list_cost_usd_per_month"])
    assert absorbed["is_waste"]
    assert Decimal(absorbed["true_saving_usd_per_month"]) > 0


def test_what_is_stopped_saves_its_storage_alone() -> None:
    for thing in books().estate.resources:
        told = resources()[thing.resource_id]
        if told["kind"] == "stopped" and isinstance(thing, Instance):
            assert (told["true_saving_usd_per_month"], told["is_waste"]) == ("0.0000", False)
            assert Decimal(told["attached_volumes_usd_per_month"]) > 0
        if told["kind"] == "stopped" and isinstance(thing, Database):
            assert Decimal(told["true_saving_usd_per_month"]) > 0
            assert told["quiet_hours"] is None
        if isinstance(thing, Volume) and thing.is_root and told["kind"] != "gone":
            assert not told["is_waste"]


def test_a_covered_table_keeps_its_size_where_it_is_right() -> None:
    for thing in lasting():
        told = resources()[thing.resource_id]
        if told["resize"] is not None:
            assert told["resize"]["to"] == told["safe_size"] != name_size(thing)
            assert Decimal(told["resize"]["true_saving_usd_per_month"]) >= 0


def test_equal_parameters_give_equal_bytes_in_one_process_or_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_answers(make_books(), tmp_path / "one.json")
    monkeypatch.setattr(module, "_WORTH_FORKING", 1)
    write_answers(make_books(), tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    read = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert read["resources"] == json.loads(json.dumps(resources()))
    assert list(read["resources"]) == sorted(read["resources"])
