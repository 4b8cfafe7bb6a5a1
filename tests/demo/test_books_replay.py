"""A replayed fall is the difference of two whole bills, and a ladder's rerun that of two whole runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from demo.billing.books import Books, keep_books
from demo.billing.commitments import commit
from demo.billing.replay import Replay, cost_with_plan, fall_with, fall_without
from demo.parameters import Parameters, parse_end
from demo.prices.commitments import COMPUTE_PLAN
from demo.timeline import draw_horizon
from demo.world.accounts import PAYER
from demo.world.estate import Estate
from demo.world.founding import SMALLEST_ESTATE, draw_estate
from demo.world.resources import ContainerService, Database, Function, Instance, Resource, Volume

PARAMETERS = Parameters(5, parse_end("2026-11-20T00:00:00"), SMALLEST_ESTATE, months=2, hourly_days=60)
LAST = PARAMETERS.end_hour - 6
FIRST = LAST - 30 * 24


@cache
def books() -> Books:
    return keep_books(draw_estate(PARAMETERS, draw_horizon(PARAMETERS)))


def bill(of: Books) -> int:
    """What the hours of the window cost on demand; commitments' fees are the same in every bill here."""
    total = 0
    for period in of.estate.horizon.periods:
        lines = of.charges(period, of.estate.horizon.cur_end)
        for line in lines:
            assert line.length != 24
            if line.line_type in ("Usage", "SavingsPlanCoveredUsage", "SavingsPlanNegation", "DiscountedUsage"):
                total += int(line.unblended[(line.starts >= FIRST) & (line.starts < LAST)].sum())
    return total


def whole_bill(resources: Iterable[Resource]) -> int:
    """The bill of other resources under the same commitments, made from nothing."""
    estate = books().estate
    return bill(Books(Estate(estate.parameters, estate.horizon, tuple(resources)), (), books().commitments))


def samples() -> list[Resource]:
    """Two of each kind that ran to the end, and every instance that a reservation is shared by."""
    found: dict[type[Resource], list[Resource]] = {}
    for thing in books().estate.resources:
        if thing.is_current(LAST - 1):
            found.setdefault(type(thing), []).append(thing)
    instances = [thing for thing in found.pop(Instance) if isinstance(thing, Instance)]
    reserved = [
        each for each in instances if each.instance_type in ("m5.xlarge", "r5.2xlarge", "c5.2xlarge", "t3.medium")
    ]
    others = [each for each in instances if each.is_spot or each.operating_system == "Windows"]
    picked = [*reserved[:6], *others[:3], *instances[-3:]]
    return [*picked, *(thing for kind in found.values() for thing in (kind[0], kind[-1]))]


def test_removing_a_thing_changes_the_whole_bill_by_its_fall() -> None:
    before = bill(books())
    seen = []
    for thing in samples():
        fall = fall_without(books(), thing.resource_id, FIRST, LAST)
        rest = [each for each in books().estate.resources if each.resource_id != thing.resource_id]
        assert before - whole_bill(rest) == fall, thing
        seen.append(fall)
    assert min(seen) == 0 and sum(fall > 0 for fall in seen) > len(seen) / 2


def test_the_only_taker_of_a_reservation_saves_nothing() -> None:
    lonely = [each for each in books().estate.each(Instance) if each.instance_type == "r5.2xlarge"]
    assert [fall_without(books(), each.resource_id, FIRST, LAST) for each in lonely] == [0]


def changes() -> Iterable[tuple[Resource, Resource]]:
    """Other sizes, smaller and larger, from different hours on."""
    estate = books().estate

    def current(kind: type) -> list[Resource]:
        return [each for each in estate.each(kind) if each.is_current(LAST - 1)]

    for each in current(Instance):
        family, size = each.instance_type.split(".")  # type: ignore[attr-defined]
        if size in ("xlarge", "4xlarge") and not each.is_spot:  # type: ignore[attr-defined]
            yield each, replace(each, instance_type=f"{family}.large")  # type: ignore[call-arg]
            yield each, replace(each, instance_type=f"{family}.2xlarge", since=FIRST + 100)  # type: ignore[call-arg]
    for each in current(Database)[:3]:
        yield each, replace(each, database_class="db.r5.2xlarge")  # type: ignore[call-arg]
    for each in current(Function)[:3]:
        yield each, replace(each, memory_mb=3008)  # type: ignore[call-arg]
    for each in current(ContainerService)[:2]:
        yield each, replace(each, task_count=7)  # type: ignore[call-arg]
    for each in current(Volume)[:2]:
        yield each, replace(each, size_gb=1)  # type: ignore[call-arg]


def test_changing_a_thing_changes_the_whole_bill_by_its_fall() -> None:
    before, falls = bill(books()), []
    for thing, changed in list(changes())[:24]:
        if changed.since > thing.since:
            rest = [replace(each, until=changed.since) if each is thing else each for each in books().estate.resources]
            rest.append(changed)
        else:
            rest = [changed if each is thing else each for each in books().estate.resources]
        fall = fall_with(books(), thing.resource_id, changed, FIRST, LAST)
        assert before - whole_bill(rest) == fall, changed
        falls.append(fall)
    assert min(falls) < 0 < max(falls)


def test_a_window_within_a_replay_is_its_part() -> None:
    """What was prepared for a month serves shorter spans of it, which add up."""
    ids = [thing.resource_id for thing in samples()]
    middle = FIRST + 333
    of = books()
    fall_without(of, ids[0], FIRST, LAST)
    kept = of.replay
    for resource_id in ids:
        parts = [fall_without(of, resource_id, *span) for span in ((FIRST, middle), (middle, LAST))]
        assert sum(parts) == fall_without(of, resource_id, FIRST, LAST)
    assert of.replay is kept
    # One made for the later part alone agrees: it looks back to the month's start.
    alone = Replay(of, middle, LAST)
    assert alone.fall({ids[-1]: []}, middle, LAST) == fall_without(of, ids[-1], middle, LAST)


@pytest.mark.parametrize("dollars", [0.01, 0.7, 40.0])
def test_more_commitment_is_a_whole_bill_with_it(dollars: float) -> None:
    plan = commit(1, "more", PAYER, COMPUTE_PLAN, int(dollars * 10**10), FIRST - 5000)
    of = books()
    more = Books(of.estate, (), (*of.commitments, plan))
    # A fee of every hour, used or not.
    difference = bill(more) + plan.commitment * (LAST - FIRST) - bill(of)
    assert cost_with_plan(of, plan, FIRST, LAST) - cost_with_plan(of, (), FIRST, LAST) == difference


def test_rerun_equals_a_run() -> None:
    """Any changes of classes, at random, many at once."""
    replayed = Replay(books(), FIRST, LAST)
    ladder, trace = replayed._ladder, replayed._trace
    rng = np.random.default_rng(3)
    nothing = np.zeros(LAST - replayed._start, dtype=np.int64)
    base = [replayed._totals.get(use, nothing) for use in replayed._classes]
    for _ in range(40):
        picked = rng.choice(len(base), size=rng.integers(1, 5), replace=False)
        changed = {
            int(index): np.maximum(0, base[index] + rng.integers(-3, 4, len(nothing)) * 10**10) for index in picked
        }
        whole = ladder.run([changed.get(index, use) for index, use in enumerate(base)])
        rests = ladder.rerun(trace, changed)
        assert set(changed) <= set(rests)
        for index, rest in enumerate(whole.open):
            assert (rests.get(index, trace.open[index]) == rest).all()
