"""Labels: judged from demand and need, equal to a plain restatement, and hard to tell by anybody's thresholds."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from demo.parameters import Parameters, parse_end
from demo.timeline import draw_horizon, moment
from demo.world.background import draw_background
from demo.world.demand import Demand
from demo.world.estate import Estate
from demo.world.founding import draw_estate
from demo.world.labels import bring_work, find_peak_need, find_quiet_hours, judge
from demo.world.resources import (
    ContainerService,
    Database,
    DatabaseCluster,
    Distribution,
    Instance,
    LoadBalancer,
    NatGateway,
    Resource,
    Snapshot,
)

END = parse_end("2026-11-23")
LOOK_ALIKES = {"idle", "strays", "fading", "standby", "light_duty", "daily_burst", "network_worker", "silent_idle",
               "newborn", "weekly_batch", "month_end"}  # fmt: skip


def draw(seed: int, resources: int = 300) -> Estate:
    parameters = Parameters(seed, END, resources)
    return draw_estate(parameters, draw_horizon(parameters))


@pytest.fixture(scope="module")
def estate() -> Estate:
    return draw(11)


def test_idle_is_on_without_work_and_without_need(estate: Estate) -> None:
    seen = set()
    for thing in estate.counted().values():
        label = judge(thing, END)
        seen.add((label.kind, label.is_idle))
        is_on = any(thing.runs(END - 168, END)) and thing.is_current(END - 1)
        works = thing.demand.hourly(END - 24, END).any() and thing.demand.role not in ("strays", "touched")
        if label.is_idle:
            assert is_on and not works and not thing.demand.is_needed
        elif thing.demand.role in ("idle", "strays", "touched", "silent_idle", "fading"):
            assert label.kind in ("gone", "stopped")
    assert {("standby", False), ("month_end", False), ("newborn", False), ("stopped", False), ("strays", True)} <= seen


def test_quiet_hours_are_those_in_which_nothing_ever_came(estate: Estate) -> None:
    things = [thing for thing in estate.counted().values() if isinstance(thing, Instance)]
    sizes = set()
    for thing in things[::4]:
        worked, lived = set(), set()
        zone = ZoneInfo(thing.demand.time_zone)
        first = max(END - 8 * 168, thing.life.launched)
        work = bring_work(thing, first, END)
        for hour in range(first, END):
            local = moment(hour).astimezone(zone)
            lived.add(local.weekday() * 24 + local.hour)
            if work[hour - first] > 0:
                worked.add(local.weekday() * 24 + local.hour)
        quiet = find_quiet_hours(thing, END)
        assert quiet == lived - worked
        sizes.add(len(quiet))
    assert 0 in sizes and 168 in sizes and any(0 < size < 168 for size in sizes)


def test_peak_need_is_the_busiest_five_minutes(estate: Estate) -> None:
    for thing in [thing for thing in estate.counted().values() if isinstance(thing, Instance)][::6]:
        first = max(END - 8 * 168, thing.life.launched)
        slots = thing.demand.shares(first, END, 12) * bring_work(thing, first, END)[:, None] * 12
        processor, memory = find_peak_need(thing, END)
        assert processor == pytest.approx(min(1.0, slots.max()) / thing.capacity_factor, rel=1e-12)
        assert 0 <= memory <= 1
        half = replace(thing, capacity_factor=thing.capacity_factor / 2)
        assert find_peak_need(half, END) == pytest.approx((2 * processor, 2 * memory))


def is_near(value: float, *thresholds: float) -> bool:
    return any(threshold / 2 <= value <= threshold * 2 for threshold in thresholds)


def busiest(thing: Resource) -> tuple[float, float]:
    """The highest five minutes of processor percent, and the median day's own megabytes, of the last 14 days."""
    first = END - 14 * 24
    demand: Demand = thing.demand
    own = draw_background(demand.seed, thing.resource_id, demand.time_zone, first, END, 12)
    load = own.cpu + 100 * demand.shares(first, END, 12) * 12 * demand.hourly(first, END)[:, None]
    return float(load.max()), float(np.median((own.inbound + own.outbound).reshape(14, -1).sum(axis=1)) / 1e6)


def count_per_day(thing: Resource, full: int, days: int) -> float:
    return float(np.rint(thing.demand.hourly(END - days * 24, END) * full).sum() / days)


def test_no_published_threshold_separates_the_planted_cases() -> None:
    """A third of the cases that a rule must tell apart lie within twice of what AWS's and others' rules say: peak
    processor 5 % (Compute Optimizer), 1 % (Cost Explorer) or 10 % (Trusted Advisor), 5 MB a day; 1, 10 or 100 requests
    a day of a load balancer; 100 requests a month of a distribution; 1 GB a day of a NAT gateway."""
    near: dict[type[Resource], list[bool]] = {Instance: [], LoadBalancer: [], Distribution: [], NatGateway: []}
    near_main: list[bool] = []
    for seed in range(20):
        for thing in draw(seed).counted().values():
            if thing.demand.role not in LOOK_ALIKES or not thing.is_current(END - 1):
                continue
            if isinstance(thing, Instance):
                processor, megabytes = busiest(thing)
                near_main.append(is_near(processor, 5.0) or is_near(megabytes, 5.0))
                near[Instance].append(is_near(processor, 1.0, 5.0, 10.0))
            elif thing.demand.role in ("strays", "light_duty"):
                if isinstance(thing, LoadBalancer):
                    near[LoadBalancer].append(is_near(count_per_day(thing, thing.requests_per_hour, 14), 1, 10, 100))
                elif isinstance(thing, Distribution):
                    near[Distribution].append(is_near(30 * count_per_day(thing, thing.requests_per_hour, 30), 100))
                elif isinstance(thing, NatGateway):
                    moved = float(thing.demand.hourly(END - 168, END).sum() * thing.gb_per_hour / 7)
                    near[NatGateway].append(is_near(moved, 1.0))
    assert np.mean(near_main) >= 0.3
    for kind, cases in near.items():
        assert len(cases) >= 20 and np.mean(cases) >= 0.3, (kind, len(cases), np.mean(cases))


def find_best_accuracy(values: np.ndarray, idle: np.ndarray) -> float:
    """Of all rules "idle is what does no more than so much" the best one's accuracy, where idle ones and others count
    as many: half the share of idle ones it finds, and half the share of the others that it leaves alone."""
    found = (values[idle][None, :] <= values[:, None]).mean(axis=1)
    spared = (values[~idle][None, :] > values[:, None]).mean(axis=1)
    return float(((found + spared) / 2).max())


def test_no_threshold_at_all_tells_idle_from_needed() -> None:
    """Whatever limit a rule sets on the work of the last 14 days, in the mean or in its highest hour, it errs."""
    seen: dict[type[Resource], list[tuple[float, float, bool]]] = {}
    for seed in range(12):
        for thing in draw(seed).counted().values():
            label = judge(thing, END)
            if label.kind in ("gone", "stopped") or isinstance(thing, Snapshot):  # nothing works on a snapshot
                continue
            work = thing.demand.hourly(END - 14 * 24, END) * thing.life.runs(END - 14 * 24, END)
            # Requests that nobody made are none.
            full = getattr(thing, "requests_per_hour", None)
            work = work if full is None else np.rint(work * full)
            seen.setdefault(type(thing), []).append((float(work.mean()), float(work.max()), label.is_idle))
    assert {Instance, Database, DatabaseCluster, ContainerService, Distribution} <= seen.keys()
    for kind, cases in seen.items():
        means, highest, idle = (np.array(column) for column in zip(*cases, strict=True))
        assert 5 <= idle.sum() <= len(idle) - 5, kind
        best = find_best_accuracy(means, idle), find_best_accuracy(highest, idle)
        assert max(best) <= 0.9, (kind, best)
