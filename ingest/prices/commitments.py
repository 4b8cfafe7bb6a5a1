"""What commitments cost: Savings Plans' offering rates, and offerings of reserved EC2 instances."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ingest.aws import Account, explained
from ingest.prices.on_demand import MONEY, PRICE_LIST_REGION
from ingest.prices.usage import Usage
from ingest.snapshots import Rows

RATES_SCHEMA = pa.schema(
    [
        ("offering_id", pa.string()),
        ("plan_type", pa.string()),
        ("duration_seconds", pa.int64()),
        *((name, pa.string()) for name in ("payment_option", "region", "instance_family", "product_type")),
        *((name, pa.string()) for name in ("service_code", "usage_type", "operation")),
        ("rate", MONEY),
        ("unit", pa.string()),
    ]
)
RESERVATIONS_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("offering_id", "region", "instance_type", "platform", "offering_class")),
        ("duration_seconds", pa.int64()),
        ("payment_option", pa.string()),
        ("upfront", MONEY),
        ("recurring", MONEY),
    ]
)
_PLAN_TYPES = ("Compute", "EC2Instance")
_TYPES_PER_CALL = 100


def read_plan_rates(account: Account, usage: Usage) -> tuple[Rows, int]:
    """Every rate that a Compute or EC2 Instance Savings Plan on sale would give the families and services in use.

    Returns:
        Rows of RATES_SCHEMA and the number of calls.

    Raises:
        IngestError: AWS refuses.
    """
    client = account.client("savingsplans", PRICE_LIST_REGION)
    rows: Rows = []
    request_count = 0
    for request in _plan_rates(usage):
        token = ""
        with explained("Savings Plans DescribeSavingsPlansOfferingRates"):
            while True:
                page = client.describe_savings_plans_offering_rates(
                    **request, **({"nextToken": token} if token else {})
                )
                request_count += 1
                rows += [_read_rate(each) for each in page["searchResults"]]
                token = page.get("nextToken") or ""
                if not token:
                    break
    return rows, request_count


def _plan_rates(usage: Usage) -> Iterator[dict[str, Any]]:
    for region in usage.regions:
        place = {"name": "region", "values": [region]}
        if usage.families:
            kinds = [{"name": "instanceFamily", "values": sorted(usage.families)}]
            shared = [{"name": "tenancy", "values": ["shared"]}]
            yield {
                "savingsPlanTypes": list(_PLAN_TYPES),
                "products": ["EC2"],
                "filters": [place, *kinds, *shared],
                "maxResults": 1000,
            }
        yield {
            "savingsPlanTypes": ["Compute"],
            "products": ["Fargate", "Lambda"],
            "filters": [place],
            "maxResults": 1000,
        }


def _read_rate(found: dict[str, Any]) -> dict[str, Any]:
    properties = {each["name"]: each["value"] for each in found.get("properties", [])}
    offering = found["savingsPlanOffering"]
    is_bound = offering["planType"] == "EC2Instance"
    return {
        "offering_id": offering["offeringId"],
        "plan_type": offering["planType"],
        "duration_seconds": offering["durationSeconds"],
        "payment_option": offering["paymentOption"],
        "region": properties.get("region", ""),
        "instance_family": properties.get("instanceFamily") if is_bound else None,
        "product_type": found["productType"],
        "service_code": found["serviceCode"],
        "usage_type": found["usageType"],
        "operation": found.get("operation", ""),
        "rate": Decimal(found["rate"]),
        "unit": found["unit"],
    }


def read_reservations(account: Account, usage: Usage, instance_types: list[str]) -> tuple[Rows, int]:
    """AWS's own standard, regional, default-tenancy offerings of some instance types in the regions in use.

    Returns:
        Rows of RESERVATIONS_SCHEMA and the number of calls.

    Raises:
        IngestError: AWS refuses.
    """
    rows: dict[str, dict[str, Any]] = {}
    request_count = 0
    for region in usage.regions:
        client = account.client("ec2", region)
        for first in range(0, len(instance_types), _TYPES_PER_CALL):
            chosen = instance_types[first : first + _TYPES_PER_CALL]
            pages = client.get_paginator("describe_reserved_instances_offerings").paginate(
                IncludeMarketplace=False,
                InstanceTenancy="default",
                OfferingClass="standard",
                Filters=[{"Name": "scope", "Values": ["Region"]}, {"Name": "instance-type", "Values": chosen}],
            )
            with explained(f"EC2 DescribeReservedInstancesOfferings {region}"):
                for page in pages:
                    request_count += 1
                    for each in page["ReservedInstancesOfferings"]:
                        rows[each["ReservedInstancesOfferingId"]] = _read_offering(each, region)
    return [rows[name] for name in sorted(rows)], request_count


def _read_offering(found: dict[str, Any], region: str) -> dict[str, Any]:
    # boto3 gives these amounts as floats of a few decimals: their text is what AWS wrote.
    recurring = sum(
        (Decimal(str(each["Amount"])) for each in found.get("RecurringCharges", []) if each["Frequency"] == "Hourly"),
        Decimal(0),
    )
    return {
        "offering_id": found["ReservedInstancesOfferingId"],
        "region": region,
        "instance_type": found["InstanceType"],
        "platform": found["ProductDescription"],
        "offering_class": found["OfferingClass"],
        "duration_seconds": found["Duration"],
        "payment_option": found["OfferingType"],
        "upfront": Decimal(str(found["FixedPrice"])),
        "recurring": recurring + Decimal(str(found.get("UsagePrice", 0))),
    }
