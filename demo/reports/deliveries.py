"""Which versions of each billing period's report exist, what was known to each, and when it was written.

AWS delivers several times a day while a month is open, a last time with the invoice, and again when support, credits or
refunds change a closed month. Kept here are, per period, an early version (of the last periods) and the newest one;
advancing the clock adds newer ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from demo.billing.monthly import RESTATE
from demo.billing.records import Charge
from demo.journal import Event
from demo.parameters import Parameters
from demo.randomness import uuid_like
from demo.timeline import CUR_LAG_HOURS, INVOICE_HOURS, SUPPORT_HOURS, BillingPeriod, Horizon

DELAY_ACTION = "DelayReports"
RESTATE_ACTION = RESTATE
# Older periods get their newest version alone: what for would their history be kept in every simulated account?
EARLY_VERSIONS = 3
_EARLY_HOURS = 4 * 24 + 9
# From collecting the charges to the last file.
_WRITING_HOURS = 4
# A tag shows in reports from the month on in which it was activated for cost allocation.
ACTIVATED_LATER = frozenset({"resourceTags/user:CostCenter"})


class Drawn(Protocol):
    """The estate, as far as reports need it."""

    @property
    def parameters(self) -> Parameters:
        """What the account was made from."""

    @property
    def horizon(self) -> Horizon:
        """Its periods and its present."""


class Bookkeeping(Protocol):
    """The account's bill (demo.billing.books.Books)."""

    @property
    def estate(self) -> Drawn:
        """Whose bill it is."""

    def charges(self, period: BillingPeriod, known_to: int) -> list[Charge]:
        """All lines of a period as a report written at an hour holds them."""


@dataclass(frozen=True)
class Delivery:
    """One version of a period's report: what was known up to an hour, written at another."""

    period: BillingPeriod
    known_to: int
    written: int

    def assembly(self, seed: int) -> str:
        """The id of the delivery."""
        return uuid_like(seed, "assembly", self.period.start, self.known_to)


def known_to_reports(horizon: Horizon, start: int, events: Sequence[Event]) -> int:
    """The first hour that no report knows of yet.

    ``start``: the hour at which the account's clock began. A ``DelayReports`` event {"hours": n} makes every delivery
    from its hour on know n hours less than usual, until another one says otherwise; what was delivered stays.
    """
    delay, since, known = 0, start, 0
    for event in [*events, None]:
        if event is not None and event.action != DELAY_ACTION:
            continue
        until = horizon.end if event is None else event.hour
        if until >= since:
            known = max(known, until - CUR_LAG_HOURS - delay)
        if event is not None:
            delay, since = int(event.details["hours"]), event.hour
    return known


def settle(period: BillingPeriod, known_to: int, charges: Sequence[Charge]) -> int:
    """The hour at which the period took the state that it has at ``known_to``: nothing changed in between."""
    if known_to <= period.end:
        return known_to
    changes = [period.end, period.end + INVOICE_HOURS, period.end + SUPPORT_HOURS]
    changes += [charge.known_from for charge in charges]
    return max(hour for hour in changes if hour <= known_to)


def newest_delivery(period: BillingPeriod, known_to: int, now: int, charges: Sequence[Charge]) -> Delivery:
    """The newest version of a period whose ``charges`` are those at ``known_to``."""
    settled = settle(period, known_to, charges)
    return Delivery(period, settled, min(settled + _WRITING_HOURS, now))


def early_delivery(horizon: Horizon, period: BillingPeriod, known_to: int) -> Delivery | None:
    """The early version of one of the last periods; None for older ones and where there was none yet."""
    if period not in horizon.periods[-EARLY_VERSIONS:]:
        return None
    known = period.start + _EARLY_HOURS
    if known >= min(known_to, period.end):
        known = known_to - 24
    if known <= period.start:
        return None
    return Delivery(period, known, known + _WRITING_HOURS)


def hidden_columns(estate: Drawn, period: BillingPeriod) -> frozenset[str]:
    """The columns that the reports of a period don't hold although its charges do."""
    months = estate.parameters.months
    activated = max(1, months // 4) if months > 1 else 0
    return ACTIVATED_LATER if estate.horizon.periods.index(period) < activated else frozenset()
