"""EC2's filters, ids and pages over descriptions (dictionaries with EC2's XML names)."""

from __future__ import annotations

from typing import Any

from demo.services.context import Parsed, is_like, listed, page, texts
from demo.wire import ServiceError
from demo.world.resources import Resource


def tags(thing: Resource) -> list[dict[str, str]]:
    """A thing's tags as EC2 lists them."""
    return [{"key": key, "value": value} for key, value in sorted(thing.tags.items())]


def _values(node: Any, path: str) -> list[str]:
    if not path:
        if node is None:
            return []
        if isinstance(node, list):
            return [text for item in node for text in _values(item, "")]
        return [str(node).lower() if isinstance(node, bool) else str(node)]
    if isinstance(node, list):
        return [text for item in node for text in _values(item, path)]
    head, _, rest = path.partition(".")
    return _values(node.get(head), rest) if isinstance(node, dict) else []


def _tag_values(described: Parsed, name: str) -> list[str] | None:
    tagged = described.get("tagSet", [])
    if name == "tag-key":
        return [tag["key"] for tag in tagged]
    if name.startswith("tag:"):
        return [tag["value"] for tag in tagged if tag["key"] == name[4:]]
    return None


def select(found: list[Parsed], parameters: Parsed, filters: dict[str, str]) -> list[Parsed]:
    """Those that pass all Filter.N of a call. ``filters``: filter name -> path in the description.

    Raises ServiceError for a filter that isn't simulated.
    """
    for asked in listed(parameters.get("Filter")):
        name = str(asked.get("Name", ""))
        patterns = texts(asked.get("Value"))
        if name not in filters and name != "tag-key" and not name.startswith("tag:"):
            raise ServiceError(400, "InvalidParameterValue", f"The filter '{name}' is invalid")
        kept = []
        for each in found:
            values = _tag_values(each, name)
            if values is None:
                values = _values(each, filters[name])
            if any(is_like(value, patterns) for value in values):
                kept.append(each)
        found = kept
    return found


def by_id(found: list[Parsed], key: str, asked: list[str], code: str, what: str) -> list[Parsed]:
    """Those with the ids asked for, or all. Raises ServiceError (``code``) for an id that isn't there."""
    if not asked:
        return found
    known = {each[key]: each for each in found}
    missing = [name for name in asked if name not in known]
    if missing:
        raise ServiceError(400, code, f"The {what} ID '{missing[0]}' does not exist")
    return [known[name] for name in asked]


def cut(found: list[Parsed], parameters: Parsed, most: int = 1000) -> tuple[list[Parsed], str | None]:
    """One page and the token of the next."""
    asked = parameters.get("MaxResults")
    if asked is not None and str(asked).isdigit() and int(str(asked)) < 5:
        raise ServiceError(400, "InvalidParameterValue", f"Value ( {asked} ) for parameter maxResults is invalid.")
    return page(found, parameters, token="NextToken", size="MaxResults", most=most)  # noqa: S106 - a parameter's name
