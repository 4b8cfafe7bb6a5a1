"""The daily flow: read AWS, build and test the models, write the report, say in plain words what was found.

`python flows/daily.py` runs it once, without a Prefect server of its own; TIEOUT_CUR_SOURCE names the report
(`s3://bucket/prefix/report`, or a local folder of the same layout).
"""

import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact

from flows.building import BuildFailed
from flows.publishing import REPORTS, build, write_report
from flows.sources import (
    Row,
    StepFailed,
    find_source,
    load_cloudwatch,
    load_cost_explorer,
    load_cur,
    load_inventory,
    load_invoices,
    load_prices,
)
from flows.summary import describe_findings
from ingest.errors import IngestError
from notebooks.render import ReportFailed


@flow(name="daily", log_prints=False, persist_result=False, validate_parameters=True)
def daily(source: str | None = None) -> list[str]:
    """Every step in turn. A source that fails doesn't keep the others from loading: the build then stands on what is
    there, each figure with its own as-of time, and the failure is told at the end. Throttling and dropped connections
    are retried where they happen, by boto3; what is left is for a person, or for the next run.

    Args:
        source: the CUR report, as `python -m ingest cur --source`; TIEOUT_CUR_SOURCE names it where None.

    Returns:
        One line per failure of a source; [] where all went well. A build or report that fails is raised.
    """
    log = get_run_logger()
    failures: list[str] = []
    rows: list[Row] = []
    loads: list[tuple[str, Callable[[], Any]]] = [
        ("CUR", lambda: load_cur(source or find_source())),
        ("Cost Explorer", load_cost_explorer),
        # After CUR, which tells the months.
        ("invoices", load_invoices),
        # After CUR, which tells regions and what is in use.
        ("inventory", load_inventory),
        ("prices", load_prices),
        ("CloudWatch", load_cloudwatch),
    ]
    for name, load in loads:
        log.info("%s: loading", name)
        try:
            rows += [{"source": name, **row} for row in load()]
        except (IngestError, StepFailed) as error:
            failures += str(error).splitlines()
    create_table_artifact(key="daily-loads", table=rows, description=f"Loads of {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    log.info("building and testing the models")
    build()
    log.info("writing the report")
    report = write_report(REPORTS)
    for line in failures:
        log.error(line)
    log.info("report: %s", report)
    return failures


def main() -> int:
    """Run the flow once and print what was found; 1 where anything failed."""
    _show_progress()
    source = os.environ.get("TIEOUT_CUR_SOURCE")
    if not source:
        _tell("error: TIEOUT_CUR_SOURCE is not set; name the report as s3://bucket/prefix/report", sys.stderr)
        return 1
    _tell(
        "Starting Prefect's temporary server (about half a minute; PREFECT_API_URL names one that runs already).",
        sys.stdout,
    )
    try:
        failures = daily(source)
    except (IngestError, StepFailed, BuildFailed, ReportFailed) as error:
        _tell(f"error: {error}", sys.stderr)
        return 1
    _tell(describe_findings(REPORTS / "monthly_report.html"), sys.stdout)
    for line in failures:
        _tell(f"error: {line}", sys.stderr)
    return 1 if failures else 0


def _show_progress() -> None:
    """Ingest's own lines on the terminal, beside Prefect's."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d | %(levelname)-7s | %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("ingest")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # Prefect's root handler would print each line once more


def _tell(text: str, stream: Any) -> None:
    stream.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
