"""What a machine does for itself: agents, cron, updates. It brings load and traffic, and no work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.calendars import SLOTS_PER_HOUR, Horizon, local_hours
from demo.demand import MEGABYTE
from demo.randomness import stream


@dataclass(frozen=True)
class Background:
    """Per 5-minute slot: processor load in percent, and bytes in and out."""

    cpu: np.ndarray
    inbound: np.ndarray
    outbound: np.ndarray


def draw_background(seed: int, name: str, horizon: Horizon, time_zone: str) -> Background:
    """The own load of the machine called ``name``.

    A quiet base of agents, a daily cron job, on some machines a weekly update with its download, and seldom a scan
    that takes much of the machine. How large each is varies widely between machines. The highest load in two weeks has
    quartiles near 2, 4 and 7 percent; the quiet machines (mean below 1 percent) of the Bitbrains "rnd" traces have
    1.4, 3.9 and 11.7.
    """
    rng = stream(seed, "background", name)
    hours, weekdays = local_hours(horizon.start, horizon.hours, time_zone)
    slots = horizon.hours * SLOTS_PER_HOUR
    cpu = float(np.exp(rng.normal(np.log(0.4), 0.7))) * np.exp(0.2 * rng.standard_normal(slots))
    daily_bytes = float(np.exp(rng.normal(np.log(1.5 * MEGABYTE), 1.0)))
    traffic = daily_bytes / (24 * SLOTS_PER_HOUR) * rng.gamma(4.0, 0.25, slots)
    cron_hour, cron_slot = int(rng.integers(0, 24)), int(rng.integers(0, SLOTS_PER_HOUR - 2))
    cron_height, cron_length = float(np.exp(rng.normal(np.log(2.0), 1.0))), int(rng.integers(1, 3))
    for hour in np.flatnonzero(hours == cron_hour):
        first = int(hour) * SLOTS_PER_HOUR + cron_slot
        cpu[first : first + cron_length] += cron_height * rng.uniform(0.7, 1.05)
    if rng.random() < 0.35:
        update_day, update_hour = int(rng.integers(0, 7)), int(rng.integers(0, 23))
        height, size = (
            float(np.exp(rng.normal(np.log(6.0), 1.0))),
            float(np.exp(rng.normal(np.log(12 * MEGABYTE), 0.8))),
        )
        length = int(rng.integers(2, 5))
        for hour in np.flatnonzero((hours == update_hour) & (weekdays == update_day)):
            first = int(hour) * SLOTS_PER_HOUR
            cpu[first : first + length] += height * rng.uniform(0.6, 1.1)
            traffic[first : first + length] += size / length * rng.uniform(0.5, 1.3)
    if rng.random() < 0.1:
        first = int(rng.integers(0, slots - 12))
        cpu[first : first + 8] += rng.uniform(10, 70)
    share_in = rng.uniform(0.35, 0.65)
    return Background(cpu, traffic * share_in, traffic * (1 - share_in))
