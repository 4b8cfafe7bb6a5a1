"""The describe calls, through unmodified boto3 clients, against what exists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from botocore.exceptions import ClientError

from demo import money
from demo.prices import catalog
from demo.world import accounts
from demo.world.accounts import Account, Region
from demo.world.resources import (
    Address,
    Bucket,
    ContainerService,
    Database,
    DatabaseCluster,
    Distribution,
    Function,
    Instance,
    LoadBalancer,
    NatGateway,
    Resource,
    RestApi,
    Snapshot,
    Table,
    Volume,
)
from tests.demo.conftest import Served
from tests.demo.endpoint_account import NOW, estate, original, own_key, serve

PLACES = [(account, region) for account in accounts.ACCOUNTS for region in accounts.REGIONS]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve(original()) as each:
        yield each


def there(kind: type[Resource], account: Account, region: Region | None) -> dict[str, Resource]:
    """What exists of a kind at the present, by resource id."""
    return {
        thing.resource_id: thing
        for thing in estate().each(kind)
        if thing.account == account and region in (None, thing.region) and thing.is_current(NOW)
    }


def last(names: object) -> set[str]:
    assert isinstance(names, dict)
    return {str(name).rsplit("/", 1)[-1] for name in names}


@pytest.mark.parametrize(("account", "region"), PLACES, ids=lambda place: getattr(place, "name", None) or place.code)
def test_every_service_shows_what_exists(served: Served, account: Account, region: Region) -> None:
    def client(service: str):  # type: ignore[no-untyped-def]
        return served.client(service, region.code, **own_key(account))

    ec2 = client("ec2")
    machines = there(Instance, account, region)
    shown = {
        each["InstanceId"]: each
        for page in ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
        for reservation in page["Reservations"]
        for each in reservation["Instances"]
    }
    assert set(shown) == set(machines)
    for name, each in shown.items():
        thing = machines[name]
        assert isinstance(thing, Instance)
        assert each["InstanceType"] == thing.instance_type
        assert each["State"]["Name"] == ("running" if thing.runs(NOW, NOW + 1)[0] else "stopped")
        assert {tag["Key"]: tag["Value"] for tag in each["Tags"]} == thing.tags
        assert int(each["LaunchTime"].timestamp()) == thing.life.launched * 3600
        assert (each.get("Platform") == "windows") == (thing.operating_system == "Windows")
        assert (each.get("InstanceLifecycle") == "spot") == thing.is_spot
    volumes = there(Volume, account, region)
    disks = {each["VolumeId"]: each for each in ec2.describe_volumes()["Volumes"]}
    assert set(disks) == set(volumes)
    for name, disk in disks.items():
        thing = volumes[name]
        assert isinstance(thing, Volume)
        assert (disk["Size"], disk["VolumeType"]) == (thing.size_gb, thing.volume_type)
        assert [each["InstanceId"] for each in disk["Attachments"]] == (
            [thing.instance_id] if thing.instance_id else []
        )
        assert (disk["State"] == "available") == (thing.instance_id is None)
    assert {each["SnapshotId"] for each in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]} == last(
        there(Snapshot, account, region)
    )
    idle = [each["AllocationId"] for each in ec2.describe_addresses()["Addresses"] if "InstanceId" not in each]
    addresses = there(Address, account, region)
    assert set(idle) == last({name: 1 for name, each in addresses.items() if each.instance_id is None})  # type: ignore[attr-defined]
    gateways = {each.gateway_id for each in there(NatGateway, account, region).values()}  # type: ignore[attr-defined]
    assert {each["NatGatewayId"] for each in ec2.describe_nat_gateways()["NatGateways"]} == gateways
    routes = ec2.describe_route_tables()["RouteTables"]
    assert {route.get("NatGatewayId") for table in routes for route in table["Routes"]} >= gateways
    groups = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    members = {(each["AutoScalingGroupName"], one["InstanceId"]) for each in groups for one in each["Instances"]}
    assert members == {
        (each.group, name) for name, each in machines.items() if isinstance(each, Instance) and each.group
    }

    databases = there(Database, account, region)
    shown = {each["DBInstanceArn"]: each for each in client("rds").describe_db_instances()["DBInstances"]}
    assert set(shown) == set(databases)
    for name, each in shown.items():
        thing = databases[name]
        assert isinstance(thing, Database)
        assert (each["DBInstanceClass"], each["Engine"], each["MultiAZ"]) == (
            thing.database_class,
            thing.engine,
            thing.is_multi_az,
        )
        assert (each["DBInstanceStatus"] == "available") == bool(thing.runs(NOW, NOW + 1)[0])
        assert {tag["Key"]: tag["Value"] for tag in each["TagList"]} == thing.tags
    clusters = {each["DBClusterArn"]: each for each in client("rds").describe_db_clusters()["DBClusters"]}
    assert set(clusters) == set(there(DatabaseCluster, account, region))
    assert sum(len(each["DBClusterMembers"]) for each in clusters.values()) == sum(
        1 for each in databases.values() if isinstance(each, Database) and each.cluster
    )
    balancers = there(LoadBalancer, account, region)
    v2 = client("elbv2")
    modern = {each["LoadBalancerArn"]: each["Type"] for each in v2.describe_load_balancers()["LoadBalancers"]}
    assert modern == {name: each.kind for name, each in balancers.items() if each.kind != "classic"}  # type: ignore[attr-defined]
    for group in v2.describe_target_groups()["TargetGroups"]:
        healthy = v2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
        assert len(healthy) == balancers[group["LoadBalancerArns"][0]].targets  # type: ignore[attr-defined]
    classic = client("elb").describe_load_balancers()["LoadBalancerDescriptions"]
    assert {each["LoadBalancerName"]: len(each["Instances"]) for each in classic} == {
        each.name: each.targets
        for each in balancers.values()
        if isinstance(each, LoadBalancer) and each.kind == "classic"
    }
    dynamodb = client("dynamodb")
    tables = {each.name: each for each in there(Table, account, region).values()}
    assert set(dynamodb.list_tables()["TableNames"]) == set(tables)
    for name, thing in tables.items():
        assert isinstance(thing, Table)
        shown = dynamodb.describe_table(TableName=name)["Table"]
        capacity = shown["ProvisionedThroughput"]["ReadCapacityUnits"]
        assert capacity == (thing.read_units if thing.mode == "PROVISIONED" else 0)
        assert {each["IndexName"] for each in shown.get("GlobalSecondaryIndexes", [])} == set(thing.indexes)
    ecs = client("ecs")
    services = there(ContainerService, account, region)
    found = {}
    for cluster in ecs.list_clusters()["clusterArns"]:
        for arn in ecs.list_services(cluster=cluster)["serviceArns"]:
            found[arn] = ecs.describe_services(cluster=cluster, services=[arn])["services"][0]
    assert {arn: each["desiredCount"] for arn, each in found.items()} == {
        name: each.task_count if each.runs(NOW, NOW + 1)[0] else 0
        for name, each in services.items()
        if isinstance(each, ContainerService)
    }
    for arn, each in found.items():
        definition = ecs.describe_task_definition(taskDefinition=each["taskDefinition"])["taskDefinition"]
        assert int(definition["cpu"]) == services[arn].vcpu * 1024  # type: ignore[attr-defined]
    functions = client("lambda").list_functions()["Functions"]
    assert {each["FunctionArn"]: each["MemorySize"] for each in functions} == {
        name: each.memory_mb for name, each in there(Function, account, region).items() if isinstance(each, Function)
    }
    apis = there(RestApi, account, region).values()
    rest = {each["id"] for each in client("apigateway").get_rest_apis()["items"]}
    http = {each["ApiId"] for each in client("apigatewayv2").get_apis()["Items"]}
    assert rest == {each.api_id for each in apis if isinstance(each, RestApi) and each.kind == "REST"}
    assert http == {each.api_id for each in apis if isinstance(each, RestApi) and each.kind == "HTTP"}


@pytest.mark.parametrize("account", accounts.ACCOUNTS, ids=lambda account: account.name)
def test_services_without_regions(served: Served, account: Account) -> None:
    s3 = served.client("s3", **own_key(account))
    buckets = there(Bucket, account, None)
    names = {each["Name"] for each in s3.list_buckets()["Buckets"]}
    assert names - {"example-corp-billing"} == set(buckets)
    assert ("example-corp-billing" in names) == (account == accounts.PAYER)
    for name, thing in buckets.items():
        assert isinstance(thing, Bucket)
        place = s3.get_bucket_location(Bucket=name)["LocationConstraint"]
        assert (place or "us-east-1") == thing.region.code
        try:
            assert s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]["Status"] == "Enabled"
            assert thing.has_lifecycle
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration"
            assert not thing.has_lifecycle
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.list_objects_v2(Bucket=name)
    listed = served.client("cloudfront", **own_key(account)).list_distributions()["DistributionList"]
    assert {each["ARN"] for each in listed.get("Items", [])} == set(there(Distribution, account, None))
    assert listed["Quantity"] == len(there(Distribution, account, None))


def test_filters_ids_and_pages_are_ec2s(served: Served) -> None:
    ec2 = served.client("ec2", **own_key(accounts.PRODUCTION))

    def ids(**arguments: object) -> set[str]:
        found = ec2.describe_instances(**arguments)["Reservations"]
        return {each["InstanceId"] for reservation in found for each in reservation["Instances"]}

    machines = there(Instance, accounts.PRODUCTION, accounts.HOME_REGION)
    kinds = {name: each.instance_type for name, each in machines.items() if isinstance(each, Instance)}
    family = next(iter(kinds.values())).split(".")[0]
    assert ids(Filters=[{"Name": "instance-type", "Values": [f"{family}.*"]}]) == {
        name for name, kind in kinds.items() if kind.startswith(f"{family}.")
    }
    assert ids(
        Filters=[
            {"Name": "tag-key", "Values": ["Team"]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
    ) == {name for name, each in machines.items() if "Team" in each.tags and each.runs(NOW, NOW + 1)[0]}
    one = sorted(machines)[0]
    assert ids(InstanceIds=[one]) == {one}
    for arguments, code in (
        ({"InstanceIds": ["i-0123456789abcdef0"]}, "InvalidInstanceID.NotFound"),
        ({"Filters": [{"Name": "moon-phase", "Values": ["full"]}]}, "InvalidParameterValue"),
        ({"NextToken": "forged"}, "InvalidNextToken"),
    ):
        with pytest.raises(ClientError) as failure:
            ids(**arguments)
        assert failure.value.response["Error"]["Code"] == code
    # A machine of one account isn't there for another one.
    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):
        served.client("ec2").describe_instances(InstanceIds=[one])


def test_organization_names_accounts_for_the_payer_alone(served: Served) -> None:
    listed = served.client("organizations").list_accounts()["Accounts"]
    assert {each["Id"]: each["Name"] for each in listed} == {each.account_id: each.name for each in accounts.ACCOUNTS}
    linked = served.client("organizations", **own_key(accounts.ANALYTICS))
    assert linked.describe_organization()["Organization"]["MasterAccountId"] == accounts.PAYER.account_id
    with pytest.raises(ClientError, match="AccessDeniedException"):
        linked.list_accounts()


def test_prices_are_the_catalogues(served: Served) -> None:
    pricing = served.client("pricing")
    wanted = {"instanceType": "m5.large", "operatingSystem": "Linux", "regionCode": "eu-west-1"}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
    (text,) = pricing.get_products(ServiceCode="AmazonEC2", Filters=filters)["PriceList"]
    offer = json.loads(text)
    (term,) = offer["terms"]["OnDemand"].values()
    (price,) = term["priceDimensions"].values()
    rate = money.to_decimal(catalog.on_demand_rate("ec2/m5.large/Linux", "eu-west-1"))
    assert Decimal(price["pricePerUnit"]["USD"]) == rate
    assert offer["product"]["attributes"]["usagetype"] == "EU-BoxUsage:m5.large"
    reserved = [
        each
        for each in offer["terms"]["Reserved"].values()
        if each["termAttributes"]
        == {"LeaseContractLength": "1yr", "OfferingClass": "standard", "PurchaseOption": "All Upfront"}
    ]
    (fee,) = (each for each in reserved[0]["priceDimensions"].values() if each["unit"] == "Quantity")
    upfront = catalog.reservation_rates("ec2/m5.large/Linux", "eu-west-1", "1yr", "All Upfront").upfront_fee
    assert (len(reserved), Decimal(fee["pricePerUnit"]["USD"])) == (1, money.to_decimal(upfront))
    pages = pricing.get_paginator("get_products").paginate(ServiceCode="AmazonEC2")
    skus = [json.loads(text)["product"]["sku"] for page in pages for text in page["PriceList"]]
    assert len(skus) == len(set(skus)) > 100
    values = pricing.get_attribute_values(ServiceCode="AmazonEC2", AttributeName="operatingSystem")["AttributeValues"]
    assert {each["Value"] for each in values} >= {"Linux", "Windows"}
    rates = served.client("savingsplans").describe_savings_plans_offering_rates(
        savingsPlanTypes=["Compute"],
        savingsPlanPaymentOptions=["No Upfront"],
        usageTypes=["EU-BoxUsage:m5.large"],
        operations=["RunInstances"],
    )["searchResults"]
    assert {(each["savingsPlanOffering"]["durationSeconds"], Decimal(each["rate"])) for each in rates} == {
        (
            hours * 3600,
            money.to_decimal(catalog.savings_plan_rate("ec2/m5.large/Linux", "eu-west-1", "ComputeSavingsPlans", term)),
        )
        for term, hours in (("1yr", 8760), ("3yr", 26280))
    }


def test_invoices_add_up_to_the_closed_month(served: Served) -> None:
    found = served.client("invoicing").list_invoice_summaries(
        Selector={"ResourceType": "ACCOUNT_ID", "Value": accounts.PAYER.account_id},
        Filter={"BillingPeriod": {"Month": 10, "Year": 2026}},
    )["InvoiceSummaries"]
    month = served.client("ce").get_cost_and_usage(
        TimePeriod={"Start": "2026-10-01", "End": "2026-11-01"}, Granularity="MONTHLY", Metrics=["UnblendedCost"]
    )["ResultsByTime"][0]
    assert not month["Estimated"]
    billed = Decimal(month["Total"]["UnblendedCost"]["Amount"])
    invoiced = sum(Decimal(each["BaseCurrencyAmount"]["TotalAmount"]) for each in found)
    assert abs(billed - invoiced) <= Decimal("0.005") * len(found)
    assert len({each["InvoiceId"] for each in found}) == len(found) > 1


def test_linked_accounts_readers_see_their_own(served: Served) -> None:
    reader = served.assumed("ec2", accounts.PRODUCTION.role_arn)
    assert len(reader.describe_instances()["Reservations"]) == len(
        there(Instance, accounts.PRODUCTION, accounts.HOME_REGION)
    )
