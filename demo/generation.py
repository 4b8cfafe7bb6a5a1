"""Makes a simulated account's folder, and brings it to the present after its clock or its hand has moved.

The folder holds ``account.json`` (parameters and fingerprint), ``journal.json`` (clock and hand), ``s3/<bucket>/...``
(plain files, read at request time), ``cost_explorer/`` (a file per billing period), ``deliveries.json`` (what was
delivered so far) and what ``also`` adds: ``answer_key.json``. Metrics are not kept: they are made again when asked for.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from demo.billing.books import Books, keep_books
from demo.errors import DemoError
from demo.journal import JOURNAL_FILE, Event, Journal, read_journal, write_journal
from demo.parameters import Parameters, fingerprint
from demo.reports.deliveries import DELAY_ACTION
from demo.reports.delivering import Deliverer
from demo.timeline import draw_horizon
from demo.truth.key import write_answers
from demo.world.estate import draw_estate

ACCOUNT_FILE = "account.json"
ANSWER_FILE = "answer_key.json"
# What comes and goes with the clock and the hand, by its own rules.
_UNCOUNTED = frozenset({ACCOUNT_FILE, JOURNAL_FILE})

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
    try:
        return Parameters.from_dict(json.loads(path.read_text(encoding="utf-8"))["parameters"])
    except FileNotFoundError as error:
        raise DemoError(f"{path} does not exist; run: python -m demo generate --directory {directory}") from error
    except (json.JSONDecodeError, KeyError, ValueError) as error:
        raise DemoError(
            f"{path} is damaged ({error}); delete {directory} and run: python -m demo generate --directory {directory}"
        ) from error


def generate(
    directory: Path, parameters: Parameters, also: Sequence[Addition] = (write_key,), processes: int | None = None
) -> bool:
    """Make the folder, or leave it where it already holds these parameters whole; return whether it was made.

    The new folder takes the old one's place in one step, and begins with an empty journal. A whole folder whose clock
    was advanced is left as it is. Raises DemoError for a folder that holds something else.
    """
    _refuse_foreign(directory)
    if _is_current(directory, parameters):
        return False
    directory.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        journal = Journal(parameters.end_hour)
        write_journal(scratch, journal)
        _fill(scratch, parameters, journal, also, processes)
        if directory.exists():
            shutil.rmtree(directory)
        scratch.replace(directory)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return True


def update(directory: Path, also: Sequence[Addition] = (write_key,), processes: int | None = None) -> Books:
    """Bring a folder to the present of its journal, in place, and return the books it now follows.

    Only periods whose lines or state have moved are delivered anew; every file changes in one step, manifests last, so
    a server may go on reading. Raises DemoError where the folder is no account or its journal can't be followed.
    """
    parameters = read_parameters(directory)
    return _fill(directory, parameters, read_journal(directory, parameters.end_hour), also, processes)


def _fill(
    root: Path, parameters: Parameters, journal: Journal, also: Sequence[Addition], processes: int | None
) -> Books:
    books = open_books(parameters, journal)
    events: Sequence[Event] = journal.events
    Deliverer(books, root).deliver(events, processes)
    for add in also:
        add(books, root)
    state = {"parameters": parameters.as_dict(), "fingerprint": fingerprint(parameters), "files": _inventory(root)}
    scratch = root / f".{ACCOUNT_FILE}.part"
    scratch.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    scratch.replace(root / ACCOUNT_FILE)
    return books


def _inventory(root: Path) -> dict[str, int]:
    return {
        path.relative_to(root).as_posix(): path.stat().st_size
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in _UNCOUNTED
    }


def _is_current(directory: Path, parameters: Parameters) -> bool:
    try:
        state = json.loads((directory / ACCOUNT_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return bool(state.get("fingerprint") == fingerprint(parameters) and state.get("files") == _inventory(directory))


def _refuse_foreign(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise DemoError(f"{directory} is a file; name a folder for the simulated account")
    if directory.is_dir() and any(directory.iterdir()) and not (directory / ACCOUNT_FILE).exists():
        raise DemoError(f"{directory} holds files that are not a simulated account; name an empty or new folder")
