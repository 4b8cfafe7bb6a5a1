"""Opens a generated folder: the account as it stands at its journal's present."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from demo import making
from demo.billing.books import Books, keep_books
from demo.calendars import draw_horizon as draw_old_horizon
from demo.errors import DemoError
from demo.estate import draw_estate as draw_old_estate
from demo.generation import SPEND_FILE, read_parameters
from demo.journal import read_journal
from demo.metrics import Truth as OldTruth
from demo.reports.deliveries import DELAY_ACTION
from demo.reports.spend import SPEND_FOLDER, Cell
from demo.reports.spend import read_spend as read_world_spend
from demo.services import cloudwatch, cost_explorer, monitoring
from demo.spend import Cell as OldCell
from demo.spend import read_spend
from demo.standing import Account
from demo.telemetry.truth import Truth
from demo.timeline import draw_horizon
from demo.world.estate import Estate, draw_estate

_CHECKOUT = Path(__file__).parents[1]
Opener = Callable[[Path, int, int], Account]


def open_account(directory: Path, metrics_per_page: int, groups_per_page: int) -> Account:
    """The account in a folder. Raises DemoError where there is none."""
    parameters = read_parameters(directory)
    journal = read_journal(directory, parameters.end_hour)
    horizon = draw_horizon(parameters, journal.now)
    old = draw_old_horizon(parameters)
    return Account(
        parameters,
        journal,
        horizon,
        Estate(parameters, horizon, ()),
        cost_explorer.CostService(_renew(read_spend(directory / SPEND_FILE)), horizon, groups_per_page),
        lambda _: cloudwatch.MetricService(OldTruth(draw_old_estate(parameters, old)), metrics_per_page),
        lambda estate, _: Books(estate, (), ()),
    )


def _renew(cells: list[OldCell]) -> list[Cell]:
    return [
        Cell(
            cell.day,
            cell.account_id,
            cell.service,
            cell.record_type,
            cell.region,
            "",
            cell.unit,
            cell.quantity,
            cell.unblended,
            cell.unblended,
            cell.amortized,
            cell.unblended,
            cell.amortized,
        )
        for cell in cells
    ]


def open_world(directory: Path, metrics_per_page: int, groups_per_page: int) -> Account:
    """The account in a folder. Raises DemoError where there is none."""
    parameters = making.read_parameters(directory)
    journal = read_journal(directory, parameters.end_hour)
    horizon = draw_horizon(parameters, journal.now)
    done = [event for event in journal.events if event.action != DELAY_ACTION]
    return Account(
        parameters,
        journal,
        horizon,
        draw_estate(parameters, horizon, done),
        cost_explorer.CostService(read_world_spend(directory / SPEND_FOLDER), horizon, groups_per_page),
        lambda estate: monitoring.MetricService(Truth(estate), metrics_per_page),
        keep_books,
    )


def refresh_reports(directory: Path) -> None:
    """Write what AWS would have written since the reports were last written, at the journal's present.

    In a process of its own: it forks, which a server with many threads must not. Raises DemoError where that fails.
    """
    program = "import sys, pathlib; from demo import making; making.update(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", program, str(directory.resolve())]
    finished = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True, check=False)
    if finished.returncode:
        cause = finished.stderr.strip().rsplit("\n", 1)[-1]
        raise DemoError(f"the reports of {directory} can't be written anew: {cause}")
