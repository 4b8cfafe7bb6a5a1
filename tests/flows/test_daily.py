"""The daily flow where something fails: the rest is done, the failure told in a line, the exit code 1.

The flow's functions are called without Prefect's server around them; `test_demonstration.py` runs them with it.
"""

import datetime as clock
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from demo.wire import Request, ServiceError
from flows import daily, publishing, sources
from flows.building import BuildFailed, build_models, find_reasons
from ingest import invoices
from ingest.cloudwatch import loading
from ingest.cost_explorer import loading as cost_explorer
from ingest.errors import IngestError
from ingest.ledger import hold_lock
from tests.app.marts_fixture import environment
from tests.conftest import Estate
from tests.simulated import SOURCE, Cloud, Product

STEPS = (
    "load_cur",
    "load_cost_explorer",
    "load_invoices",
    "load_inventory",
    "load_prices",
    "load_cloudwatch",
    "build",
    "write_report",
)


@pytest.fixture
def artifacts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """Takes Prefect from around the flow and its tasks; the artifacts they would have kept."""
    kept: list[dict[str, Any]] = []
    monkeypatch.setattr(daily, "get_run_logger", lambda: logging.getLogger("tests.daily"))
    monkeypatch.setattr(daily, "create_table_artifact", lambda **artifact: kept.append(artifact))
    monkeypatch.setattr(daily, "daily", daily.daily.fn)
    monkeypatch.setattr(daily, "REPORTS", tmp_path / "reports")
    for module in (sources, publishing):
        monkeypatch.setattr(module, "get_run_logger", lambda: logging.getLogger("tests.daily"))
    for name in STEPS:
        monkeypatch.setattr(daily, name, getattr(daily, name).fn)
    # The flow's own handler writes to the stderr of its test alone.
    monkeypatch.setattr(logging.getLogger("ingest"), "handlers", [])
    return kept


@pytest.fixture
def present(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process's clock at the account's present, for the sources that look at it."""

    class Held(clock.datetime):
        @classmethod
        def now(cls, tz: clock.tzinfo | None = None) -> Any:
            return cloud.present.astimezone(tz)

    monkeypatch.setattr(loading, "datetime", Held)
    monkeypatch.setattr(cost_explorer, "datetime", Held)
    monkeypatch.setattr(invoices, "datetime", Held)


@pytest.fixture
def copied(estate: Estate, request: pytest.FixtureRequest) -> Iterator[Product]:
    copy = estate.product.copy(f"{estate.product.database}_flow")
    yield copy.with_variables(TIEOUT_CUR_SOURCE=SOURCE)
    copy.drop()


@contextmanager
def building_only(*selected: str) -> Iterator[None]:
    """dbt builds these nodes alone: what a build is made of shows in a few, and `estate` was built whole."""
    genuine = subprocess.Popen

    def start(command: Any, *arguments: Any, **options: Any) -> Any:
        is_build = isinstance(command, list) and command[1:2] == ["build"]
        return genuine([*command, "--select", *selected] if is_build else command, *arguments, **options)

    with mock.patch("flows.building.subprocess.Popen", start):
        yield


def error_lines(text: str) -> list[str]:
    assert "Traceback" not in text, text
    return [line for line in text.splitlines() if line.startswith("error: ")]


def test_source_is_not_named(artifacts: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TIEOUT_CUR_SOURCE", raising=False)
        assert daily.main() == 1
    (line,) = error_lines(capsys.readouterr().err)
    assert "TIEOUT_CUR_SOURCE is not set; name the report as s3://bucket/prefix/report" in line
    assert artifacts == []


@pytest.mark.usefixtures("present")
def test_a_source_that_fails_does_not_stop_the_others(
    artifacts: list[dict[str, Any]], copied: Product, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    before = copied.query("select max(evaluated_at) from marts.fct_rule_evaluations")

    def refuse(request: Request) -> ServiceError | None:
        is_asked = b"AssumeRole" in request.body
        return ServiceError(403, "AccessDenied", "not authorized to perform: sts:AssumeRole") if is_asked else None

    with cloud.refusing(refuse), environment(copied.environment), building_only("fct_rule_evaluations+"):
        assert daily.main() == 1
    told = capsys.readouterr()
    # Inventory and CloudWatch both ask the other accounts, each of which has a line.
    lines = error_lines(told.err)
    assert told.err.splitlines()[-len(lines) :] == lines
    assert sorted(lines) == sorted(
        f"error: role {role_arn}: AWS answered AccessDenied (not authorized to perform: sts:AssumeRole); "
        "grant the actions of docs/iam-policy.json"
        for role_arn in cloud.endpoint.role_arns * 2
    )
    # What could be read was read, built, reported and told.
    (artifact,) = artifacts
    assert [(row["source"], row["outcome"]) for row in artifact["table"]] == [("CUR", "unchanged")] * 3 + [
        ("Cost Explorer", "loaded")
    ] * 3 + [("invoices", "loaded")] * 3 + [("prices", "loaded")] * 4
    assert copied.query("select max(evaluated_at) from marts.fct_rule_evaluations") > before
    assert "Five answers" in told.out
    assert (daily.REPORTS / "monthly_report.html").stat().st_size > 10_000


def test_each_months_failure_is_a_line(artifacts: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: str, periods: None = None) -> list[dict[str, Any]]:
        raise daily.StepFailed("October is broken\nSeptember is broken")

    monkeypatch.setattr(daily, "load_cur", fail)
    for name in ("load_cost_explorer", "load_invoices", "load_inventory", "load_prices", "load_cloudwatch"):
        monkeypatch.setattr(daily, name, lambda: [{"partition": "p", "outcome": "loaded", "rows": 1}])
    done: list[str] = []
    monkeypatch.setattr(daily, "build", lambda: done.append("build"))
    monkeypatch.setattr(daily, "write_report", lambda reports: done.append("report"))
    assert daily.daily("s3://anything/at/all") == ["October is broken", "September is broken"]
    assert done == ["build", "report"]
    assert [row["source"] for row in artifacts[0]["table"]] == [
        "Cost Explorer",
        "invoices",
        "inventory",
        "prices",
        "CloudWatch",
    ]


@pytest.mark.usefixtures("artifacts")
def test_tasks_tell_the_failure_of_a_month(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """A period that fails inside a sync is a failure of the step, so that the step is tried again."""
    from ingest.cur.loading import PeriodResult

    results = [PeriodResult("r/2026-10", "loaded", 5), PeriodResult("r/2026-09", "failed", error="file b is missing")]
    monkeypatch.setattr("ingest.cur.loading.sync_report", lambda source, periods=None: results)
    with environment(product.environment), pytest.raises(daily.StepFailed, match="^file b is missing$"):
        daily.load_cur("s3://anything/at/all")


@pytest.mark.usefixtures("artifacts")
def test_what_cloudwatch_does_not_answer_for_is_a_warning_of_its_task(
    product: Product, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The step is done all the same."""
    results = [loading.RegionResult("1/r", 5, 40, 3, warning="CloudWatch 1 r: 1 metric is asked for in vain")]
    monkeypatch.setattr(loading, "collect_metrics", lambda reread: results)
    with environment(product.environment), caplog.at_level(logging.WARNING, "tests.daily"):
        assert daily.load_cloudwatch() == [{"partition": "1/r", "outcome": "loaded", "rows": 40}]
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        ("WARNING", "CloudWatch 1 r: 1 metric is asked for in vain")
    ]


def test_a_build_that_fails_names_the_test(
    artifacts: list[dict[str, Any]],
    copied: Product,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A line item too few is found by the build, and no report is written on it."""
    copied.change(
        "delete from raw.cur_line_item_amounts where ctid = (select min(ctid) from raw.cur_line_item_amounts)"
    )
    told: list[str] = []
    selected = ("fct_resource_costs_daily", "assert_line_items_tie_out_to_ledger")
    with environment(copied.environment), building_only(*selected), pytest.raises(BuildFailed) as failure:
        build_models(told.append)
    assert "assert_line_items_tie_out_to_ledger" in str(failure.value)
    assert any("sql incremental model" in line for line in told)
    assert not any("\x1b" in line for line in [*told, str(failure.value)])

    for name in ("load_cost_explorer", "load_invoices", "load_inventory", "load_prices", "load_cloudwatch"):
        monkeypatch.setattr(daily, name, list)
    monkeypatch.setattr(daily, "load_cur", lambda source: [])

    def fail() -> None:
        raise failure.value

    monkeypatch.setattr(daily, "build", fail)
    with environment(copied.environment):
        assert daily.main() == 1
    (line,) = error_lines(capsys.readouterr().err)
    assert "assert_line_items_tie_out_to_ledger" in line
    assert not daily.REPORTS.exists()


def test_no_database(artifacts: list[dict[str, Any]], product: Product, tmp_path: Path) -> None:
    nowhere = product.with_variables(TIEOUT_STATE_DIR=str(tmp_path / "none"))
    with environment(nowhere.environment), pytest.raises(IngestError, match="make up"):
        daily.load_cur("s3://anything/at/all")


def fake_dbt(text: str) -> Any:
    """In dbt's stead, a process that prints this."""
    genuine = subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        return genuine([sys.executable, "-c", f"print({text!r})"], **options)

    return start


def test_builds_tell_their_progress(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is worth a line is passed on; the exit code alone decides."""
    text = "\x1b[0m10:00:00  1 of 2 OK created sql table model marts.a [SELECT 5 in 1s]\n"
    text += "10:00:01  2 of 2 PASS not_null_a\n"
    told: list[str] = []
    with environment(product.environment), monkeypatch.context() as patch:
        patch.setattr("flows.building.subprocess.Popen", fake_dbt(text))
        build_models(told.append)
    assert told == ["1 of 2 OK created sql table model marts.a [SELECT 5 in 1s]"]


def test_a_second_build_waits_for_the_first(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    with environment(product.environment), monkeypatch.context() as patch:
        patch.setattr("flows.building.subprocess.Popen", fake_dbt("10:00:00  OK created sql table model marts.a"))
        with hold_lock("build", lambda: pytest.fail("nobody else builds")):
            second = threading.Thread(target=build_models, args=(told.append,))
            second.start()
            deadline = time.monotonic() + 30
            while not told and time.monotonic() < deadline:
                time.sleep(0.05)
            assert told == ["waiting for another build on this database"]
        second.join(30)
    assert told[1:] == ["OK created sql table model marts.a"]


def test_a_failed_build_tells_each_reason_once() -> None:
    lines = ["1 of 2 ERROR creating sql table model marts.a", "", "Completed with 2 errors:", ""]
    lines += ["Failure in model a (models/a.sql)", "Database Error in model a (models/a.sql)"]
    lines += ['relation "b" does not exist', "LINE 22:     select * from b", "^", "compiled code at target/a.sql", ""]
    lines += ["Failure in test t (tests/t.sql)", "Got 3 results, configured to fail if != 0", "Done. PASS=1 ERROR=2"]
    assert find_reasons(lines) == (
        'Failure in model a (models/a.sql): Database Error in model a (models/a.sql): relation "b" does not exist; '
        "Failure in test t (tests/t.sql): Got 3 results, configured to fail if != 0"
    )
