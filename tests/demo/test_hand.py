"""What may be told to the account, and that a delivery which was cut off is finished by whoever finds it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from demo import hand
from demo.errors import DemoError
from demo.generation import generate, is_behind
from demo.journal import Event, Journal, read_journal, write_journal
from demo.parameters import Parameters, parse_end
from demo.routing import Router
from demo.timeline import draw_horizon

END = parse_end("2026-11-23")
PARAMETERS = Parameters(5, END, resources=100, months=2, hourly_days=1)


def told(action: str, details: dict[str, Any]) -> Event:
    return Event(END, "111122223333", "us-east-1", action, "", details)


@pytest.mark.parametrize(
    ("action", "details"),
    [
        *[
            ("Restate", {"period": "2026-10", "account": "444455556666", "amount_usd": amount})
            for amount in ("NaN", "Infinity", "1e30", "much", None)
        ],
        ("Restate", {"period": ["2026-10"], "account": "444455556666", "amount_usd": "1"}),
        ("Restate", {"period": "2020-01", "account": "444455556666", "amount_usd": "1"}),
        ("Restate", {"period": "2026-11", "account": "444455556666", "amount_usd": "1"}),
        ("Restate", {"period": "2026-10", "account": "999999999999", "amount_usd": "1"}),
        *[("DelayReports", {"hours": hours}) for hours in (True, -1, 1.5, "3", 10**12)],
        ("StopInstances", {}),
    ],
)
def test_what_can_not_be_is_not_told(action: str, details: dict[str, Any]) -> None:
    with pytest.raises(DemoError):
        hand.check_told(told(action, details), draw_horizon(PARAMETERS))


def test_a_delivery_that_was_cut_off_is_finished(tmp_path: Path) -> None:
    directory = tmp_path / "account"
    assert generate(directory, PARAMETERS, also=())
    ahead = replace(Journal(END), now=END + 12 * 24)
    write_journal(directory, ahead)
    part = directory / "s3" / "example-corp-billing" / ".half.part"
    part.write_bytes(b"half")
    assert is_behind(directory)
    assert generate(directory, PARAMETERS, also=())
    assert read_journal(directory, END) == ahead, "the clock is never put back"
    assert not is_behind(directory)
    assert not part.exists()
    assert (directory / "s3/example-corp-billing/cur/example-hourly/20261201-20270101").is_dir()
    assert not generate(directory, PARAMETERS, also=())


def test_a_delivery_for_a_present_that_was_taken_back_leaves_nothing(tmp_path: Path) -> None:
    directory, fresh = tmp_path / "account", tmp_path / "fresh"
    for each in (directory, fresh):
        assert generate(each, PARAMETERS, also=())
    write_journal(directory, replace(Journal(END), now=END + 12 * 24))
    assert generate(directory, PARAMETERS, also=())
    write_journal(directory, Journal(END))
    assert is_behind(directory)
    assert generate(directory, PARAMETERS, also=())
    assert _read_all(directory / "s3") == _read_all(fresh / "s3")
    assert not is_behind(directory)


def _read_all(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_advance_that_can_not_be_delivered_leaves_the_clock(tmp_path: Path) -> None:
    directory = tmp_path / "account"
    assert generate(directory, PARAMETERS, also=())

    def fail(_: Path) -> None:
        raise DemoError("the disk is full")

    router = Router(directory, refresh=fail)
    with pytest.raises(DemoError, match="disk is full"):
        router.advance(24)
    assert router.account.now == END
    assert read_journal(directory, END) == Journal(END)
    with pytest.raises(DemoError, match="ask for 1 to"):
        router.advance(10**9)
