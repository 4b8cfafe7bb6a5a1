"""When a resource exists and when it runs. Hours since the epoch; an end is the first hour without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.timeline import local_hours


@dataclass(frozen=True)
class Life:
    """From ``launched`` to ``ended``, without the ``pauses`` [from, to) in which it is stopped (None: until now).

    ``office_zone``: where set, it is switched off outside of 07-20 on weekdays of that time zone.
    """

    launched: int
    ended: int | None = None
    pauses: tuple[tuple[int, int | None], ...] = ()
    office_zone: str | None = None

    def exists(self, first: int, last: int) -> np.ndarray:
        """Per hour of [first, last): whether it is there."""
        hours = np.arange(first, last)
        there = hours >= self.launched
        if self.ended is not None:
            there &= hours < self.ended
        return there

    def runs(self, first: int, last: int) -> np.ndarray:
        """Per hour of [first, last): whether it is there and switched on."""
        hours = np.arange(first, last)
        on = self.exists(first, last)
        for start, end in self.pauses:
            on &= (hours < start) | (hours >= (end if end is not None else last))
        if self.office_zone is not None:
            clock, weekday = local_hours(first, last - first, self.office_zone)
            on &= (clock >= 7) & (clock < 20) & (weekday < 5)
        return on
