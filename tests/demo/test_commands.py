"""python -m demo, as a shell runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

ROOT = Path(__file__).parents[2]


@contextmanager
def _start(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "demo", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _first_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = json.loads(process.stdout.readline())
    assert isinstance(line, dict)
    return line


def _identity(endpoint: str) -> str:
    session = boto3.session.Session(aws_access_key_id="AKIA", aws_secret_access_key="any", region_name="us-east-1")
    return str(session.client("sts", endpoint_url=endpoint).get_caller_identity()["Account"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_prints_one_line_and_stops_on_a_signal(account: Path, number: signal.Signals) -> None:
    with _start("serve", "--directory", str(account)) as process:
        line = _first_line(process)
        assert set(line) == {"endpoint", "cur_source", "payer_account_id", "role_arns", "regions", "end"}
        assert line["endpoint"].startswith("http://127.0.0.1:")
        assert line["cur_source"] == "s3://example-corp-billing/cur/example-hourly"
        assert line["end"] == "2026-11-23T00:00:00+00:00"
        assert _identity(line["endpoint"]) == line["payer_account_id"]
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")


def test_serve_ends_with_its_parent(account: Path) -> None:
    with (
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as parent,
        _start("serve", "--directory", str(account), "--parent-pid", str(parent.pid)) as process,
    ):
        try:
            assert _first_line(process)
            assert process.poll() is None
        finally:
            parent.kill()
            parent.wait()
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "--end", "9999-01-01"], "name a year from 2016 to 2100"),
        (["generate", "--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["generate", "--report", "pdf"], "invalid choice: 'pdf'"),
        (["serve", "--port", "99999"], "--port 99999"),
        (["generate", "--end", "someday"], "is not an ISO time"),
        (["generate", "--resources", "3"], "--resources 3"),
        (["serve"], "account.json does not exist; run: python -m demo generate"),
        (["score"], "answer_key.json can't be read"),
    ],
)
def test_bad_input_is_one_line_and_exit_1(tmp_path: Path, arguments: list[str], message: str) -> None:
    command, *rest = arguments
    with _start(command, "--directory", str(tmp_path / "nothing"), *rest) as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert out == ""
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "nothing").exists()


def test_taken_port_is_one_line(account: Path) -> None:
    with _start("serve", "--directory", str(account)) as first:
        port = _first_line(first)["endpoint"].rsplit(":", 1)[1]
        with _start("serve", "--directory", str(account), "--port", port) as second:
            _, err = second.communicate(timeout=30)
        assert second.returncode == 1
        assert f"port {port} of 127.0.0.1 can't be opened" in err
        assert len(err.splitlines()) == 1


def test_only_loopback_is_bound(account: Path) -> None:
    with _start("serve", "--directory", str(account)) as process:
        port = int(_first_line(process)["endpoint"].rsplit(":", 1)[1])
        listening = [
            line.split()[1]
            for name in ("/proc/net/tcp", "/proc/net/tcp6")
            if os.path.exists(name)
            for line in Path(name).read_text().splitlines()[1:]
            if line.split()[3] == "0A" and int(line.split()[1].rsplit(":", 1)[1], 16) == port
        ]
        assert [address.split(":")[0] for address in listening] == ["0100007F"]


def test_score_reads_standard_input(account: Path) -> None:
    answers = json.loads((account / "answer_key.json").read_text())["resources"]
    rows = [
        {
            "rule_id": "idle_ec2_instances",
            "resource_id": key,
            "evaluation_status": "flagged" if truth["is_waste"] else "passed",
            "net_savings_usd_per_month": truth["true_saving_usd_per_month"],
        }
        for key, truth in answers.items()
        if truth["service"] == "ec2"
    ]
    command = [sys.executable, "-m", "demo", "score", "--directory", str(account)]
    text = subprocess.run(command, cwd=ROOT, input=json.dumps(rows), capture_output=True, text=True, check=True).stdout
    assert "precision 100.0 %, recall 100.0 %, F1 100.0 %" in text
    full = subprocess.run(
        [*command, "--json"], cwd=ROOT, input=json.dumps(rows[1:]), capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(full)[0]["rule_id"] == "idle_ec2_instances"
    bad = subprocess.run(command, cwd=ROOT, input="not json", capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert len(bad.stderr.splitlines()) == 1
