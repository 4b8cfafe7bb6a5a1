"""Elastic Load Balancing, both APIs (classic, and application and network), and Auto Scaling groups."""

from __future__ import annotations

from typing import Any

from demo.randomness import identifier
from demo.services.context import Action, Context, Parsed, iso, page, runs, tag_list, texts
from demo.wire import ServiceError
from demo.world.resources import Instance, LoadBalancer


def _target_group(context: Context, thing: LoadBalancer) -> str:
    """The ARN of a load balancer's one target group, which CloudWatch knows by the same id."""
    identity = identifier(context.account.parameters.seed, "target group", thing.resource_id, length=16)
    place = thing.resource_id.split(":loadbalancer/")[0]
    return f"{place}:targetgroup/{thing.name[:32]}/{identity}"


def _targets(context: Context, thing: LoadBalancer) -> list[str]:
    """Ids of as many machines as are registered: those of the account that run, then ones of another account."""
    running = [each.resource_id for each in context.things(Instance) if runs(each, context.now)]
    first = int(context.made_up("targets", thing.resource_id, length=6), 16) % max(1, len(running))
    turned = running[first:] + running[:first]
    more = [f"i-0{context.made_up('target', thing.resource_id, n, length=16)}" for n in range(thing.targets)]
    return (turned + more)[: thing.targets]


def _dns(context: Context, thing: LoadBalancer) -> str:
    return f"{thing.name}-{context.made_up('dns', thing.resource_id, length=10)}.{context.region}.elb.amazonaws.com"


def _page(found: list[Any], parameters: Parsed) -> tuple[list[Any], str | None]:
    return page(found, parameters, token="Marker", size="PageSize", most=400)  # noqa: S106 - a parameter's name


# --- classic -------------------------------------------------------------------------------------------------------


def _classic(context: Context) -> list[LoadBalancer]:
    return [each for each in context.things(LoadBalancer) if each.kind == "classic"]


def _chosen_classic(context: Context, parameters: Parsed) -> list[LoadBalancer]:
    known = {each.name: each for each in _classic(context)}
    asked = texts(parameters.get("LoadBalancerNames"))
    for name in asked:
        if name not in known:
            raise ServiceError(400, "LoadBalancerNotFound", f"There is no ACTIVE Load Balancer named '{name}'")
    return [known[name] for name in asked] if asked else list(known.values())


def describe_classic(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeLoadBalancers of the classic API."""
    chosen, marker = _page(_chosen_classic(context, parameters), parameters)
    described = [
        {
            "LoadBalancerName": each.name,
            "DNSName": _dns(context, each),
            "ListenerDescriptions": [
                {
                    "Listener": {
                        "Protocol": "HTTP",
                        "LoadBalancerPort": 80,
                        "InstanceProtocol": "HTTP",
                        "InstancePort": 80,
                    },
                    "PolicyNames": [],
                }
            ],
            "AvailabilityZones": [f"{context.region}a", f"{context.region}b"],
            "VPCId": f"vpc-{context.made_up('vpc')}",
            "Instances": [{"InstanceId": name} for name in _targets(context, each)],
            "CreatedTime": iso(each.life.launched),
            "Scheme": "internet-facing",
        }
        for each in chosen
    ]
    return {"LoadBalancerDescriptions": described, "NextMarker": marker}


def describe_classic_tags(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeTags of the classic API, which asks by name."""
    if not texts(parameters.get("LoadBalancerNames")):
        raise ServiceError(400, "ValidationError", "LoadBalancerNames is required.")
    described = [
        {"LoadBalancerName": each.name, "Tags": tag_list(each.tags)} for each in _chosen_classic(context, parameters)
    ]
    return {"TagDescriptions": described}


def describe_instance_health(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeInstanceHealth: every registered machine is in service."""
    (thing,) = _chosen_classic(context, {"LoadBalancerNames": [parameters.get("LoadBalancerName") or ""]})
    states = [
        {"InstanceId": name, "State": "InService", "ReasonCode": "N/A", "Description": "N/A"}
        for name in _targets(context, thing)
    ]
    return {"InstanceStates": states}


def delete_classic(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DeleteLoadBalancer of the classic API: no error where there is none of the name."""
    for each in _classic(context):
        if each.name == str(parameters.get("LoadBalancerName", "")):
            context.do("DeleteLoadBalancer", each.resource_id)
    return {}


CLASSIC: dict[str, Action] = {
    "DescribeLoadBalancers": describe_classic,
    "DescribeTags": describe_classic_tags,
    "DescribeInstanceHealth": describe_instance_health,
    "DeleteLoadBalancer": delete_classic,
}

# --- application and network ---------------------------------------------------------------------------------------


def _modern(context: Context) -> list[LoadBalancer]:
    return [each for each in context.things(LoadBalancer) if each.kind != "classic"]


def describe_modern(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeLoadBalancers of application and network ones."""
    found = _modern(context)
    arns, names = texts(parameters.get("LoadBalancerArns")), texts(parameters.get("Names"))
    if arns or names:
        kept = [each for each in found if each.resource_id in arns or each.name in names]
        if len(kept) < len(set(arns)) + len(set(names)):
            raise ServiceError(400, "LoadBalancerNotFound", "One or more load balancers not found")
        found = kept
    chosen, marker = _page(found, parameters)
    described = [
        {
            "LoadBalancerArn": each.resource_id,
            "DNSName": _dns(context, each),
            "CreatedTime": iso(each.life.launched),
            "LoadBalancerName": each.name,
            "Scheme": "internet-facing",
            "VpcId": f"vpc-{context.made_up('vpc')}",
            "State": {"Code": "active"},
            "Type": each.kind,
            "AvailabilityZones": [
                {"ZoneName": f"{context.region}{letter}", "SubnetId": f"subnet-{context.made_up('subnet', letter)}"}
                for letter in "ab"
            ],
            "IpAddressType": "ipv4",
        }
        for each in chosen
    ]
    return {"LoadBalancers": described, "NextMarker": marker}


def _group(context: Context, thing: LoadBalancer) -> dict[str, Any]:
    arn = _target_group(context, thing)
    return {
        "TargetGroupArn": arn,
        "TargetGroupName": arn.split("/")[1],
        "Protocol": "TCP" if thing.kind == "network" else "HTTP",
        "Port": 80,
        "VpcId": f"vpc-{context.made_up('vpc')}",
        "HealthCheckEnabled": True,
        "LoadBalancerArns": [thing.resource_id],
        "TargetType": "instance",
        "IpAddressType": "ipv4",
    }


def describe_target_groups(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeTargetGroups: one for each application and network load balancer."""
    found = [_group(context, each) for each in _modern(context)]
    arns, names = texts(parameters.get("TargetGroupArns")), texts(parameters.get("Names"))
    if arns or names:
        found = [each for each in found if each["TargetGroupArn"] in arns or each["TargetGroupName"] in names]
        if len(found) < len(set(arns)) + len(set(names)):
            raise ServiceError(400, "TargetGroupNotFound", "One or more target groups not found")
    balancer = parameters.get("LoadBalancerArn")
    if balancer is not None:
        found = [each for each in found if each["LoadBalancerArns"] == [str(balancer)]]
        if not found:
            raise ServiceError(400, "LoadBalancerNotFound", f"Load balancer '{balancer}' not found")
    chosen, marker = _page(found, parameters)
    return {"TargetGroups": chosen, "NextMarker": marker}


def describe_target_health(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeTargetHealth: every registered target is healthy."""
    for each in _modern(context):
        if _target_group(context, each) == str(parameters.get("TargetGroupArn", "")):
            described = [
                {
                    "Target": {"Id": name, "Port": 80},
                    "HealthCheckPort": "80",
                    "TargetHealth": {"State": "healthy"},
                }
                for name in _targets(context, each)
            ]
            return {"TargetHealthDescriptions": described}
    raise ServiceError(400, "TargetGroupNotFound", "One or more target groups not found")


def describe_modern_tags(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeTags by ARN, at most 20."""
    known = {each.resource_id: each.tags for each in _modern(context)}
    known |= {_target_group(context, each): {} for each in _modern(context)}
    asked = texts(parameters.get("ResourceArns"))
    if not 1 <= len(asked) <= 20:
        raise ServiceError(400, "ValidationError", "ResourceArns must name 1 to 20 resources.")
    for arn in asked:
        if arn not in known:
            raise ServiceError(400, "LoadBalancerNotFound", f"Load balancer '{arn}' not found")
    return {"TagDescriptions": [{"ResourceArn": arn, "Tags": tag_list(known[arn])} for arn in asked]}


def delete_modern(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DeleteLoadBalancer: no error where there is none of the ARN."""
    for each in _modern(context):
        if each.resource_id == str(parameters.get("LoadBalancerArn", "")):
            context.do("DeleteLoadBalancer", each.resource_id)
    return {}


MODERN: dict[str, Action] = {
    "DescribeLoadBalancers": describe_modern,
    "DescribeTargetGroups": describe_target_groups,
    "DescribeTargetHealth": describe_target_health,
    "DescribeTags": describe_modern_tags,
    "DeleteLoadBalancer": delete_modern,
}

# --- Auto Scaling --------------------------------------------------------------------------------------------------


def describe_groups(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeAutoScalingGroups: desired is what runs, between one and four times it."""
    members: dict[str, list[Instance]] = {}
    for each in context.things(Instance):
        if each.group:
            members.setdefault(each.group, []).append(each)
    past: dict[str, list[Instance]] = {}
    for each in context.account.estate.each(Instance):
        is_ours = each.account.account_id == context.account_id and each.region.code == context.region
        if each.group and is_ours and each.life.launched <= context.now:
            past.setdefault(each.group, []).append(each)
    asked = texts(parameters.get("AutoScalingGroupNames"))
    names = [name for name in sorted(past) if not asked or name in asked]
    chosen, token = page(names, parameters, token="NextToken", size="MaxRecords", most=100, default=50)  # noqa: S106
    described = []
    for name in chosen:
        present = members.get(name, [])
        zones = sorted({each.zone for each in past[name]})
        described.append(
            {
                "AutoScalingGroupName": name,
                "AutoScalingGroupARN": (
                    f"arn:aws:autoscaling:{context.region}:{context.account_id}:autoScalingGroup:"
                    f"{context.uuid('group', name)}:autoScalingGroupName/{name}"
                ),
                "MinSize": min(1, len(present)),
                "MaxSize": max(len(present), 1) * 4,
                "DesiredCapacity": len(present),
                "DefaultCooldown": 300,
                "AvailabilityZones": zones,
                "LoadBalancerNames": [],
                "TargetGroupARNs": [],
                "HealthCheckType": "EC2",
                "HealthCheckGracePeriod": 300,
                "Instances": [
                    {
                        "InstanceId": each.resource_id,
                        "InstanceType": each.instance_type,
                        "AvailabilityZone": each.zone,
                        "LifecycleState": "InService",
                        "HealthStatus": "Healthy",
                        "ProtectedFromScaleIn": False,
                    }
                    for each in present
                ],
                "CreatedTime": iso(min(each.life.launched for each in past[name])),
                "SuspendedProcesses": [],
                "VPCZoneIdentifier": ",".join(f"subnet-{context.made_up('subnet', zone)}" for zone in zones),
                "EnabledMetrics": [],
                "Tags": [
                    {
                        "ResourceId": name,
                        "ResourceType": "auto-scaling-group",
                        "Key": key,
                        "Value": value,
                        "PropagateAtLaunch": True,
                    }
                    for key, value in sorted(past[name][0].tags.items())
                    if not key.startswith("aws:")
                ],
                "TerminationPolicies": ["Default"],
                "NewInstancesProtectedFromScaleIn": False,
            }
        )
    return {"AutoScalingGroups": described, "NextToken": token}


GROUPS: dict[str, Action] = {"DescribeAutoScalingGroups": describe_groups}
