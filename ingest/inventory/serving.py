"""Databases, load balancers and APIs."""

from typing import Any

from ingest.aws import Account
from ingest.inventory.listing import Found, Listing, name_of, read_pages


def list_databases(account: Account, region: str) -> Listing:
    """Every RDS and Aurora instance."""
    pages, count = read_pages(account.client("rds", region), "describe_db_instances")
    found = [
        Found(
            each["DBInstanceIdentifier"],
            name_of(each.get("TagList")) or each["DBInstanceIdentifier"],
            each["DBInstanceStatus"],
            {
                "database_class": each["DBInstanceClass"],
                "engine": each["Engine"],
                "is_multi_az": each.get("MultiAZ"),
                "storage_gib": each.get("AllocatedStorage"),
                "storage_type": each.get("StorageType"),
                "iops": each.get("Iops"),
                "read_replica_source_id": each.get("ReadReplicaSourceDBInstanceIdentifier"),
                "read_replica_ids": each.get("ReadReplicaDBInstanceIdentifiers") or None,
                "cluster_id": each.get("DBClusterIdentifier"),
                "created_at": each.get("InstanceCreateTime"),
            },
        )
        for page in pages
        for each in page["DBInstances"]
    ]
    return found, count


def list_modern_balancers(account: Account, region: str, kind: str) -> Listing:
    """Application or network load balancers (`kind`), with how many targets are healthy over all target groups."""
    client = account.client("elbv2", region)
    pages, count = read_pages(client, "describe_load_balancers")
    chosen = [each for page in pages for each in page["LoadBalancers"] if each["Type"] == kind]
    found = []
    for each in chosen:
        groups, more = read_pages(client, "describe_target_groups", LoadBalancerArn=each["LoadBalancerArn"])
        healths = [
            client.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
            for page in groups
            for group in page["TargetGroups"]
        ]
        count += more + len(healths)
        found.append(_describe_balancer(each, each["LoadBalancerArn"].split(":loadbalancer/", 1)[1], healths))
    return found, count


def _describe_balancer(each: dict[str, Any], resource_id: str, healths: list[list[dict[str, Any]]]) -> Found:
    healthy = sum(one["TargetHealth"]["State"] == "healthy" for targets in healths for one in targets)
    return Found(
        resource_id,
        each["LoadBalancerName"],
        each.get("State", {}).get("Code"),
        {
            "scheme": each.get("Scheme"),
            "created_at": each.get("CreatedTime"),
            "target_count": sum(map(len, healths)),
            "healthy_target_count": healthy,
        },
    )


def list_classic_balancers(account: Account, region: str) -> Listing:
    """Classic load balancers, with how many registered instances are in service."""
    client = account.client("elb", region)
    pages, count = read_pages(client, "describe_load_balancers")
    found = []
    for each in (each for page in pages for each in page["LoadBalancerDescriptions"]):
        states = client.describe_instance_health(LoadBalancerName=each["LoadBalancerName"])["InstanceStates"]
        count += 1
        found.append(
            Found(
                each["LoadBalancerName"],
                each["LoadBalancerName"],
                None,
                {
                    "scheme": each.get("Scheme"),
                    "created_at": each.get("CreatedTime"),
                    "target_count": len(states),
                    "healthy_target_count": sum(one["State"] == "InService" for one in states),
                },
            )
        )
    return found, count


def list_apis(account: Account, region: str) -> Listing:
    """REST and HTTP APIs."""
    rest, count = read_pages(account.client("apigateway", region), "get_rest_apis")
    http, more = read_pages(account.client("apigatewayv2", region), "get_apis")
    found = [
        Found(each["id"], each.get("name"), None, {"api_type": "REST", "api_name": each.get("name")})
        for page in rest
        for each in page.get("items", [])
    ]
    found += [
        Found(
            each["ApiId"], each.get("Name"), None, {"api_type": each.get("ProtocolType"), "api_name": each.get("Name")}
        )
        for page in http
        for each in page.get("Items", [])
    ]
    return found, count + more
