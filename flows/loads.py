"""One flow per source, for the schedules of prefect.yaml. Each ends as failed where its source didn't load whole."""

from collections.abc import Callable

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.sources import (
    Row,
    find_source,
    load_cloudwatch,
    load_cost_explorer,
    load_cur,
    load_inventory,
    load_invoices,
    load_prices,
)


@flow(name="load CUR", persist_result=False)
def load_bill(periods: list[str] | None = None, source: str | None = None) -> None:
    """The report's billing periods: `open` and `previous`, months as YYYY-MM, or all that are delivered.

    Args:
        periods: which; all where None.
        source: the report, as `python -m ingest cur --source`; TIEOUT_CUR_SOURCE names it where None.
    """
    _record("cur", lambda: load_cur(source or find_source(), periods))


@flow(name="load Cost Explorer", persist_result=False)
def load_daily_costs() -> None:
    """The last months' daily costs."""
    _record("cost-explorer", load_cost_explorer)


@flow(name="load invoices", persist_result=False)
def load_billed_totals() -> None:
    """AWS's invoices of closed months."""
    _record("invoices", load_invoices)


@flow(name="load CloudWatch", persist_result=False)
def load_metrics(reread_hours: int | None = None) -> None:
    """Datapoints since the last collection.

    Args:
        reread_hours: ask for all metrics, due or not, so many hours before the end of each again. None: what is due.
    """
    _record("cloudwatch", lambda: load_cloudwatch(reread_hours))


@flow(name="load inventory", persist_result=False)
def load_states() -> None:
    """What exists, in what state, attached to what."""
    _record("inventory", load_inventory)


@flow(name="load prices", persist_result=False)
def load_offers() -> None:
    """List prices, Savings Plans rates, reservations, sizes."""
    _record("prices", load_prices)


def _record(name: str, load: Callable[[], list[Row]]) -> None:
    rows = load()
    create_table_artifact(key=f"load-{name}", table=rows, description="What the last run did with each part.")
