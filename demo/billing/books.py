"""The account's books: every line of every billing period, as a report of any hour holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from demo.billing.allocation import Allocation, Commitment, allocate
from demo.billing.blending import blend
from demo.billing.commitments import buy
from demo.billing.coverage import charge_covers
from demo.billing.discounts import discount
from demo.billing.fees import charge_fees
from demo.billing.lines import Grid
from demo.billing.meters import Meters
from demo.billing.monthly import settle, standing_lines
from demo.billing.portfolio import SAMPLE_HOURS, buy_portfolio
from demo.billing.records import Charge, Meter
from demo.billing.usage import charge_usage
from demo.journal import Event
from demo.timeline import BillingPeriod
from demo.world.estate import Estate

# A report's versions of one period follow on each other; more would fill memory in large accounts.
_KEPT = 2


@dataclass(eq=False)
class Books:
    """The bill of an estate. ``commitments``: all that the organisation ever bought, in a fixed order.

    One month is worked out at a time and the last few are kept. Picklable; what is kept doesn't travel. ``replay`` is
    kept by demo.billing.replay.
    """

    estate: Estate
    events: tuple[Event, ...]
    commitments: tuple[Commitment, ...]
    replay: object = field(default=None, repr=False)
    _meters: dict[tuple[int, int], list[Meter]] = field(default_factory=dict, repr=False)
    _charges: dict[tuple[int, int], list[Charge]] = field(default_factory=dict, repr=False)

    def charges(self, period: BillingPeriod, known_to: int) -> list[Charge]:
        """All lines of a period as a report written with what is known up to an hour holds them.

        Use before ``known_to`` alone; tax and invoice ids once the month is final; late lines from their own hour on.
        """
        if known_to <= period.start:
            return []
        key = (period.start, known_to)
        if key not in self._charges:
            while len(self._charges) >= _KEPT:
                self._charges.pop(next(iter(self._charges)))
            self._charges[key] = self._work_out(period, known_to)
        return self._charges[key]

    def meters(self, first: int, last: int) -> list[Meter]:
        """All use in the hours [first, last)."""
        key = (first, last)
        if key not in self._meters:
            self._meters.clear()
            self._meters[key] = Meters(self.estate.resources).measure(first, last)
        return self._meters[key]

    def allocation(self, first: int, last: int) -> Allocation:
        """Who covers what in the hours [first, last)."""
        return allocate(self.meters(first, last), self.commitments, first, last)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "replay": None, "_meters": {}, "_charges": {}}

    def _work_out(self, period: BillingPeriod, known_to: int) -> list[Charge]:
        grid = Grid(period, min(period.end, known_to))
        allocation = self.allocation(period.start, grid.last)
        charges = charge_usage(allocation.rest, period, period.start, grid.last)
        covered = charge_covers(allocation.covers, grid)
        charges += covered
        charges += charge_fees(allocation, self.commitments, covered, grid)
        charges += standing_lines(period)
        charges = discount(blend(charges, grid), self.estate.parameters.negotiated_discount_pct)
        horizon, seed = self.estate.horizon, self.estate.parameters.seed
        charges = settle(charges, period, horizon, known_to, seed, self.events)
        return [line for line in charges if len(line.starts)]


def keep_books(estate: Estate, events: Sequence[Event] = ()) -> Books:
    """The books of an estate to which the ``events`` of the hand are applied already.

    What was bought before the account's clock started is drawn from use before it, which no event can change.
    """
    parameters = estate.parameters
    anchor = parameters.end_hour
    sample = Meters(estate.resources).measure(anchor - SAMPLE_HOURS, anchor)
    owned = buy_portfolio(parameters.seed, anchor, sample)
    bought = buy(parameters.seed, list(events))
    return Books(estate, tuple(events), (*owned, *bought))
