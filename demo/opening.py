"""Opens a generated folder: the account as it stands at its journal's present."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from demo.billing.books import keep_books
from demo.errors import DemoError
from demo.generation import is_behind, read_parameters
from demo.journal import read_journal
from demo.reports.deliveries import DELAY_ACTION
from demo.reports.spend import SPEND_FOLDER, read_spend
from demo.services import cloudwatch, cost_explorer
from demo.standing import Account
from demo.telemetry.truth import Truth
from demo.timeline import draw_horizon
from demo.world.founding import draw_estate

_CHECKOUT = Path(__file__).parents[1]
Opener = Callable[[Path, int, int], Account]


def open_account(directory: Path, metrics_per_page: int, groups_per_page: int) -> Account:
    """The account in a folder; what a killed process left half delivered is delivered first.

    Raises DemoError where there is none.
    """
    if is_behind(directory):
        refresh_reports(directory)
    parameters = read_parameters(directory)
    journal = read_journal(directory, parameters.end_hour)
    horizon = draw_horizon(parameters, journal.now)
    done = [event for event in journal.events if event.action != DELAY_ACTION]
    return Account(
        parameters,
        journal,
        horizon,
        draw_estate(parameters, horizon, done),
        cost_explorer.CostService(read_spend(directory / SPEND_FOLDER), horizon, groups_per_page),
        lambda estate: cloudwatch.MetricService(Truth(estate), metrics_per_page),
        keep_books,
    )


def refresh_reports(directory: Path) -> None:
    """Write what AWS would have written since the reports were last written, at the journal's present.

    In a process of its own: it forks, which a server with many threads must not. Raises DemoError where that fails.
    """
    program = "import sys, pathlib; from demo import generation; generation.update(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", program, str(directory.resolve())]
    finished = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True, check=False)
    if finished.returncode:
        cause = finished.stderr.strip().rsplit("\n", 1)[-1]
        raise DemoError(f"the reports of {directory} can't be written anew: {cause}")
