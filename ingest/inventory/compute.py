"""EC2: instances, volumes, addresses, NAT gateways."""

from typing import Any

from ingest.aws import Account
from ingest.inventory.listing import Found, Listing, name_of, read_pages


def list_instances(account: Account, region: str) -> Listing:
    """Every instance that isn't terminated."""
    pages, count = read_pages(account.client("ec2", region), "describe_instances")
    found = []
    for each in (each for page in pages for group in page["Reservations"] for each in group["Instances"]):
        if each["State"]["Name"] == "terminated":
            continue
        tags = {tag["Key"]: tag["Value"] for tag in each.get("Tags", [])}
        found.append(
            Found(
                each["InstanceId"],
                tags.get("Name"),
                each["State"]["Name"],
                {
                    "instance_type": each["InstanceType"],
                    "platform_details": each.get("PlatformDetails"),
                    "instance_lifecycle": each.get("InstanceLifecycle"),
                    "auto_scaling_group_name": tags.get("aws:autoscaling:groupName"),
                    "architecture": each.get("Architecture"),
                    "launched_at": each.get("LaunchTime"),
                    "root_volume_id": _find_root_volume(each),
                },
            )
        )
    return found, count


def _find_root_volume(instance: dict[str, Any]) -> str | None:
    for mapping in instance.get("BlockDeviceMappings", []):
        if mapping["DeviceName"] == instance.get("RootDeviceName"):
            return str(mapping["Ebs"]["VolumeId"])
    return None


def list_volumes(account: Account, region: str) -> Listing:
    """Every volume; `attached_instance_id` is null where it is attached to nothing."""
    pages, count = read_pages(account.client("ec2", region), "describe_volumes")
    found = []
    for each in (each for page in pages for each in page["Volumes"]):
        attached = [one for one in each.get("Attachments", []) if one.get("State") not in ("detached", "detaching")]
        found.append(
            Found(
                each["VolumeId"],
                name_of(each.get("Tags")),
                each["State"],
                {
                    "volume_type": each["VolumeType"],
                    "size_gib": each["Size"],
                    "iops": each.get("Iops"),
                    "throughput_mibps": each.get("Throughput"),
                    "created_at": each.get("CreateTime"),
                    "attached_instance_id": attached[0]["InstanceId"] if attached else None,
                },
            )
        )
    return found, count


def list_addresses(account: Account, region: str) -> Listing:
    """Every Elastic IP address; its state is ours: AWS gives none."""
    answer = account.client("ec2", region).describe_addresses()
    found = [
        Found(
            each["AllocationId"],
            name_of(each.get("Tags")),
            "associated" if each.get("AssociationId") else "unassociated",
            {
                "public_ip": each.get("PublicIp"),
                "association_id": each.get("AssociationId"),
                "instance_id": each.get("InstanceId") or None,
                "network_interface_id": each.get("NetworkInterfaceId"),
            },
        )
        for each in answer["Addresses"]
        if each.get("AllocationId")
    ]
    return found, 1


def list_nat_gateways(account: Account, region: str) -> Listing:
    """Every NAT gateway that isn't deleted, with whether a route leads to it."""
    client = account.client("ec2", region)
    pages, count = read_pages(client, "describe_nat_gateways")
    tables, more = read_pages(client, "describe_route_tables")
    routed = {
        route.get("NatGatewayId")
        for page in tables
        for table in page["RouteTables"]
        for route in table.get("Routes", [])
    }
    found = [
        Found(
            each["NatGatewayId"],
            name_of(each.get("Tags")),
            each["State"],
            {
                "created_at": each.get("CreateTime"),
                "vpc_id": each.get("VpcId"),
                "is_in_route_table": each["NatGatewayId"] in routed,
            },
        )
        for page in pages
        for each in page["NatGateways"]
        if each["State"] != "deleted"
    ]
    return found, count + more
