"""`--plan`: calls and dollars of the next collection, from what the database knows; AWS is asked nothing."""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from ingest import database, ledger
from ingest.cloudwatch.catalog import HOUR, CatalogMetric, read_catalog
from ingest.cloudwatch.discovery import Series, count_pages
from ingest.cloudwatch.history import SOURCE_NAME, Earlier, read_earlier
from ingest.cloudwatch.planning import Call, Known, cut_down, list_due, plan_calls
from ingest.errors import IngestError
from ingest.regions import find_regions, refuse_unknown
from ingest.requests import Price, describe_budget, read_budget, read_prices, show_usd

_RESOURCE_TYPES = Path(__file__).parents[2] / "seeds" / "resource_types.csv"
_HOURS_PER_MONTH, _DAYS_PER_MONTH = 730, Decimal(730) / 24
_ROLE = re.compile(r"arn:[\w-]+:iam::(\d{12}):role/")

Place = tuple[str, str]  # account, region


@dataclass(frozen=True)
class Estimate:
    """One account and region's share of a collection."""

    place: Place
    series_count: int
    query_count: int
    call_count: int
    datapoint_count: int  # at most: what is silent brings none
    listing_count: int  # at least: pages also hold metrics that aren't wanted, and new ones
    request_cost_usd: Decimal


def describe_plan(
    regions: Sequence[str] | None = None, now: datetime | None = None, reread: timedelta | None = None
) -> list[str]:
    """Lines for the terminal.

    Raises:
        IngestError: no database, a broken seed, a region that isn't one, or nothing known to plan from.
    """
    ledger.create_raw_schema()
    present = now or datetime.now(UTC)
    end_at = cut_down(present, HOUR)
    catalog = read_catalog()
    known = _read_known(catalog)
    guessed = _guess_series(catalog, known)
    chosen = regions or os.environ.get("TIEOUT_REGIONS", "").replace(",", " ").split()
    refuse_unknown(chosen)
    series = [each for each in [*known, *guessed] if not chosen or each.series.region in chosen]
    if not known and not guessed:
        raise IngestError(
            "no resource is known to plan for; load a bill first (`python -m ingest cur --source …`), its resource ids "
            "tell what CloudWatch will have to say"
        )
    places = _sort_by_place(series, _list_places(chosen or find_regions()))
    earlier = {place: read_earlier("/".join(place)) for place in places}
    estimates = [
        _estimate(place, members, earlier[place], catalog, end_at, reread) for place, members in places.items()
    ]
    with database.connect() as connection:
        budget = read_budget(connection, present)
    lines = [_spell_row(("account/region", "metrics", "queries", "calls", "datapoints", "listings", "USD"))]
    lines += [_spell(each) for each in estimates]
    total = sum((each.request_cost_usd for each in estimates), Decimal(0))
    lines.append(
        f"this collection: {sum(each.call_count for each in estimates):,} calls for "
        f"{sum(each.query_count for each in estimates):,} queries, at most "
        f"{sum(each.datapoint_count for each in estimates):,} datapoints, and "
        f"{sum(each.listing_count for each in estimates):,} listings, {show_usd(total)}"
    )
    if guessed:
        lines.append(
            f"{sum(1 for each in series if each.series_id < 0):,} of its metrics were never collected: resources of "
            "the newest bill times the catalogue's metrics, of which not every resource sends all"
        )
    lines.append(_describe_month([(members, earlier[place]) for place, members in places.items()], catalog))
    lines.append(f"this month so far {describe_budget(budget)}")
    if budget.spent_usd + total > budget.limit_of(SOURCE_NAME):
        lines.append("this collection would be stopped at the cap")
    return lines


def _sort_by_place(series: Iterable[Known], places: Iterable[Place]) -> dict[Place, list[Known]]:
    """Each place's series; none where there is nothing but a listing to be made."""
    sorted_series: dict[Place, list[Known]] = {place: [] for place in places}
    for each in series:
        sorted_series.setdefault((each.series.account_id, each.series.region), []).append(each)
    return dict(sorted(sorted_series.items()))


def _estimate(
    place: Place,
    series: Sequence[Known],
    earlier: Earlier,
    catalog: Sequence[CatalogMetric],
    end_at: datetime,
    reread: timedelta | None,
) -> Estimate:
    """What bringing these series, all of a place's, up to `end_at` takes."""
    due = list_due(series, end_at, reread)
    calls = plan_calls(due, end_at, reread)
    is_whole = earlier.is_whole_due(end_at, reread)
    listings = _count_listings(series, catalog, earlier, is_whole=is_whole)
    prices = read_prices()
    return Estimate(
        place,
        len(due),
        sum(len(call.queries) for call in calls),
        len(calls),
        sum(call.datapoint_count for call in calls),
        listings,
        sum((_price(call, prices["GetMetricData"]) for call in calls), listings * prices["ListMetrics"].usd_per_unit),
    )


def _count_listings(
    series: Sequence[Known], catalog: Sequence[CatalogMetric], earlier: Earlier, *, is_whole: bool
) -> int:
    """ListMetrics requests of one collection."""
    metrics = earlier.choose_listed(catalog, is_whole=is_whole)
    known = Counter((each.metric.namespace, each.metric.metric_name) for each in series)
    return count_pages(metrics, earlier.listed_series_count, known)


def _price(call: Call, price: Price) -> Decimal:
    counts = Counter((query.known.series_id, query.period_seconds) for query in call.queries)
    return price.usd_per_unit * sum(-(-count // price.statistics_per_unit) for count in counts.values())


def _describe_month(places: Iterable[tuple[Sequence[Known], Earlier]], catalog: Sequence[CatalogMetric]) -> str:
    """A month of collections of the same resources, one an hour, of which one a day is of everything."""
    prices = read_prices()
    units = Counter[str]()
    listings = Decimal(0)
    for series, earlier in places:
        for each in series:
            count = -(-len(each.metric.statistics) // prices["GetMetricData"].statistics_per_unit)
            units[each.metric.collected] += count
        # As it will be after the collection.
        known = replace(earlier, listed_series_count=len(series))
        whole, hourly = (_count_listings(series, catalog, known, is_whole=is_whole) for is_whole in (True, False))
        listings += _DAYS_PER_MONTH * whole + (_HOURS_PER_MONTH - _DAYS_PER_MONTH) * hourly
    asking = _HOURS_PER_MONTH * units["hourly"] + _DAYS_PER_MONTH * units["daily"]
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
            f"{each.listing_count:,}",
            f"{each.request_cost_usd:,.4f}",
        )
    )


def _spell_row(cells: Sequence[str]) -> str:
    return f"{cells[0]:<32}" + "".join(f"{cell:>14}" for cell in cells[1:])


# --- what is known ---------------------------------------------------------------------------------------------------


def _list_places(regions: Sequence[str]) -> set[Place]:
    """The accounts that were read before, or whose role is to be assumed, in these regions: each is listed."""
    with database.connect() as connection:
        rows = connection.execute(
            "select distinct split_part(partition_key, '/', 1) from raw.loads where source_name = %s", [SOURCE_NAME]
        ).fetchall()
    accounts = {str(row[0]) for row in rows} | set(_ROLE.findall(os.environ.get("TIEOUT_ASSUME_ROLE_ARNS", "")))
    return {(account_id, region) for account_id in accounts for region in regions}


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
