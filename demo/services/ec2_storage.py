"""EC2's volumes, snapshots, addresses, NAT gateways and route tables, and what may be done to them."""

from __future__ import annotations

from typing import Any

from demo.services.context import Action, Context, Parsed, iso, texts
from demo.services.ec2_filters import by_id, cut, select, tags
from demo.wire import ServiceError
from demo.world.resources import Address, Instance, NatGateway, Snapshot, Volume


def _last(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


def _volume(thing: Volume, machines: dict[str, Instance]) -> dict[str, Any]:
    machine = machines.get(thing.instance_id or "")
    attachments = []
    if thing.instance_id is not None:
        attached = max(thing.life.launched, machine.life.launched) if machine else thing.life.launched
        attachments.append(
            {
                "volumeId": thing.resource_id,
                "instanceId": thing.instance_id,
                "device": "/dev/xvda" if thing.is_root else "/dev/sdf",
                "status": "attached",
                "attachTime": iso(attached),
                "deleteOnTermination": thing.is_root,
            }
        )
    described: dict[str, Any] = {
        "volumeId": thing.resource_id,
        "size": thing.size_gb,
        "snapshotId": "",
        "availabilityZone": thing.zone,
        "status": "in-use" if attachments else "available",
        "createTime": iso(thing.life.launched),
        "attachmentSet": attachments,
        "volumeType": thing.volume_type,
        "encrypted": False,
        "multiAttachEnabled": False,
        "tagSet": tags(thing),
    }
    if thing.volume_type == "gp2":
        described["iops"] = min(max(100, 3 * thing.size_gb), 16_000)
    elif thing.volume_type in ("gp3", "io1", "io2"):
        described["iops"] = thing.iops
    if thing.volume_type == "gp3":
        described["throughput"] = thing.throughput_mbps
    return described


def describe_volumes(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeVolumes."""
    machines = {each.resource_id: each for each in context.things(Instance)}
    found = [_volume(each, machines) for each in context.things(Volume)]
    found = by_id(found, "volumeId", texts(parameters.get("VolumeId")), "InvalidVolume.NotFound", "volume")
    filters = {
        "volume-id": "volumeId",
        "volume-type": "volumeType",
        "status": "status",
        "size": "size",
        "availability-zone": "availabilityZone",
        "attachment.instance-id": "attachmentSet.instanceId",
        "attachment.status": "attachmentSet.status",
        "encrypted": "encrypted",
    }
    chosen, token = cut(select(found, parameters, filters), parameters)
    return {"volumeSet": chosen, "nextToken": token}


def describe_snapshots(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeSnapshots: the account's own; nobody else's can be restored here."""
    sizes = {each.resource_id: each.size_gb for each in context.account.estate.each(Volume)}
    found = [
        {
            "snapshotId": _last(each.resource_id),
            "volumeId": each.volume_id,
            "status": "completed",
            "startTime": iso(each.life.launched),
            "progress": "100%",
            "ownerId": context.account_id,
            "volumeSize": sizes.get(each.volume_id, each.stored_gb),
            "description": each.name,
            "encrypted": False,
            "storageTier": "standard",
            "tagSet": tags(each),
        }
        for each in context.things(Snapshot)
    ]
    owners = texts(parameters.get("Owner"))
    if owners and not {"self", context.account_id} & set(owners):
        found = []
    found = by_id(found, "snapshotId", texts(parameters.get("SnapshotId")), "InvalidSnapshot.NotFound", "snapshot")
    filters = {"snapshot-id": "snapshotId", "volume-id": "volumeId", "status": "status", "owner-id": "ownerId"}
    chosen, token = cut(select(found, parameters, filters), parameters)
    return {"snapshotSet": chosen, "nextToken": token}


def describe_addresses(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeAddresses."""
    found = []
    for each in context.things(Address):
        described: dict[str, Any] = {
            "publicIp": each.public_ip,
            "allocationId": _last(each.resource_id),
            "domain": "vpc",
            "publicIpv4Pool": "amazon",
            "networkBorderGroup": context.region,
            "tagSet": tags(each),
        }
        if each.instance_id is not None:
            described["instanceId"] = each.instance_id
            described["associationId"] = f"eipassoc-{context.made_up('association', each.resource_id)}"
        found.append(described)
    found = by_id(
        found, "allocationId", texts(parameters.get("AllocationId")), "InvalidAllocationID.NotFound", "allocation"
    )
    asked = texts(parameters.get("PublicIp"))
    found = [each for each in found if not asked or each["publicIp"] in asked]
    filters = {
        "allocation-id": "allocationId",
        "public-ip": "publicIp",
        "instance-id": "instanceId",
        "domain": "domain",
    }
    return {"addressesSet": select(found, parameters, filters)}


def describe_nat_gateways(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeNatGateways."""
    found = [
        {
            "natGatewayId": each.gateway_id,
            "vpcId": f"vpc-{context.made_up('vpc')}",
            "subnetId": f"subnet-{context.made_up('public subnet', each.zone)}",
            "state": "available",
            "connectivityType": "public",
            "createTime": iso(each.life.launched),
            "natGatewayAddressSet": [
                {
                    "networkInterfaceId": f"eni-{context.made_up('eni', each.resource_id)}",
                    "isPrimary": True,
                    "status": "succeeded",
                }
            ],
            "tagSet": tags(each),
        }
        for each in context.things(NatGateway)
    ]
    found = by_id(found, "natGatewayId", texts(parameters.get("NatGatewayId")), "NatGatewayNotFound", "NAT gateway")
    filters = {"nat-gateway-id": "natGatewayId", "vpc-id": "vpcId", "subnet-id": "subnetId", "state": "state"}
    chosen, token = cut(select(found, parameters, filters), parameters)
    return {"natGatewaySet": chosen, "nextToken": token}


def describe_route_tables(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeRouteTables: a public one by an internet gateway, and one of each NAT gateway's private subnet."""
    vpc = f"vpc-{context.made_up('vpc')}"
    local = {
        "destinationCidrBlock": "10.0.0.0/8",
        "gatewayId": "local",
        "state": "active",
        "origin": "CreateRouteTable",
    }

    def table(name: str, is_main: bool, subnet: str, route: dict[str, str]) -> dict[str, Any]:
        identity = f"rtb-{context.made_up('route table', name)}"
        association = {
            "routeTableAssociationId": f"rtbassoc-{context.made_up('route association', name)}",
            "routeTableId": identity,
            "main": is_main,
        }
        if not is_main:
            association["subnetId"] = subnet
        outward = {"destinationCidrBlock": "0.0.0.0/0", "state": "active", "origin": "CreateRoute"} | route
        return {
            "routeTableId": identity,
            "vpcId": vpc,
            "ownerId": context.account_id,
            "routeSet": [local, outward],
            "associationSet": [association],
            "tagSet": [],
        }

    found = [table("main", True, "", {"gatewayId": f"igw-{context.made_up('internet gateway')}"})]
    for each in context.things(NatGateway):
        subnet = f"subnet-{context.made_up('subnet', each.zone)}"
        found.append(table(each.gateway_id, False, subnet, {"natGatewayId": each.gateway_id}))
    found = by_id(
        found, "routeTableId", texts(parameters.get("RouteTableId")), "InvalidRouteTableID.NotFound", "routeTable"
    )
    filters = {
        "route-table-id": "routeTableId",
        "vpc-id": "vpcId",
        "route.nat-gateway-id": "routeSet.natGatewayId",
        "association.subnet-id": "associationSet.subnetId",
        "association.main": "associationSet.main",
    }
    chosen, token = cut(select(found, parameters, filters), parameters)
    return {"routeTableSet": chosen, "nextToken": token}


# --- the hand ------------------------------------------------------------------------------------------------------


def _find_volume(context: Context, parameters: Parsed) -> Volume:
    name = str(parameters.get("VolumeId", ""))
    for each in context.things(Volume):
        if each.resource_id == name:
            return each
    raise ServiceError(400, "InvalidVolume.NotFound", f"The volume '{name}' does not exist.")


def delete_volume(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DeleteVolume of one that is attached to nothing."""
    thing = _find_volume(context, parameters)
    if thing.instance_id is not None:
        message = f"Volume {thing.resource_id} is currently attached to {thing.instance_id}"
        raise ServiceError(400, "VolumeInUse", message)
    context.do("DeleteVolume", thing.resource_id)
    return {"return": True}


def detach_volume(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DetachVolume of a data volume."""
    thing = _find_volume(context, parameters)
    if thing.instance_id is None:
        raise ServiceError(400, "IncorrectState", f"Volume '{thing.resource_id}' is in the 'available' state.")
    if thing.is_root:
        message = f"Unable to detach root volume '{thing.resource_id}' from instance '{thing.instance_id}'"
        raise ServiceError(400, "OperationNotPermitted", message)
    context.do("DetachVolume", thing.resource_id)
    return {
        "volumeId": thing.resource_id,
        "instanceId": thing.instance_id,
        "device": "/dev/sdf",
        "status": "detaching",
        "attachTime": iso(thing.life.launched),
    }


def modify_volume(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ModifyVolume: type, size (never smaller), IOPS, throughput."""
    thing = _find_volume(context, parameters)
    details: dict[str, Any] = {}
    for name in ("Size", "Iops", "Throughput"):
        if parameters.get(name) is not None:
            if not str(parameters[name]).isdigit():
                raise ServiceError(400, "InvalidParameterValue", f"Value ({parameters[name]}) for {name} is invalid.")
            details[name] = int(str(parameters[name]))
    if parameters.get("VolumeType"):
        details["VolumeType"] = str(parameters["VolumeType"])
        if details["VolumeType"] not in ("gp2", "gp3", "io1", "st1"):
            message = f"Volume type '{details['VolumeType']}' is not simulated; use gp2, gp3, io1 or st1."
            raise ServiceError(400, "InvalidParameterValue", message)
    if not details:
        raise ServiceError(400, "InvalidParameterCombination", "No changes were specified.")
    if details.get("Size", thing.size_gb) < thing.size_gb:
        raise ServiceError(400, "InvalidParameterValue", "New size cannot be smaller than existing size")
    context.do("ModifyVolume", thing.resource_id, **details)
    modification = {
        "volumeId": thing.resource_id,
        "modificationState": "modifying",
        "targetSize": details.get("Size", thing.size_gb),
        "targetVolumeType": details.get("VolumeType", thing.volume_type),
        "originalSize": thing.size_gb,
        "originalVolumeType": thing.volume_type,
        "progress": 0,
        "startTime": iso(context.now),
    }
    return {"volumeModification": modification}


def delete_snapshot(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DeleteSnapshot."""
    name = str(parameters.get("SnapshotId", ""))
    for each in context.things(Snapshot):
        if _last(each.resource_id) == name:
            context.do("DeleteSnapshot", each.resource_id)
            return {"return": True}
    raise ServiceError(400, "InvalidSnapshot.NotFound", f"The snapshot '{name}' does not exist.")


def release_address(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ReleaseAddress of one that is associated with nothing."""
    name = str(parameters.get("AllocationId", ""))
    for each in context.things(Address):
        if _last(each.resource_id) != name:
            continue
        if each.instance_id is not None:
            raise ServiceError(400, "InvalidIPAddress.InUse", f"Address '{each.public_ip}' is in use.")
        context.do("ReleaseAddress", each.resource_id)
        return {"return": True}
    raise ServiceError(400, "InvalidAllocationID.NotFound", f"The allocation ID '{name}' does not exist")


def delete_nat_gateway(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DeleteNatGateway."""
    name = str(parameters.get("NatGatewayId", ""))
    for each in context.things(NatGateway):
        if each.gateway_id == name:
            context.do("DeleteNatGateway", each.resource_id)
            return {"natGatewayId": name}
    raise ServiceError(400, "NatGatewayNotFound", f"NAT gateway {name} was not found")


ACTIONS: dict[str, Action] = {
    "DescribeVolumes": describe_volumes,
    "DescribeSnapshots": describe_snapshots,
    "DescribeAddresses": describe_addresses,
    "DescribeNatGateways": describe_nat_gateways,
    "DescribeRouteTables": describe_route_tables,
    "DeleteVolume": delete_volume,
    "DetachVolume": detach_volume,
    "ModifyVolume": modify_volume,
    "DeleteSnapshot": delete_snapshot,
    "ReleaseAddress": release_address,
    "DeleteNatGateway": delete_nat_gateway,
}
