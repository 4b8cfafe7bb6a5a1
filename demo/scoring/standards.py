"""What a rule's flags are held to: what it should flag, whether a flag is right, and what it would truly save.

A waste rule is held to the key alone. A smaller size and a schedule are the finder's own, so the bill is replayed with
them; whether they are safe is asked of the latent work, which no metric shows whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from demo.errors import DemoError
from demo.scoring.outcomes import Outcomes

Truth = Mapping[str, Any]
Row = Mapping[str, Any]
NOTHING = Decimal(0)


@dataclass(frozen=True)
class Ruling:
    """On one flag: ``is_right``; ``is_harmless``: true of the resource, though nothing would be saved; what the bill
    would truly fall by in USD a month; and why it is wrong, where the key's own reason doesn't say it."""

    is_right: bool
    is_harmless: bool
    saving: Decimal
    why: str = ""


class Standard(Protocol):
    """Of one rule."""

    def is_judged(self, truth: Truth) -> bool:
        """Whether the rule is about such a resource."""

    def find_saving(self, truth: Truth) -> Decimal | None:
        """What the best the rule could say of a resource would truly save; None where it should say nothing."""

    def rule(self, resource_id: str, truth: Truth, row: Row) -> Ruling:
        """On a flag."""


@dataclass(frozen=True)
class WasteStandard:
    """Waste of the services named: idle, and the bill would fall without it. ``facts``: more that a miss must be."""

    services: tuple[str, ...]
    facts: tuple[tuple[str, object], ...] = ()

    def is_judged(self, truth: Truth) -> bool:
        """Of these services, with these facts."""
        return truth["service"] in self.services and all(truth.get(name) == value for name, value in self.facts)

    def find_saving(self, truth: Truth) -> Decimal | None:
        """The fall of the bill without it."""
        return Decimal(truth["true_saving_usd_per_month"]) if truth["is_waste"] else None

    def rule(self, resource_id: str, truth: Truth, row: Row) -> Ruling:
        """Right on waste."""
        why = "but its commitment is paid anyway, so the bill would not fall" if truth["is_idle"] else ""
        return Ruling(truth["is_waste"], truth["is_idle"], Decimal(truth["true_saving_usd_per_month"]), why)


@dataclass(frozen=True)
class UpgradeStandard:
    """Volumes that another type serves as well for less."""

    size: str

    def is_judged(self, truth: Truth) -> bool:
        """Volumes that are there."""
        return truth["service"] == "ebs" and truth["kind"] != "gone"

    def find_saving(self, truth: Truth) -> Decimal | None:
        """What the other type saves."""
        resize = truth.get("resize") or {}
        saving = Decimal(resize.get("true_saving_usd_per_month", 0))
        return saving if resize.get("to") == self.size and saving > 0 else None

    def rule(self, resource_id: str, truth: Truth, row: Row) -> Ruling:
        """Right where the other type saves."""
        saving = self.find_saving(truth)
        return Ruling(saving is not None, False, saving or NOTHING, f"but {self.size} would not serve it for less")


@dataclass(frozen=True)
class SizeStandard:
    """Smaller sizes of one service that serve every peak of the last eight weeks. Rows carry ``recommended_size``."""

    service: str
    outcomes: Callable[[], Outcomes]

    def is_judged(self, truth: Truth) -> bool:
        """Of this service, there and on."""
        return truth["service"] == self.service and truth["kind"] not in ("gone", "stopped")

    def find_saving(self, truth: Truth) -> Decimal | None:
        """What the smallest size that serves saves."""
        saving = Decimal((truth.get("resize") or {}).get("true_saving_usd_per_month", 0))
        return saving if saving > 0 else None

    def rule(self, resource_id: str, truth: Truth, row: Row) -> Ruling:
        """Right where the size named serves."""
        size = str(row.get("recommended_size") or "")
        if not size:
            raise DemoError(f"evaluation of {resource_id}: a flag of this rule needs recommended_size")
        found = self.outcomes().resize(resource_id, size)
        if not found.is_safe:
            return Ruling(False, False, found.saving, f"but {size} is too small for its work")
        return Ruling(found.saving > 0, True, found.saving, "but its commitment is paid anyway")


@dataclass(frozen=True)
class ScheduleStandard:
    """Hours of the week in which nobody needs a machine. Rows carry ``quiet_ranges`` and ``time_zone``."""

    service: str
    outcomes: Callable[[], Outcomes]

    def is_judged(self, truth: Truth) -> bool:
        """Of this service, there and on, and not quiet all week, which is waste and no schedule."""
        is_never_used = (truth.get("quiet_hours") or {}).get("hours_per_week") == 168
        return truth["service"] == self.service and truth["kind"] not in ("gone", "stopped") and not is_never_used

    def find_saving(self, truth: Truth) -> Decimal | None:
        """What all hours that nobody needs it in, now and in the next weeks, would save."""
        quiet = truth.get("quiet_hours") or {}
        saving = Decimal(quiet.get("true_saving_usd_per_month", 0))
        return saving if quiet.get("lasts") and saving > 0 else None

    def rule(self, resource_id: str, truth: Truth, row: Row) -> Ruling:
        """Right where nobody would miss it in the hours named."""
        if not row.get("quiet_ranges") or not row.get("time_zone"):
            raise DemoError(f"evaluation of {resource_id}: a flag of this rule needs quiet_ranges and time_zone")
        found = self.outcomes().schedule(resource_id, row["quiet_ranges"], str(row["time_zone"]))
        if not found.is_safe:
            return Ruling(False, False, found.saving, "but somebody needs it in these hours")
        return Ruling(found.saving > 0, True, found.saving, "but its commitment is paid anyway")


def list_standards(outcomes: Callable[[], Outcomes]) -> dict[str, Standard]:
    """By rule. A rule isn't judged until it is named here."""
    return {
        "idle_ec2_instances": WasteStandard(("ec2",)),
        "idle_rds_instances": WasteStandard(("rds",)),
        "idle_load_balancers": WasteStandard(("elb",)),
        "idle_nat_gateways": WasteStandard(("nat",)),
        "unattached_ebs_volumes": WasteStandard(("ebs",), (("is_attached", False),)),
        "unattached_elastic_ips": WasteStandard(("eip",)),
        "upgradable_gp2_volumes": UpgradeStandard("gp3"),
        "overprovisioned_ec2_instances": SizeStandard("ec2", outcomes),
        "overprovisioned_rds_instances": SizeStandard("rds", outcomes),
        "schedulable_ec2_instances": ScheduleStandard("ec2", outcomes),
        "schedulable_rds_instances": ScheduleStandard("rds", outcomes),
    }
