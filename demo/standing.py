"""The account as it stands at one moment: what services answer from. A change or a later present makes another one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

from demo.billing.books import Books
from demo.billing.commitments import Reservation, SavingsPlan
from demo.billing.records import Charge
from demo.journal import Event, Journal
from demo.parameters import Parameters
from demo.reports.deliveries import DELAY_ACTION, known_to_reports
from demo.timeline import BillingPeriod, Horizon
from demo.wire import Caller
from demo.world.estate import Estate
from demo.world.resources import Resource

_Kind = TypeVar("_Kind", bound=Resource)


class Answering(Protocol):
    """A service with state of its own (CloudWatch, Cost Explorer)."""

    def answer(self, action: str, parameters: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """The answer of an action."""


@dataclass
class Account:
    """``make_metrics``: CloudWatch of an estate; made when first asked for, because a change makes it anew.

    ``make_books``: its bill, by what was done to it; made when first asked for too.
    """

    parameters: Parameters
    journal: Journal
    horizon: Horizon
    estate: Estate
    costs: Answering
    make_metrics: Callable[[Estate], Answering]
    make_books: Callable[[Estate, Sequence[Event]], Books]
    _charges: dict[int, Sequence[Charge]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _current: dict[type[Resource], dict[tuple[str, str], list[Any]]] = field(default_factory=dict, repr=False)

    @property
    def now(self) -> int:
        """The present in hours since the epoch: the hour that is about to begin, in which changes take hold."""
        return self.journal.now

    def changed(self, journal: Journal, estate: Estate) -> Account:
        """The account after something was done to it at its present."""
        return Account(self.parameters, journal, self.horizon, estate, self.costs, self.make_metrics, self.make_books)

    @cached_property
    def metrics(self) -> Answering:
        """CloudWatch."""
        return self.make_metrics(self.estate)

    @cached_property
    def books(self) -> Books:
        """The bill."""
        # Delayed reports are no line of the bill; left out as where the bill is written, so that ids agree.
        return self.make_books(self.estate, [event for event in self.journal.events if event.action != DELAY_ACTION])

    @property
    def commitments(self) -> Sequence[Reservation | SavingsPlan]:
        """What the organisation bought ahead, the newest purchase last."""
        return self.books.commitments

    def charges(self, period: BillingPeriod) -> Sequence[Charge]:
        """All lines of a period as the newest report holds them."""
        with self._lock:
            if period.start not in self._charges:
                known_to = known_to_reports(self.horizon, self.parameters.end_hour, self.journal.events)
                self._charges[period.start] = self.books.charges(period, known_to)
            return self._charges[period.start]

    def current(self, kind: type[_Kind], account_id: str, region: str | None) -> list[_Kind]:
        """What exists of a kind in an account, and in a region where one is given, sorted by id."""
        if kind not in self._current:
            places: dict[tuple[str, str], list[Any]] = {}
            for thing in sorted(self.estate.each(kind), key=lambda thing: thing.resource_id):
                if thing.is_current(self.now):
                    places.setdefault((thing.account.account_id, thing.region.code), []).append(thing)
            self._current[kind] = places
        found = self._current[kind]
        if region is not None:
            return found.get((account_id, region), [])
        return [thing for place in sorted(found) if place[0] == account_id for thing in found[place]]
