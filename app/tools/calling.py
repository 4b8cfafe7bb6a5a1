"""Calling a tool by name: whatever goes wrong is an answer too, with its remedy, never a traceback or a credential."""

import logging
import os
import re
from typing import Any

from pydantic import ValidationError

from app.database import ReadError
from app.paging import InvalidCursor
from app.tools.bodies import UnknownResource
from app.tools.catalogue import TOOLS

log = logging.getLogger(__name__)

_SECRETS = ("PGPASSWORD", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_PASSWORD_IN_ADDRESS = re.compile(r"(?<=//)[^/\s@]*:[^/\s@]*@|(?<=password=)\S+", re.IGNORECASE)


def call_tool(name: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    """The tool's answer as JSON can hold it, or `{"error": {"title", "reason", "remedy"}}`."""
    tool = TOOLS.get(name)
    if tool is None:
        return describe_error("No such tool", "no tool has that name", f"use one of {', '.join(TOOLS)}")
    try:
        return tool.answer(arguments or {})
    except ValidationError as error:
        return describe_error("A parameter isn't valid", _list_problems(error), "correct it: see the tool's schema")
    except InvalidCursor as error:
        return describe_error("The cursor isn't valid", str(error), "start again without a cursor")
    except UnknownResource:
        return describe_error(
            "No such resource",
            "no resource has that key or id, or more than one has that id",
            "find it with find_resources and pass its resource_key",
        )
    except ReadError as error:
        return describe_error(error.title, error.reason, error.remedy)
    except Exception as error:  # a model must be told, and the session must go on
        log.error("fault in tool %s", name, exc_info=error)
        return describe_error("A fault of this service", "the tool failed", "the service's log has the details")


def describe_error(title: str, reason: str, remedy: str) -> dict[str, Any]:
    """The one shape of all errors."""
    return {"error": {"title": title, "reason": _hide_credentials(reason), "remedy": remedy}}


def _list_problems(error: ValidationError) -> str:
    """What is wrong with which parameter; nothing that the caller sent as a value is repeated."""
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc'])[:100] or 'arguments'}: "
        f"{each['msg'].removeprefix('Value error, ')}"
        for each in error.errors(include_url=False, include_input=False)
    )


def _hide_credentials(text: str) -> str:
    """The database's own words may repeat the address it was given, password and all."""
    for name in _SECRETS:
        if secret := os.environ.get(name):
            text = text.replace(secret, "…")
    return _PASSWORD_IN_ADDRESS.sub("…", text)
