"""What somebody proposes to do with the account, as plain data: changes of single things, and commitments to buy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from demo import money
from demo.errors import DemoError

ACTIONS = ("delete", "stop", "resize", "schedule")
PAYMENTS = {"no_upfront": "No Upfront", "partial_upfront": "Partial Upfront", "all_upfront": "All Upfront"}


@dataclass(frozen=True)
class Proposal:
    """One change. ``size``: of resize (an instance type, a database class, gp3); ``ranges``: of schedule, hours of the
    week [from, to) in ``time_zone`` in which it is off."""

    action: str
    resource_id: str
    size: str = ""
    ranges: tuple[tuple[int, int], ...] = ()
    time_zone: str = ""


@dataclass(frozen=True)
class Plan:
    """One commitment: a Savings Plan of ``units`` (1e-10 USD an hour), or ``count`` reserved instances."""

    name: str
    commitment_type: str
    term_years: int
    payment: str
    units: int = 0
    family: str = ""
    region: str = ""
    instance_type: str = ""
    platform: str = ""
    count: int = 0


def read_proposal(row: Mapping[str, Any]) -> Proposal:
    """Of a JSON object. Raises DemoError for what can't be carried out."""
    action, resource_id = row.get("action"), row.get("resource_id")
    if action not in ACTIONS or not resource_id:
        raise DemoError(f"proposal {dict(row)} needs resource_id and action, one of {', '.join(ACTIONS)}")
    if action == "resize" and not row.get("size"):
        raise DemoError(f"proposal for {resource_id}: resize needs size")
    if action == "schedule" and not (row.get("quiet_ranges") and row.get("time_zone")):
        raise DemoError(f"proposal for {resource_id}: schedule needs quiet_ranges and time_zone")
    ranges = tuple((int(start), int(end)) for start, end in row.get("quiet_ranges") or ())
    return Proposal(str(action), str(resource_id), str(row.get("size") or ""), ranges, str(row.get("time_zone") or ""))


def read_plan(row: Mapping[str, Any]) -> Plan:
    """Of a JSON object with the columns of a commitment. Raises DemoError for what isn't sold."""
    try:
        kind, payment = str(row["commitment_type"]), PAYMENTS[str(row["payment_option"])]
        term = int(row["term_years"])
        if kind == "ec2_reserved_instance":
            return Plan(
                str(row), kind, term, payment, region=str(row["region"]), instance_type=str(row["instance_type"]),
                platform="Windows" if "Windows" in str(row["platform"]) else "Linux",
                count=int(row["reserved_instance_count"]),
            )  # fmt: skip
        units = money.parse(str(Decimal(str(row["hourly_commitment_usd"]))))
    except (KeyError, ValueError, InvalidOperation) as error:
        raise DemoError(f"commitment {dict(row)} can't be read ({error!r})") from error
    family = str(row.get("instance_family") or "")
    return Plan(str(row), kind, term, payment, units, family, str(row.get("region") or ""))
