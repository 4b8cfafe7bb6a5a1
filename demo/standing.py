"""The account as it stands at one moment: what services answer from. A change or a later present makes another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

from demo.journal import Journal
from demo.parameters import Parameters
from demo.timeline import Horizon
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
    """``make_metrics``: CloudWatch of an estate; made when first asked for, because a change makes it anew."""

    parameters: Parameters
    journal: Journal
    horizon: Horizon
    estate: Estate
    costs: Answering
    make_metrics: Callable[[Estate], Answering]
    _current: dict[type[Resource], dict[tuple[str, str], list[Any]]] = field(default_factory=dict, repr=False)

    @property
    def now(self) -> int:
        """The present in hours since the epoch: the hour that is about to begin, in which changes take hold."""
        return self.journal.now

    def changed(self, journal: Journal, estate: Estate) -> Account:
        """The account after something was done to it at its present."""
        return Account(self.parameters, journal, self.horizon, estate, self.costs, self.make_metrics)

    @cached_property
    def metrics(self) -> Answering:
        """CloudWatch."""
        return self.make_metrics(self.estate)

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
