"""dbt, run by its own command, its progress passed on line by line."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ingest.ledger import hold_lock

_CHECKOUT = Path(__file__).parents[1]
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Tables take the time and failures the attention; tests that pass are counted in dbt's own last line.
_WORTH_TELLING = re.compile(
    r"OK created sql (?:table|incremental) model|Finished running|WARN|FAIL|ERROR|Error|Failure"
)
_STAMP = re.compile(r"^\d\d:\d\d:\d\d +")


class BuildFailed(Exception):
    """dbt found an error; its text names the nodes."""


def build_models(tell: Callable[[str], object]) -> None:
    """`dbt build` without unit tests, which prove the models and not the data. One build at a time on a database.

    Args:
        tell: called with each line worth reading, as it comes.

    Raises:
        BuildFailed: a model can't be built or a data test fails. Earlier marts of the models that failed stand.
        IngestError: no database.
    """
    dbt = Path(sys.executable).with_name("dbt")
    command = [str(dbt), "build", "--exclude-resource-type", "unit_test"]
    lines: list[str] = []
    with (
        hold_lock("build", lambda: tell("waiting for another build on this database")),
        subprocess.Popen(
            command, cwd=_CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            text = _STAMP.sub("", _COLOURS.sub("", line).strip())
            lines.append(text)
            if _WORTH_TELLING.search(text):
                tell(text)
    if process.returncode != 0:
        raise BuildFailed(f"dbt build failed: {find_reasons(lines) or f'exit code {process.returncode}'}")


def find_reasons(lines: list[str]) -> str:
    """dbt's own account of what failed, which ends its output, in one line: each node once, with its message."""
    first = next((n for n, line in enumerate(lines) if _ACCOUNT.match(line)), len(lines))
    told = [line for line in lines[first + 1 :] if line and not _NOT_A_REASON.match(line)]
    return re.sub(r"; (?!Failure in|Error in)", ": ", "; ".join(told))


_ACCOUNT = re.compile(r"Completed with|Encountered an error")
_NOT_A_REASON = re.compile(r"compiled code at|Done\.|LINE \d+:|\^|See test failures")
