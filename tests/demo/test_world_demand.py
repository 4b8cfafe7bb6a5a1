"""Latent demand and a machine's own load: functions of absolute time, exact in their sums, fitted to real machines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from demo.parameters import parse_end
from demo.world.background import draw_background
from demo.world.demand import ROLES, Demand
from tests.demo import calibration
from tests.real_data import find_real_data

ANCHOR = parse_end("2026-11-23")


def bring(role: str, seed: int = 7, zone: str = "America/New_York", **changes: object) -> Demand:
    return replace(Demand(seed, f"thing of {role}", role, zone, True, ANCHOR), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ROLES)
def test_any_two_windows_agree_on_their_overlap(role: str) -> None:
    demand = bring(role, trend_per_year=0.4, steps=((ANCHOR - 300, 1.5),), gone_from=ANCHOR - 24)
    whole = demand.hourly(ANCHOR - 9000, ANCHOR + 100)
    assert whole.min() >= 0 and whole.max() <= 1
    for first, last in ((-8999, -8000), (-100, 100), (-37, -36), (50, 50)):
        part = slice(9000 + first, 9000 + last)
        assert np.array_equal(demand.hourly(ANCHOR + first, ANCHOR + last), whole[part])
    fine, coarse = demand.shares(ANCHOR - 99, ANCHOR, 60), demand.shares(ANCHOR - 99, ANCHOR, 12)
    assert np.array_equal(fine.reshape(-1, 12, 5).sum(axis=2), coarse)
    assert (coarse.sum(axis=1) == 1).all() and fine.min() >= 0
    assert np.array_equal(demand.shares(ANCHOR - 50, ANCHOR - 7, 60), fine[49:92])
    memory = demand.memory(ANCHOR - 99, ANCHOR, 12)
    assert memory.shape == (99, 12) and memory.min() > 0 and memory.max() < 1
    assert np.array_equal(demand.memory(ANCHOR - 50, ANCHOR - 7, 12), memory[49:92])
    own = draw_background(7, role, "Europe/Dublin", ANCHOR - 99, ANCHOR, 60)
    later = draw_background(7, role, "Europe/Dublin", ANCHOR - 50, ANCHOR, 12)
    assert np.allclose(own.cpu.reshape(-1, 12, 5).mean(axis=2)[49:], later.cpu)
    assert np.allclose(own.inbound.reshape(-1, 12, 5).sum(axis=2)[49:], later.inbound)


def test_users_keep_their_local_hours_when_the_clocks_change() -> None:
    """New York: UTC-4 until 1 November 2026, then UTC-5."""
    before = int(datetime(2026, 10, 28, tzinfo=UTC).timestamp()) // 3600
    after = int(datetime(2026, 11, 4, tzinfo=UTC).timestamp()) // 3600
    for seed in range(8):
        demand = bring("nightly", seed)
        summer, winter = (demand.hourly(day, day + 24) > 0 for day in (before, after))
        assert summer.any() and np.array_equal(np.roll(summer, 1), winter)


def test_roles_do_what_their_names_say() -> None:
    weeks = (ANCHOR - 8 * 168, ANCHOR)
    nights = []
    for seed in range(20):
        office = bring("office", seed, zone="UTC").hourly(*weeks).reshape(-1, 24)
        nights.append(office[:, 2].max())
        weekdays = office[np.arange(56) % 7 < 5]
        assert weekdays[:, 11].min() > 3 * weekdays[:, 2].max()
        job = bring("daily_burst", seed, zone="UTC")
        assert ((job.hourly(*weeks) > 0).reshape(-1, 24).sum(axis=1) == 1).all()
        assert (job.shares(*weeks, 12) > 0).sum(axis=1).max() <= 3
        month_end = bring("month_end", seed, zone="UTC").hourly(*weeks)
        days = {datetime.fromtimestamp(int(weeks[0] + hour) * 3600, UTC).day for hour in np.flatnonzero(month_end)}
        assert days and days <= {1, 30, 31}
    # At some nothing at all happens at night, at others a little does, and it is real.
    assert sum(night == 0 for night in nights) >= 4 and sum(0 < night < 0.1 for night in nights) >= 4
    growing = bring("growing", trend_per_year=0.5)
    months = [growing.hourly(ANCHOR - back, ANCHOR - back + 672).mean() for back in (8766 + 672, 672)]
    assert 1.3 < months[1] / months[0] < 1.7


def test_own_load_is_that_of_real_machines_nobody_uses() -> None:
    """Medians and upper quartiles of simulated machines are among those of real machines that the fit has never seen:
    within the interval that holds 99 of 100 resamples of them. They are no more than 50, so the interval is wide."""
    traces = find_real_data() / "vm-traces" / "bitbrains-rnd-300-vms.parquet"
    days = calibration.read_days(traces)
    quiet = days[days.vm.isin(calibration.find_quiet(days))]
    held_out = calibration.describe(quiet[quiet.vm % 2 == 1])
    assert len(held_out) >= 30
    simulated = calibration.describe(calibration.simulate_days(200))
    rng = np.random.default_rng(1)
    for column in ("mean_load", "peak_load", "peak_load_14d", "megabytes", "megabytes_14d", "spread_bytes"):
        real = held_out[column].dropna().to_numpy()
        resampled = rng.choice(real, (4000, len(real)))
        for quantile in (0.5, 0.75):
            low, high = np.quantile(np.quantile(resampled, quantile, axis=1), (0.005, 0.995))
            assert low <= simulated[column].quantile(quantile) <= high, (column, quantile, low, high)
