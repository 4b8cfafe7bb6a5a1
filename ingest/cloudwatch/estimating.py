"""`--plan`: calls and dollars of the next collection, from what the database knows; AWS is asked nothing."""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from ingest import database, ledger
from ingest.cloudwatch.catalog import HOUR, CatalogMetric, read_catalog
from ingest.cloudwatch.collection import SOURCE_NAME
from ingest.cloudwatch.discovery import Series, plan_listings
from ingest.cloudwatch.planning import Call, Known, cut_down, list_due, plan_calls
from ingest.errors import IngestError
from ingest.requests import describe_budget, read_budget, read_prices, show_usd

_RESOURCE_TYPES = Path(__file__).parents[2] / "seeds" / "resource_types.csv"
_LISTED_PER_PAGE = 500  # ListMetrics (CloudWatch API reference)
_HOURS_PER_MONTH, _DAYS_PER_MONTH = 730, Decimal(730) / 24

Place = tuple[str, str]  # account, region


@dataclass(frozen=True)
class Estimate:
    """One account and region's share of a collection."""

    place: Place
    series_count: int
    query_count: int
    call_count: int
    datapoint_count: int  # at most: what is silent brings none
    request_cost_usd: Decimal


def describe_plan(
    regions: Sequence[str] | None = None, now: datetime | None = None, reread: timedelta | None = None
) -> list[str]:
    """Lines for the terminal.

    Raises:
        IngestError: no database, a broken seed, or nothing known to plan from.
    """
    ledger.create_raw_schema()
    present = now or datetime.now(UTC)
    end_at = cut_down(present, HOUR)
    catalog = read_catalog()
    known = _read_known(catalog)
    guessed = _guess_series(catalog, known)
    chosen = set(regions or os.environ.get("TIEOUT_REGIONS", "").replace(",", " ").split())
    series = [each for each in [*known, *guessed] if not chosen or each.series.region in chosen]
    if not series:
        raise IngestError(
            "no resource is known to plan for; load a bill first (`python -m ingest cur --source …`), its resource ids "
            "tell what CloudWatch will have to say"
        )
    due = list_due(series, end_at, reread)
    estimates = estimate(due, end_at, reread)
    with database.connect() as connection:
        budget = read_budget(connection, present)
    lines = [_spell_row(("account/region", "metrics", "queries", "calls", "datapoints", "USD"))]
    lines += [_spell(each) for each in estimates]
    total = sum((each.request_cost_usd for each in estimates), Decimal(0))
    lines.append(
        f"this collection: {sum(each.call_count for each in estimates):,} calls for "
        f"{sum(each.query_count for each in estimates):,} queries, at most "
        f"{sum(each.datapoint_count for each in estimates):,} datapoints, {show_usd(total)}"
    )
    if guessed:
        lines.append(
            f"{sum(1 for each in series if each.series_id < 0):,} of its metrics were never collected: resources of "
            "the newest bill times the catalogue's metrics, of which not every resource sends all"
        )
    lines.append(_describe_month(series, catalog))
    lines.append(f"this month so far {describe_budget(budget)}")
    if budget.spent_usd + total > budget.limit_of(SOURCE_NAME):
        lines.append("this collection would be stopped at the cap")
    return lines


def estimate(due: Sequence[Known], end_at: datetime, reread: timedelta | None = None) -> list[Estimate]:
    """What bringing these series up to `end_at` takes, by account and region; listings aren't in it."""
    places: dict[Place, list[Known]] = {}
    for each in due:
        places.setdefault((each.series.account_id, each.series.region), []).append(each)
    return [_sum_up(place, members, plan_calls(members, end_at, reread)) for place, members in sorted(places.items())]


def _sum_up(place: Place, members: Sequence[Known], calls: Sequence[Call]) -> Estimate:
    return Estimate(
        place,
        len(members),
        sum(len(call.queries) for call in calls),
        len(calls),
        sum(call.datapoint_count for call in calls),
        sum((_price(call) for call in calls), Decimal(0)),
    )


def _price(call: Call) -> Decimal:
    price = read_prices()["GetMetricData"]
    counts = Counter((query.known.series_id, query.period_seconds) for query in call.queries)
    return price.usd_per_unit * sum(-(-count // price.statistics_per_unit) for count in counts.values())


def _describe_month(series: Iterable[Known], catalog: Sequence[CatalogMetric]) -> str:
    """A month of hourly and daily collections of the same resources, listings included."""
    prices = read_prices()
    runs = {"hourly": Decimal(_HOURS_PER_MONTH), "daily": _DAYS_PER_MONTH}
    units = Counter[str]()
    places = Counter[Place]()
    for each in series:
        units[each.metric.collected] += -(-len(each.metric.statistics) // prices["GetMetricData"].statistics_per_unit)
        places[each.series.account_id, each.series.region] += 1
    asking = sum((runs[kind] * count for kind, count in units.items()), Decimal(0))
    hourly = [each for each in catalog if each.collected == "hourly"]
    listings = sum(
        runs["hourly"] * (len(plan_listings(hourly, count)) + count // _LISTED_PER_PAGE)
        + runs["daily"] * (len(plan_listings(catalog, count)) + count // _LISTED_PER_PAGE)
        for count in places.values()
    )
    cost = asking * prices["GetMetricData"].usd_per_unit + listings * prices["ListMetrics"].usd_per_unit
    return (
        f"a month of it: ${cost:,.2f} ({units['hourly']:,} queries every hour, {units['daily']:,} once a day, "
        f"{int(listings):,} listings)"
    )


def _spell(each: Estimate) -> str:
    return _spell_row(
        (
            "/".join(each.place),
            f"{each.series_count:,}",
            f"{each.query_count:,}",
            f"{each.call_count:,}",
            f"{each.datapoint_count:,}",
            f"{each.request_cost_usd:,.4f}",
        )
    )


def _spell_row(cells: Sequence[str]) -> str:
    return f"{cells[0]:<32}" + "".join(f"{cell:>14}" for cell in cells[1:])


# --- what is known ---------------------------------------------------------------------------------------------------


def _read_known(catalog: Sequence[CatalogMetric]) -> list[Known]:
    """The series that the last daily listing named, or a later one found."""
    metrics = {(each.namespace, each.metric_name, each.dimension_names_text): each for each in catalog}
    with database.connect() as connection:
        rows = connection.execute(
            """
            with regions as (
                select account_id, region, max(last_seen_at) - interval '1 day' as listed_at
                from raw.cloudwatch_series group by account_id, region
            )
            select
                series.series_id, series.account_id, series.region, series.namespace, series.metric_name,
                series.dimension_names, series.dimensions, series.collected_until_at
            from raw.cloudwatch_series as series
            inner join regions using (account_id, region)
            where series.last_seen_at >= regions.listed_at
            order by series.series_id
            """
        ).fetchall()
    known = []
    for series_id, account_id, region, namespace, metric_name, names, dimensions, until in rows:
        metric = metrics.get((namespace, metric_name, names))
        if metric is not None:
            known.append(Known(series_id, Series(account_id, region, metric, ((names, dimensions),)), until))
    return known


def _guess_series(catalog: Sequence[CatalogMetric], known: Sequence[Known]) -> list[Known]:
    """Metrics of resources of the newest bill in accounts and regions that CloudWatch was never read for.

    Their numbers are negative. A metric that is kept under several sets of dimensions counts once.
    """
    read = {(each.series.account_id, each.series.region) for each in known}
    metrics: dict[str, dict[tuple[str, str], CatalogMetric]] = {}
    for each in catalog:
        metrics.setdefault(each.resource_type, {}).setdefault((each.namespace, each.metric_name), each)
    guessed: list[Known] = []
    for (account_id, region, resource_type), count in sorted(_count_billed().items()):
        if (account_id, region) in read:
            continue
        for metric in metrics.get(resource_type, {}).values():
            for number in range(count):
                series = Series(account_id, region, metric, ((resource_type, str(number)),))
                guessed.append(Known(-1 - len(guessed), series, None))
    return guessed


def _count_billed() -> Counter[tuple[str, str, str]]:
    """Resources by account, region and type that the newest loaded month names, as seed resource_types tells them."""
    with _RESOURCE_TYPES.open(newline="") as file:
        patterns = [
            (
                row["resource_type"],
                re.compile(row["service_code_pattern"]),
                re.compile(row["billed_resource_id_pattern"]),
            )
            for row in csv.DictReader(file)
        ]
    with database.connect() as connection:
        rows = connection.execute(
            """
            select distinct
                line_item_usage_account_id, coalesce(
                    nullif(split_part(line_item_resource_id, ':', 4), ''), attributes ->> 'product_region',
                    attributes ->> 'product_region_code', 'us-east-1'
                ), line_item_product_code, line_item_resource_id
            from raw.cur_attributes
            where line_item_resource_id <> '' and load_id in (
                select load_id from raw.billing_periods
                where is_current and period_start_at = (
                    select max(period_start_at) from raw.billing_periods where is_current and row_count > 0
                )
            )
            """
        ).fetchall()
    counts: Counter[tuple[str, str, str]] = Counter()
    for account_id, region, service_code, resource_id in rows:
        for resource_type, service, pattern in patterns:
            if service.search(service_code or "") and pattern.search(resource_id):
                counts[account_id, region or "us-east-1", resource_type] += 1
                break
    return counts
