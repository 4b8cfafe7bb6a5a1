"""Draws an estate: how many of each kind, and what was done to them since."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from demo.errors import DemoError
from demo.journal import Event
from demo.parameters import Parameters
from demo.timeline import Horizon
from demo.world import computing, networking, serving_layer, storing
from demo.world.changes import change
from demo.world.drawing import Draft
from demo.world.estate import Estate
from demo.world.resources import Instance, Volume

# Of all counted resources, the share of each theme and how few hold every planted case.
_SHARES = {
    "instances": (0.28, computing.FEWEST_INSTANCES),
    "volumes": (0.13, storing.FEWEST_VOLUMES),
    "snapshots": (0.07, storing.FEWEST_SNAPSHOTS),
    "addresses": (0.04, networking.FEWEST_ADDRESSES),
    "gateways": (0.02, networking.FEWEST_GATEWAYS),
    "databases": (0.08, serving_layer.FEWEST_DATABASES),
    "functions": (0.09, serving_layer.FEWEST_FUNCTIONS),
    "buckets": (0.06, storing.FEWEST_BUCKETS),
    "tables": (0.07, storing.FEWEST_TABLES),
    "balancers": (0.06, networking.FEWEST_BALANCERS),
    "services": (0.04, serving_layer.FEWEST_SERVICES),
    "distributions": (0.02, serving_layer.FEWEST_DISTRIBUTIONS),
    "apis": (0.04, serving_layer.FEWEST_APIS),
}
SMALLEST_ESTATE = sum(fewest for _, fewest in _SHARES.values())


def draw_estate(parameters: Parameters, horizon: Horizon, events: Sequence[Event] = ()) -> Estate:
    """Draw every resource, then apply what was done to the account. Raises DemoError for what can't be."""
    draft = Draft(parameters, horizon)
    counts = share_out(parameters.resources)
    computers = computing.draw_instances(draft, counts["instances"])
    instances = [thing for thing in computers if isinstance(thing, Instance)]
    volumes = [
        thing for thing in storing.draw_volumes(draft, instances, counts["volumes"]) if isinstance(thing, Volume)
    ]
    resources = (
        *computers,
        *volumes,
        *storing.draw_snapshots(draft, volumes, counts["snapshots"]),
        *networking.draw_addresses(draft, instances, counts["addresses"]),
        *networking.draw_gateways(draft, counts["gateways"]),
        *serving_layer.draw_databases(draft, counts["databases"]),
        *serving_layer.draw_functions(draft, counts["functions"]),
        *storing.draw_buckets(draft, counts["buckets"]),
        *storing.draw_tables(draft, counts["tables"]),
        *networking.draw_balancers(draft, counts["balancers"]),
        *serving_layer.draw_services(draft, counts["services"]),
        *serving_layer.draw_distributions(draft, counts["distributions"]),
        *serving_layer.draw_apis(draft, counts["apis"]),
    )
    return reduce(change, events, Estate(parameters, horizon, resources))


def share_out(total: int) -> dict[str, int]:
    """How many of each theme: their shares, none fewer than hold its planted cases. Raises DemoError for too few."""
    if total < SMALLEST_ESTATE:
        raise DemoError(f"--resources {total}: every planted case needs a place; ask for {SMALLEST_ESTATE} or more")
    counts = {theme: max(fewest, round(share * total)) for theme, (share, fewest) in _SHARES.items()}
    while sum(counts.values()) != total:
        step = 1 if sum(counts.values()) < total else -1
        # Where most is left above the fewest; the largest share takes what is missing.
        theme = max(counts, key=lambda name: (counts[name] - _SHARES[name][1], _SHARES[name][0]))
        counts[theme] += step
    return counts
