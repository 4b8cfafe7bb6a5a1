"""How far a load is: on the terminal that runs it, and in another one by `python -m ingest status`."""

import json
import logging
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.wire import Request
from ingest import progress
from ingest.progress import Progress, describe_progress
from tests.app.marts_fixture import environment
from tests.databases import CHECKOUT
from tests.ingest.deliveries import sync
from tests.simulated import Cloud, Product, deliver, line_item, write_csv

HELD = "/progress/small/20261001-20261101/first/b.csv.gz"
FILES = {name: write_csv([line_item(identity__LineItemId=name)] * 500) for name in ("a.csv.gz", "b.csv.gz")}
KEY = "012345678901/small/2026-10"


@pytest.fixture
def small(create_product: Callable[..., Product], cloud: Cloud) -> Iterator[Product]:
    made = create_product(**cloud.variables)
    yield made
    made.drop()


def wait_for(ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (found := ask()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def read_terminal(descriptor: int) -> str:
    """What a program wrote to its terminal until it closed it."""
    written = b""
    while True:
        try:
            piece = os.read(descriptor, 1 << 16)
        except OSError:  # the other side is closed
            return written.decode()
        if not piece:
            return written.decode()
        written += piece


def test_a_load_tells_its_terminal_and_others_how_far_it_is(small: Product, cloud: Cloud) -> None:
    """The second of two files is held back, so that the load stands in the middle for as long as it is looked at."""
    deliver(cloud.bucket("progress") / "small", "2026-10", FILES)
    release = threading.Event()

    def hold(request: Request) -> None:
        if request.method == "GET" and request.path == HELD:
            release.wait(60)

    outer, inner = pty.openpty()
    with cloud.refusing(hold):
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest", "cur", "--source", "s3://progress/small"],
            cwd=CHECKOUT,
            env=dict(small.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=inner,
            text=True,
        )
        try:
            os.close(inner)
            # The ledger's row and table come first, then the reader's second beat.
            wait_for(lambda: "1 of 2 files" in small.call("status").stdout)
            told = small.call("status")
            (under_way,) = json.loads(small.call("status", "--json").stdout)["under_way"]
        finally:
            release.set()
            output, _ = process.communicate(timeout=60)
    written = read_terminal(outer)
    os.close(outer)
    assert process.returncode == 0, written

    sizes = [len(content) for content in FILES.values()]
    assert told.returncode == 0
    (line,) = told.stdout.splitlines()
    assert line.startswith(f"loading: {KEY}: reading, 1 of 2 files, 0 of 0 MB, 500 rows, ")
    assert re.search(r" rows, \d+\.\d MB/s, [\d,]+ s left$", line)
    assert (
        under_way.items()
        >= {
            "source_name": "cur",
            "partition_key": KEY,
            "phase": "reading",
            "file_count": 2,
            "files_done": 1,
            "byte_count": sum(sizes),
            "bytes_done": sizes[0],
            "row_count": 500,
            "is_alive": True,
        }.items()
    )
    # One line, written over again and again, and wiped at the end: what stays is the log.
    assert f"\r\x1b[K{KEY}: reading, 1 of 2 files, " in written
    assert written.rpartition("\x1b[K")[2].strip().endswith(f"{KEY}: loaded, 1,000 rows")
    assert output.splitlines() == [f"{KEY}: loaded, 1,000 rows read"]
    after = json.loads(small.call("status", "--json").stdout)
    assert after["under_way"] == []
    assert small.query("select count(*) from raw.load_progress") == [(0,)]


def test_a_load_that_was_killed_is_told_until_the_next_sync(small: Product, tmp_path: Path) -> None:
    """Its row stays behind with a heart that has stopped; the next sync takes it away."""
    deliver(tmp_path / "small", "2026-10", FILES)
    sync(small, tmp_path / "small")
    small.change(
        "insert into raw.load_progress values (77, 'cur', 'payer/report/2026-09', 'reading', 4, 1, 4000000, 1000000,"
        " 5000, now() - interval '100 seconds', now() - interval '90 seconds')"
    )
    (line,) = [line for line in small.call("status").stdout.splitlines() if "2026-09" in line]
    assert line == (
        "killed: payer/report/2026-09: reading, 1 of 4 files, 1 of 4 MB, 5,000 rows, 0.1 MB/s, 30 s left; "
        "sync again, what was loaded before stands whole"
    )
    (under_way,) = json.loads(small.call("status", "--json").stdout)["under_way"]
    assert under_way["is_alive"] is False
    sync(small, tmp_path / "small")
    assert "killed" not in small.call("status").stdout


def test_a_log_file_gets_a_line_now_and_then(
    small: Product, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where stderr is no terminal, as under cron; and the row is taken away also where the load fails."""
    monkeypatch.setattr(progress, "_BEAT_SECONDS", 0.02)
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.1)
    small.call("cur", "--source", "nowhere")
    told = Progress(7, "cur", KEY, file_count=2, byte_count=9_000_000)
    told.finish_file(1, 3_000_000)
    told.tell_position(2, 1_500_000)
    told.add_rows(12_345)
    with (
        environment(small.environment),
        caplog.at_level(logging.INFO, "ingest"),
        pytest.raises(RuntimeError),
        told.reporting(),
    ):
        rows = wait_for(lambda: small.query("select bytes_done, files_done, row_count from raw.load_progress"))
        wait_for(lambda: caplog.messages)
        raise RuntimeError
    assert rows == [(4_500_000, 1, 12_345)]
    assert caplog.messages[0].startswith(f"{KEY}: reading, 1 of 2 files, 4 of 9 MB, 12,345 rows, ")
    assert small.query("select count(*) from raw.load_progress") == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("reading", (3, 8), (600_000_000, 1_000_000_000), 4_200_000, 12.0),
            "k: reading, 3 of 8 files, 600 of 1,000 MB, 4,200,000 rows, 50.0 MB/s, 8 s left",
        ),
        # Nothing has come yet: no rate, and no remaining time that would be invented.
        (("reading", (0, 8), (0, 1_000_000_000), 0, 5.0), "k: reading, 0 of 8 files, 0 of 1,000 MB, 0 rows, 0.0 MB/s"),
        (("reading", (0, 1), (0, 10), 0, 0.0), "k: reading, 0 of 1 files, 0 of 0 MB, 0 rows, 0.0 MB/s"),
        # What remains is no longer a matter of bytes.
        (
            ("checking", (8, 8), (10_000_000, 10_000_000), 50, 10.0),
            "k: checking, 8 of 8 files, 10 of 10 MB, 50 rows, 1.0 MB/s",
        ),
    ],
)
def test_the_line(arguments: tuple[Any, ...], line: str) -> None:
    assert describe_progress("k", *arguments) == line
