"""What one call tells: resources in a common shape."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Found:
    """One resource. `attributes`: JSON values and instants, by name; null where AWS says nothing."""

    resource_id: str
    resource_name: str | None
    state: str | None
    attributes: dict[str, Any]


Listing = tuple[list[Found], int]


def read_pages(client: Any, operation: str, **parameters: Any) -> tuple[list[dict[str, Any]], int]:
    """All pages of a call, and how many there were."""
    pages = list(client.get_paginator(operation).paginate(**parameters))
    return pages, len(pages)


def name_of(tags: list[dict[str, str]] | None) -> str | None:
    """The tag Name; None where there is none or it is empty."""
    return next((tag["Value"] for tag in tags or [] if tag["Key"] == "Name" and tag["Value"].strip()), None)
