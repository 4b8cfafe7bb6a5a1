"""What the key calls each kind of thing, and the plain facts it tells of it."""

from __future__ import annotations

from typing import Any

from demo.truth.sizes import name_size
from demo.world import resources
from demo.world.resources import Instance, Resource, Volume

_SERVICES: dict[type[Resource], str] = {
    resources.Instance: "ec2",
    resources.Volume: "ebs",
    resources.Snapshot: "snapshot",
    resources.Address: "eip",
    resources.NatGateway: "nat",
    resources.Database: "rds",
    resources.DatabaseCluster: "aurora",
    resources.Function: "lambda",
    resources.Bucket: "s3",
    resources.Table: "dynamodb",
    resources.LoadBalancer: "elb",
    resources.ContainerService: "ecs",
    resources.Distribution: "cloudfront",
    resources.RestApi: "apigateway",
}
SERVICES = tuple(_SERVICES.values())


def describe(thing: Resource) -> dict[str, Any]:
    """Service, place, size, and whether ``--resources`` counts it: a group's and Spot's transient members it
    doesn't, nor root volumes."""
    is_counted = not (isinstance(thing, Instance) and thing.is_transient)
    is_counted &= not (isinstance(thing, Volume) and thing.is_root)
    facts: dict[str, Any] = {
        "service": _SERVICES[type(thing)],
        "account_id": thing.account.account_id,
        "region": thing.region.code,
        "is_counted": is_counted,
    }
    if isinstance(thing, Instance):
        facts["instance_type"] = thing.instance_type
    if isinstance(thing, Volume):
        facts |= {"is_attached": thing.instance_id is not None, "is_root": thing.is_root}
    size = name_size(thing)
    return facts if size is None else facts | {"size": size}
