"""ECS on Fargate: clusters, services, task definitions, and what may be done to a service."""

from __future__ import annotations

from typing import Any

from demo.services.context import Action, Context, Parsed, page, runs, seconds, tag_list
from demo.wire import ServiceError
from demo.world.resources import ContainerService


def _arn(context: Context, kind: str, name: str) -> str:
    return f"arn:aws:ecs:{context.region}:{context.account_id}:{kind}/{name}"


def _short(name: object) -> str:
    return str(name).rsplit("/", 1)[-1]


def _family(thing: ContainerService) -> str:
    return f"{thing.cluster}-{thing.name}"


def _tasks(context: Context, thing: ContainerService) -> int:
    """How many tasks it has; none where it was scaled to zero."""
    return thing.task_count if runs(thing, context.now) else 0


def _revision(context: Context, thing: ContainerService) -> str:
    return _arn(context, "task-definition", f"{_family(thing)}:1")


def _page(found: list[str], parameters: Parsed) -> tuple[list[str], str | None]:
    return page(
        found,
        parameters,
        token="nextToken",  # noqa: S106 - a parameter's name
        size="maxResults",
        most=100,
        bad_token="InvalidParameterException",  # noqa: S106 - an error code
    )


def list_clusters(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ListClusters."""
    names = sorted({each.cluster for each in context.things(ContainerService)})
    chosen, token = _page([_arn(context, "cluster", name) for name in names], parameters)
    return {"clusterArns": chosen} | ({"nextToken": token} if token else {})


def describe_clusters(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeClusters."""
    services: dict[str, list[ContainerService]] = {}
    for each in context.things(ContainerService):
        services.setdefault(each.cluster, []).append(each)
    asked = [_short(name) for name in parameters.get("clusters") or ["default"]]
    described = [
        {
            "clusterArn": _arn(context, "cluster", name),
            "clusterName": name,
            "status": "ACTIVE",
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": sum(_tasks(context, each) for each in services[name]),
            "pendingTasksCount": 0,
            "activeServicesCount": len(services[name]),
        }
        for name in asked
        if name in services
    ]
    missing = [{"arn": _arn(context, "cluster", name), "reason": "MISSING"} for name in asked if name not in services]
    return {"clusters": described, "failures": missing}


def _of_cluster(context: Context, parameters: Parsed) -> list[ContainerService]:
    name = _short(parameters.get("cluster") or "default")
    found = [each for each in context.things(ContainerService) if each.cluster == name]
    if not found:
        raise ServiceError(400, "ClusterNotFoundException", "Cluster not found.")
    return found


def list_services(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ListServices of a cluster, ten a page unless more are asked for."""
    sized = {"maxResults": 10} | parameters
    chosen, token = _page([each.resource_id for each in _of_cluster(context, parameters)], sized)
    return {"serviceArns": chosen} | ({"nextToken": token} if token else {})


def _service(context: Context, thing: ContainerService, is_tagged: bool = False) -> dict[str, Any]:
    described: dict[str, Any] = {
        "serviceArn": thing.resource_id,
        "serviceName": thing.name,
        "clusterArn": _arn(context, "cluster", thing.cluster),
        "status": "ACTIVE",
        "desiredCount": _tasks(context, thing),
        "runningCount": _tasks(context, thing),
        "pendingCount": 0,
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
        "taskDefinition": _revision(context, thing),
        "createdAt": seconds(thing.life.launched),
        "schedulingStrategy": "REPLICA",
        "loadBalancers": [],
        "deployments": [],
        "events": [],
        "propagateTags": "NONE",
    }
    if is_tagged:
        described["tags"] = tag_list(thing.tags, "key", "value")
    return described


def describe_services(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeServices of a cluster, at most ten."""
    asked = list(parameters.get("services") or [])
    if not 1 <= len(asked) <= 10:
        raise ServiceError(400, "InvalidParameterException", "services must name 1 to 10 services.")
    known = {each.name: each for each in _of_cluster(context, parameters)}
    is_tagged = "TAGS" in (parameters.get("include") or [])
    cluster = _short(parameters.get("cluster") or "default")
    return {
        "services": [_service(context, known[_short(name)], is_tagged) for name in asked if _short(name) in known],
        "failures": [
            {"arn": _arn(context, "service", f"{cluster}/{_short(name)}"), "reason": "MISSING"}
            for name in asked
            if _short(name) not in known
        ],
    }


def describe_task_definition(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeTaskDefinition by family, family:revision or ARN."""
    asked = _short(parameters.get("taskDefinition", "")).split(":")[0]
    for thing in context.things(ContainerService):
        if _family(thing) == asked:
            size = {"cpu": str(int(thing.vcpu * 1024)), "memory": str(int(thing.memory_gb * 1024))}
            definition = {
                "taskDefinitionArn": _revision(context, thing),
                "family": asked,
                "revision": 1,
                "status": "ACTIVE",
                "networkMode": "awsvpc",
                "requiresCompatibilities": ["FARGATE"],
                "compatibilities": ["EC2", "FARGATE"],
                "runtimePlatform": {
                    "cpuArchitecture": "ARM64" if thing.architecture == "arm64" else "X86_64",
                    "operatingSystemFamily": "LINUX",
                },
                "containerDefinitions": [{"name": thing.name, "image": f"{thing.name}:latest", "essential": True}],
                **size,
            }
            return {"taskDefinition": definition}
    raise ServiceError(400, "ClientException", "Unable to describe task definition.")


def list_tags(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ListTagsForResource of a service."""
    for each in context.things(ContainerService):
        if each.resource_id == str(parameters.get("resourceArn", "")):
            return {"tags": tag_list(each.tags, "key", "value")}
    raise ServiceError(400, "InvalidParameterException", "The specified resource was not found.")


# --- the hand ------------------------------------------------------------------------------------------------------


def _find(context: Context, parameters: Parsed) -> ContainerService:
    asked = _short(parameters.get("service", ""))
    for each in _of_cluster(context, parameters):
        if each.name == asked:
            return each
    raise ServiceError(400, "ServiceNotFoundException", "Service not found.")


def update_service(context: Context, parameters: Parsed) -> dict[str, Any]:
    """UpdateService of the desired count."""
    thing = _find(context, parameters)
    count = parameters.get("desiredCount")
    if not isinstance(count, int) or count < 0:
        raise ServiceError(400, "InvalidParameterException", "Only desiredCount, 0 or more, is simulated.")
    context = context.do("UpdateService", thing.resource_id, desiredCount=count)
    return {"service": _service(context, _find(context, parameters))}


def delete_service(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DeleteService, of one without tasks or by force."""
    thing = _find(context, parameters)
    if _tasks(context, thing) and not parameters.get("force"):
        message = "The service cannot be stopped while it is scaled above 0."
        raise ServiceError(400, "InvalidParameterException", message)
    context.do("DeleteService", thing.resource_id)
    return {"service": _service(context, thing) | {"status": "DRAINING"}}


ACTIONS: dict[str, Action] = {
    "ListClusters": list_clusters,
    "DescribeClusters": describe_clusters,
    "ListServices": list_services,
    "DescribeServices": describe_services,
    "DescribeTaskDefinition": describe_task_definition,
    "ListTagsForResource": list_tags,
    "UpdateService": update_service,
    "DeleteService": delete_service,
}
