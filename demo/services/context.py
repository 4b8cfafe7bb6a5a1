"""What a service's action works with: the account as it stands, who calls, and the hand."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Protocol, TypeVar

from demo.billing.commitments import Reservation, SavingsPlan
from demo.billing.records import Charge
from demo.parameters import Parameters
from demo.randomness import identifier, uuid_like
from demo.timeline import BillingPeriod, Horizon, moment
from demo.wire import Caller, ServiceError
from demo.world.estate import Estate
from demo.world.resources import Resource

_Kind = TypeVar("_Kind", bound=Resource)
_Item = TypeVar("_Item")
Parsed = dict[str, Any]
Action = Callable[["Context", Parsed], Any]


class Standing(Protocol):
    """The account at one moment (demo.standing.Account); a change makes another one."""

    parameters: Parameters
    estate: Estate
    horizon: Horizon

    @property
    def now(self) -> int:
        """The present in hours since the epoch."""

    @property
    def commitments(self) -> Sequence[Reservation | SavingsPlan]:
        """What the organisation bought ahead, the newest purchase last."""

    def charges(self, period: BillingPeriod) -> Sequence[Charge]:
        """All lines of a period as the newest report holds them."""

    def current(self, kind: type[_Kind], account_id: str, region: str | None) -> list[_Kind]:
        """What exists of a kind in an account, and in a region where one is given, sorted by id."""


@dataclass(frozen=True)
class Context:
    """``change(context, action, resource_id, details)`` does it and returns the account as it stands after."""

    account: Standing
    caller: Caller
    change: Callable[[Caller, str, str, Parsed], Standing]

    @property
    def account_id(self) -> str:
        """The caller's account."""
        return self.caller.account.account_id

    @property
    def region(self) -> str:
        """The region that the call was signed for."""
        return self.caller.region

    @property
    def now(self) -> int:
        """The present in hours since the epoch."""
        return self.account.now

    def things(self, kind: type[_Kind]) -> list[_Kind]:
        """What of a kind the caller's account holds in the call's region now."""
        return self.account.current(kind, self.account_id, self.region)

    def everywhere(self, kind: type[_Kind]) -> list[_Kind]:
        """The same in all regions, for services that know none."""
        return self.account.current(kind, self.account_id, None)

    def do(self, action: str, resource_id: str, **details: Any) -> Context:
        """Change the account; the context as it is after. Raises ServiceError where it can't be done."""
        return replace(self, account=self.change(self.caller, action, resource_id, details))

    def made_up(self, *names: object, length: int = 17) -> str:
        """An identifier of something the world doesn't describe (a VPC, a subnet), the same on every call."""
        return identifier(self.account.parameters.seed, self.account_id, self.region, *names, length=length)

    def uuid(self, *names: object) -> str:
        """The same in the shape of a UUID."""
        return uuid_like(self.account.parameters.seed, self.account_id, *names)


def iso(hour: int) -> str:
    """ISO text of an hour, as XML and most JSON answers hold it."""
    return moment(hour).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def seconds(hour: int) -> int:
    """Seconds since 1970 of an hour."""
    return hour * 3600


def runs(thing: Resource, hour: int) -> bool:
    """Whether a thing is switched on in an hour."""
    return bool(thing.runs(hour, hour + 1)[0])


def tag_list(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as most services list them."""
    return [{key: name, value: text} for name, text in sorted(tags.items())]


def texts(value: Any, *wrappers: str) -> list[str]:
    """A list parameter as texts: a plain list, or one wrapped in the element's name ({"Filter": [...]})."""
    return [str(item) for item in listed(value, *wrappers)]


def listed(value: Any, *wrappers: str) -> list[Any]:
    """A list parameter of the query protocol, out of the element names it may be wrapped in."""
    for name in wrappers:
        if isinstance(value, dict) and set(value) == {name}:
            value = value[name]
    if value in (None, ""):
        return []
    return list(value) if isinstance(value, list) else [value]


def is_like(value: str, patterns: Iterable[str]) -> bool:
    """Whether a value matches one of AWS's filter patterns (* and ?)."""
    return any(fnmatchcase(value, pattern.replace("[", "[[]")) for pattern in patterns)


def page(
    items: list[_Item],
    parameters: Parsed,
    *,
    token: str,
    size: str,
    most: int,
    default: int | None = None,
    bad_token: str = "InvalidNextToken",  # noqa: S107 - an error code
) -> tuple[list[_Item], str | None]:
    """One page of a list and the token of the next one (None: the last page).

    ``token`` and ``size`` name the parameters. A token is good for the request that it came from, and no other.
    Raises ServiceError for a token or a size that isn't valid.
    """
    rest = {key: value for key, value in parameters.items() if key not in (token, size)}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True, default=str).encode()).hexdigest()[:16]
    first = 0
    if parameters.get(token):
        try:
            found, place = json.loads(base64.urlsafe_b64decode(str(parameters[token])))
            first = int(place)
        except (ValueError, TypeError) as error:
            raise ServiceError(400, bad_token, f"The {token} is not valid.") from error
        if found != digest or first < 0:
            raise ServiceError(400, bad_token, f"The {token} is not valid.")
    try:
        count = min(int(parameters.get(size) or default or most), most)
    except (TypeError, ValueError) as error:
        raise ServiceError(400, "ValidationError", f"{size} must be a whole number.") from error
    if count < 1:
        raise ServiceError(400, "ValidationError", f"{size} must be 1 or more.")
    following = None
    if first + count < len(items):
        following = base64.urlsafe_b64encode(json.dumps([digest, first + count]).encode()).decode()
    return items[first : first + count], following
