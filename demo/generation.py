"""Makes a simulated account's folder, in the order that keeps labels honest: demand, labels, bills, answers.

The folder holds ``account.json`` (parameters and fingerprint), ``s3/<bucket>/...`` (plain files, read at request time),
``cost_explorer.json`` and ``answer_key.json``. Metrics are not kept: they are made again from the seed when asked for.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from demo import cur
from demo.answers import write_answers
from demo.calendars import draw_horizon
from demo.charges import keep_books
from demo.errors import DemoError
from demo.estate import draw_estate
from demo.parameters import Parameters, fingerprint
from demo.spend import write_spend

ACCOUNT_FILE = "account.json"
ANSWER_FILE = "answer_key.json"
SPEND_FILE = "cost_explorer.json"
S3_FOLDER = "s3"


def _inventory(root: Path) -> dict[str, int]:
    return {
        path.relative_to(root).as_posix(): path.stat().st_size
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ACCOUNT_FILE
    }


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


def generate(directory: Path, parameters: Parameters) -> bool:
    """Make the folder, or leave it where it already holds these parameters whole; return whether it was made.

    The new folder takes the old one's place in one step. Raises DemoError for a folder that holds something else.
    """
    _refuse_foreign(directory)
    if _is_current(directory, parameters):
        return False
    directory.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        _fill(scratch, parameters)
        if directory.exists():
            shutil.rmtree(directory)
        scratch.replace(directory)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return True


def _fill(root: Path, parameters: Parameters) -> None:
    books = keep_books(draw_estate(parameters, draw_horizon(parameters)))
    cur.write_reports(books, root / S3_FOLDER / cur.BUCKET)
    write_spend(books, root / SPEND_FILE)
    write_answers(books, root / ANSWER_FILE)
    state = {"parameters": parameters.as_dict(), "fingerprint": fingerprint(parameters), "files": _inventory(root)}
    (root / ACCOUNT_FILE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
