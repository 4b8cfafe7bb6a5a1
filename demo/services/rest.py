"""The services that speak REST: which action a method and a path are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from demo.services.context import Parsed
from demo.wire import Request, ServiceError, decode_json


@dataclass(frozen=True)
class Route:
    """A method and a path, whose named groups become parameters."""

    method: str
    path: str
    action: str


def resolve(routes: tuple[Route, ...], request: Request) -> tuple[str, Parsed]:
    """The action of a request and its parameters: of the path, the query string, a JSON body, If-Match.

    Raises ServiceError where no route fits.
    """
    for route in routes:
        found = re.fullmatch(route.path, request.path)
        if route.method == request.method and found is not None:
            asked: dict[str, Any] = {}
            if request.body and not request.body.lstrip().startswith(b"<"):
                asked |= decode_json(request.body)
            for name, values in parse_qs(request.query, keep_blank_values=True).items():
                asked[name] = values[0] if len(values) == 1 else values
            if "if-match" in request.headers:
                asked["If-Match"] = request.headers["if-match"]
            return route.action, asked | {name: unquote(value) for name, value in found.groupdict().items()}
    raise ServiceError(404, "UnknownOperationException", f"{request.method} {request.path} is not simulated.")
