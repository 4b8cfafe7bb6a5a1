"""How large instance types are (DescribeInstanceTypes)."""

from decimal import Decimal
from typing import Any

import pyarrow as pa

from ingest.aws import Account, explained
from ingest.prices.on_demand import MONEY
from ingest.prices.usage import Usage, find_family
from ingest.snapshots import Rows

SCHEMA = pa.schema(
    [
        ("instance_type", pa.string()),
        ("vcpu_count", MONEY),
        ("memory_mib", MONEY),
        ("architectures", pa.string()),
        ("is_burstable", pa.bool_()),
        ("network_performance", pa.string()),
        ("ebs_baseline_mbps", MONEY),
        ("ebs_baseline_iops", MONEY),
    ]
)


def read_instance_types(account: Account, usage: Usage) -> tuple[Rows, int]:
    """Every size of the families in use, by the first region in use that knows it.

    Returns:
        Rows of SCHEMA and the number of calls.

    Raises:
        IngestError: AWS refuses.
    """
    rows: dict[str, dict[str, Any]] = {}
    request_count = 0
    for region in usage.regions:
        if usage.families <= {find_family(name) for name in rows}:
            break
        with explained(f"EC2 DescribeInstanceTypes {region}"):
            for page in account.client("ec2", region).get_paginator("describe_instance_types").paginate():
                request_count += 1
                for each in page["InstanceTypes"]:
                    if find_family(each["InstanceType"]) in usage.families:
                        rows.setdefault(each["InstanceType"], _read_type(each))
    return [rows[name] for name in sorted(rows)], request_count


def _read_type(found: dict[str, Any]) -> dict[str, Any]:
    ebs = found.get("EbsInfo", {}).get("EbsOptimizedInfo", {})
    throughput, iops = ebs.get("BaselineBandwidthInMbps"), ebs.get("BaselineIops")
    return {
        "instance_type": found["InstanceType"],
        "vcpu_count": Decimal(found["VCpuInfo"]["DefaultVCpus"]),
        "memory_mib": Decimal(found["MemoryInfo"]["SizeInMiB"]),
        "architectures": ",".join(sorted(found.get("ProcessorInfo", {}).get("SupportedArchitectures", []))),
        "is_burstable": bool(found.get("BurstablePerformanceSupported", False)),
        "network_performance": found.get("NetworkInfo", {}).get("NetworkPerformance"),
        "ebs_baseline_mbps": None if throughput is None else Decimal(throughput),
        "ebs_baseline_iops": None if iops is None else Decimal(iops),
    }
