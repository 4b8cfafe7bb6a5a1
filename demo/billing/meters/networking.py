"""NAT gateways and load balancers."""

from __future__ import annotations

from collections.abc import Iterator

from demo.billing import quantities
from demo.billing.meters.windows import Window, meter, units
from demo.billing.records import Meter
from demo.world.resources import LoadBalancer, NatGateway


def measure_gateway(thing: NatGateway, window: Window) -> Iterator[Meter]:
    """Its hours, what it processes, and what of it leaves for the internet."""
    span = (window.first, window.last)
    yield from meter(thing, "nat/hours", units(thing.exists(*span)))
    moved = quantities.gateway_bytes(thing, *span)
    yield from meter(thing, "nat/bytes", quantities.gigabytes(moved))
    yield from meter(thing, "internet/ec2", quantities.gigabytes(quantities.gateway_outward_bytes(moved)))


def measure_balancer(thing: LoadBalancer, window: Window) -> Iterator[Meter]:
    """Its hours, capacity units (classic: bytes), and what it sends to the internet."""
    span = (window.first, window.last)
    yield from meter(thing, f"elb/{thing.kind}/hours", units(thing.exists(*span)))
    requested = quantities.requests(thing, *span)
    if thing.kind == "classic":
        moved = quantities.request_bytes(requested, thing.kb_per_request)
        yield from meter(thing, "elb/classic/bytes", quantities.gigabytes(moved))
    else:
        yield from meter(thing, f"elb/{thing.kind}/units", quantities.capacity_units(thing, requested))
    yield from meter(thing, "internet/elb", quantities.gigabytes(quantities.response_bytes(thing, requested)))
