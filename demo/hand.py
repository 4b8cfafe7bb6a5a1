"""The hand: what is done to the account through its API, checked, written down, and in force at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from demo.errors import DemoError
from demo.journal import Event, Journal, write_journal
from demo.wire import Caller, ServiceError
from demo.world.estate import Estate

Change = Callable[[Estate, Event], Estate]
_READING = ("Describe", "List", "Get", "Head", "Assume", "Search", "Lookup")


def is_reading(action: str) -> bool:
    """Whether an action changes nothing, by its name, as AWS names them."""
    return action.startswith(_READING)


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
