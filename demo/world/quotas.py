"""What AWS's API lets somebody ask for: numbers within its limits, or a clear refusal before anything is written down.

Limits: EBS user guide "Amazon EBS volume types" (sizes, IOPS, throughput); DynamoDB "Service quotas" (40,000 units a
table by default); Lambda "Quotas" (128 to 10,240 MB); ECS "Service quotas" (5,000 tasks a service); RDS user guide
"Amazon RDS DB instance storage" (20 to 65,536 GiB). Some can be raised on request at AWS, and not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from demo.errors import DemoError

# Volume type -> GiB, IOPS and MiB a second that may be asked for.
VOLUME_SIZES_GB = {"gp2": (1, 16_384), "gp3": (1, 65_536), "io1": (4, 16_384), "st1": (125, 16_384)}
VOLUME_IOPS = {"gp3": (3_000, 80_000), "io1": (100, 64_000)}
VOLUME_THROUGHPUT_MBPS = {"gp3": (125, 2_000)}
DATABASE_STORAGE_GB = (20, 65_536)
FUNCTION_MEMORY_MB = (128, 10_240)
TABLE_UNITS = (1, 40_000)
SERVICE_TASKS = (0, 5_000)
STORAGE_CLASSES = frozenset({
    "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE",
})  # fmt: skip


def read_whole(details: Mapping[str, Any], name: str, limits: tuple[int, int], default: int | None = None) -> int:
    """The whole number of a request's detail, or the default where it isn't given.

    Raises DemoError where there is none, or one that is no whole number within the limits (both included).
    """
    value = details.get(name, default)
    lowest, highest = limits
    is_number = not isinstance(value, bool) and isinstance(value, int | str) and str(value).strip().isdigit()
    if not is_number or not lowest <= int(str(value)) <= highest:
        raise DemoError(f"{name} {value!r} is not a whole number from {lowest} to {highest}")
    return int(str(value))
