"""CloudWatch's points in the database against the account's own truth, and what a second look asks for."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo import wire
from demo.telemetry.samples import Metric
from demo.wire import Request, ServiceError
from tests.conftest import Estate
from tests.databases import CHECKOUT
from tests.simulated import Cloud, Product, sole_error

HOUR = 3600
POINTS = """
    select extract(epoch from points.period_start_at)::bigint, points.average_value, points.maximum_value,
        points.minimum_value, points.sum_value, points.sample_count
    from raw.cloudwatch_datapoints as points inner join raw.cloudwatch_series as series using (series_id)
    where series.account_id = %s and series.region = %s and series.namespace = %s and series.metric_name = %s
        and series.dimensions = %s and points.period_seconds = %s
    order by 1
"""


def read_catalog() -> dict[tuple[str, str, str], set[str]]:
    """Statistics by namespace, metric and dimension, as the seed asks for them."""
    with (CHECKOUT / "seeds" / "metric_catalog.csv").open(newline="") as file:
        return {
            (row["namespace"], row["metric_name"], row["dimension_names"]): set(row["statistics"].split("|"))
            for row in csv.DictReader(file)
        }


def read_periods() -> dict[tuple[str, str, str], int]:
    """Length of a period in seconds by namespace, metric and dimension."""
    with (CHECKOUT / "seeds" / "metric_catalog.csv").open(newline="") as file:
        return {
            (row["namespace"], row["metric_name"], row["dimension_names"]): int(row["period_seconds"])
            for row in csv.DictReader(file)
        }


def read_resource_dimensions() -> dict[tuple[str, str, str], list[str]]:
    """The dimensions whose values name the resource."""
    with (CHECKOUT / "seeds" / "metric_catalog.csv").open(newline="") as file:
        return {
            (row["namespace"], row["metric_name"], row["dimension_names"]): row["resource_dimension"].split("|")
            for row in csv.DictReader(file)
        }


def name_of(metric: Metric) -> tuple[str, str, str]:
    return metric.namespace, metric.name, "|".join(name for name, _ in metric.dimensions)


def spell(metric: Metric) -> str:
    return ",".join("=".join(pair) for pair in metric.dimensions)


def find_truth(cloud: Cloud) -> Any:
    return cloud.router.account.metrics.truth  # type: ignore[attr-defined]


def expect_points(
    cloud: Cloud, metric: Metric, statistics: set[str], first: int, end: int, period: int
) -> dict[int, dict[str, float]]:
    """Statistics of the truth's samples in the whole periods of [first, end), in seconds since 1970; a silent period is
    left out."""
    samples = find_truth(cloud).read(metric, first // period * period, end // period * period)
    expected = {}
    for hour in np.unique(samples.seconds // period):
        here = samples.seconds // period == hour
        values, sizes = samples.values[here], samples.sizes[here]
        every = {
            "Average": (values * sizes).sum() / sizes.sum(),
            "Maximum": values.max(),
            "Minimum": values.min(),
            "Sum": (values * sizes).sum(),
            "SampleCount": float(sizes.sum()),
        }
        expected[int(hour) * period] = {name: every[name] for name in sorted(statistics)}
    return expected


def read_points(product: Product, metric: Metric, period: int) -> dict[int, dict[str, float]]:
    place = (metric.account_id, metric.region, metric.namespace, metric.name, spell(metric), period)
    names = ("Average", "Maximum", "Minimum", "Sum", "SampleCount")
    return {
        row[0]: {name: value for name, value in sorted(zip(names, row[1:], strict=True)) if value is not None}
        for row in product.query(POINTS, *place)
    }


def window(cloud: Cloud) -> tuple[int, int]:
    end = int(cloud.present.timestamp())
    return end - 33 * 24 * HOUR, end


def catalogued(cloud: Cloud) -> list[Metric]:
    """The metrics that should be found: in the catalogue, and heard of in the last two weeks."""
    catalog = read_catalog()
    since = cloud.present.timestamp() - 14 * 86_400
    truth = find_truth(cloud)
    return [metric for metric in truth.metrics if name_of(metric) in catalog and truth.is_active(metric, int(since))]


def test_every_series_that_reports_is_found_once(estate: Estate) -> None:
    stored = estate.product.query(
        "select account_id, region, namespace, metric_name, dimensions, resource_id from raw.cloudwatch_series"
    )
    naming = read_resource_dimensions()
    expected = {
        (
            each.account_id,
            each.region,
            each.namespace,
            each.name,
            spell(each),
            "/".join(dict(each.dimensions)[name] for name in naming[name_of(each)]),
        )
        for each in catalogued(estate.cloud)
    }
    assert set(stored) == expected
    assert len(stored) == len(expected) > 100


def test_points_are_the_truth(estate: Estate) -> None:
    """Two series of each metric, and each with a gap."""
    catalog = read_catalog()
    first, end = window(estate.cloud)
    by_name: dict[tuple[str, str, str], list[Metric]] = {}
    for metric in catalogued(estate.cloud):
        by_name.setdefault(name_of(metric), []).append(metric)
    # A small account has not every kind of resource.
    assert set(by_name) <= set(catalog) and len(by_name) > 20
    periods = read_periods()
    assert {periods[name] for name in by_name} == {3600, 86_400}
    with_gap = 0
    for name, metrics in by_name.items():
        period = periods[name]
        points = {metric: expect_points(estate.cloud, metric, catalog[name], first, end, period) for metric in metrics}
        gaps = [metric for metric, hours in points.items() if period == HOUR and has_gap(hours)]
        with_gap += len(gaps)
        for metric in {*metrics[:2], *gaps[:2]}:
            assert read_points(estate.product, metric, period) == {
                hour: pytest.approx(values, rel=1e-12) for hour, values in points[metric].items()
            }, metric
    assert with_gap > 0


def has_gap(hours: dict[int, dict[str, float]]) -> bool:
    return bool(hours) and len(hours) < (max(hours) - min(hours)) // HOUR + 1


def test_resources_of_metrics_are_those_of_the_bill(estate: Estate) -> None:
    """Instances and volumes carry the same id on both sides: every series finds its resource's cost."""
    lost = estate.product.query(
        """
        select series.resource_id
        from raw.cloudwatch_series as series
        where series.namespace in ('AWS/EC2', 'AWS/EBS') and not exists (
            select 1 from raw.cur_line_items as items
            where items.line_item_usage_account_id = series.account_id
                and items.line_item_resource_id = series.resource_id
        )
        """
    )
    assert lost == []
    both = estate.product.query(
        """
        select resource_type, count(*) filter (where is_billed and is_reporting)
        from marts.dim_resources group by 1 order by 1
        """
    )
    counts = {row[0]: row[1] for row in both}
    assert {"application_load_balancer", "ebs_volume", "ec2_instance", "rds_instance"} <= {
        kind for kind, count in counts.items() if count
    }, counts


# --- looking again ---------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(estate: Estate) -> Iterator[Product]:
    copy = estate.product.copy(f"{estate.product.database}_cloudwatch")
    yield copy
    copy.drop()


def read_all_points(product: Product) -> list[tuple[Any, ...]]:
    """Count, sums and extent of all points; as numeric, so that the order of the rows doesn't show in the sums."""
    columns = ("average_value", "maximum_value", "minimum_value", "sum_value", "sample_count")
    sums = ", ".join(f"sum({column}::numeric)" for column in columns)
    return product.query(
        f"select count(*), {sums}, min(period_start_at), max(period_start_at) from raw.cloudwatch_datapoints"
    )


def is_for(request: Request, action: str) -> bool:
    """boto3 chooses among the protocols that CloudWatch speaks: JSON and CBOR, each with its own sign of the action."""
    return request.path.endswith(f"/operation/{action}") or request.headers.get("x-amz-target", "").endswith(action)


def asked_windows(requests: list[Request]) -> set[tuple[datetime, datetime]]:
    asked = [request for request in requests if is_for(request, "GetMetricData")]
    bodies = [(wire.decode_json if "x-amz-target" in each.headers else wire.decode_cbor)(each.body) for each in asked]
    return {
        (datetime.fromtimestamp(body["StartTime"], UTC), datetime.fromtimestamp(body["EndTime"], UTC))
        for body in bodies
    }


def hourly_windows(requests: list[Request]) -> set[tuple[datetime, datetime]]:
    """Without those of metrics that AWS reports once a day, which are asked in whole days."""
    return {window for window in asked_windows(requests) if any(edge.hour for edge in window)}


def test_a_second_look_asks_for_what_is_new_and_changes_nothing(copied: Product, cloud: Cloud) -> None:
    before = read_all_points(copied)
    with cloud.noting() as requests:
        again = copied.run_at(cloud.present, "cloudwatch")
    assert again.returncode == 0, again.stderr
    # Three hours are read again, because CloudWatch may still complete them.
    assert hourly_windows(requests) == {(cloud.present - timedelta(hours=3), cloud.present)}
    assert read_all_points(copied) == before
    assert copied.query("select count(*) from raw.loads where source_name = 'cloudwatch' and is_current") == [(12,)]


def test_points_that_came_late_are_read_again(copied: Product, cloud: Cloud) -> None:
    """As after a day without collecting: what is missing at the end comes back, what stands elsewhere isn't touched."""
    before = read_all_points(copied)
    copied.change(
        f"delete from raw.cloudwatch_datapoints where period_start_at >= '{cloud.present - timedelta(days=1)}'",
        f"update raw.cloudwatch_series set collected_until_at = '{cloud.present - timedelta(days=1)}'",
    )
    with cloud.noting() as requests:
        collected = copied.run_at(cloud.present, "cloudwatch")
    assert collected.returncode == 0, collected.stderr
    assert hourly_windows(requests) == {(cloud.present - timedelta(days=1, hours=3), cloud.present)}
    assert read_all_points(copied) == before


# --- what is refused -------------------------------------------------------------------------------------------------


def deny(request: Request) -> ServiceError:
    return ServiceError(403, "AccessDenied", "User is not authorized to perform: cloudwatch:GetMetricData")


def is_signed_for(request: Request, region: str) -> bool:
    return f"/{region}/monitoring/" in request.headers.get("authorization", "")


@dataclass(frozen=True)
class Refusal:
    decide: Callable[[Request], ServiceError | None]
    words: list[str]
    failures: int


REGION = Refusal(
    lambda request: deny(request) if is_signed_for(request, "us-west-2") else None,
    ["us-west-2", "AccessDenied", "docs/iam-policy.json"],
    4,
)
# ListMetrics goes through and the points don't come: the region's transaction has begun and must leave nothing.
POINTS_ONLY = Refusal(
    lambda request: deny(request) if is_for(request, "GetMetricData") and is_signed_for(request, "eu-west-1") else None,
    ["GetMetricData", "eu-west-1", "AccessDenied"],
    3,
)


@pytest.mark.parametrize("refusal", [REGION, POINTS_ONLY], ids=["region", "points"])
def test_a_region_that_is_denied_leaves_the_others_loaded(
    create_product: Callable[..., Product], cloud: Cloud, refusal: Refusal
) -> None:
    product = create_product(**cloud.variables, TIEOUT_REGIONS="us-west-2 eu-west-1")
    with cloud.refusing(refusal.decide):
        finished = product.run_at(cloud.present, "cloudwatch")
    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr
    errors = [line for line in finished.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == refusal.failures
    assert errors == finished.stderr.splitlines()[-refusal.failures :]
    for line in errors:
        assert [word for word in refusal.words if word not in line] == [], line
    failed, other = ("us-west-2", "eu-west-1") if refusal is REGION else ("eu-west-1", "us-west-2")
    stored = dict(product.query("select region, count(*) from raw.cloudwatch_series group by 1"))
    assert set(stored) == {other}
    loaded = product.query("select partition_key from raw.loads")
    assert len(loaded) == 8 - refusal.failures
    assert {key for (key,) in loaded if key.endswith(failed)} <= {f"111122223333/{failed}"}
    product.drop()


def test_a_role_that_can_not_be_assumed_is_named(product: Product, cloud: Cloud) -> None:
    roles = "arn:aws:iam::999999999999:role/TieoutReader"
    line = sole_error(
        product.with_variables(**{**cloud.variables, "TIEOUT_ASSUME_ROLE_ARNS": roles}).call("cloudwatch")
    )
    assert f"role {roles}: AWS answered AccessDenied" in line
    assert "docs/iam-policy.json" in line


def test_partial_answers_are_not_taken_for_whole(
    product: Product, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudWatch may end a page sequence with a metric that isn't complete; that region must not count as collected."""
    service = cloud.router.account.metrics
    genuine = service.answer

    def cut(action: str, parameters: dict[str, Any], caller: Any) -> dict[str, Any]:
        answer = genuine(action, parameters, caller)
        if action == "GetMetricData" and answer["MetricDataResults"]:
            answer["MetricDataResults"][0]["StatusCode"] = "InternalError"
        return answer

    monkeypatch.setattr(service, "answer", cut)
    product = product.with_variables(**{**cloud.variables, "TIEOUT_ASSUME_ROLE_ARNS": cloud.endpoint.role_arns[0]})
    finished = product.run_at(cloud.present, "cloudwatch", "--region", "us-east-1")
    assert (finished.returncode, "Traceback" in finished.stderr) == (1, False)
    errors = [line for line in finished.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2, "the payer's own metrics (CloudFront's) and the account's"
    assert all("came whole; run again" in line for line in errors)
    assert product.query("select count(*) from raw.cloudwatch_datapoints") == [(0,)]


def test_broken_catalogue_is_named(tmp_path: Path) -> None:
    from ingest.cloudwatch.catalog import read_catalog as read_product_catalog
    from ingest.errors import IngestError

    header = "namespace,metric_name,dimension_names,resource_dimension,statistics,period_seconds\n"
    catalog = tmp_path / "metric_catalog.csv"
    row = "AWS/EC2,CPU,InstanceId"
    for text, words in (
        ("namespace,metric_name\nAWS/EC2,CPUUtilization\n", "line 2: column 'dimension_names' is missing"),
        (header + f"{row},InstanceId,Median,3600\n", "line 2: statistic Median is not one of"),
        (
            header + "AWS/EC2,CPU,InstanceId,InstanceId,Sum,60\n",
            "line 2: period_seconds '60' is not one of 3600, 86400",
        ),
        (
            header + "AWS/EC2,CPU,InstanceId,VolumeId,Sum,3600\n",
            "line 2: resource_dimension is not among dimension_names",
        ),
    ):
        catalog.write_text(text)
        with pytest.raises(IngestError, match=words):
            read_product_catalog(catalog)
    with pytest.raises(IngestError, match=r"can't be read \(No such file or directory\); restore it from git"):
        read_product_catalog(tmp_path / "nothing")
