"""Makes a simulated account's folder, and brings it to the present after its clock or its hand has moved.

The folder holds ``account.json`` (parameters and fingerprint), ``journal.json`` (clock and hand), ``s3/<bucket>/...``
(plain files, read at request time), ``cost_explorer/`` (a file per billing period), ``deliveries.json`` (what was
delivered so far) and what ``also`` adds: ``answer_key.json``. Metrics are not kept: they are made again when asked for.

``account.json`` also tells which journal the folder was delivered for, or that a delivery is under way: whoever finds
the journal ahead of it, because a process was killed, delivers again, which changes nothing that is right already.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from demo.billing.books import Books, keep_books
from demo.errors import DemoError
from demo.holding import hold, recover, replace_folder, scratch_of
from demo.journal import JOURNAL_FILE, SCRATCH_FILE, Event, Journal, digest_events, read_journal, write_journal
from demo.parameters import Parameters, fingerprint
from demo.reports.deliveries import DELAY_ACTION
from demo.reports.delivering import S3_FOLDER, Deliverer
from demo.timeline import draw_horizon
from demo.truth.key import write_answers
from demo.world.founding import draw_estate

ACCOUNT_FILE = "account.json"
ANSWER_FILE = "answer_key.json"
# What comes and goes with the clock and the hand, by its own rules.
_UNCOUNTED = frozenset({ACCOUNT_FILE, JOURNAL_FILE, SCRATCH_FILE})

Addition = Callable[[Books, Path], None]


def write_key(books: Books, root: Path) -> None:
    """Put the answer key beside the reports."""
    write_answers(books, root / ANSWER_FILE)


def open_books(parameters: Parameters, journal: Journal) -> Books:
    """The bill of the account as its journal left it. Raises DemoError for a journal that can't be followed."""
    events = [event for event in journal.events if event.action != DELAY_ACTION]
    return keep_books(draw_estate(parameters, draw_horizon(parameters, journal.now), events), events)


def read_parameters(directory: Path) -> Parameters:
    """The parameters of a generated folder. Raises DemoError where there is none."""
    path = directory / ACCOUNT_FILE
    recover(directory)
    try:
        return Parameters.from_dict(json.loads(path.read_text(encoding="utf-8"))["parameters"])
    except FileNotFoundError as error:
        raise DemoError(f"{path} does not exist; run: python -m demo generate --directory {directory}") from error
    except OSError as error:
        raise DemoError(f"{path} can't be read ({error.strerror})") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DemoError(
            f"{path} is damaged ({error}); delete {directory} and run: python -m demo generate --directory {directory}"
        ) from error


def generate(
    directory: Path, parameters: Parameters, also: Sequence[Addition] = (write_key,), processes: int | None = None
) -> bool:
    """Make the folder, or leave it where it already holds these parameters whole; return whether it was made.

    A folder of other parameters or other code is replaced, and begins with an empty journal. One of these whose clock
    was advanced or that the hand changed keeps its journal: what a killed process left undone is done. Raises
    DemoError for a folder that holds something else.
    """
    recover(directory)
    _refuse_foreign(directory)
    state = _read_state(directory)
    if state.get("fingerprint") == fingerprint(parameters):
        journal = read_journal(directory, parameters.end_hour)
        if state.get("files") == _inventory(directory) and not is_behind(directory):
            return False
        if journal != Journal(parameters.end_hour):
            update(directory, also, processes)
            return True
    directory.parent.mkdir(parents=True, exist_ok=True)
    scratch = scratch_of(directory)
    scratch.mkdir(mode=0o700)
    with hold(scratch):
        try:
            journal = Journal(parameters.end_hour)
            write_journal(scratch, journal)
            _fill(scratch, parameters, journal, open_books(parameters, journal), also, processes)
            replace_folder(directory, scratch)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
    return True


def is_behind(directory: Path) -> bool:
    """Whether a folder was not delivered for its journal's present: a process that advanced its clock was killed.

    What the hand did in the present hour shows in the next reports, so that it alone needs no delivery.
    """
    parameters, state = read_parameters(directory), _read_state(directory)
    return not _is_delivered(state, read_journal(directory, parameters.end_hour))


def _is_delivered(state: dict[str, Any], journal: Journal) -> bool:
    delivered = state.get("delivered")
    if not delivered or state.get("delivering"):
        return False
    events = journal.events[: delivered["count"]]
    return bool(delivered == _describe(Journal(journal.now, events)))


def _describe(journal: Journal) -> dict[str, Any]:
    return {"now": journal.now, "count": len(journal.events), "digest": digest_events(journal.events)}


def update(directory: Path, also: Sequence[Addition] = (write_key,), processes: int | None = None) -> Books:
    """Bring a folder to the present of its journal, in place, and return the books it now follows.

    Only periods whose lines or state have moved are delivered anew; every file changes in one step, manifests last, so
    a server may go on reading. Raises DemoError where the folder is no account or its journal can't be followed.
    """
    with hold(directory):
        parameters = read_parameters(directory)
        journal, state = read_journal(directory, parameters.end_hour), _read_state(directory)
        # An error in the journal shows here, before anything is touched.
        books = open_books(parameters, journal)
        _drop_parts(directory)
        following = _describe(journal)
        # A delivery for a journal that was put back, or damaged files: what is there can't be trusted.
        is_foreign = state.get("delivering") not in (None, following)
        is_damaged = not state.get("delivering") and state.get("files") != _inventory(directory)
        _write_state(directory, {**state, "delivering": following})
        return _fill(directory, parameters, journal, books, also, processes, anew=is_foreign or is_damaged)


def _fill(
    root: Path,
    parameters: Parameters,
    journal: Journal,
    books: Books,
    also: Sequence[Addition],
    processes: int | None,
    *,
    anew: bool = False,
) -> Books:
    events: Sequence[Event] = journal.events
    if anew:
        _drop_later(root / S3_FOLDER, journal.now)
    Deliverer(books, root).deliver(events, processes, anew=anew)
    for add in also:
        add(books, root)
    state = {"parameters": parameters.as_dict(), "fingerprint": fingerprint(parameters)}
    _write_state(root, {**state, "delivered": _describe(journal), "files": _inventory(root)})
    return books


def _drop_later(root: Path, now: int) -> None:
    """Remove what was delivered after the present: for a journal that was put back since."""
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_file() and path.stat().st_mtime > now * 3600:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _drop_parts(root: Path) -> None:
    for path in [*root.rglob(".*.part"), root / SCRATCH_FILE]:
        path.unlink(missing_ok=True)


def _write_state(root: Path, state: dict[str, Any]) -> None:
    scratch = root / f".{ACCOUNT_FILE}.part"
    scratch.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    scratch.replace(root / ACCOUNT_FILE)


def _inventory(root: Path) -> dict[str, int]:
    return {
        path.relative_to(root).as_posix(): path.stat().st_size
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in _UNCOUNTED
    }


def _read_state(directory: Path) -> dict[str, Any]:
    try:
        state = json.loads((directory / ACCOUNT_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _refuse_foreign(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise DemoError(f"{directory} is a file; name a folder for the simulated account")
    if directory.is_dir() and any(directory.iterdir()) and not (directory / ACCOUNT_FILE).exists():
        raise DemoError(f"{directory} holds files that are not a simulated account; name an empty or new folder")
