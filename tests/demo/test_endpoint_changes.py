"""What is done to the account, by its API and its clock: what describe calls, metrics and the bill show of it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from pyarrow import csv as pa_csv

from demo.timeline import moment
from demo.world.accounts import HOME_REGION, PAYER, PRODUCTION
from demo.world.resources import (
    Bucket,
    ContainerService,
    Database,
    Function,
    Instance,
    LoadBalancer,
    RestApi,
    Snapshot,
    Table,
    Volume,
)
from tests.demo.conftest import Served
from tests.demo.endpoint_account import NOW, control, estate, own_key, serve, serve_copy

COLUMNS = [
    "lineItem/LineItemType",
    "lineItem/UsageStartDate",
    "lineItem/UsageType",
    "lineItem/ResourceId",
    "lineItem/UnblendedCost",
    "reservation/ReservationARN",
    "savingsPlan/SavingsPlanARN",
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An account that the tests of this module change, each other things of it."""
    with serve_copy(tmp_path_factory.mktemp("hand")) as each:
        yield each


def pick(kind: type[Any], *, number: int = 0, **wanted: object) -> Any:
    """One of a kind that exists in production's home region."""
    found = [
        each
        for each in estate().each(kind)
        if each.account == PRODUCTION
        and each.region == HOME_REGION
        and each.is_current(NOW)
        and all(getattr(each, name) == value for name, value in wanted.items())
    ]
    return sorted(found, key=lambda each: each.resource_id)[number]


def machine(number: int = 0) -> Instance:
    """A plain machine that runs all the time."""
    found = [
        each
        for each in estate().each(Instance)
        if (each.account, each.region) == (PRODUCTION, HOME_REGION)
        and each.runs(NOW - 48, NOW + 72).all()
        and not each.is_spot
        and each.group is None
        and each.has_metrics
    ]
    return sorted(found, key=lambda each: each.resource_id)[number]


def rows(served: Served, month: str) -> list[dict[str, str]]:
    """The lines of the newest delivery of a month, by CSV header, read over S3."""
    s3 = served.client("s3")
    prefix = f"cur/example-hourly/{month}"
    manifest = json.loads(
        s3.get_object(Bucket="example-corp-billing", Key=f"{prefix}/example-hourly-Manifest.json")["Body"].read()
    )
    lines: list[dict[str, str]] = []
    for key in manifest["reportKeys"]:
        content = gzip.decompress(s3.get_object(Bucket="example-corp-billing", Key=key)["Body"].read())
        options = pa_csv.ConvertOptions(
            include_columns=COLUMNS,
            include_missing_columns=True,
            column_types=dict.fromkeys(COLUMNS, pa.string()),
            strings_can_be_null=False,
        )
        lines += pa_csv.read_csv(pa.BufferReader(content), convert_options=options).to_pylist()
    return [{name: value or "" for name, value in line.items()} for line in lines]


def test_readers_change_nothing(served: Served) -> None:
    reader = PRODUCTION.role_arn
    name = machine().resource_id
    for service, call, arguments, code in (
        ("ec2", "terminate_instances", {"InstanceIds": [name]}, "UnauthorizedOperation"),
        ("rds", "stop_db_instance", {"DBInstanceIdentifier": "any"}, "AccessDenied"),
        ("dynamodb", "delete_table", {"TableName": "any"}, "AccessDeniedException"),
        ("lambda", "delete_function", {"FunctionName": "any"}, "AccessDeniedException"),
        ("s3", "delete_bucket", {"Bucket": "any"}, "AccessDenied"),
        ("elbv2", "delete_load_balancer", {"LoadBalancerArn": "any"}, "AccessDenied"),
    ):
        with pytest.raises(ClientError) as failure:
            getattr(served.assumed(service, reader), call)(**arguments)
        assert failure.value.response["Error"]["Code"] == code
    assert control(served, "events", method="GET")[1] == {"events": []}


def test_impossible_changes_have_awss_codes(served: Served) -> None:
    ec2 = served.client("ec2", **own_key(PRODUCTION))
    running = machine().resource_id
    attached = pick(Volume, is_root=True).resource_id
    for call, arguments, code in (
        ("stop_instances", {"InstanceIds": ["i-0123456789abcdef0"]}, "InvalidInstanceID.NotFound"),
        (
            "modify_instance_attribute",
            {"InstanceId": running, "InstanceType": {"Value": "m5.large"}},
            "IncorrectInstanceState",
        ),
        (
            "modify_instance_attribute",
            {"InstanceId": running, "InstanceType": {"Value": "x9.huge"}},
            "InvalidParameterValue",
        ),
        ("delete_volume", {"VolumeId": attached}, "VolumeInUse"),
        ("detach_volume", {"VolumeId": attached}, "OperationNotPermitted"),
        ("modify_volume", {"VolumeId": attached, "Size": 1}, "InvalidParameterValue"),
        ("delete_snapshot", {"SnapshotId": "snap-0"}, "InvalidSnapshot.NotFound"),
        ("release_address", {"AllocationId": "eipalloc-0"}, "InvalidAllocationID.NotFound"),
        ("delete_nat_gateway", {"NatGatewayId": "nat-0"}, "NatGatewayNotFound"),
        ("run_instances", {"MinCount": 1, "MaxCount": 1}, "InvalidAction"),
    ):
        with pytest.raises(ClientError) as failure:
            getattr(ec2, call)(**arguments)
        assert failure.value.response["Error"]["Code"] == code, call
    # The payer's own credential holds no rights in a linked account.
    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):
        served.client("ec2").stop_instances(InstanceIds=[running])
    assert control(served, "events", method="GET")[1] == {"events": []}


def test_changes_show_at_once(tmp_path: Path) -> None:
    with serve_copy(tmp_path) as served:
        _change_everything(served)
        # What was done outlives the process that served it.
        journal = json.loads((served.directory / "journal.json").read_text())
        done = {event["action"] for event in journal["events"]}
        assert done >= {"StopInstances", "TerminateInstances", "DeleteVolume", "ModifyDBInstance", "DeleteBucket"}
        assert {event["account_id"] for event in journal["events"]} == {PRODUCTION.account_id}
    with serve(served.directory) as again:
        assert again.client("dynamodb", **own_key(PRODUCTION)).describe_table(TableName=pick(Table).name)["Table"][
            "BillingModeSummary"
        ]["BillingMode"] == ("PROVISIONED" if pick(Table).mode == "PAY_PER_REQUEST" else "PAY_PER_REQUEST")


def _change_everything(served: Served) -> None:
    key = own_key(PRODUCTION)
    ec2 = served.client("ec2", **key)
    first, second = machine(0), machine(1)
    assert (
        ec2.stop_instances(InstanceIds=[first.resource_id])["StoppingInstances"][0]["PreviousState"]["Name"]
        == "running"
    )
    kind = "m5.large" if first.instance_type != "m5.large" else "m5.xlarge"
    ec2.modify_instance_attribute(InstanceId=first.resource_id, InstanceType={"Value": kind})
    shown = ec2.describe_instances(InstanceIds=[first.resource_id])["Reservations"][0]["Instances"][0]
    assert (shown["State"]["Name"], shown["InstanceType"]) == ("stopped", kind)
    assert f"{moment(NOW):%Y-%m-%d %H:%M}" in shown["StateTransitionReason"]
    ec2.start_instances(InstanceIds=[first.resource_id])
    data = [each for each in estate().each(Volume) if each.instance_id == second.resource_id and not each.is_root]
    root = next(each for each in estate().each(Volume) if each.instance_id == second.resource_id and each.is_root)
    ec2.terminate_instances(InstanceIds=[second.resource_id])
    (gone,) = ec2.describe_instances(InstanceIds=[second.resource_id])["Reservations"][0]["Instances"]
    assert gone["State"]["Name"] == "terminated"
    left = {each["VolumeId"]: each["State"] for each in ec2.describe_volumes()["Volumes"]}
    assert root.resource_id not in left
    assert all(left[each.resource_id] == "available" for each in data)
    loose = pick(Volume, instance_id=None).resource_id
    ec2.modify_volume(VolumeId=loose, Size=2000, VolumeType="gp3")
    assert ec2.describe_volumes(VolumeIds=[loose])["Volumes"][0]["Size"] == 2000
    ec2.delete_volume(VolumeId=loose)
    with pytest.raises(ClientError, match=r"InvalidVolume\.NotFound"):
        ec2.describe_volumes(VolumeIds=[loose])
    snapshot = pick(Snapshot).resource_id.rsplit("/", 1)[-1]
    ec2.delete_snapshot(SnapshotId=snapshot)
    assert snapshot not in {each["SnapshotId"] for each in ec2.describe_snapshots()["Snapshots"]}

    rds = served.client("rds", **key)
    database = next(
        each
        for each in estate().each(Database)
        if each.account == PRODUCTION
        and each.region == HOME_REGION
        and each.cluster is None
        and each.runs(NOW, NOW + 1)[0]
    )
    rds.modify_db_instance(DBInstanceIdentifier=database.name, DBInstanceClass="db.m5.xlarge", ApplyImmediately=True)
    assert rds.stop_db_instance(DBInstanceIdentifier=database.name)["DBInstance"]["DBInstanceStatus"] == "stopping"
    shown = rds.describe_db_instances(DBInstanceIdentifier=database.name)["DBInstances"][0]
    assert (shown["DBInstanceClass"], shown["DBInstanceStatus"]) == ("db.m5.xlarge", "stopped")
    rds.delete_db_instance(DBInstanceIdentifier=database.name, SkipFinalSnapshot=True)
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        rds.describe_db_instances(DBInstanceIdentifier=database.name)

    function = pick(Function)
    served.client("lambda", **key).update_function_configuration(FunctionName=function.name, MemorySize=3008)
    assert served.client("lambda", **key).get_function_configuration(FunctionName=function.name)["MemorySize"] == 3008
    table = pick(Table)
    dynamodb = served.client("dynamodb", **key)
    if table.mode == "PAY_PER_REQUEST":
        dynamodb.update_table(
            TableName=table.name,
            BillingMode="PROVISIONED",
            ProvisionedThroughput={"ReadCapacityUnits": 7, "WriteCapacityUnits": 3},
        )
    else:
        dynamodb.update_table(TableName=table.name, BillingMode="PAY_PER_REQUEST")
    service = pick(ContainerService)
    ecs = served.client("ecs", **key)
    ecs.update_service(cluster=service.cluster, service=service.name, desiredCount=0)
    ecs.delete_service(cluster=service.cluster, service=service.name)
    balancer = next(
        each for each in estate().each(LoadBalancer) if each.account == PRODUCTION and each.kind != "classic"
    )
    elb = served.client("elbv2", balancer.region.code, **key)
    elb.delete_load_balancer(LoadBalancerArn=balancer.resource_id)
    with pytest.raises(ClientError, match="LoadBalancerNotFound"):
        elb.describe_load_balancers(LoadBalancerArns=[balancer.resource_id])
    api = next(each for each in estate().each(RestApi) if each.account == PRODUCTION and each.kind == "HTTP")
    served.client("apigatewayv2", api.region.code, **key).delete_api(ApiId=api.api_id)
    bucket = next(each for each in estate().each(Bucket) if each.account == PRODUCTION and each.is_current(NOW))
    s3 = served.client("s3", **key)
    s3.delete_bucket(Bucket=bucket.resource_id)
    assert bucket.resource_id not in {each["Name"] for each in s3.list_buckets()["Buckets"]}
    distributions = served.client("cloudfront", **key).list_distributions()["DistributionList"]
    if distributions["Quantity"]:
        name = distributions["Items"][0]["Id"]
        cloudfront = served.client("cloudfront", **key)
        cloudfront.delete_distribution(Id=name, IfMatch=cloudfront.get_distribution(Id=name)["ETag"])
        assert cloudfront.list_distributions()["DistributionList"]["Quantity"] == distributions["Quantity"] - 1


def test_metrics_and_bill_follow_a_stopped_machine_and_a_purchase(served: Served) -> None:
    key = own_key(PRODUCTION)
    thing = machine(2)
    served.client("ec2", **key).stop_instances(InstanceIds=[thing.resource_id])
    plans = served.client("savingsplans")
    offering = plans.describe_savings_plans_offerings(
        planTypes=["Compute"], paymentOptions=["All Upfront"], durations=[31_536_000]
    )["searchResults"][0]
    plan = plans.create_savings_plan(savingsPlanOfferingId=offering["offeringId"], commitment="0.5")["savingsPlanId"]
    owned = plans.describe_savings_plans(savingsPlanIds=[plan])["savingsPlans"][0]
    assert (owned["commitment"], owned["upfrontPaymentAmount"], owned["state"]) == ("0.5", "4380", "active")
    ec2 = served.client("ec2")
    sold = ec2.describe_reserved_instances_offerings(
        InstanceType="m5.large", OfferingType="No Upfront", OfferingClass="standard", ProductDescription="Linux/UNIX"
    )["ReservedInstancesOfferings"][0]
    reserved = ec2.purchase_reserved_instances_offering(
        ReservedInstancesOfferingId=sold["ReservedInstancesOfferingId"], InstanceCount=2
    )["ReservedInstancesId"]
    assert (
        ec2.describe_reserved_instances(ReservedInstancesIds=[reserved])["ReservedInstances"][0]["InstanceCount"] == 2
    )

    before = rows(served, "20261101-20261201")
    assert control(served, "clock", {"hours": 48}) == (200, {"now": "2026-11-25T00:00:00+00:00"})
    after = rows(served, "20261101-20261201")

    state = served.client("ec2", **key).describe_instances(InstanceIds=[thing.resource_id])["Reservations"][0]
    assert state["Instances"][0]["State"]["Name"] == "stopped"
    stopped = datetime.fromtimestamp(NOW * 3600, UTC)
    points = served.client("cloudwatch", **key).get_metric_data(
        StartTime=stopped - timedelta(hours=48),
        EndTime=stopped + timedelta(hours=48),
        MetricDataQueries=[
            {
                "Id": "cpu",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/EC2",
                        "MetricName": "CPUUtilization",
                        "Dimensions": [{"Name": "InstanceId", "Value": thing.resource_id}],
                    },
                    "Period": 3600,
                    "Stat": "Average",
                },
            }
        ],
    )["MetricDataResults"][0]["Timestamps"]
    assert len(points) > 40
    assert max(points) < stopped
    billed = {
        row["lineItem/UsageStartDate"]
        for row in after
        if row["lineItem/ResourceId"] == thing.resource_id and "Usage:" in row["lineItem/UsageType"]
    }
    assert max(billed) == "2026-11-22T23:00:00Z"
    assert max(row["lineItem/UsageStartDate"] for row in after) == "2026-11-24T17:00:00Z"

    # What was reported before is reported again, to the digit, and the purchases are charged from their hour on.
    def spend(lines: list[dict[str, str]]) -> dict[str, Decimal]:
        totals: dict[str, Decimal] = {}
        for row in lines:
            if row["lineItem/LineItemType"] == "Usage" and row["lineItem/UsageStartDate"] < "2026-11-22T00:00:00Z":
                day = row["lineItem/UsageStartDate"][:10]
                totals[day] = totals.get(day, Decimal(0)) + Decimal(row["lineItem/UnblendedCost"])
        return totals

    assert spend(before) == spend(after)
    fees = {
        row["lineItem/LineItemType"]: Decimal(row["lineItem/UnblendedCost"])
        for row in after
        if row["savingsPlan/SavingsPlanARN"].endswith(plan) and row["lineItem/LineItemType"].startswith("SavingsPlanU")
    }
    assert fees == {"SavingsPlanUpfrontFee": Decimal(4380)}
    used = [row for row in after if row["reservation/ReservationARN"].endswith(reserved)]
    assert {row["lineItem/LineItemType"] for row in used} >= {"RIFee"}
    assert min(row["lineItem/UsageStartDate"] for row in used) >= "2026-11-23T00:00:00Z"
    # Cost Explorer, a day behind, now knows the day after the change.
    day = served.client("ce").get_cost_and_usage(
        TimePeriod={"Start": "2026-11-23", "End": "2026-11-24"}, Granularity="DAILY", Metrics=["UnblendedCost"]
    )["ResultsByTime"][0]
    known = sum(
        Decimal(row["lineItem/UnblendedCost"]) for row in after if row["lineItem/UsageStartDate"][:10] == "2026-11-23"
    )
    assert Decimal(day["Total"]["UnblendedCost"]["Amount"]) == known


def test_bill_is_restated_late_reports_wait_and_the_clock_only_goes_forward(tmp_path: Path) -> None:
    def october(served: Served) -> Decimal:
        return sum((Decimal(row["lineItem/UnblendedCost"]) for row in rows(served, "20261001-20261101")), Decimal(0))

    with serve_copy(tmp_path) as served:
        before = october(served)
        details = {"period": "2026-10", "account": PAYER.account_id, "amount_usd": "12.34"}
        assert control(served, "events", {"action": "Restate", "details": details})[0] == 200
        assert control(served, "events", {"action": "DelayReports", "details": {"hours": 30}})[0] == 200
        assert control(served, "clock", {"to": "2026-11-24T00:00:00Z"})[1] == {"now": "2026-11-24T00:00:00+00:00"}
        newest = max(row["lineItem/UsageStartDate"] for row in rows(served, "20261101-20261201"))
        assert newest == "2026-11-22T17:00:00Z"
        assert october(served) == before
        assert control(served, "events", {"action": "DelayReports", "details": {"hours": 0}})[0] == 200
        assert control(served, "clock", {"hours": 12})[1] == {"now": "2026-11-24T12:00:00+00:00"}
        newest = max(row["lineItem/UsageStartDate"] for row in rows(served, "20261101-20261201"))
        assert newest == "2026-11-24T05:00:00Z"
        assert before - october(served) == Decimal("12.34")
        for asked in (
            {"hours": -1},
            {"hours": 0},
            {},
            {"hours": 1, "to": "2026-12-01"},
            {"to": "soon"},
            {"hours": True},
        ):
            status, answer = control(served, "clock", asked)
            assert (status, list(answer)) == (400, ["error"])
        for told in (
            {"action": "MakeCoffee"},
            {"action": "StopInstances", "resource_id": machine().resource_id},
            {"action": "Restate", "details": details | {"period": "2019-01"}},
            {"action": "Restate", "details": details | {"amount_usd": "much"}},
            {"action": "DelayReports"},
        ):
            assert control(served, "events", told)[0] == 400
        assert control(served, "nowhere", {})[0] == 400
