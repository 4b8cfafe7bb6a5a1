"""Evidence in words: the measures a rule put into its JSON, each with its unit, and the thresholds with their source.

The house's names carry the unit (`cpu_maximum_pct`, `cost_usd_per_month`), so any rule's evidence reads well without a
line of code here. A threshold is an object that says its own name, value, unit and source.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.words import UNKNOWN, show_money, show_name, show_yes_no

_THRESHOLDS = "thresholds"
_UNITS = (  # suffix of a name → what follows the number; the first that fits counts
    ("_usd_per_month", "USD a month"),
    ("_usd_per_day", "USD a day"),
    ("_usd_per_hour", "USD an hour"),
    ("_usd", "USD"),
    ("_pct", "%"),
    ("_ratio", "ratio"),
    ("_bytes_per_day", "bytes a day"),
    ("_bytes_per_second", "bytes a second"),
    ("_bytes", "bytes"),
    ("_mb_per_day", "MB a day"),
    ("_gib", "GiB"),
    ("_mib", "MiB"),
    ("_gb", "GB"),
    ("_mb", "MB"),
    ("_seconds", "seconds"),
    ("_hours", "hours"),
)
_UNIT_WORDS = {"percent": "%", "megabytes per day": "MB a day"}
_BYTE_STEPS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


@dataclass(frozen=True)
class Measure:
    """One line of evidence: what, how much with its unit, and where a threshold was published (None for a measure)."""

    label: str
    value: str
    source: str | None = None


def list_measures(evidence: dict[str, Any] | None) -> list[Measure]:
    """What was measured, by name: jsonb keeps no order of its own."""
    measured = {name: value for name, value in (evidence or {}).items() if name != _THRESHOLDS}
    return sorted(_flatten(measured, ""), key=lambda measure: measure.label.casefold())


def list_thresholds(evidence: dict[str, Any] | None) -> list[Measure]:
    """What the measures were held against, with the source of each threshold."""
    return list(_flatten((evidence or {}).get(_THRESHOLDS, []), ""))


def _flatten(value: Any, name: str) -> Iterator[Measure]:
    if isinstance(value, dict) and "threshold_value" in value:
        name = str(value.get("threshold_name", name))
        source = ", ".join(str(value[key]) for key in ("source", "source_date") if value.get(key) is not None)
        yield Measure(_label(name), _show(value["threshold_value"], name, value.get("unit")), source or None)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _flatten(item, f"{name}_{key}" if name else str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _flatten(item, name)
    else:
        yield Measure(_label(name), _show(value, name, None))


def _show(value: Any, name: str, unit: object) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return show_yes_no(value)
    if not isinstance(value, int | float | Decimal):
        return str(value)
    amount = Decimal(str(value))
    words = str(unit) if unit else next((words for suffix, words in _UNITS if name.endswith(suffix)), "")
    words = _UNIT_WORDS.get(words, words)
    if words == "USD an hour":  # cents would hide what a commitment or a rate is
        return f"${_trim(round(amount, 5), 5)} an hour"
    if words.startswith("USD"):
        return f"{show_money(amount)}{words.removeprefix('USD')}"
    if words == "ratio":
        return f"{_trim(amount * 100)} %"
    if words.startswith("bytes"):
        step, size = next(((step, size) for step, size in _BYTE_STEPS if abs(amount) >= size), ("bytes", 1))
        return f"{_trim(amount / size)} {step}{words.removeprefix('bytes')}"
    return f"{_trim(amount)} {words}".strip()


def _trim(amount: Decimal, digits: int = 4) -> str:
    """At most four decimals (or `digits`), none that says nothing, and never zero for what isn't zero."""
    rounded = round(amount, digits)
    if amount and not rounded:
        return "less than 0.0001" if amount > 0 else "more than −0.0001"
    text = f"{rounded:,f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def _label(name: str) -> str:
    stem = next((name.removesuffix(suffix) for suffix, _ in _UNITS if name.endswith(suffix)), name)
    return show_name(stem)
