"""DynamoDB: tables and their capacity, and what may be done to them."""

from __future__ import annotations

from typing import Any

from demo.services.context import Action, Context, Parsed, seconds, tag_list
from demo.wire import ServiceError
from demo.world.resources import Table

_ON_DEMAND = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0, "NumberOfDecreasesToday": 0}


def _capacity(thing: Table, share: float = 1.0) -> dict[str, Any]:
    if thing.mode != "PROVISIONED":
        return dict(_ON_DEMAND)
    return {
        "ReadCapacityUnits": max(1, round(thing.read_units * share)),
        "WriteCapacityUnits": max(1, round(thing.write_units * share)),
        "NumberOfDecreasesToday": 0,
    }


def _describe(context: Context, thing: Table) -> dict[str, Any]:
    size = int(thing.stored_gb * 2**30)
    described: dict[str, Any] = {
        "TableName": thing.name,
        "TableArn": thing.resource_id,
        "TableId": context.uuid("table", thing.resource_id),
        "TableStatus": "ACTIVE",
        "CreationDateTime": seconds(thing.life.launched),
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "ProvisionedThroughput": _capacity(thing),
        "TableSizeBytes": size,
        "ItemCount": size // 400,
        "TableClassSummary": {"TableClass": "STANDARD"},
        "DeletionProtectionEnabled": False,
    }
    if thing.mode == "PAY_PER_REQUEST":
        described["BillingModeSummary"] = {
            "BillingMode": "PAY_PER_REQUEST",
            "LastUpdateToPayPerRequestDateTime": seconds(max(thing.since, thing.life.launched)),
        }
    if thing.indexes:
        described["GlobalSecondaryIndexes"] = [
            {
                "IndexName": name,
                "IndexArn": f"{thing.resource_id}/index/{name}",
                "IndexStatus": "ACTIVE",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
                "ProvisionedThroughput": _capacity(thing, share),
                "IndexSizeBytes": int(size * share),
                "ItemCount": int(size * share) // 400,
            }
            for name, share in sorted(thing.indexes.items())
        ]
    return described


def _find(context: Context, parameters: Parsed, name: str = "TableName") -> Table:
    asked = str(parameters.get(name, ""))
    for each in context.things(Table):
        if asked in (each.name, each.resource_id):
            return each
    message = f"Requested resource not found: Table: {asked} not found"
    raise ServiceError(400, "ResourceNotFoundException", message)


def list_tables(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ListTables: names in order, continued after the last one seen."""
    names = sorted(each.name for each in context.things(Table))
    after = str(parameters.get("ExclusiveStartTableName", ""))
    try:
        most = int(parameters.get("Limit", 100))
    except (TypeError, ValueError) as error:
        raise ServiceError(400, "ValidationException", "Limit must be a whole number") from error
    if not 1 <= most <= 100:
        raise ServiceError(400, "ValidationException", "Limit must be between 1 and 100")
    found = [name for name in names if name > after]
    answer: dict[str, Any] = {"TableNames": found[:most]}
    if len(found) > most:
        answer["LastEvaluatedTableName"] = found[most - 1]
    return answer


def describe_table(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeTable."""
    return {"Table": _describe(context, _find(context, parameters))}


def list_tags(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ListTagsOfResource."""
    return {"Tags": tag_list(_find(context, parameters, "ResourceArn").tags)}


def describe_backups(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeContinuousBackups: no table has point-in-time recovery."""
    _find(context, parameters)
    recovery = {"PointInTimeRecoveryStatus": "DISABLED"}
    description = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery}
    return {"ContinuousBackupsDescription": description}


def delete_table(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DeleteTable."""
    thing = _find(context, parameters)
    context.do("DeleteTable", thing.resource_id)
    return {"TableDescription": _describe(context, thing) | {"TableStatus": "DELETING"}}


def update_table(context: Context, parameters: Parsed) -> dict[str, Any]:
    """UpdateTable of billing mode and capacity."""
    thing = _find(context, parameters)
    details: dict[str, Any] = {}
    mode = parameters.get("BillingMode")
    if mode is not None:
        if mode not in ("PROVISIONED", "PAY_PER_REQUEST"):
            raise ServiceError(
                400, "ValidationException", f"BillingMode {mode} is not one of PROVISIONED, PAY_PER_REQUEST"
            )
        details["BillingMode"] = mode
    capacity = parameters.get("ProvisionedThroughput")
    if capacity is not None:
        for name in ("ReadCapacityUnits", "WriteCapacityUnits"):
            if not isinstance(capacity.get(name), int) or capacity[name] < 1:
                raise ServiceError(400, "ValidationException", f"ProvisionedThroughput.{name} must be 1 or more")
            details[name] = capacity[name]
    final = details.get("BillingMode", thing.mode)
    if final == "PAY_PER_REQUEST" and capacity is not None:
        message = (
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
        )
        raise ServiceError(400, "ValidationException", message)
    if final == "PROVISIONED" and thing.mode != "PROVISIONED" and capacity is None:
        message = "ProvisionedThroughput must be specified when BillingMode is PROVISIONED"
        raise ServiceError(400, "ValidationException", message)
    if not details:
        raise ServiceError(400, "ValidationException", "Only BillingMode and ProvisionedThroughput are simulated")
    context = context.do("UpdateTable", thing.resource_id, **details)
    return {"TableDescription": _describe(context, _find(context, parameters)) | {"TableStatus": "UPDATING"}}


ACTIONS: dict[str, Action] = {
    "ListTables": list_tables,
    "DescribeTable": describe_table,
    "ListTagsOfResource": list_tags,
    "DescribeContinuousBackups": describe_backups,
    "DeleteTable": delete_table,
    "UpdateTable": update_table,
}
