"""Lambda: functions, their configuration, tags, and what may be done to them."""

from __future__ import annotations

from typing import Any

from demo.protocols import rest_json
from demo.services.context import Action, Context, Parsed, page
from demo.services.rest import Route
from demo.timeline import moment
from demo.wire import ServiceError
from demo.world.resources import Function

_NAME = r"(?P<FunctionName>[^/]+)"
ROUTES = (
    Route("GET", r"/2015-03-31/functions/?", "ListFunctions"),
    Route("GET", rf"/2015-03-31/functions/{_NAME}", "GetFunction"),
    Route("DELETE", rf"/2015-03-31/functions/{_NAME}", "DeleteFunction"),
    Route("GET", rf"/2015-03-31/functions/{_NAME}/configuration", "GetFunctionConfiguration"),
    Route("PUT", rf"/2015-03-31/functions/{_NAME}/configuration", "UpdateFunctionConfiguration"),
    Route("GET", r"/2017-03-31/tags/(?P<Resource>.+)", "ListTags"),
    Route("GET", rf"/2019-09-30/functions/{_NAME}/provisioned-concurrency", "ListProvisionedConcurrencyConfigs"),
)


def _describe(context: Context, thing: Function) -> dict[str, Any]:
    changed = moment(max(thing.since, thing.life.launched))
    return {
        "FunctionName": thing.name,
        "FunctionArn": thing.resource_id,
        "Runtime": "python3.11",
        "Role": f"arn:aws:iam::{context.account_id}:role/service-role/{thing.name}",
        "Handler": "main.handle",
        "CodeSize": 1024 * (1 + int(context.made_up("code", thing.resource_id, length=4), 16)),
        "Description": "",
        "Timeout": max(3, int(thing.duration_ms * 10 / 1000)),
        "MemorySize": thing.memory_mb,
        "LastModified": changed.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": context.uuid("revision", thing.resource_id, thing.since),
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [thing.architecture],
        "EphemeralStorage": {"Size": 512},
    }


def _find(context: Context, asked: str) -> Function:
    for each in context.things(Function):
        if asked in (each.name, each.resource_id) or each.resource_id.endswith(f":{asked}"):
            return each
    arn = f"arn:aws:lambda:{context.region}:{context.account_id}:function:{asked}"
    raise ServiceError(404, "ResourceNotFoundException", f"Function not found: {arn}")


def list_functions(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ListFunctions, 50 a page."""
    found, marker = page(
        [_describe(context, each) for each in context.things(Function)],
        parameters,
        token="Marker",  # noqa: S106 - a parameter's name
        size="MaxItems",
        most=50,
        bad_token="InvalidParameterValueException",  # noqa: S106 - an error code
    )
    return {"Functions": found, "NextMarker": marker}


def get_function(context: Context, parameters: Parsed) -> dict[str, Any]:
    """GetFunction: configuration and tags; its code isn't simulated."""
    thing = _find(context, str(parameters["FunctionName"]))
    return {"Configuration": _describe(context, thing), "Tags": dict(thing.tags)}


def get_configuration(context: Context, parameters: Parsed) -> dict[str, Any]:
    """GetFunctionConfiguration."""
    return _describe(context, _find(context, str(parameters["FunctionName"])))


def list_tags(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ListTags of a function by ARN."""
    return {"Tags": dict(_find(context, str(parameters["Resource"])).tags)}


def list_provisioned(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ListProvisionedConcurrencyConfigs: no function has any."""
    _find(context, str(parameters["FunctionName"]))
    return {"ProvisionedConcurrencyConfigs": []}


def delete_function(context: Context, parameters: Parsed) -> Any:
    """DeleteFunction."""
    context.do("DeleteFunction", _find(context, str(parameters["FunctionName"])).resource_id)
    return rest_json(None, 204)


def update_configuration(context: Context, parameters: Parsed) -> dict[str, Any]:
    """UpdateFunctionConfiguration of the memory size."""
    thing = _find(context, str(parameters["FunctionName"]))
    size = parameters.get("MemorySize")
    if not isinstance(size, int) or not 128 <= size <= 10_240:
        raise ServiceError(400, "InvalidParameterValueException", "Only MemorySize, 128 to 10240, is simulated.")
    context = context.do("UpdateFunctionConfiguration", thing.resource_id, MemorySize=size)
    return _describe(context, _find(context, thing.name))


ACTIONS: dict[str, Action] = {
    "ListFunctions": list_functions,
    "GetFunction": get_function,
    "GetFunctionConfiguration": get_configuration,
    "ListTags": list_tags,
    "ListProvisionedConcurrencyConfigs": list_provisioned,
    "DeleteFunction": delete_function,
    "UpdateFunctionConfiguration": update_configuration,
}
