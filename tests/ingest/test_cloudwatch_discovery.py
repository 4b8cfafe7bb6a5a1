"""What reports is found, once, and mapped to the resource that the bill names; the catalogue, and earlier databases."""

import csv
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from demo.generation import generate
from demo.telemetry.samples import Metric
from demo.world.resources import RestApi
from ingest.cloudwatch.catalog import CatalogMetric, read_catalog
from ingest.cloudwatch.discovery import discover_series, plan_listings
from ingest.errors import IngestError
from tests import simulated
from tests.conftest import Estate
from tests.databases import CHECKOUT
from tests.ingest.metrics import (
    DAY,
    HOUR,
    PAYER,
    collect,
    count_by_action,
    expect_points,
    find_truth,
    key_of,
    list_catalogued,
    name_of,
    read_digests,
    read_points,
    read_seed,
    variables_of,
)
from tests.simulated import Cloud, Product, sole_error

Known = tuple[str, str, str, str, str, str]  # the key, and the resource


def expect_resource(metric: Metric) -> str:
    values = dict(metric.dimensions)
    return "/".join(values[name] for name in read_seed()[name_of(metric)].resource_dimensions)


def read_series(product: Product, where: str = "true") -> list[Known]:
    return product.query(
        "select account_id, region, namespace, metric_name, dimensions, resource_id"
        f" from raw.cloudwatch_series where {where}"
    )


def test_every_series_that_reports_is_found_once(loaded: Estate) -> None:
    stored = read_series(loaded.product)
    expected = {(*key_of(metric), expect_resource(metric)) for metric in list_catalogued(loaded.cloud)}
    assert set(stored) == expected
    assert len(stored) == len(expected) > 500


# --- the services --------------------------------------------------------------------------------------------------

# Namespaces by service: the nine of the issue, and what hangs on them.
SERVICES = {
    "ec2": ("AWS/EC2", "ec2_instance"),
    "cloudwatch-agent": ("CWAgent", "ec2_instance"),
    "ebs": ("AWS/EBS", "ebs_volume"),
    "rds": ("AWS/RDS", "rds_instance"),
    "lambda": ("AWS/Lambda", "lambda_function"),
    "lambda-insights": ("LambdaInsights", "lambda_function"),
    "s3": ("AWS/S3", "s3_bucket"),
    "dynamodb": ("AWS/DynamoDB", "dynamodb_table"),
    "alb": ("AWS/ApplicationELB", "application_load_balancer"),
    "nlb": ("AWS/NetworkELB", "network_load_balancer"),
    "ecs": ("AWS/ECS", "ecs_service"),
    "cloudfront": ("AWS/CloudFront", "cloudfront_distribution"),
    "api-gateway": ("AWS/ApiGateway", "api_gateway_api"),
    "nat-gateway": ("AWS/NATGateway", "nat_gateway"),
}


def read_billed(product: Product) -> dict[str, set[tuple[str, str]]]:
    """(account, short id) of the bill's resources by type, as seed resource_types takes the id out."""
    rows = product.query(
        """
        select distinct line_item_usage_account_id, line_item_product_code, line_item_resource_id
        from raw.cur_line_items where line_item_resource_id <> ''
        """
    )
    found: dict[str, set[tuple[str, str]]] = {}
    with (CHECKOUT / "seeds" / "resource_types.csv").open(newline="") as file:
        for kind in csv.DictReader(file):
            pattern, service = re.compile(kind["billed_resource_id_pattern"]), re.compile(kind["service_code_pattern"])
            found[kind["resource_type"]] = {
                (account, match.group(1))
                for account, code, resource_id in rows
                if service.search(code) and (match := pattern.search(resource_id))
            }
    return found


@pytest.fixture(scope="module")
def billed(loaded: Estate) -> dict[str, set[tuple[str, str]]]:
    return read_billed(loaded.product)


def check_service(
    estate: Estate, billed: set[tuple[str, str]], namespace: str, resource_type: str, *places: tuple[str, str]
) -> None:
    """Every metric of a namespace is there, has points, and stands at a resource of the bill."""
    reporting = {
        key_of(metric): metric
        for metric in list_catalogued(estate.cloud, *places)
        if metric.namespace == namespace and read_seed()[name_of(metric)].resource_type == resource_type
    }
    ours = {row for row in read_series(estate.product, f"namespace = '{namespace}'") if row[:5] in reporting}
    assert ours and {row[:5] for row in ours} == set(reporting)
    # A REST API reports by its name, which isn't in its ARN.
    names = {(api.account.account_id, api.name): api.api_id for api in find_truth(estate.cloud).estate.each(RestApi)}
    for account, *_, resource_id in ours:
        assert (account, names.get((account, resource_id), resource_id)) in billed, resource_id
    for key in sorted(reporting)[:3]:
        assert any(read_points(estate.product, key, period) for period in (300, HOUR, DAY)), key


@pytest.mark.parametrize("service", SERVICES)
def test_metrics_of_each_service_arrive_at_the_resource_that_is_billed(
    loaded: Estate, billed: dict[str, set[tuple[str, str]]], service: str
) -> None:
    namespace, resource_type = SERVICES[service]
    check_service(loaded, billed[resource_type], namespace, resource_type)


def test_metrics_of_classic_load_balancers_arrive_at_the_resource_that_is_billed(
    create_product: Callable[..., Product], tmp_path: Path
) -> None:
    """In the account of the other tests the only one is idle, and sends nothing."""
    parameters = replace(simulated.PARAMETERS, seed=3, resources=150, months=1, hourly_days=5)
    place = ("012345678901", "us-west-2")
    assert generate(tmp_path / "account", parameters)
    with simulated.serve(tmp_path / "account") as other:
        product = create_product(**variables_of(other, place[1], place[0]))
        synced = product.call("cur", "--source", simulated.SOURCE)
        assert synced.returncode == 0, synced.stderr
        collect(product, other)
        billed = read_billed(product)["classic_load_balancer"]
        check_service(Estate(product, other), billed, "AWS/ELB", "classic_load_balancer", place)
    product.drop()


def test_every_metric_of_the_account_that_the_catalogue_names_has_points(loaded: Estate) -> None:
    """None of the series that were found is empty."""
    stored = {key[:5] for key in read_digests(loaded.product)}
    assert stored == {key_of(metric) for metric in list_catalogued(loaded.cloud)}


def test_global_services_report_in_virginia(loaded: Estate) -> None:
    regions = loaded.product.query(
        "select distinct region, dimensions like '%,Region=Global' from raw.cloudwatch_series"
        " where namespace = 'AWS/CloudFront'"
    )
    assert regions == [("us-east-1", True)]


# --- listings ------------------------------------------------------------------------------------------------------


def test_the_product_reads_the_seed_as_it_stands() -> None:
    told = {
        (each.namespace, each.metric_name, each.dimension_names_text): (
            each.statistics,
            each.period_seconds,
            each.finest_period_seconds,
            each.fine_history_days,
            each.collected,
            each.resource_dimensions,
            each.resource_type,
        )
        for each in read_catalog()
    }
    assert told == {
        name: (
            row.statistics,
            row.period,
            row.finest,
            row.fine_days,
            row.collected,
            row.resource_dimensions,
            row.resource_type,
        )
        for name, row in read_seed().items()
    }


def metric(namespace: str, name: str) -> CatalogMetric:
    return CatalogMetric(namespace, name, frozenset({"Id"}), ("Id",), ("Sum",))


def test_a_namespace_is_listed_whole_where_that_takes_fewer_requests() -> None:
    few = [metric("AWS/EBS", name) for name in ("A", "B")]
    many = [metric("AWS/EC2", name) for name in "ABCDE"]
    whole, single = {"Namespace": "AWS/EC2"}, [{"Namespace": "AWS/EBS", "MetricName": name} for name in ("A", "B")]
    assert plan_listings([*few, *many], None) == [*single, whole]
    assert plan_listings([*few, *many], 100_000) == [*single, whole]
    assert plan_listings([*few, *many], 100) == [{"Namespace": "AWS/EBS"}, whole]


def test_between_the_days_only_what_speaks_is_looked_for(small_estate: Estate, own_cloud: Cloud) -> None:
    """ListMetrics of the last three hours, and only where the catalogue collects hourly."""
    product = small_estate.product.copy(f"{small_estate.product.database}_listing")
    product = product.with_variables(**variables_of(own_cloud, "us-west-2", "777788889999"))
    own_cloud.router.advance(1)
    with own_cloud.noting() as noted:
        collect(product, own_cloud)
    listings = [request for request in noted if b"RecentlyActive" in request.body]
    assert len(listings) == count_by_action(noted)["ListMetrics"]
    hourly = {name[0] for name, row in read_seed().items() if row.collected == "hourly"}
    assert all(any(name.encode() in request.body for name in hourly) for request in listings)
    product.drop()


def test_broken_catalogue_is_named(tmp_path: Path) -> None:
    names = (
        "namespace,metric_name,dimension_names,resource_dimension,statistics,period_seconds,finest_period_seconds,"
        "fine_history_days,fine_kept_days,collected,resource_type"
    )
    catalog = tmp_path / "metric_catalog.csv"
    row = "AWS/EC2,CPU,InstanceId,InstanceId,"
    for text, words in (
        ("Sum,3600,300,1,3,hourly", None),
        ("Median,3600,300,1,3,hourly", "statistic Median is not one of"),
        ("Sum,60,300,1,3,hourly", "period_seconds '60' is not one of 3600, 86400"),
        ("Sum,3600,60,1,3,hourly", "finest_period_seconds '60' is not one of 300, 3600, 86400"),
        ("Sum,3600,300,1,3,weekly", "collected 'weekly' is not one of hourly, daily"),
        ("Sum,3600,300,a,3,hourly", "fine_history_days 'a' is not a number of days"),
        ("Sum,3600,300,0,3,hourly", "fine_history_days is 1 to 62"),
        ("Sum,3600,300,63,93,hourly", "fine_history_days is 1 to 62"),
        ("Sum,3600,300,14,3,hourly", "fine_kept_days is below fine_history_days"),
        ("Sum|p95,3600,300,1,3,hourly", "percentiles of five minutes don't add up"),
        ("Average,3600,300,1,3,hourly", "ask for SampleCount too"),
        ("Sum,86400,3600,0,0,daily", "are both 86400, or neither is"),
    ):
        catalog.write_text(f"{names}\n{row}{text},ec2_instance\n")
        if words is None:
            assert len(read_catalog(catalog)) == 1
            continue
        with pytest.raises(IngestError, match=f"line 2: .*{re.escape(words)}"):
            read_catalog(catalog)
    good = f"{row}Sum,3600,300,1,3,hourly,ec2_instance\n"
    for text, words in (
        ("namespace,metric_name\nAWS/EC2,CPUUtilization\n", "line 2: column 'dimension_names' is missing"),
        (f"{names}\n{good}{good}", "line 3: AWS/EC2 CPU InstanceId stands in the catalogue twice"),
        (f"{names}\n{good.replace('InstanceId,InstanceId', 'InstanceId,VolumeId')}", "resource_dimension is not among"),
    ):
        catalog.write_text(text)
        with pytest.raises(IngestError, match=words):
            read_catalog(catalog)
    with pytest.raises(IngestError, match=r"can't be read \(No such file or directory\); restore it from git"):
        read_catalog(tmp_path / "nothing")


# --- earlier databases ---------------------------------------------------------------------------------------------

# As they were before there were datapoints of several periods.
_FORMER = """
    drop table raw.cloudwatch_datapoints, raw.cloudwatch_series, raw.api_requests;
    create table raw.cloudwatch_series (
        series_id bigint generated by default as identity primary key,
        account_id text not null,
        region text not null,
        namespace text not null,
        metric_name text not null,
        dimensions text not null,
        resource_id text not null,
        first_seen_at timestamptz not null default clock_timestamp(),
        last_seen_at timestamptz not null default clock_timestamp(),
        collected_until_at timestamptz,
        unique (account_id, region, namespace, metric_name, dimensions)
    );
    create table raw.cloudwatch_datapoints (
        series_id bigint not null references raw.cloudwatch_series,
        period_seconds integer not null,
        period_start_at timestamptz not null,
        average_value double precision,
        maximum_value double precision,
        minimum_value double precision,
        sum_value double precision,
        sample_count double precision,
        load_id bigint not null,
        primary key (series_id, period_seconds, period_start_at)
    )
"""


def test_rows_of_an_earlier_version_stay_and_a_collection_goes_on_from_there(
    functions: Product, own_cloud: Cloud
) -> None:
    product = functions.with_variables(**variables_of(own_cloud, "us-west-2"))
    collect(product, own_cloud)
    whole = read_digests(product)
    product.change("create schema former", "create table former.points as select * from raw.cloudwatch_datapoints_3600")
    product.change("create table former.series as select * from raw.cloudwatch_series", _FORMER)
    product.change(
        """
        insert into raw.cloudwatch_series select
            series_id, account_id, region, namespace, metric_name, dimensions, resource_id, first_seen_at,
            last_seen_at, collected_until_at
        from former.series
        """,
        """
        insert into raw.cloudwatch_datapoints select
            series_id, period_seconds, period_start_at, average_value, maximum_value, minimum_value, sum_value,
            sample_count, load_id
        from former.points
        """,
        "select setval(pg_get_serial_sequence('raw.cloudwatch_series', 'series_id'), 1000)",
        "update raw.loads set statistics = '{}' where source_name = 'cloudwatch'",
        # dbt's, and an analyst's: of the table, and of dbt's.
        "create schema staging",
        "create view staging.stg_cloudwatch__datapoints as select * from raw.cloudwatch_datapoints",
        "create schema reporting",
        "create view reporting.points as select series_id from raw.cloudwatch_datapoints",
        "create view reporting.more as select series_id from staging.stg_cloudwatch__datapoints",
    )
    standing = "select count(*) from pg_views where viewname in ('stg_cloudwatch__datapoints', 'points', 'more')"
    for view, told in (
        ("more", "view reporting.more depends on view staging.stg_cloudwatch__datapoints"),
        ("points", "view reporting.points depends on table raw.cloudwatch_datapoints"),
    ):
        count, tables = product.query(standing), product.query("select count(*) from raw.cloudwatch_datapoints")
        line = sole_error(product.call_at(own_cloud.present, "cloudwatch", "--plan"))
        assert told in line
        assert "keep its definition (pg_get_viewdef), drop it, run this command again, and create it anew" in line
        assert product.query(standing) == count, "nobody's view is dropped silently, nor dbt's for nothing"
        assert product.query("select count(*) from raw.cloudwatch_datapoints") == tables
        product.change(f"drop view reporting.{view}")
    for _ in range(2):
        told = product.call_at(own_cloud.present, "cloudwatch", "--plan")  # makes the schema, twice
        assert told.returncode == 0, told.stderr
        hours = {key: told for key, told in whole.items() if key[5] == 3600}
        assert {key: told[:3] for key, told in read_digests(product).items()} == {
            key: told[:3] for key, told in hours.items()
        }
    names = product.query("select distinct dimension_names from raw.cloudwatch_series")
    assert names == [("FunctionName",)]
    own_cloud.router.advance(26)
    collect(product, own_cloud)
    assert {key[:5] for key in read_digests(product)} == {key[:5] for key in whole}, "the same series, none twice"
    end = int(own_cloud.present.timestamp())
    for each in list_catalogued(own_cloud, (PAYER, "us-west-2")):
        # Hours of before, of the gap and of now, without a seam.
        first = end // DAY * DAY - 33 * DAY
        stored = {
            second: point for second, point in read_points(product, key_of(each), HOUR).items() if second >= first
        }
        expected = expect_points(own_cloud, each, first, end, HOUR)
        assert set(stored) == set(expected), each
        lately = {second: point for second, point in expected.items() if second >= end - DAY}
        assert {second: stored[second] for second in lately} == {
            second: pytest.approx(point, rel=1e-12) for second, point in lately.items()
        }
    assert product.query("select to_regclass('raw.earlier_datapoints')") == [(None,)]
    assert product.query(standing) == [(0,)], "dbt makes its own again"


@pytest.mark.parametrize(
    ("namespace", "name", "dimensions"),
    [
        *(
            ("AWS/RDS", name, dimensions)
            for name in ("VolumeBytesUsed", "VolumeReadIOPs", "VolumeWriteIOPs")
            for dimensions in (
                {"DBClusterIdentifier": "books"},
                {"DbClusterIdentifier": "books"},
                {"DBClusterIdentifier": "books", "EngineName": "aurora"},
                {"DbClusterIdentifier": "books", "EngineName": "aurora"},
            )
        ),
        *(
            ("LambdaInsights", name, dimensions)
            for name in ("memory_utilization", "used_memory_max", "total_memory", "init_duration")
            for dimensions in ({"function_name": "books"}, {"function_name": "books", "version": "$LATEST"})
        ),
    ],
)
def test_a_metric_is_found_under_each_of_its_sets_of_dimensions(
    namespace: str, name: str, dimensions: dict[str, str]
) -> None:
    """AWS spells an Aurora cluster's in two ways, and sends Lambda Insights' by version too."""

    class Client:
        def list_metrics(self, **_: str) -> dict[str, Any]:
            pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
            return {"Metrics": [{"Namespace": namespace, "MetricName": name, "Dimensions": pairs}]}

    metrics = [each for each in read_catalog() if (each.namespace, each.metric_name) == (namespace, name)]
    with ThreadPoolExecutor(1) as pool:
        (found,) = discover_series(
            Client(),
            "1",
            "r",
            metrics,
            only_recent=False,
            expected_count=None,
            count_request=lambda: None,
            pool=pool,
        ).series
    assert (found.resource_id, dict(found.dimensions)) == ("books", dimensions), "asked for as it was listed"


@pytest.mark.parametrize(
    ("namespace", "metric_name", "meaning"),
    [
        pytest.param("AWS/NATGateway", "BytesOutToDestination", "unknown", id="sends-zeros"),
        pytest.param("AWS/NATGateway", "ActiveConnectionCount", "unknown", id="a-zero-says-so"),
        pytest.param("AWS/ApplicationELB", "ConsumedLCUs", "unknown", id="always-reported"),
        pytest.param("AWS/ApplicationELB", "RequestCount", "zero", id="where-nonzero"),
    ],
)
def test_silence_means_zero_only_where_aws_sends_nothing_for_it(namespace: str, metric_name: str, meaning: str) -> None:
    with (CHECKOUT / "seeds" / "metric_catalog.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["namespace"] == namespace]
    assert {row["absence_means"] for row in rows if row["metric_name"] == metric_name} == {meaning}
    if namespace == "AWS/NATGateway":
        assert {row["absence_means"] for row in rows} == {"unknown"}


# Values may hold commas and equals signs: an API's name and a path are anything.
_COMMAS = [
    ("AWS/ApiGateway", "Count", "ApiName", "ApiName=orders, v2"),
    ("AWS/ApiGateway", "Count", "ApiName|Stage", "ApiName=orders,v2,Stage=live"),
    ("AWS/ApiGateway", "Count", "ApiName|Stage", "ApiName=a=b,=c,,Stage=1=2,"),
    ("CWAgent", "disk_used_percent", "InstanceId|device|fstype|path", "InstanceId=i-0,device=sd,fstype=xfs,path=/a,b"),
    ("AWS/Lambda", "Invocations", "FunctionName", "FunctionName=plain"),
]


def test_an_earlier_versions_series_keep_dimensions_whose_values_hold_a_comma(product: Product) -> None:
    """That version wrote no names of dimensions down; they are taken from the pairs."""
    assert {row[:3] for row in _COMMAS} <= set(read_seed())
    make_schema = ("cur", "--source", "nowhere")
    product.call(*make_schema)
    product.change(_FORMER)
    until = "2026-11-20 05:00:00+00"
    for number, (namespace, name, _, dimensions) in enumerate(_COMMAS, start=1):
        product.query(
            "insert into raw.cloudwatch_series values"
            " (%s, '1', 'us-east-1', %s, %s, %s, 'r', %s, %s, %s) returning series_id",
            number, namespace, name, dimensions, until, until, until,
        )  # fmt: skip
        product.change(
            "insert into raw.cloudwatch_datapoints (series_id, period_seconds, period_start_at, sum_value, load_id)"
            f" values ({number}, 3600, '{until}', {number}, 1)"
        )
    product.call(*make_schema)
    told = product.query(
        """
        select series.namespace, series.metric_name, series.dimension_names, series.dimensions, points.sum_value,
            series.collected_until_at = points.period_start_at
        from raw.cloudwatch_series as series inner join raw.cloudwatch_datapoints as points using (series_id)
        order by series_id
        """
    )
    assert told == [(*row, float(number), True) for number, row in enumerate(_COMMAS, start=1)]


def test_dimensions_that_are_spelled_alike_are_one_series() -> None:
    """Anybody may send values that hold `,Name=`: they must not keep the rest of the region from being collected."""
    names = frozenset({"device", "fstype"})
    metric = CatalogMetric("CWAgent", "disk_used_percent", names, ("device",), ("Maximum",))

    class Client:
        def list_metrics(self, **_: str) -> dict[str, Any]:
            pairs = [{"device": "a,fstype=b", "fstype": "c"}, {"device": "a", "fstype": "b,fstype=c"}]
            return {
                "Metrics": [
                    {
                        "Namespace": "CWAgent",
                        "MetricName": "disk_used_percent",
                        "Dimensions": [{"Name": name, "Value": value} for name, value in pair.items()],
                    }
                    for pair in pairs
                ]
            }

    with ThreadPoolExecutor(1) as pool:
        found = discover_series(
            Client(), "1", "us-east-1", [metric], only_recent=False, expected_count=None,
            count_request=lambda: None, pool=pool,
        )  # fmt: skip
    assert [each.dimensions_text for each in found.series] == ["device=a,fstype=b,fstype=c"]
