"""Everything that exists, over all its changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from demo.parameters import Parameters
from demo.timeline import Horizon
from demo.world.resources import Instance, Resource, Volume

_Kind = TypeVar("_Kind", bound=Resource)


@dataclass(frozen=True)
class Estate:
    """All descriptions of all resources, in a fixed order. A changed resource has several (see world.resources)."""

    parameters: Parameters
    horizon: Horizon
    resources: tuple[Resource, ...]

    def each(self, kind: type[_Kind]) -> Iterator[_Kind]:
        """The descriptions of one kind."""
        return (thing for thing in self.resources if isinstance(thing, kind))

    def current(self, kind: type[_Kind]) -> Iterator[_Kind]:
        """Those of one kind that exist in the last whole hour before the present."""
        hour = self.horizon.end - 1
        return (thing for thing in self.each(kind) if thing.is_current(hour))

    def counted(self) -> dict[str, Resource]:
        """What ``--resources`` counts, by id, each with its latest description: all that came by the anchor, but no
        root volumes and no instances that come and go with a group's demand or the Spot market."""
        return {
            thing.resource_id: thing
            for thing in self.resources
            if thing.life.launched < self.parameters.end_hour
            and not (isinstance(thing, Instance) and thing.is_transient)
            and not (isinstance(thing, Volume) and thing.is_root)
        }
