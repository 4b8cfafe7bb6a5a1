"""EC2's machines: DescribeInstances, instance types and regions, and what may be done to a machine."""

from __future__ import annotations

from typing import Any

from demo.prices import catalog
from demo.services.context import Action, Context, Parsed, iso, runs, texts
from demo.services.ec2_filters import by_id, cut, select, tags
from demo.timeline import moment
from demo.wire import ServiceError
from demo.world.accounts import REGIONS
from demo.world.resources import Instance, Volume

_STATES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


def _state(name: str) -> dict[str, Any]:
    return {"code": _STATES[name], "name": name}


def _all(context: Context) -> list[tuple[Instance, str]]:
    """Machines with their state; one terminated within the hour is still shown, as AWS shows it for a while."""
    found = [(each, "running" if runs(each, context.now) else "stopped") for each in context.things(Instance)]
    there = {each.resource_id for each, _ in found}
    for each in context.account.estate.each(Instance):
        is_ours = each.account.account_id == context.account_id and each.region.code == context.region
        if is_ours and each.life.ended == context.now and each.resource_id not in there:
            there.add(each.resource_id)
            found.append((each, "terminated"))
    return found


def _stopped_since(thing: Instance, hour: int) -> int | None:
    starts = [start for start, end in thing.life.pauses if start <= hour and (end is None or hour < end)]
    return max(starts) if starts else None


def _describe(context: Context, thing: Instance, state: str, disks: list[Volume]) -> dict[str, Any]:
    private_ip = "10." + ".".join(
        str(int(context.made_up("ip", thing.resource_id, part, length=2), 16)) for part in "abc"
    )
    result: dict[str, Any] = {
        "instanceId": thing.resource_id,
        "imageId": f"ami-{context.made_up('ami', thing.operating_system)}",
        "instanceState": _state(state),
        "privateDnsName": f"ip-{private_ip.replace('.', '-')}.{context.region}.compute.internal",
        "reason": "",
        "instanceType": thing.instance_type,
        "launchTime": iso(thing.life.launched),
        "placement": {"availabilityZone": thing.zone, "groupName": "", "tenancy": "default"},
        "monitoring": {"state": "enabled" if thing.has_detailed_monitoring else "disabled"},
        "subnetId": f"subnet-{context.made_up('subnet', thing.zone)}",
        "vpcId": f"vpc-{context.made_up('vpc')}",
        "privateIpAddress": private_ip,
        "architecture": catalog.instance(thing.instance_type).architecture,
        "rootDeviceType": "ebs",
        "rootDeviceName": "/dev/xvda",
        "blockDeviceMapping": [
            {
                "deviceName": "/dev/xvda" if disk.is_root else f"/dev/sd{chr(ord('f') + place % 20)}",
                "ebs": {
                    "volumeId": disk.resource_id,
                    "status": "attached",
                    "attachTime": iso(max(disk.life.launched, thing.life.launched)),
                    "deleteOnTermination": disk.is_root,
                },
            }
            for place, disk in enumerate(disks)
        ],
        "virtualizationType": "hvm",
        "tagSet": tags(thing),
        "hypervisor": "xen" if thing.instance_type.startswith("t2") else "nitro",
        "ebsOptimized": True,
        "platformDetails": "Windows" if thing.operating_system == "Windows" else "Linux/UNIX",
        "usageOperation": "RunInstances:0002" if thing.operating_system == "Windows" else "RunInstances",
    }
    if thing.operating_system == "Windows":
        result["platform"] = "windows"
    if thing.is_spot:
        result["instanceLifecycle"] = "spot"
    since = _stopped_since(thing, context.now) if state == "stopped" else None
    if since is not None:
        result["reason"] = f"User initiated ({moment(since):%Y-%m-%d %H:%M:%S} GMT)"
        result["stateReason"] = {
            "code": "Client.UserInitiatedShutdown",
            "message": "Client.UserInitiatedShutdown: User initiated shutdown",
        }
    return result


_FILTERS = {
    "instance-id": "instanceId",
    "instance-type": "instanceType",
    "instance-state-name": "instanceState.name",
    "instance-state-code": "instanceState.code",
    "availability-zone": "placement.availabilityZone",
    "architecture": "architecture",
    "instance-lifecycle": "instanceLifecycle",
    "platform": "platform",
    "vpc-id": "vpcId",
    "subnet-id": "subnetId",
    "private-ip-address": "privateIpAddress",
    "block-device-mapping.volume-id": "blockDeviceMapping.ebs.volumeId",
}


def _described(context: Context) -> list[dict[str, Any]]:
    disks: dict[str | None, list[Volume]] = {}
    for disk in context.things(Volume):
        disks.setdefault(disk.instance_id, []).append(disk)
    return [_describe(context, each, state, disks.get(each.resource_id, [])) for each, state in _all(context)]


def describe_instances(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeInstances: one reservation a machine."""
    found = by_id(
        _described(context), "instanceId", texts(parameters.get("InstanceId")), "InvalidInstanceID.NotFound", "instance"
    )
    chosen, token = cut(select(found, parameters, _FILTERS), parameters)
    reservations = [
        {
            "reservationId": f"r-{context.made_up('reservation', each['instanceId'])}",
            "ownerId": context.account_id,
            "groupSet": [],
            "instancesSet": [each],
        }
        for each in chosen
    ]
    return {"reservationSet": reservations, "nextToken": token}


def describe_instance_status(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeInstanceStatus: running machines, or all where asked for."""
    found = by_id(
        _described(context), "instanceId", texts(parameters.get("InstanceId")), "InvalidInstanceID.NotFound", "instance"
    )
    if str(parameters.get("IncludeAllInstances", "false")).lower() != "true":
        found = [each for each in found if each["instanceState"]["name"] == "running"]
    chosen, token = cut(select(found, parameters, _FILTERS), parameters)
    ok = {"status": "ok", "details": [{"name": "reachability", "status": "passed"}]}
    statuses = [
        {
            "instanceId": each["instanceId"],
            "availabilityZone": each["placement"]["availabilityZone"],
            "instanceState": each["instanceState"],
            "systemStatus": ok,
            "instanceStatus": ok,
        }
        for each in chosen
    ]
    return {"instanceStatusSet": statuses, "nextToken": token}


def describe_instance_types(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeInstanceTypes: the types of the price list."""
    kinds = [
        {
            "instanceType": name,
            "currentGeneration": not name.startswith(("t2.", "m4.", "c4.", "r4.")),
            "freeTierEligible": name == "t3.micro",
            "supportedUsageClasses": ["on-demand", "spot"],
            "supportedRootDeviceTypes": ["ebs"],
            "bareMetal": False,
            "hypervisor": "nitro",
            "processorInfo": {"supportedArchitectures": [kind.architecture]},
            "vCpuInfo": {"defaultVCpus": kind.vcpu},
            "memoryInfo": {"sizeInMiB": int(float(kind.memory_gib) * 1024)},
            "instanceStorageSupported": False,
            "burstablePerformanceSupported": name.startswith("t"),
            "autoRecoverySupported": True,
        }
        for name, kind in sorted(catalog.instance_types().items())
    ]
    asked = texts(parameters.get("InstanceType"))
    unknown = sorted(set(asked) - {str(kind["instanceType"]) for kind in kinds})
    if unknown:
        raise ServiceError(400, "InvalidInstanceType", f"The following supplied instance types do not exist: {unknown}")
    found = [kind for kind in kinds if not asked or kind["instanceType"] in asked]
    filters = {
        "instance-type": "instanceType",
        "processor-info.supported-architecture": "processorInfo.supportedArchitectures",
        "current-generation": "currentGeneration",
        "burstable-performance-supported": "burstablePerformanceSupported",
        "vcpu-info.default-vcpus": "vCpuInfo.defaultVCpus",
        "memory-info.size-in-mib": "memoryInfo.sizeInMiB",
    }
    chosen, token = cut(select(found, parameters, filters), parameters, most=100)
    return {"instanceTypeSet": chosen, "nextToken": token}


def describe_offerings(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeInstanceTypeOfferings: every type of the price list is sold everywhere."""
    kind = str(parameters.get("LocationType") or "region")
    places = [context.region] if kind == "region" else [f"{context.region}{letter}" for letter in "abc"]
    found = [
        {"instanceType": name, "locationType": kind, "location": place}
        for place in places
        for name in sorted(catalog.instance_types())
    ]
    chosen, token = cut(
        select(found, parameters, {"instance-type": "instanceType", "location": "location"}), parameters
    )
    return {"instanceTypeOfferingSet": chosen, "nextToken": token}


def describe_regions(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeRegions: the regions that the organisation uses; others are not opted in, so they aren't shown."""
    asked = texts(parameters.get("RegionName"))
    found = [
        {
            "regionName": region.code,
            "regionEndpoint": f"ec2.{region.code}.amazonaws.com",
            "optInStatus": "opt-in-not-required",
        }
        for region in REGIONS
        if not asked or region.code in asked
    ]
    return {"regionInfo": select(found, parameters, {"region-name": "regionName", "opt-in-status": "optInStatus"})}


# --- the hand ------------------------------------------------------------------------------------------------------


def _targets(context: Context, parameters: Parsed) -> list[tuple[Instance, str]]:
    states = {each.resource_id: (each, state) for each, state in _all(context)}
    asked = texts(parameters.get("InstanceId"))
    if not asked:
        raise ServiceError(400, "MissingParameter", "The request must contain the parameter InstanceId")
    for name in asked:
        if name not in states:
            raise ServiceError(400, "InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist")
    return [states[name] for name in asked]


def _switch(
    context: Context, parameters: Parsed, action: str, done: str, passing: str, allowed: set[str]
) -> dict[str, Any]:
    targets = _targets(context, parameters)
    for thing, state in targets:
        if state not in allowed | {done}:
            raise ServiceError(
                400,
                "IncorrectInstanceState",
                f"The instance '{thing.resource_id}' is not in a state from which it can be {passing}.",
            )
        if action == "StopInstances" and thing.is_spot:
            raise ServiceError(
                400,
                "UnsupportedOperation",
                f"You can't stop the Spot Instance '{thing.resource_id}' of a one-time request.",
            )
    changes = []
    for thing, state in targets:
        if state != done:
            context = context.do(action, thing.resource_id)
        changes.append(
            {
                "instanceId": thing.resource_id,
                "currentState": _state(passing if state != done else done),
                "previousState": _state(state),
            }
        )
    return {"instancesSet": changes}


def stop_instances(context: Context, parameters: Parsed) -> dict[str, Any]:
    """StopInstances; a machine that is stopped already stays so, without an error."""
    return _switch(context, parameters, "StopInstances", "stopped", "stopping", {"running"})


def start_instances(context: Context, parameters: Parsed) -> dict[str, Any]:
    """StartInstances."""
    return _switch(context, parameters, "StartInstances", "running", "pending", {"stopped"})


def terminate_instances(context: Context, parameters: Parsed) -> dict[str, Any]:
    """TerminateInstances."""
    allowed = {"running", "stopped"}
    return _switch(context, parameters, "TerminateInstances", "terminated", "shutting-down", allowed)


def modify_instance(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ModifyInstanceAttribute of the type, of a stopped machine."""
    ((thing, state),) = _targets(context, {"InstanceId": [parameters.get("InstanceId") or ""]})
    wanted = parameters.get("InstanceType")
    kind = str(wanted.get("Value", "") if isinstance(wanted, dict) else wanted or "")
    if not kind and parameters.get("Attribute") == "instanceType":
        kind = str(parameters.get("Value", ""))
    if not kind:
        raise ServiceError(400, "InvalidParameterCombination", "Only the instance type can be modified here.")
    if kind not in catalog.instance_types():
        raise ServiceError(400, "InvalidParameterValue", f"Invalid value '{kind}' for instanceType.")
    if state != "stopped":
        message = f"The instance '{thing.resource_id}' is not in the 'stopped' state."
        raise ServiceError(400, "IncorrectInstanceState", message)
    if catalog.instance(kind).architecture != catalog.instance(thing.instance_type).architecture:
        raise ServiceError(400, "InvalidParameterValue", f"The architecture of '{kind}' is not the instance's.")
    context.do("ModifyInstanceAttribute", thing.resource_id, InstanceType=kind)
    return {"return": True}


ACTIONS: dict[str, Action] = {
    "DescribeInstances": describe_instances,
    "DescribeInstanceStatus": describe_instance_status,
    "DescribeInstanceTypes": describe_instance_types,
    "DescribeInstanceTypeOfferings": describe_offerings,
    "DescribeRegions": describe_regions,
    "StopInstances": stop_instances,
    "StartInstances": start_instances,
    "TerminateInstances": terminate_instances,
    "ModifyInstanceAttribute": modify_instance,
}
