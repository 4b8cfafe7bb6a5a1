"""The answer key: what each thing is, whether it is waste, and by how much the bill would truly fall without it, with
the right size of it, or with it off in its quiet hours; and the best commitment of the account.

Every fall comes from replaying the account's bill with the thing taken out or changed and all else, commitments too,
kept: where something is paid anyway, only hours that other use takes over make the bill fall. The falls of one thing
don't add up, nor do those of several that share a commitment or a tier. Tax, credits and support stay out.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from demo import money
from demo.billing import replay
from demo.billing.books import Books
from demo.billing.commitments import Reservation
from demo.forking import die_with
from demo.money import SCALE
from demo.prices import catalog
from demo.truth.account import answer_account
from demo.truth.kinds import describe
from demo.truth.schedules import find_schedule, follow
from demo.truth.sizes import Size, find_sizes, name_size
from demo.truth.spelling import HOURS_PER_MONTH, spell_monthly
from demo.world.labels import Label, judge
from demo.world.resources import Instance, Resource, Volume

WINDOW_HOURS = 30 * 24
# Below so many things a second process costs more than it saves.
_WORTH_FORKING = 1500
_PROCESSES = 2


@dataclass(frozen=True)
class _Span:
    """The hours that a fall is measured in."""

    first: int
    last: int

    @property
    def hours(self) -> int:
        return max(0, self.last - self.first)


@dataclass(frozen=True)
class _Cover:
    """Hours of an instance in the window: on, reserved, and on Savings Plans (1e-10)."""

    reserved: int = 0
    planned: int = 0


def answer(books: Books) -> dict[str, Any]:
    """The whole key, ready for JSON; money as decimal texts in USD per month of 730 hours, before tax.

    Every thing that ever was is in it, in the order of ids; of what is gone only what it was.
    """
    estate = books.estate
    latest: dict[str, list[Resource]] = {}
    for thing in estate.resources:
        latest.setdefault(thing.resource_id, []).append(thing)
    resources = _answer_all(books, [latest[resource_id] for resource_id in sorted(latest)])
    for each in resources.values():
        if "attached_volumes" in each:
            falls = [Decimal(resources[name]["true_saving_usd_per_month"]) for name in each["attached_volumes"]]
            each["attached_volumes_usd_per_month"] = str(sum(falls, Decimal("0.0000")))
    return {
        "parameters": estate.parameters.as_dict(),
        "hours_per_month": HOURS_PER_MONTH,
        "window_hours": WINDOW_HOURS,
        "resources": resources,
        "account": answer_account(books, *_window(books)),
    }


def write_answers(books: Books, path: Path) -> None:
    """Write the key as JSON: one line a thing."""
    key = answer(books)
    lines = [f" {json.dumps(name)}: {_compact(value)}" for name, value in key["resources"].items()]
    parts = [f"{json.dumps(name)}: {_compact(value)}" for name, value in key.items() if name != "resources"]
    text = "{\n" + ",\n".join([*parts, '"resources": {\n' + ",\n".join(lines) + "\n}"]) + "\n}\n"
    path.write_text(text, encoding="utf-8")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _window(books: Books) -> tuple[int, int]:
    horizon = books.estate.horizon
    return max(horizon.cur_end - WINDOW_HOURS, horizon.start), horizon.cur_end


def _answer_all(books: Books, things: Sequence[list[Resource]]) -> dict[str, Any]:
    prepared = _Context(books)
    if len(things) < _WORTH_FORKING:
        return {each[0].resource_id: prepared.answer(each) for each in things}
    # The pool's processes are forks of this one: what is prepared here isn't prepared again.
    global _shared
    _shared = (prepared, things)
    context = multiprocessing.get_context("fork")
    try:
        with ProcessPoolExecutor(_PROCESSES, context, initializer=die_with, initargs=(os.getpid(),)) as pool:
            answers = list(pool.map(_answer_shared, range(len(things)), chunksize=64))
    finally:
        _shared = None
    return {each[0].resource_id: found for each, found in zip(things, answers, strict=True)}


_shared: tuple[_Context, Sequence[list[Resource]]] | None = None


def _answer_shared(index: int) -> dict[str, Any]:
    assert _shared is not None
    context, things = _shared
    return context.answer(things[index])


class _Context:
    """What the answers of all things need."""

    def __init__(self, books: Books):
        self.books, self.estate = books, books.estate
        self.now = books.estate.horizon.end
        self.first, self.last = _window(books)
        self.volumes: dict[str, list[Volume]] = {}
        for volume in books.estate.each(Volume):
            if volume.instance_id is not None and volume.is_current(self.now - 1):
                self.volumes.setdefault(volume.instance_id, []).append(volume)
        self.covers = _sum_covers(books, self.first, self.last)
        # Prepares the replay before any fork.
        replay.replay(books, self.first, self.last)

    def answer(self, descriptions: list[Resource]) -> dict[str, Any]:
        """The answer about one thing, from all of its descriptions in the order of time."""
        hour = self.now - 1
        thing = next((each for each in descriptions if each.is_current(hour)), descriptions[-1])
        label = judge(thing, self.now)
        result = describe(thing)
        result |= {
            "kind": label.kind,
            "reason": label.reason,
            "is_idle": label.is_idle,
            "is_needed": label.is_needed,
            "is_observable": label.is_observable,
        }
        if label.kind == "gone":
            result |= {"is_waste": False, "true_saving_usd_per_month": "0.0000"}
        else:
            result |= self._answer_current(thing, descriptions, label)
        return result

    def _answer_current(self, thing: Resource, descriptions: list[Resource], label: Label) -> dict[str, Any]:
        span = self._span(thing.life.launched, _paused_from(thing, self.now) if label.kind == "stopped" else 0)
        fall = replay.fall_without(self.books, thing.resource_id, span.first, span.last) if span.hours else 0
        # A root volume goes with its machine: it is no waste of its own.
        goes_along = isinstance(thing, Volume) and thing.is_root and thing.instance_id is not None
        result = {
            "is_waste": label.is_idle and fall > 0 and not goes_along,
            "true_saving_usd_per_month": spell_monthly(fall, span.hours),
            "safe_size": None,
            "resize": None,
            "quiet_hours": None,
        }
        if isinstance(thing, Instance):
            result |= self._instance_facts(thing, descriptions)
        if label.kind != "stopped":
            result |= self._size(thing) | self._schedule(thing, label)
        return result

    def _span(self, *starts: int) -> _Span:
        return _Span(max(self.first, *starts), self.last)

    def _instance_facts(self, thing: Instance, descriptions: list[Resource]) -> dict[str, Any]:
        span = self._span(thing.life.launched)
        listed = ran = 0
        for each in descriptions:
            if isinstance(each, Instance) and span.hours:
                hours = int(each.runs(span.first, span.last).sum())
                key = f"ec2/{each.instance_type}/{each.operating_system}"
                listed, ran = listed + hours * catalog.on_demand_rate(key, each.region), ran + hours
        volumes = self.volumes.get(thing.resource_id, [])
        cover = self.covers.get(thing.resource_id, _Cover())
        return {
            "is_spot": thing.is_spot,
            "group": thing.group,
            "list_cost_usd_per_month": spell_monthly(listed, span.hours),
            "attached_volumes": sorted(volume.resource_id for volume in volumes),
            "hours_running": ran,
            "hours_reserved": round(cover.reserved / SCALE, 2),
            "hours_on_plan": f"{money.to_decimal(cover.planned):.2f}",
        }

    def _size(self, thing: Resource) -> dict[str, Any]:
        """The right size, and what it would save where it is a smaller one. Of several, the one that saves most."""
        present, span = name_size(thing), self._span(thing.life.launched, thing.since)
        best: tuple[int, Size] | None = None
        for size in find_sizes(thing, self.estate, self.now):
            is_present = size.name == present or not span.hours
            fall = 0 if is_present else self._fall_with(thing, size.thing, span)
            if best is None or fall > best[0]:
                best = fall, size
        if best is None:
            return {}
        fall, size = best
        result: dict[str, Any] = {"safe_size": size.name}
        if size.name != present and size.is_smaller and fall >= 0 and span.hours:
            result["resize"] = {"to": size.name, "true_saving_usd_per_month": spell_monthly(fall, span.hours)}
        return result

    def _schedule(self, thing: Resource, label: Label) -> dict[str, Any]:
        schedule = find_schedule(thing, label, self.now)
        span = self._span(thing.life.launched, thing.since)
        if schedule is None or not span.hours:
            return {}
        fall = self._fall_with(thing, follow(thing, schedule, span.first, span.last), span)
        return {
            "quiet_hours": {
                "time_zone": schedule.time_zone,
                "ranges": [list(pair) for pair in schedule.ranges],
                "hours_per_week": len(schedule.hours),
                "lasts": schedule.lasts,
                "true_saving_usd_per_month": spell_monthly(fall, span.hours),
            }
        }

    def _fall_with(self, thing: Resource, changed: Resource, span: _Span) -> int:
        return replay.fall_with(self.books, thing.resource_id, changed, span.first, span.last)


def _paused_from(thing: Resource, now: int) -> int:
    """When it was stopped last. (RDS starts what is stopped for an hour a week; that doesn't count.)"""
    return max((start for start, _ in thing.life.pauses if start < now), default=0)


def _sum_covers(books: Books, first: int, last: int) -> dict[str, _Cover]:
    """What commitments covered of each instance in [first, last)."""
    covers: dict[str, _Cover] = {}
    for cover in books.allocation(first, last).covers:
        if cover.meter.commitment_class == "ec2":
            before, amount = covers.get(cover.meter.resource_id, _Cover()), int(cover.quantity.sum())
            is_reserved = isinstance(cover.commitment, Reservation)
            covers[cover.meter.resource_id] = _Cover(
                before.reserved + amount * is_reserved, before.planned + amount * (not is_reserved)
            )
    return covers
