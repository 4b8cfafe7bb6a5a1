"""RDS: instances, Aurora clusters, tags, and what may be done to an instance."""

from __future__ import annotations

from typing import Any

from demo.prices import catalog
from demo.services.context import Action, Context, Parsed, is_like, iso, listed, page, runs, tag_list, texts
from demo.wire import Items, ServiceError
from demo.world.resources import Database, DatabaseCluster

_PORTS = {"postgres": 5432, "mysql": 3306, "aurora-postgresql": 5432, "aurora-mysql": 3306}
_VERSIONS = {
    "postgres": "15.4",
    "mysql": "8.0.35",
    "aurora-postgresql": "15.4",
    "aurora-mysql": "8.0.mysql_aurora.3.05",
}


def _tags(tags: dict[str, str]) -> Items:
    return Items("Tag", tag_list(tags))


def _zone(context: Context, thing: Database) -> str:
    return f"{context.region}{'abc'[int(context.made_up('zone', thing.resource_id, length=2), 16) % 3]}"


def _instance(context: Context, thing: Database) -> dict[str, Any]:
    host = f"{thing.name}.{context.made_up('rds', length=12)}.{context.region}.rds.amazonaws.com"
    described: dict[str, Any] = {
        "DBInstanceIdentifier": thing.name,
        "DBInstanceClass": thing.database_class,
        "Engine": thing.engine,
        "DBInstanceStatus": "available" if runs(thing, context.now) else "stopped",
        "MasterUsername": "admin",
        "Endpoint": {"Address": host, "Port": _PORTS.get(thing.engine, 5432)},
        # An Aurora member's storage is its cluster's; AWS reports 1 for it.
        "AllocatedStorage": 1 if thing.cluster else thing.storage_gb,
        "InstanceCreateTime": iso(thing.life.launched),
        "BackupRetentionPeriod": 7,
        "AvailabilityZone": _zone(context, thing),
        "MultiAZ": thing.is_multi_az,
        "EngineVersion": _VERSIONS.get(thing.engine, "1"),
        "LicenseModel": "general-public-license" if thing.engine == "mysql" else "postgresql-license",
        "ReadReplicaDBInstanceIdentifiers": Items("ReadReplicaDBInstanceIdentifier", []),
        "PubliclyAccessible": False,
        "StorageType": "aurora" if thing.cluster else thing.storage_type,
        "StorageEncrypted": False,
        "DbiResourceId": f"db-{context.made_up('dbi', thing.resource_id, length=26).upper()}",
        "DBInstanceArn": thing.resource_id,
        "DeletionProtection": False,
        "TagList": _tags(thing.tags),
    }
    if thing.cluster:
        described["DBClusterIdentifier"] = thing.cluster
    return described


def _filtered(found: list[Parsed], parameters: Parsed, filters: dict[str, str]) -> list[Parsed]:
    for asked in listed(parameters.get("Filters"), "Filter"):
        name, wanted = str(asked.get("Name", "")), texts(asked.get("Values"), "Value")
        if name not in filters:
            raise ServiceError(400, "InvalidParameterValue", f"Unrecognized filter name: {name}")
        # Ids may be given as ARNs, whose last part they are.
        wanted = [value.rsplit(":", 1)[-1] if value.startswith("arn:") else value for value in wanted]
        found = [each for each in found if is_like(str(each.get(filters[name], "")), wanted)]
    return found


def _cut(found: list[Parsed], parameters: Parsed) -> tuple[list[Parsed], str | None]:
    size = str(parameters.get("MaxRecords", "100"))
    if not size.isdigit() or not 20 <= int(size) <= 100:
        raise ServiceError(400, "InvalidParameterValue", "MaxRecords must be between 20 and 100.")
    return page(found, parameters, token="Marker", size="MaxRecords", most=100)  # noqa: S106 - a parameter's name


def describe_instances(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeDBInstances."""
    found = [_instance(context, each) for each in context.things(Database)]
    name = parameters.get("DBInstanceIdentifier")
    if name is not None:
        asked = str(name).rsplit(":", 1)[-1]
        found = [each for each in found if each["DBInstanceIdentifier"] == asked]
        if not found:
            raise ServiceError(404, "DBInstanceNotFound", f"DBInstance {asked} not found.")
    filters = {
        "db-instance-id": "DBInstanceIdentifier",
        "db-cluster-id": "DBClusterIdentifier",
        "engine": "Engine",
        "dbi-resource-id": "DbiResourceId",
    }
    chosen, marker = _cut(_filtered(found, parameters, filters), parameters)
    return {"DBInstances": Items("DBInstance", chosen), "Marker": marker}


def describe_clusters(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeDBClusters: the first member by name writes."""
    members: dict[str | None, list[Database]] = {}
    for each in context.things(Database):
        members.setdefault(each.cluster, []).append(each)
    found = [
        {
            "DBClusterIdentifier": each.name,
            "DBClusterArn": each.resource_id,
            "Engine": each.engine,
            "EngineVersion": _VERSIONS.get(each.engine, "1"),
            "EngineMode": "provisioned",
            "Status": "available",
            "AllocatedStorage": 1,
            "ClusterCreateTime": iso(each.life.launched),
            "MultiAZ": len(members.get(each.name, [])) > 1,
            "StorageType": "aurora",
            "Port": _PORTS.get(each.engine, 5432),
            "DBClusterMembers": Items(
                "DBClusterMember",
                [
                    {"DBInstanceIdentifier": member.name, "IsClusterWriter": place == 0, "PromotionTier": 1}
                    for place, member in enumerate(sorted(members.get(each.name, []), key=lambda one: one.name))
                ],
            ),
            "TagList": _tags(each.tags),
        }
        for each in context.things(DatabaseCluster)
    ]
    name = parameters.get("DBClusterIdentifier")
    if name is not None:
        asked = str(name).rsplit(":", 1)[-1]
        found = [each for each in found if each["DBClusterIdentifier"] == asked]
        if not found:
            raise ServiceError(404, "DBClusterNotFoundFault", f"DBCluster {asked} not found.")
    filters = {"db-cluster-id": "DBClusterIdentifier", "engine": "Engine"}
    chosen, marker = _cut(_filtered(found, parameters, filters), parameters)
    return {"DBClusters": Items("DBCluster", chosen), "Marker": marker}


def list_tags(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ListTagsForResource of an instance or a cluster."""
    name = str(parameters.get("ResourceName", ""))
    for each in (*context.things(Database), *context.things(DatabaseCluster)):
        if each.resource_id == name:
            return {"TagList": _tags(each.tags)}
    raise ServiceError(404, "DBInstanceNotFound", f"{name} not found.")


# --- the hand ------------------------------------------------------------------------------------------------------


def _find(context: Context, parameters: Parsed) -> Database:
    name = str(parameters.get("DBInstanceIdentifier", "")).rsplit(":", 1)[-1]
    for each in context.things(Database):
        if each.name == name:
            return each
    raise ServiceError(404, "DBInstanceNotFound", f"DBInstance {name} not found.")


def _is_asked(parameters: Parsed, name: str) -> bool:
    return str(parameters.get(name, "false")).lower() == "true"


def _after(context: Context, thing: Database, status: str) -> dict[str, Any]:
    found = [each for each in context.things(Database) if each.resource_id == thing.resource_id]
    return {"DBInstance": _instance(context, found[0] if found else thing) | {"DBInstanceStatus": status}}


def _switch(context: Context, parameters: Parsed, action: str, is_stop: bool) -> dict[str, Any]:
    thing = _find(context, parameters)
    if thing.cluster:
        message = f"{thing.engine} DB instances are not eligible for stopping and starting."
        raise ServiceError(400, "InvalidParameterCombination", message)
    if runs(thing, context.now) != is_stop:
        message = f"Instance {thing.name} is not in {'available' if is_stop else 'stopped'} state."
        raise ServiceError(400, "InvalidDBInstanceState", message)
    context = context.do(action, thing.resource_id)
    return _after(context, thing, "stopping" if is_stop else "starting")


def stop_instance(context: Context, parameters: Parsed) -> dict[str, Any]:
    """StopDBInstance; after seven days it is started again, as by AWS."""
    return _switch(context, parameters, "StopDBInstance", True)


def start_instance(context: Context, parameters: Parsed) -> dict[str, Any]:
    """StartDBInstance."""
    return _switch(context, parameters, "StartDBInstance", False)


def delete_instance(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DeleteDBInstance; a final snapshot has to be named or declined, and is not kept."""
    thing = _find(context, parameters)
    if (
        not _is_asked(parameters, "SkipFinalSnapshot")
        and not parameters.get("FinalDBSnapshotIdentifier")
        and not thing.cluster
    ):
        message = "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        raise ServiceError(400, "InvalidParameterCombination", message)
    return _after(context.do("DeleteDBInstance", thing.resource_id), thing, "deleting")


def modify_instance(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ModifyDBInstance of class, storage type and Multi-AZ, with ApplyImmediately."""
    thing = _find(context, parameters)
    details: dict[str, Any] = {}
    if parameters.get("DBInstanceClass"):
        details["DBInstanceClass"] = str(parameters["DBInstanceClass"])
        keys = (f"rds/{details['DBInstanceClass']}/{thing.engine}{end}" for end in ("", "/multi-az"))
        known = {each.key for each, _ in catalog.offers()}
        if not known & set(keys):
            message = f"RDS does not support creating a DB instance with DBInstanceClass={details['DBInstanceClass']}"
            raise ServiceError(400, "InvalidParameterCombination", message)
    if parameters.get("StorageType"):
        details["StorageType"] = str(parameters["StorageType"])
        if details["StorageType"] not in ("gp2", "gp3"):
            raise ServiceError(400, "InvalidParameterValue", "Only gp2 and gp3 storage is simulated.")
    if parameters.get("MultiAZ") is not None:
        details["MultiAZ"] = _is_asked(parameters, "MultiAZ")
    if not details:
        raise ServiceError(400, "InvalidParameterCombination", "No modifications were requested that are simulated.")
    if not _is_asked(parameters, "ApplyImmediately"):
        message = "Changes that wait for a maintenance window are not simulated; give ApplyImmediately."
        raise ServiceError(400, "InvalidParameterCombination", message)
    return _after(context.do("ModifyDBInstance", thing.resource_id, **details), thing, "modifying")


ACTIONS: dict[str, Action] = {
    "DescribeDBInstances": describe_instances,
    "DescribeDBClusters": describe_clusters,
    "ListTagsForResource": list_tags,
    "StopDBInstance": stop_instance,
    "StartDBInstance": start_instance,
    "DeleteDBInstance": delete_instance,
    "ModifyDBInstance": modify_instance,
}
