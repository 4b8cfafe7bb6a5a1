"""What the drawing of all kinds of things shares: places, names, lives and demands, relative to the anchor alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, cycle, islice
from typing import Any

import numpy as np

from demo.parameters import Parameters
from demo.randomness import identifier, stream
from demo.timeline import Horizon
from demo.world.accounts import ANALYTICS, DEVELOPMENT, PRODUCTION, REGIONS, Account, Region
from demo.world.demand import Demand
from demo.world.life import Life
from demo.world.resources import Resource
from demo.world.tagging import APPLICATIONS, AWKWARD_NAMES, TEAMS, draw_tags

DAY = 24
YEAR = 365 * DAY
# Nobody would miss these.
UNNEEDED_ROLES = frozenset({"idle", "fading", "silent_idle", "strays", "touched"})
_OTHER_ZONES = ("America/Los_Angeles", "Asia/Tokyo", "Europe/Berlin", "America/Sao_Paulo")


@dataclass(frozen=True)
class Place:
    """Where a thing is, whom it serves, and what it is called."""

    account: Account
    region: Region
    time_zone: str
    name: str
    tags: dict[str, str]

    def arn(self, service: str, rest: str) -> str:
        """An Amazon resource name in this account and region."""
        return f"arn:aws:{service}:{self.region.code}:{self.account.account_id}:{rest}"


@dataclass(frozen=True)
class Draft:
    """The parameters of a drawing."""

    parameters: Parameters
    horizon: Horizon

    @property
    def anchor(self) -> int:
        """The hour that all is drawn relative to; advancing the account doesn't move it."""
        return self.parameters.end_hour

    def stream(self, *names: object) -> np.random.Generator:
        """A random stream for what the names tell."""
        return stream(self.parameters.seed, "world", *names)

    def code(self, prefix: str, *names: object, length: int = 16) -> str:
        """An identifier such as AWS makes: the prefix and hexadecimal digits."""
        return prefix + identifier(self.parameters.seed, "world", *names, length=length)

    def place(
        self,
        rng: np.random.Generator,
        role: str,
        kind: str,
        index: int,
        account: Account | None = None,
        region: Region | None = None,
    ) -> Place:
        """Draw where a thing is, unless that is given."""
        drawn = (PRODUCTION, DEVELOPMENT, ANALYTICS)[int(rng.choice(3, p=(0.55, 0.25, 0.2)))]
        drawn_region = REGIONS[int(rng.choice(len(REGIONS), p=(0.5, 0.2, 0.3)))]
        account, region = account or drawn, region or drawn_region
        name = f"{rng.choice(TEAMS)}-{rng.choice(APPLICATIONS)}-{kind}-{index:03d}"
        serves_others, other = rng.random() < 0.15, str(rng.choice(_OTHER_ZONES))
        tags = draw_tags(rng, account, role, name)
        if index % 17 == 3:
            tags["Name"] = AWKWARD_NAMES[(index // 17) % len(AWKWARD_NAMES)]
        return Place(account, region, other if serves_others else account.time_zone, name, tags)

    def life(self, rng: np.random.Generator, role: str, *, is_lasting: bool = False) -> Life:
        """Draw when a thing came, and with some that they are gone again. Most are older than the bill."""
        age, chance, recent, gone = rng.uniform(400, 1300), rng.random(), rng.uniform(40, 360), rng.uniform(5, 330)
        if role == "newborn":
            return Life(self.before(rng.uniform(1.2, 9)))
        launched = self.before(age)
        if role == "stopped":
            return Life(launched, pauses=((self.before(float(np.exp(rng.uniform(np.log(4), np.log(200))))), None),))
        if not is_lasting and chance < 0.05 and role in ("steady", "office", "declining"):
            return Life(launched, ended=self.before(gone))
        if not is_lasting and chance > 0.75:
            return Life(self.before(recent))
        return Life(launched)

    def before(self, days: float) -> int:
        """The hour so many days before the anchor."""
        return self.anchor - round(days * DAY)

    def demand(
        self, rng: np.random.Generator, name: str, role: str, time_zone: str, level: float | None = None
    ) -> Demand:
        """The demand of a role; trends, steps and farewells are drawn."""
        trend, when, factor, gone = (
            rng.uniform(0.15, 1.0),
            rng.uniform(20, 330),
            rng.uniform(0.3, 2.2),
            rng.uniform(3, 45),
        )
        demand = Demand(
            self.parameters.seed, name, role, time_zone, role not in UNNEEDED_ROLES, self.anchor, level=level
        )
        if role == "growing":
            return replace(demand, trend_per_year=float(trend))
        if role == "declining":
            return replace(demand, trend_per_year=float(-0.6 * trend))
        if role == "stepped":
            return replace(demand, steps=((self.before(when), float(factor)),))
        if role == "fading":
            return replace(demand, gone_from=self.before(gone))
        return demand

    def common(
        self,
        rng: np.random.Generator,
        place: Place,
        role: str,
        resource_id: str,
        *,
        level: float | None = None,
        is_lasting: bool = False,
    ) -> dict[str, Any]:
        """The fields that all kinds of resources share. Things that came with their first users have no older life."""
        return {
            "resource_id": resource_id,
            "name": place.name,
            "account": place.account,
            "region": place.region,
            "life": self.life(rng, role, is_lasting=is_lasting),
            "demand": self.demand(rng, resource_id, role, place.time_zone, level),
            "tags": place.tags,
        }


def spread_roles(count: int, planted: tuple[str, ...], common: tuple[str, ...]) -> list[str]:
    """``count`` roles: each planted one once, then by turns from both, the common ones more often."""
    roles = list(planted[:count])
    turn = 0
    while len(roles) < count:
        cycle = planted if turn % 5 in (1, 3) else common
        roles.append(cycle[(turn // 5 * 2 + turn % 5) % len(cycle)])
        turn += 1
    return roles


def vary_roles(draft: Draft, kind: str, count: int, planted: tuple[str, ...], common: tuple[str, ...]) -> list[str]:
    """``count`` roles of a kind of which an account has few, planted and common ones by turns.

    Which planted ones an account has, differs from seed to seed.
    """
    shuffled = draft.stream("roles", kind).permutation(planted).tolist()
    turns = chain.from_iterable(zip(cycle(shuffled), cycle(common), strict=False))
    return list(islice(turns, count))


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Any order of magnitude from ``low`` to ``high`` is as likely."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def log_normal(rng: np.random.Generator, median: float, spread: float) -> float:
    """Around a median, with the spread of the logarithm."""
    return float(median * np.exp(spread * rng.standard_normal()))


def resize(thing: Resource, at: int, **changes: Any) -> tuple[Resource, Resource]:
    """A thing until an hour, and what it is from then on."""
    return replace(thing, until=at), replace(thing, since=at, **changes)
