"""Cursors: where the next page of recommendations begins, as text that callers hand back unread."""

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from decimal import Decimal

MAXIMUM_CURSOR_LENGTH = 2_000
_AMOUNT = re.compile(r"-?\d{1,40}(\.\d{1,40})?|-Infinity")  # -Infinity stands for unknown savings, which come last


class InvalidCursor(ValueError):
    """The text isn't a cursor that this query gave out."""


@dataclass(frozen=True)
class Position:
    """The last row of a page, in the order of the pages: net savings, gross savings (both descending), id."""

    net_savings_usd_per_month: Decimal
    gross_savings_usd_per_month: Decimal
    recommendation_id: str


def describe_query(*parts: object) -> str:
    """A short digest of what was asked, so that a cursor can't be used with other filters than its own."""
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()[:12]


def encode_cursor(position: Position, query: str) -> str:
    """Opaque text for `position` in the results of `query` (see `describe_query`)."""
    amounts = (position.net_savings_usd_per_month, position.gross_savings_usd_per_month)
    parts = [query, *(format(amount, "f") for amount in amounts), position.recommendation_id]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, query: str) -> Position:
    """The position that `encode_cursor` wrote. Raises `InvalidCursor` for anything else."""
    broken = InvalidCursor("cursor isn't one that this service gave out: start again without it")
    if len(cursor) > MAXIMUM_CURSOR_LENGTH:
        raise broken
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise broken from None
    if not (isinstance(parts, list) and len(parts) == 4 and all(isinstance(part, str) for part in parts)):
        raise broken
    written_for, net, gross, recommendation_id = parts
    if not (_AMOUNT.fullmatch(net) and _AMOUNT.fullmatch(gross)) or not _can_be_stored(recommendation_id):
        raise broken
    if written_for != query:
        raise InvalidCursor("cursor belongs to other filters: repeat the filters it was given for, or start without it")
    return Position(Decimal(net), Decimal(gross), recommendation_id)


def _can_be_stored(text: str) -> bool:
    """PostgreSQL holds no NUL, and UTF-8 no lone surrogate."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
