"""EC2 instances with their root volumes: committed machines, planted cases, Spot places and Auto Scaling groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from demo.timeline import local_hours
from demo.world.accounts import DEVELOPMENT, HOME_REGION, PRODUCTION, Account, Region
from demo.world.demand import Demand
from demo.world.drawing import DAY, Draft, Place, resize
from demo.world.life import Life
from demo.world.resources import Instance, Resource, Volume
from demo.world.tagging import thin_tags

_BUSY_TYPES = {
    "steady": ("m5.large", "m5.2xlarge", "m6i.large", "m6i.xlarge", "c5.xlarge", "c6i.large", "r5.large", "r6i.xlarge",
               "m6g.large", "m7g.xlarge", "c6g.xlarge", "r6g.large"),
    "office": ("t3.medium", "t3.large", "t3.xlarge", "t3a.large", "t4g.large", "m5.large", "m6i.large", "m7g.large"),
    "nightly": ("c5.large", "c5.4xlarge", "c6i.xlarge", "c6g.2xlarge", "m5.4xlarge", "r6i.large"),
}  # fmt: skip
_BUSY_TYPES["growing"] = _BUSY_TYPES["declining"] = _BUSY_TYPES["stepped"] = _BUSY_TYPES["steady"]
_BUSY_TYPES["weekly_batch"] = _BUSY_TYPES["bursty"] = _BUSY_TYPES["nightly"]
_ANY_TYPE = ("t3.small", "t3.medium", "t3.large", "t4g.medium", "m5.large", "m5.2xlarge", "m6i.large", "m6i.2xlarge",
             "m6g.xlarge", "c5.large", "c6g.large", "r5.large", "r6g.xlarge")  # fmt: skip
_SMALL_TYPES = ("t3.micro", "t3.small", "t3.medium", "t3.large", "t4g.small", "t3a.medium")
_SPOT_TYPES = ("c5.xlarge", "m5.large", "m6i.xlarge", "c6g.xlarge", "r5.large")
_GROUP_TYPES = ("m5.large", "c6i.large", "m6g.large", "t3.large")
_GROUP_SIZES = (2, 3, 5)
# Groups began to follow demand this long ago; before, they held their size.
_SCALING_DAYS = 120
_SMALLER = {"2xlarge": "xlarge", "xlarge": "large", "4xlarge": "2xlarge"}

PLANTED = ("idle", "strays", "fading", "standby", "light_duty", "daily_burst", "network_worker", "month_end", "newborn",
           "stopped", "silent_busy", "silent_idle", "weekly_batch", "bursty")  # fmt: skip
_PLANTED_SHARES = {
    "idle": 0.11, "fading": 0.05, "standby": 0.05, "light_duty": 0.08, "daily_burst": 0.05, "network_worker": 0.04,
    "month_end": 0.03, "newborn": 0.03, "stopped": 0.03, "silent_busy": 0.015, "silent_idle": 0.015,
    "weekly_batch": 0.03, "bursty": 0.04,
}  # fmt: skip
_BUSY_SHARES = {"steady": 0.3, "office": 0.34, "nightly": 0.12, "growing": 0.1, "declining": 0.07, "stepped": 0.07}
FEWEST_INSTANCES = 34


@dataclass(frozen=True)
class _Plan:
    role: str
    instance_type: str | None = None
    account: Account | None = None
    region: Region | None = None
    operating_system: str | None = None
    stops_at_night: bool = False
    is_lasting: bool = False
    zone: str | None = None


def _plan_committed() -> list[_Plan]:
    """Machines whose types the organisation has reserved, so that each case of allocation occurs at least once."""

    def plan(role: str, instance_type: str, system: str = "Linux", *, stops_at_night: bool = False) -> _Plan:
        return _Plan(role, instance_type, PRODUCTION, HOME_REGION, system, stops_at_night, True, "a")

    return [
        plan("steady", "m5.large"),
        plan("steady", "m5.xlarge"),
        plan("growing", "m5.2xlarge"),
        plan("steady", "m5.4xlarge"),
        plan("idle", "m5.xlarge"),  # its freed hours are absorbed by another machine
        plan("idle", "r5.2xlarge"),  # the only taker of its reservation
        plan("steady", "c5.2xlarge"),
        plan("nightly", "c5.2xlarge", stops_at_night=True),  # leaves reserved hours unused
        plan("office", "t3.medium"),
        plan("office", "t3.xlarge", stops_at_night=True),
        plan("steady", "m6i.large", "Windows"),
        plan("steady", "m6i.xlarge"),
    ]


def draw_instances(draft: Draft, count: int) -> list[Resource]:
    """``count`` places of instances with all that ran on them, and a root volume for each instance."""
    spot = max(2, round(0.1 * count))
    groups = _plan_groups(count)
    singles = count - spot - sum(groups)
    plans = _plan_committed()
    planted = [_Plan(role) for role in PLANTED]
    for role, share in _PLANTED_SHARES.items():
        planted += [_Plan(role)] * (round(share * count) - sum(plan.role == role for plan in planted))
    plans = (plans + planted)[:singles]
    rng = draft.stream("busy instances")
    roles = list(_BUSY_SHARES)
    while len(plans) < singles:
        plans.append(_Plan(str(rng.choice(roles, p=list(_BUSY_SHARES.values())))))
    instances: list[Instance] = []
    for index, plan in enumerate(plans):
        instances += _draw_single(draft, index, plan)
    for index in range(spot):
        instances += _draw_spot(draft, index)
    for index, size in enumerate(groups):
        instances += _draw_group(draft, index, size)
    return [*instances, *draw_root_volumes(draft, instances)]


def _plan_groups(count: int) -> list[int]:
    """The standing sizes of the Auto Scaling groups: about an eighth of all instances."""
    sizes = [2, 3]
    while sum(sizes) + _GROUP_SIZES[len(sizes) % 3] <= count // 8:
        sizes.append(_GROUP_SIZES[len(sizes) % 3])
    return sizes


def _draw_single(draft: Draft, index: int, plan: _Plan) -> Iterator[Instance]:
    rng = draft.stream("instance", index)
    place = draft.place(rng, plan.role, "vm", index, plan.account, plan.region)
    types = _SMALL_TYPES if plan.role in ("light_duty", "network_worker") else _BUSY_TYPES.get(plan.role, _ANY_TYPE)
    instance_type = plan.instance_type or str(rng.choice(types))
    is_arm = instance_type.split(".")[0].endswith("g")
    system = plan.operating_system or ("Windows" if rng.random() < 0.2 and not is_arm else "Linux")
    common = draft.common(rng, place, plan.role, draft.code("i-0", "instance", index), is_lasting=plan.is_lasting)
    office = place.account.time_zone if plan.stops_at_night or (plan.role == "office" and rng.random() < 0.25) else None
    pauses = common["life"].pauses
    if plan.role in ("steady", "nightly") and not plan.is_lasting and rng.random() < 0.06:
        away = draft.before(rng.uniform(30, 300))
        pauses = ((away, away + int(rng.integers(DAY, 20 * DAY))),)
    common["life"] = replace(common["life"], office_zone=office, pauses=pauses)
    instance = Instance(
        **common,
        zone=place.region.code + (plan.zone or str(rng.choice(("a", "b", "c")))),
        instance_type=instance_type,
        operating_system=system,
        has_detailed_monitoring=bool(rng.random() < 0.2),
        has_agent=bool(rng.random() < 0.4),
        has_metrics=not plan.role.startswith("silent"),
    )
    family, size = instance_type.split(".")
    if (
        rng.random() < 0.12
        and size in _SMALLER
        and not plan.is_lasting
        and plan.role in ("steady", "growing", "office")
    ):
        at = draft.before(rng.uniform(15, 380))
        if at > instance.life.launched and (instance.life.ended is None or at < instance.life.ended):
            before, after = resize(instance, at)
            yield replace(before, instance_type=f"{family}.{_SMALLER[size]}", capacity_factor=0.5)  # type: ignore[misc,call-arg]
            yield after  # type: ignore[misc]
            return
    yield instance


def _draw_spot(draft: Draft, index: int) -> Iterator[Instance]:
    """One place on the Spot market: instance after instance, each interrupted some day and replaced within hours."""
    rng = draft.stream("spot", index)
    role = ("bursty", "nightly", "steady")[index % 3]
    place = draft.place(rng, role, "spot", index, (DEVELOPMENT, None)[index % 2])
    demand = draft.demand(rng, draft.code("spot-", index), role, place.time_zone)
    instance_type, stays = str(rng.choice(_SPOT_TYPES)), rng.uniform(8, 40)
    launched, turn = draft.before(400 + rng.uniform(0, 60)), 0
    while launched < draft.horizon.end:
        ended = launched + max(1, round(float(rng.exponential(stays)) * DAY))
        zone, pause = str(rng.choice(("a", "b", "c"))), int(rng.integers(1, 4))
        # The one that is there at the anchor holds the place; the others were, or will be, its replacements.
        holds = launched < draft.anchor <= ended + pause
        yield Instance(
            resource_id=draft.code("i-0", "spot", index, turn),
            name=place.name,
            account=place.account,
            region=place.region,
            life=Life(launched, ended if ended < draft.horizon.end else None),
            demand=demand,
            tags=place.tags,
            zone=place.region.code + zone,
            instance_type=instance_type,
            is_spot=True,
            is_transient=not holds,
        )
        launched, turn = ended + pause, turn + 1


def _draw_group(draft: Draft, index: int, size: int) -> Iterator[Instance]:
    """An Auto Scaling group: ``size`` standing members, and more by day where demand rises and falls."""
    rng = draft.stream("group", index)
    # The first group is in production and busy; the second one's service has lost its users.
    role = ("office", "strays", "steady", "growing", "office", "fading")[index % 6]
    place = draft.place(rng, role, "asg", index)
    name = f"{place.name}-group"
    demand = draft.demand(rng, draft.code("asg-", index), role, place.time_zone)
    instance_type, has_detail = str(rng.choice(_GROUP_TYPES)), bool(rng.random() < 0.5)
    launched = draft.before(rng.uniform(150, 700))

    def member(life: Life, *names: object, is_transient: bool) -> Instance:
        zone = "abc"[sum(map(ord, str(names))) % 3]
        return Instance(
            resource_id=draft.code("i-0", "group", index, *names),
            name=place.name,
            account=place.account,
            region=place.region,
            life=life,
            demand=demand,
            tags={**place.tags, "aws:autoscaling:groupName": name},
            zone=place.region.code + zone,
            instance_type=instance_type,
            group=name,
            has_detailed_monitoring=has_detail,
            is_transient=is_transient,
        )

    for standing in range(size):
        yield member(Life(launched), "standing", standing, is_transient=False)
    if role not in ("strays", "fading"):
        for life, turn in _scale(draft, demand, place, size):
            yield member(life, life.launched, turn, is_transient=True)


def _scale(draft: Draft, demand: Demand, place: Place, size: int) -> Iterator[tuple[Life, int]]:
    """The lives of the members that are launched in the morning and ended in the evening."""
    first = draft.before(_SCALING_DAYS)
    clock, weekday = local_hours(first, draft.horizon.end - first, place.time_zone)
    mornings = first + np.flatnonzero((clock == 8) & (weekday < 5))
    for morning in mornings.tolist():
        mean = float(demand.hourly(morning, morning + 10).mean())
        usual = float(demand.hourly(morning - 168, morning - 158).mean())
        more = 1 + (size > 2) + (mean > 1.05 * usual) * (size > 2)
        for turn in range(more):
            ended = morning + 11 - turn
            yield Life(morning + turn, ended if ended < draft.horizon.end else None), turn


def draw_root_volumes(draft: Draft, instances: list[Instance]) -> Iterator[Volume]:
    """A root volume for each instance, ended with it."""
    seen: set[str] = set()
    for instance in instances:
        if instance.resource_id in seen:
            continue
        seen.add(instance.resource_id)
        rng = draft.stream("root volume", instance.resource_id)
        yield Volume(
            resource_id=draft.code("vol-0", "root volume", instance.resource_id, length=16),
            name=f"{instance.name}-root",
            account=instance.account,
            region=instance.region,
            life=Life(instance.life.launched, instance.life.ended),
            demand=instance.demand,
            tags=thin_tags(rng, instance.tags, 0.7),
            zone=instance.zone,
            size_gb=int((30 if instance.operating_system == "Windows" else 8) * rng.choice((1, 1, 2, 4))),
            volume_type=str(rng.choice(("gp2", "gp3"))),
            instance_id=instance.resource_id,
            is_root=True,
        )
