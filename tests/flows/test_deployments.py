"""prefect.yaml: every deployment's flow is there, every schedule is one, and Prefect's own server takes them all."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.client.schemas.schedules import CronSchedule

from flows import publishing
from tests.databases import CHECKOUT

PREFECT = str(Path(sys.executable).with_name("prefect"))


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())
    return found


def test_every_deployment_has_its_flow_and_its_parameters(described: dict[str, Any]) -> None:
    deployments = PrefectYamlModel.model_validate(described).deployments
    for each in deployments:
        path, name = str(each.entrypoint).split(":")
        flow = getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)
        flow.validate_parameters(each.parameters)
    names = {each.name for each in deployments}
    assert {"cur-open-month", "cur-all-months", "cloudwatch-last-day", "cloudwatch-history"} <= names


def test_sources_are_read_as_often_as_promised(described: dict[str, Any]) -> None:
    crons = {each["name"]: each["schedules"][0]["cron"] for each in described["deployments"] if "schedules" in each}
    for cron in crons.values():
        CronSchedule(cron=cron, timezone="UTC")
    assert crons["cur-open-month"].split()[1] == "*/6"
    assert crons["cloudwatch-last-day"].split()[1] == "*"
    assert {crons[name].split()[2] for name in ("cur-all-months", "cloudwatch-history")} == {"*"}
    assert crons["weekly-report"].split()[4] == "1"


def test_nothing_runs_twice_at_once_and_no_build_is_lost(described: dict[str, Any]) -> None:
    for each in described["deployments"]:
        limit = each["concurrency_limit"]
        assert limit["limit"] == 1
        assert limit["collision_strategy"] == ("ENQUEUE" if each["name"] == "build" else "CANCEL_NEW")


def test_loads_that_end_together_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    class Log:
        def info(self, *_: object) -> None: ...

    class AsOf:
        evaluated = datetime(2026, 11, 24, 12, tzinfo=UTC)

    monkeypatch.setattr(publishing, "get_run_logger", Log)
    monkeypatch.setattr(publishing, "build", lambda: built.append("build"))
    monkeypatch.setattr(publishing.queries, "get_as_of", AsOf)
    for hour, count in ((11, 0), (13, 1)):
        at = datetime(2026, 11, 24, hour, tzinfo=UTC)
        monkeypatch.setattr(publishing.ledger, "find_last_load_at", lambda at=at: at)
        publishing.build_marts.fn()
        assert len(built) == count
    monkeypatch.setattr(publishing.ledger, "find_last_load_at", lambda: datetime(2026, 11, 24, 11, tzinfo=UTC))
    publishing.build_marts.fn(is_forced=True)
    assert len(built) == 2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A Prefect server of its own on a free port; the environment that names it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    command = [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/api/health")
            yield environment
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - this test's own server
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"{url} does not answer")


@pytest.mark.full
def test_a_server_takes_every_deployment(server: dict[str, str], described: dict[str, Any]) -> None:
    def run(*arguments: str) -> str:
        finished = subprocess.run(
            [PREFECT, "--no-prompt", *arguments],
            cwd=CHECKOUT,
            env={**server, "PWD": str(CHECKOUT)},
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    run("work-pool", "create", "tieout", "--type", "process")
    run("deploy", "--all")
    told = run("deployment", "ls", "--output", "json") if "--output" in run("deployment", "ls", "--help") else ""
    listed = told or run("deployment", "ls")
    assert listed.count("tieout") >= len(described["deployments"])
    request = urllib.request.Request(  # noqa: S310 - this test's own server
        f"{server['PREFECT_API_URL']}/automations/filter", b"{}", {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        assert b"prefect.tag.load" in answer.read()
