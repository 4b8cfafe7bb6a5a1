"""AWS/NATGateway: what NAT gateways send, by the minute, zeros too (VPC user guide, "NAT gateway metrics and
dimensions"). What is billed is BytesInFromSource and BytesInFromDestination together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from demo.billing import quantities
from demo.telemetry.latent import MINUTES, Latent, group_by_id
from demo.telemetry.samples import Grid, Kind, Source, name_sources
from demo.world.resources import NatGateway

_BYTES_PER_PACKET = 900.0
_BYTES_PER_CONNECTION = 250_000.0


class _Sender:
    """Makes the samples of NAT gateways."""

    def __init__(self, latent: Latent):
        self._latent = latent

    def _bytes(self, gateway: NatGateway, first: int, last: int, is_outward: bool) -> np.ndarray:
        """Bytes a minute from the VPC out, or from outside in; whole, and together the hour's bytes exactly."""

        def make() -> tuple[np.ndarray, ...]:
            moved = quantities.gateway_bytes(gateway, first, last)
            outward = quantities.gateway_outward_bytes(moved)
            split = self._latent.split
            return split(gateway, outward, first, last), split(gateway, moved - outward, first, last)

        made = self._latent.keep(("gateway", gateway.resource_id, gateway.since, first, last), make)
        chosen: np.ndarray = made[0 if is_outward else 1]
        return chosen

    def moved(self, is_outward: bool, unit: float = 1.0) -> Callable[[NatGateway, int, int], Grid]:
        """Bytes, or packets or connections of so many bytes."""

        def read(gateway: NatGateway, first: int, last: int) -> Grid:
            moved = self._bytes(gateway, first, last, is_outward)
            values = moved if unit == 1.0 else np.ceil(moved / unit)
            return Grid(values, is_sent=gateway.exists(first, last)[:, None])

        return read

    def active(self, gateway: NatGateway, first: int, last: int) -> Grid:
        moved = self._bytes(gateway, first, last, True) + self._bytes(gateway, first, last, False)
        values = np.ceil(3 * moved / _BYTES_PER_CONNECTION)
        return Grid(values, is_sent=gateway.exists(first, last)[:, None])

    def none(self, gateway: NatGateway, first: int, last: int) -> Grid:
        return Grid(np.zeros((last - first, MINUTES)), is_sent=gateway.exists(first, last)[:, None])


def list_sources(latent: Latent) -> Iterator[Source]:
    """The metrics of all NAT gateways."""
    sender = _Sender(latent)
    kinds = (
        Kind("BytesOutToDestination", "Bytes", sender.moved(True)),
        Kind("BytesInFromSource", "Bytes", sender.moved(True)),
        Kind("BytesOutToSource", "Bytes", sender.moved(False)),
        Kind("BytesInFromDestination", "Bytes", sender.moved(False)),
        Kind("PacketsOutToDestination", "Count", sender.moved(True, _BYTES_PER_PACKET)),
        Kind("PacketsInFromDestination", "Count", sender.moved(False, _BYTES_PER_PACKET)),
        Kind("PacketsDropCount", "Count", sender.none),
        Kind("ErrorPortAllocation", "Count", sender.none),
        Kind("ActiveConnectionCount", "Count", sender.active),
        Kind("ConnectionAttemptCount", "Count", sender.moved(True, _BYTES_PER_CONNECTION)),
        Kind("ConnectionEstablishedCount", "Count", sender.moved(True, _BYTES_PER_CONNECTION)),
    )
    for things in group_by_id(latent.estate.each(NatGateway)):
        yield from name_sources("AWS/NATGateway", {"NatGatewayId": things[-1].gateway_id}, kinds, things)
