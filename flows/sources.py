"""Loading one source: the tasks that every flow shares. What they do is `ingest`'s; here they become tasks.

A source is never loaded twice at once on one database, whoever asks: a second load waits for the first. That holds
without a Prefect server too, and from two machines.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol

from prefect import get_run_logger, task

from ingest import ledger
from ingest.errors import IngestError

Row = dict[str, Any]


class StepFailed(Exception):
    """A step of a flow ended without doing all that was asked; its text is one line per failure."""


class _Result(Protocol):
    @property
    def partition_key(self) -> str: ...
    @property
    def error(self) -> str: ...


@task(name="load CUR", persist_result=False)
def load_cur(source: str, periods: list[str] | None = None) -> list[Row]:
    """New and changed billing periods (of `periods`, where given); a row per period for the run's artifact.

    `source` may name several reports, separated by commas.
    """
    from ingest.cur.loading import sync_report

    with _alone("CUR"):
        results = sync_report([each.strip() for each in source.split(",") if each.strip()], periods)
    for each in results:
        if each.note:
            get_run_logger().warning("%s: %s", each.partition_key, each.note)
    return _tell(results, lambda each: {"outcome": each.outcome, "rows": each.row_count})


@task(name="load Cost Explorer", persist_result=False)
def load_cost_explorer() -> list[Row]:
    """The last months' daily costs; a row per month for the run's artifact."""
    from ingest.cost_explorer.loading import sync_costs

    with _alone("Cost Explorer"):
        results = sync_costs()
    return _tell(results, lambda each: {"outcome": "loaded", "rows": each.row_count})


@task(name="load invoices", persist_result=False)
def load_invoices() -> list[Row]:
    """AWS's invoices of closed months; a row per month."""
    from ingest.invoices import sync_invoices

    with _alone("invoices"):
        results = sync_invoices()
    return _tell(results, lambda each: {"outcome": "loaded", "rows": each.row_count})


@task(name="load CloudWatch", persist_result=False)
def load_cloudwatch(reread_hours: int | None = None) -> list[Row]:
    """Datapoints since the last collection of what is due, or of everything, those of so many hours before it again; a
    row per account and region."""
    from ingest.cloudwatch.loading import collect_metrics

    with _alone("CloudWatch"):
        results = collect_metrics(reread=None if reread_hours is None else timedelta(hours=reread_hours))
    for each in results:
        if each.warning:
            get_run_logger().warning("%s", each.warning)
    return _tell(results, lambda each: {"outcome": "loaded", "rows": each.datapoint_count})


@task(name="load inventory", persist_result=False)
def load_inventory() -> list[Row]:
    """What exists; a row per account, region and kind."""
    from ingest.inventory.loading import sync_inventory

    with _alone("inventory"):
        results = sync_inventory()
    return _tell(results, lambda each: {"outcome": "loaded", "rows": each.row_count})


@task(name="load prices", persist_result=False)
def load_prices() -> list[Row]:
    """What AWS asks for what the bill uses; a row per kind of price."""
    from ingest.prices.loading import sync_prices

    with _alone("prices"):
        results = sync_prices()
    return _tell(results, lambda each: {"outcome": "loaded", "rows": each.row_count})


def find_source() -> str:
    """The CUR report that TIEOUT_CUR_SOURCE names, or several, separated by commas.

    Raises:
        IngestError: it names none.
    """
    source = os.environ.get("TIEOUT_CUR_SOURCE")
    if not source:
        raise IngestError("TIEOUT_CUR_SOURCE is not set; name the report as s3://bucket/prefix/report")
    return source


@contextmanager
def _alone(name: str) -> Iterator[None]:
    log = get_run_logger()
    with ledger.hold_lock(f"source {name}", lambda: log.info("%s: waiting for another load on this database", name)):
        yield


def _tell(results: Sequence[Any], describe: Any) -> list[Row]:
    failures = [each.error for each in results if each.error]
    if failures:
        raise StepFailed("\n".join(failures))
    return [{"partition": each.partition_key, **describe(each)} for each in results]
