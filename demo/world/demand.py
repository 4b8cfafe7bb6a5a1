"""Latent demand: the work that people and other systems bring to a resource, drawn before anything else.

Labels are judged from it; metrics and bills are made from it. It knows nothing of any rule that might look at them:
work is either brought or it isn't. Everything is a function of absolute time, so that any window at any grain can be asked
for, and an account that is advanced keeps its past.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from demo.randomness import noise_key, normals, stream, uniforms
from demo.timeline import local_hours, local_month_edges

SLOTS_PER_HOUR = 12


@dataclass(frozen=True)
class Demand:
    """What is brought to one resource.

    ``role`` is one of ROLES; ``time_zone`` is its users'. ``is_needed``: whether its owner would miss it, work or not.
    ``trend_per_year``: growth (0.5) or decline (-0.3) relative to ``anchor``, an hour. ``steps``: (hour, factor) from that
    hour on, multiplied. ``gone_from``: the hour in which its users left for good.
    """

    seed: int
    name: str
    role: str
    time_zone: str
    is_needed: bool
    anchor: int
    trend_per_year: float = 0.0
    steps: tuple[tuple[int, float], ...] = ()
    gone_from: int | None = None

    def hourly(self, first: int, last: int) -> np.ndarray:
        """Per hour of [first, last): the share (0-1) of the resource's capacity that arriving work takes."""
        return np.zeros(last - first)

    def shares(self, first: int, last: int, per_hour: int) -> np.ndarray:
        """How an hour's work falls within it: an array (hours, per_hour), each row non-negative with the sum 1.

        ``per_hour`` is 12 or 60, and the sums of five neighbours of the finer are the coarser.
        """
        return np.full((last - first, per_hour), 1.0 / per_hour)
