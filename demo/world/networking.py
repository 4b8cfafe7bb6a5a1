"""Elastic IP addresses, NAT gateways and load balancers."""

from __future__ import annotations

from collections.abc import Iterator

from demo.world.drawing import Draft, log_normal, log_uniform, spread_roles
from demo.world.life import Life
from demo.world.resources import Address, Instance, LoadBalancer, NatGateway, Resource
from demo.world.tagging import thin_tags

FEWEST_ADDRESSES, FEWEST_GATEWAYS, FEWEST_BALANCERS = 3, 4, 7


def draw_addresses(draft: Draft, instances: list[Instance], count: int) -> Iterator[Resource]:
    """Elastic IP addresses: in use, forgotten, or kept because a partner's firewall knows them."""
    hosts = [thing for thing in instances if not thing.is_transient and thing.until is None and not thing.is_spot]
    for index in range(count):
        rng = draft.stream("address", index)
        host = hosts[int(rng.integers(len(hosts)))]
        kind = ("used", "idle", "standby", "used", "idle", "used")[index % 6]
        code = draft.code("eipalloc-0", "address", index)
        demand = host.demand if kind == "used" else draft.demand(rng, code, kind, host.demand.time_zone)
        launched = host.life.launched if kind == "used" else draft.before(log_uniform(rng, 3, 900))
        yield Address(
            resource_id=f"arn:aws:ec2:{host.region.code}:{host.account.account_id}:elastic-ip/{code}",
            name=f"{host.name}-ip",
            account=host.account,
            region=host.region,
            life=Life(launched, host.life.ended if kind == "used" else None),
            demand=demand,
            tags=thin_tags(rng, host.tags, 0.4),
            public_ip=f"198.{18 + index // 65025 % 2}.{index // 255 % 255}.{1 + index % 255}",
            instance_id=host.resource_id if kind == "used" else None,
        )


def draw_gateways(draft: Draft, count: int) -> Iterator[Resource]:
    """NAT gateways, one to a private network: busy ones, ones of networks that are empty, and a standby one."""
    roles = spread_roles(
        count, ("steady", "idle", "strays", "standby"), ("steady", "office", "network_worker", "nightly")
    )
    for index, role in enumerate(roles):
        rng = draft.stream("nat gateway", index)
        place = draft.place(rng, role, "nat", index)
        code = draft.code("nat-0", "nat gateway", index)
        # Strays here are updates that a network's machines fetch for themselves: gigabytes a day, or next to nothing.
        level = log_normal(rng, 0.8, 1.1) / 24 / 20 if role == "strays" else None
        yield NatGateway(
            **draft.common(rng, place, role, place.arn("ec2", f"natgateway/{code}"), level=level),
            gateway_id=code,
            zone=place.region.code + str(rng.choice(("a", "b", "c"))),
            gb_per_hour=20.0 if role == "strays" else log_uniform(rng, 0.5, 60),
        )


def draw_balancers(draft: Draft, count: int) -> Iterator[Resource]:
    """Application, network and classic load balancers; one in six has no targets left."""
    planted = ("steady", "strays", "light_duty", "idle", "standby", "newborn", "fading")
    roles = spread_roles(count, planted, ("steady", "office", "light_duty", "growing", "strays"))
    for index, role in enumerate(roles):
        rng = draft.stream("load balancer", index)
        place = draft.place(rng, role, "lb", index)
        kind = ("application", "network", "application", "classic")[index % 4]
        code = {"application": f"app/{place.name}", "network": f"net/{place.name}", "classic": place.name}[kind]
        suffix = "" if kind == "classic" else "/" + draft.code("", "load balancer", index)
        requests, level = int(log_uniform(rng, 3_000, 600_000)), None
        if role in ("strays", "light_duty"):
            # A day's requests: the internet's scanners and a small team's tool bring about as many.
            requests, level = 2_000, log_normal(rng, 60, 1.5) / 24 / 2_000 * (1.0 if role == "strays" else 2.0)
        yield LoadBalancer(
            **draft.common(
                rng, place, role, place.arn("elasticloadbalancing", f"loadbalancer/{code}{suffix}"), level=level
            ),
            kind=kind,
            requests_per_hour=requests,
            kb_per_request=log_uniform(rng, 1, 60),
            targets=0 if role == "idle" and index % 2 else int(rng.integers(1, 6)),
        )
