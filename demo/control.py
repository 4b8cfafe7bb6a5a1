"""The control path, for tests and demonstrations: /_control/clock, /_control/faults and /_control/events, in JSON.

It needs no signature, because the endpoint is loopback only; it asks for JSON, so that no web page can post to it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from demo.errors import DemoError
from demo.faults import Fault
from demo.journal import Event
from demo.timeline import moment
from demo.wire import Request, Response, ServiceError, decode_json, encode_json
from demo.world import accounts

if TYPE_CHECKING:
    from demo.routing import Router

PREFIX = "/_control/"


def is_control(request: Request) -> bool:
    """Whether a request is for the control path."""
    return request.path.startswith(PREFIX)


def answer(router: Router, request: Request) -> Response:
    """The answer of the control path: 200 with what stands now, 400 with one line for bad input."""
    if request.method == "POST" and not request.headers.get("content-type", "").startswith("application/json"):
        return _json({"error": "send application/json"}, 415)
    try:
        asked = decode_json(request.body)
        return _json(_perform(router, request.method, request.path.removeprefix(PREFIX), asked))
    except (DemoError, ServiceError) as error:
        return _json({"error": str(error)}, 400)


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(status, {"Content-Type": "application/json"}, encode_json(value))


def _perform(router: Router, method: str, what: str, asked: dict[str, Any]) -> dict[str, Any]:
    if what == "clock":
        if method == "POST":
            router.advance(hours_ahead(router.account.now, asked.get("hours"), asked.get("to")))
        return {"now": moment(router.account.now).isoformat()}
    if what == "faults":
        if method == "POST":
            rules = asked["faults"] if isinstance(asked.get("faults"), list) else [asked]
            for rule in [Fault.from_dict(raw) for raw in rules]:
                router.faults.add(rule)
        elif method == "DELETE":
            router.faults.clear()
        return {"faults": router.faults.as_list()}
    if what == "events" and method == "POST":
        router.tell(make_event(router.account.now, asked))
    if what == "events":
        return {"events": [vars(event) for event in router.account.journal.events]}
    raise DemoError(f"{PREFIX}{what} is not there; use clock, faults or events")


def make_event(now: int, asked: dict[str, Any]) -> Event:
    """An event from its JSON: action, resource_id, account_id, region and details. Raises DemoError."""
    unknown = set(asked) - {"action", "resource_id", "account_id", "region", "details"}
    details = asked.get("details", {})
    if unknown or not isinstance(asked.get("action"), str) or not isinstance(details, dict):
        raise DemoError("an event has action, and may have resource_id, account_id, region and details (an object)")
    account = accounts.account_of(str(asked.get("account_id", accounts.PAYER.account_id)))
    region = accounts.region_of(str(asked.get("region", accounts.HOME_REGION.code)))
    return Event(now, account.account_id, region.code, asked["action"], str(asked.get("resource_id", "")), details)


def hours_ahead(now: int, hours: object, to: object) -> int:
    """How far to advance the clock: by hours, or to an ISO time. Raises DemoError where that leads nowhere."""
    if (hours is None) == (to is None):
        raise DemoError("say how far to advance: either hours or to, an ISO time")
    if hours is not None:
        if isinstance(hours, bool) or not isinstance(hours, int):
            raise DemoError(f"hours {hours!r} is not a whole number")
        return hours
    try:
        until = datetime.fromisoformat(str(to))
    except ValueError as error:
        raise DemoError(f"{to!r} is not an ISO time; write it like 2026-11-25T00:00:00+00:00") from error
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    whole, rest = divmod(until.timestamp(), 3600)
    if rest:
        raise DemoError(f"{to!r} is not a whole hour")
    return int(whole) - now
