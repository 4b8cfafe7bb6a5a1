"""The hand: what is done to the account through its API, checked, written down, and in force at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from demo.billing.monthly import RESTATE
from demo.errors import DemoError
from demo.journal import Event, Journal, write_journal
from demo.reports.deliveries import DELAY_ACTION
from demo.timeline import Horizon
from demo.wire import Caller, ServiceError
from demo.world.accounts import account_of
from demo.world.estate import Estate

Change = Callable[[Estate, Event], Estate]
LONGEST_DELAY_HOURS = 240
LARGEST_REFUND_USD = 1_000_000
_READING = ("Describe", "List", "Get", "Head", "Assume", "Search", "Lookup")


def is_reading(action: str) -> bool:
    """Whether an action changes nothing, by its name, as AWS names them."""
    return action.startswith(_READING)


def check_told(event: Event, horizon: Horizon) -> None:
    """Whether something that no client can cause may happen. Raises DemoError where it can't.

    ``DelayReports`` {"hours"} and ``Restate`` {"period": "YYYY-MM", "account", "amount_usd"}.
    """
    details = event.details
    if event.action == DELAY_ACTION:
        hours = details.get("hours")
        if isinstance(hours, bool) or not isinstance(hours, int) or not 0 <= hours <= LONGEST_DELAY_HOURS:
            raise DemoError(f"{DELAY_ACTION} needs hours, a whole number from 0 to {LONGEST_DELAY_HOURS}")
    elif event.action == RESTATE:
        if str(details.get("period")) not in {period.label for period in horizon.periods if period.end <= horizon.end}:
            raise DemoError(f"{RESTATE} needs period, a month of the account that is over, like 2026-10")
        account_of(str(details.get("account")))
        try:
            amount = Decimal(str(details.get("amount_usd")))
        except InvalidOperation as error:
            raise DemoError(f"{RESTATE} needs amount_usd, an amount as text like 12.34") from error
        if not amount.is_finite() or abs(amount) > LARGEST_REFUND_USD:
            raise DemoError(f"{RESTATE} needs an amount_usd of up to {LARGEST_REFUND_USD}")
    else:
        raise DemoError(f"{event.action} is not {DELAY_ACTION} or {RESTATE}; do it through AWS's API")


def record(
    directory: Path,
    journal: Journal,
    estate: Estate,
    change: Change,
    caller: Caller,
    action: str,
    resource_id: str,
    details: dict[str, Any],
) -> tuple[Journal, Estate]:
    """Do something at the journal's present and write it down; the journal and the estate after it.

    The caller of this function holds the account's lock. Raises ServiceError where the world can't be changed so.
    """
    event = Event(journal.now, caller.account.account_id, caller.region, action, resource_id, details)
    try:
        changed = change(estate, event)
    except DemoError as error:
        raise ServiceError(400, "InvalidParameterValue", str(error)) from error
    following = replace(journal, events=(*journal.events, event))
    write_journal(directory, following)
    return following, changed
