"""The clock and the hand: how far the account's present was advanced and what was done to it, kept as a JSON file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from demo.errors import DemoError

JOURNAL_FILE = "journal.json"
SCRATCH_FILE = "journal.tmp"


@dataclass(frozen=True)
class Event:
    """Something done to the account at an hour, under the name of AWS's action (StopInstances, DeleteVolume ...).

    ``details``: what the action needs besides the resource, like {"InstanceType": "m5.large"}.
    """

    hour: int
    account_id: str
    region: str
    action: str
    resource_id: str
    details: dict[str, Any] = field(hash=False, default_factory=dict)


@dataclass(frozen=True)
class Journal:
    """``now``: the simulated present in hours since the epoch. ``events``: in the order in which they were done."""

    now: int
    events: tuple[Event, ...] = ()


def read_journal(directory: Path, start: int) -> Journal:
    """The journal of a folder; without one the account stands at ``start``. Raises DemoError on a damaged one."""
    path = directory / JOURNAL_FILE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Journal(int(raw["now"]), tuple(Event(**event) for event in raw["events"]))
    except FileNotFoundError:
        return Journal(start)
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise DemoError(f"{path} is damaged ({error}); delete {directory} and generate the account anew") from error


def write_journal(directory: Path, journal: Journal) -> None:
    """Put the journal in place in one step."""
    path = directory / JOURNAL_FILE
    scratch = directory / SCRATCH_FILE
    state = {"now": journal.now, "events": [asdict(event) for event in journal.events]}
    scratch.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    scratch.replace(path)


def digest_events(events: Sequence[Event]) -> str:
    """A text that tells one series of events from another."""
    return hashlib.sha256(json.dumps([asdict(event) for event in events], sort_keys=True).encode()).hexdigest()
