"""API Gateway: REST APIs (first version of the API) and HTTP APIs (second), their stages, and their end."""

from __future__ import annotations

from typing import Any

from demo.protocols import rest_json
from demo.services.context import Action, Context, Parsed, iso, page, seconds
from demo.services.rest import Route
from demo.wire import Response, ServiceError
from demo.world.resources import RestApi

_ID = r"(?P<api_id>[A-Za-z0-9]+)"
ROUTES = (
    Route("GET", r"/restapis", "GetRestApis"),
    Route("GET", rf"/restapis/{_ID}", "GetRestApi"),
    Route("DELETE", rf"/restapis/{_ID}", "DeleteRestApi"),
    Route("GET", rf"/restapis/{_ID}/stages", "GetStages"),
    Route("GET", r"/v2/apis", "GetApis"),
    Route("GET", rf"/v2/apis/{_ID}", "GetApi"),
    Route("DELETE", rf"/v2/apis/{_ID}", "DeleteApi"),
    Route("GET", rf"/v2/apis/{_ID}/stages", "GetStagesV2"),
)


def _of_kind(context: Context, kind: str) -> list[RestApi]:
    return [each for each in context.things(RestApi) if each.kind == kind]


def _find(context: Context, kind: str, parameters: Parsed) -> RestApi:
    for each in _of_kind(context, kind):
        if each.api_id == parameters["api_id"]:
            return each
    raise ServiceError(404, "NotFoundException", "Invalid API identifier specified")


def _rest(thing: RestApi) -> dict[str, Any]:
    return {
        "id": thing.api_id,
        "name": thing.name,
        "createdDate": seconds(thing.life.launched),
        "apiKeySource": "HEADER",
        "endpointConfiguration": {"types": ["REGIONAL"]},
        "tags": dict(thing.tags),
        "disableExecuteApiEndpoint": False,
    }


def _http(context: Context, thing: RestApi) -> dict[str, Any]:
    return {
        "apiId": thing.api_id,
        "name": thing.name,
        "protocolType": "HTTP",
        "apiEndpoint": f"https://{thing.api_id}.execute-api.{context.region}.amazonaws.com",
        "createdDate": iso(thing.life.launched),
        "routeSelectionExpression": "$request.method $request.path",
        "apiKeySelectionExpression": "$request.header.x-api-key",
        "tags": dict(thing.tags),
        "disableExecuteApiEndpoint": False,
    }


def get_rest_apis(context: Context, parameters: Parsed) -> dict[str, Any]:
    """GetRestApis, 25 a page unless more are asked for."""
    found, position = page(
        [_rest(each) for each in _of_kind(context, "REST")],
        parameters,
        token="position",  # noqa: S106 - a parameter's name
        size="limit",
        most=500,
        default=25,
        bad_token="BadRequestException",  # noqa: S106 - an error code
    )
    return {"item": found} | ({"position": position} if position else {})


def get_rest_api(context: Context, parameters: Parsed) -> dict[str, Any]:
    """GetRestApi."""
    return _rest(_find(context, "REST", parameters))


def get_stages(context: Context, parameters: Parsed) -> dict[str, Any]:
    """GetStages of a REST API: its one stage."""
    thing = _find(context, "REST", parameters)
    stage = {
        "stageName": thing.stage,
        "deploymentId": context.made_up("deployment", thing.resource_id, length=6),
        "cacheClusterEnabled": False,
        "tracingEnabled": False,
        "createdDate": seconds(thing.life.launched),
        "lastUpdatedDate": seconds(thing.life.launched),
        "tags": dict(thing.tags),
    }
    return {"item": [stage]}


def get_apis(context: Context, parameters: Parsed) -> dict[str, Any]:
    """GetApis (HTTP)."""
    found, token = page(
        [_http(context, each) for each in _of_kind(context, "HTTP")],
        parameters,
        token="nextToken",  # noqa: S106 - a parameter's name
        size="maxResults",
        most=100,
        bad_token="BadRequestException",  # noqa: S106 - an error code
    )
    return {"items": found} | ({"nextToken": token} if token else {})


def get_api(context: Context, parameters: Parsed) -> dict[str, Any]:
    """GetApi (HTTP)."""
    return _http(context, _find(context, "HTTP", parameters))


def get_stages_v2(context: Context, parameters: Parsed) -> dict[str, Any]:
    """GetStages of an HTTP API: its one stage."""
    thing = _find(context, "HTTP", parameters)
    stage = {"stageName": thing.stage, "autoDeploy": True, "createdDate": iso(thing.life.launched)}
    return {"items": [stage | {"tags": dict(thing.tags)}]}


def delete_rest_api(context: Context, parameters: Parsed) -> Any:
    """DeleteRestApi."""
    context.do("DeleteRestApi", _find(context, "REST", parameters).resource_id)
    return Response(202, {"Content-Type": "application/json"})


def delete_api(context: Context, parameters: Parsed) -> Any:
    """DeleteApi (HTTP)."""
    context.do("DeleteApi", _find(context, "HTTP", parameters).resource_id)
    return rest_json(None, 204)


ACTIONS: dict[str, Action] = {
    "GetRestApis": get_rest_apis,
    "GetRestApi": get_rest_api,
    "GetStages": get_stages,
    "GetApis": get_apis,
    "GetApi": get_api,
    "GetStagesV2": get_stages_v2,
    "DeleteRestApi": delete_rest_api,
    "DeleteApi": delete_api,
}
