"""dbt, run by its own command, its progress passed on line by line."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

_CHECKOUT = Path(__file__).parents[1]
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Tables take the time and failures the attention; tests that pass are counted in dbt's own last line.
_WORTH_TELLING = re.compile(r"OK created sql table model|Finished running|WARN|FAIL|ERROR|Error|Failure")
_STAMP = re.compile(r"^\d\d:\d\d:\d\d +")


class BuildFailed(Exception):
    """dbt found an error; its text names the nodes."""


def build_models(tell: Callable[[str], object]) -> None:
    """`dbt build` without unit tests, which prove the models and not the data.

    Args:
        tell: called with each line worth reading, as it comes.

    Raises:
        BuildFailed: a model can't be built or a data test fails. Earlier marts of the models that failed stand.
    """
    dbt = Path(sys.executable).with_name("dbt")
    command = [str(dbt), "build", "--exclude-resource-type", "unit_test"]
    failures: list[str] = []
    with subprocess.Popen(
        command, cwd=_CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            text = _STAMP.sub("", _COLOURS.sub("", line).strip())
            if re.search(r"\b(FAIL|ERROR)\b|Error in|Failure in|Database Error|failed:", text):
                failures.append(text)
            if _WORTH_TELLING.search(text):
                tell(text)
    if process.returncode != 0:
        raise BuildFailed("dbt build failed: " + ("; ".join(failures) or f"exit code {process.returncode}"))
