"""Opens a generated folder: the account as it stands at its journal's present."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from demo.calendars import draw_horizon as draw_old_horizon
from demo.errors import DemoError
from demo.estate import draw_estate as draw_old_estate
from demo.generation import SPEND_FILE, read_parameters
from demo.journal import read_journal
from demo.metrics import Truth
from demo.services import cloudwatch, cost_explorer
from demo.spend import read_spend
from demo.standing import Account
from demo.timeline import draw_horizon
from demo.world.estate import Estate

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
        cost_explorer.CostService(read_spend(directory / SPEND_FILE), old, groups_per_page),
        lambda _: cloudwatch.MetricService(Truth(draw_old_estate(parameters, old)), metrics_per_page),
    )


def refresh_reports(directory: Path) -> None:
    """Write what AWS would have written since the reports were last written, at the journal's present."""
    raise DemoError(f"{directory} holds an account that can't be advanced; generate it anew")
