"""What follows a load: models built and tested, the report written. Tasks for every flow, flows for prefect.yaml."""

from datetime import datetime
from pathlib import Path

from prefect import flow, get_run_logger, task

from app import queries
from app.database import ReadError
from flows.building import build_models
from ingest import ledger
from notebooks.render import render_report

REPORTS = Path(__file__).parents[1] / "reports"


@task(name="build models", persist_result=False)
def build() -> None:
    """dbt build: seeds, models and data tests."""
    build_models(get_run_logger().info)


@task(name="write report", persist_result=False)
def write_report(reports: Path = REPORTS) -> Path:
    """The monthly report as HTML in `reports`."""
    notebook = Path(__file__).parents[1] / "notebooks" / "monthly_report.py"
    return render_report(notebook, reports / "monthly_report.html", {})


@flow(name="build marts", persist_result=False)
def build_marts(is_forced: bool = False) -> None:
    """Build and test the models, where anything was loaded since they were last built.

    Several loads end together, and each asks for a build: the first one stands for them all.

    Args:
        is_forced: build whatever was loaded: after a change of models or seeds.
    """
    if is_forced or not _is_built(ledger.find_last_load_at()):
        build()
    else:
        get_run_logger().info("nothing was loaded since the last build")


@flow(name="publish report", persist_result=False)
def publish_report() -> None:
    """Write the report from the marts as they stand."""
    get_run_logger().info("report: %s", write_report())


def _is_built(last_load_at: datetime | None) -> bool:
    try:
        evaluated_at = queries.get_as_of().evaluated
    except ReadError:
        return False
    return last_load_at is not None and evaluated_at is not None and last_load_at < evaluated_at
