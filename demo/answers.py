"""The answer key: what each resource is, whether it is waste, and by how much the bill would truly fall without it.

The fall of an instance's removal comes from replaying the account's allocation without it: where a reservation or plan
is paid anyway, only hours that another machine takes over from on-demand make the bill fall. Tax and credits stay out.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from demo import catalog, money
from demo.charges import Books
from demo.commitments import allocate
from demo.estate import Estate, Instance, Volume
from demo.labels import Label, judge

HOURS_PER_MONTH = 730
WINDOW_HOURS = 30 * 24


def _monthly(units: int, hours: int) -> str:
    if hours <= 0:
        return "0.0000"
    return str((money.to_decimal(units) * HOURS_PER_MONTH / hours).quantize(Decimal("0.0001")))


def _window(estate: Estate, launched: int) -> slice:
    horizon = estate.horizon
    first = max(horizon.cur_end - WINDOW_HOURS, launched, horizon.start)
    return slice(first - horizon.start, horizon.cur_end - horizon.start)


def _is_gone(instance: Instance, horizon_end: int) -> bool:
    life = instance.life
    return any(moment is not None and moment <= horizon_end for moment in (life.ended, life.stopped_from))


def _fall_without(books: Books, instance: Instance, window: slice) -> int:
    """By how much the bill of a window falls when one instance is taken out and everything else stays."""
    estate = books.estate
    rest = tuple(other for other in estate.instances if other is not instance)
    running = {other.resource_id: estate.demand[other.resource_id].is_running for other in rest}
    replayed = allocate(estate.horizon, rest, running, books.reservations, books.plan)
    return books.allocation.on_demand_total(window) - replayed.on_demand_total(window)


def _instance_answer(books: Books, instance: Instance, label: Label, volumes: list[Volume]) -> dict[str, Any]:
    estate = books.estate
    window = _window(estate, instance.life.launched)
    hours = window.stop - window.start
    cover = books.allocation.coverage[instance.resource_id]
    fall = 0 if _is_gone(instance, estate.horizon.cur_end) else _fall_without(books, instance, window)
    rate = catalog.instance_rate(instance.instance_type, instance.operating_system, instance.region.code)
    ran = int(estate.demand[instance.resource_id].is_running[window].sum())
    reserved = sum(int(values[window].sum()) for values in cover.reserved.values())
    planned = int(cover.plan_amount[window].sum())
    storage = sum(volume.size_gb * catalog.ebs_rate(volume.volume_type, volume.region.code) for volume in volumes)
    return {
        "service": "ec2",
        "account_id": instance.account.account_id,
        "region": instance.region.code,
        "instance_type": instance.instance_type,
        "kind": label.kind,
        "reason": label.reason,
        "is_idle": label.is_idle,
        "is_waste": label.is_idle and fall > 0,
        "is_observable": label.is_observable,
        "true_saving_usd_per_month": _monthly(fall, hours),
        "list_cost_usd_per_month": _monthly(rate * ran, hours),
        "attached_volumes": sorted(volume.resource_id for volume in volumes),
        "attached_volumes_usd_per_month": _monthly(storage, HOURS_PER_MONTH),
        "hours_running": ran,
        "hours_reserved": reserved,
        "hours_on_plan": str(money.to_decimal(planned).quantize(Decimal("0.01"))),
    }


def _plain_answer(service: str, thing: Any, kind: str, reason: str, is_idle: bool, monthly: str) -> dict[str, Any]:
    return {
        "service": service,
        "account_id": thing.account.account_id,
        "region": thing.region.code,
        "kind": kind,
        "reason": reason,
        "is_idle": is_idle,
        "is_waste": is_idle,
        "is_observable": True,
        "true_saving_usd_per_month": monthly,
    }


def _billed(books: Books, resource_id: str, launched: int) -> str:
    """What a resource without any commitment costs in a month, from its own charges in the window."""
    window = _window(books.estate, launched)
    first = books.estate.horizon.start
    units = 0
    for charge in books.hourly:
        if charge.columns.get("lineItem/ResourceId") == resource_id:
            here = (charge.starts >= first + window.start) & (charge.starts < first + window.stop)
            units += int(np.sum(charge.unblended[here]))
    return _monthly(units, window.stop - window.start)


def answer(books: Books) -> dict[str, Any]:
    """The whole key, ready for JSON; money as decimal texts in USD per month of 730 hours, before tax."""
    estate = books.estate
    resources: dict[str, dict[str, Any]] = {}
    attached: dict[str, list[Volume]] = {}
    for volume in estate.volumes:
        attached.setdefault(str(volume.instance_id), []).append(volume)
        monthly = _monthly(volume.size_gb * catalog.ebs_rate(volume.volume_type, volume.region.code), HOURS_PER_MONTH)
        is_loose = volume.instance_id is None
        is_gone = volume.life.ended is not None and volume.life.ended <= estate.horizon.cur_end
        kind, reason = (
            ("unattached", "is attached to nothing") if is_loose else ("attached", "is attached to an instance")
        )
        saving = "0.0000" if is_gone else monthly
        resources[volume.resource_id] = _plain_answer("ebs", volume, kind, reason, is_loose, saving)
    for instance in estate.instances:
        label = judge(estate.demand[instance.resource_id], estate.horizon)
        volumes = attached.get(instance.resource_id, [])
        resources[instance.resource_id] = _instance_answer(books, instance, label, volumes)
    for service, things in (("rds", estate.databases), ("elb", estate.load_balancers)):
        for thing in things:
            label = judge(estate.demand[thing.resource_id], estate.horizon)
            monthly = _billed(books, thing.resource_id, thing.life.launched)
            resources[thing.resource_id] = _plain_answer(
                service, thing, label.kind, label.reason, label.is_idle, monthly
            )
    for gateway in estate.nat_gateways:
        monthly = _billed(books, gateway.resource_id, gateway.life.launched)
        resources[gateway.resource_id] = _plain_answer("nat", gateway, "steady", "carries traffic", False, monthly)
    return {
        "parameters": estate.parameters.as_dict(),
        "hours_per_month": HOURS_PER_MONTH,
        "window_hours": WINDOW_HOURS,
        "resources": dict(sorted(resources.items())),
    }


def write_answers(books: Books, path: Path) -> None:
    """Write the key as JSON."""
    path.write_text(json.dumps(answer(books), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
