"""Every figure of an answer must come from a tool's result: this binds each to its value there, or names it as unbound.

No model is asked and nothing is computed: a value is shown as it is, correctly rounded (half up), or a ratio is shown
as a percentage. Amounts bind to amounts, percentages to percentages and ratios. Text that owners of resources typed
(names, tags) proves no figure, whatever it says: it is evidence of identifiers alone.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from app.assistant.figures import Figure, Kind, read_figures, read_identifiers

# Sentences that the product itself wrote: figures in them are figures. Names that stand in them are taken out first.
PROSE = frozenset(
    {
        "sentence", "question", "finding", "remediation", "implementation_guidance", "source", "resource_description",
        "description", "quiet_hours_text", "commitment_name", "rule_name",
    }
)  # fmt: skip
# Keys below which numbers in quotes are the product's: `"net_savings_usd_per_month": "70.08"`.
_MEASURE = re.compile(r"(?:^|_)(?:usd|pct|gib|ratio|count|hours|days|months|years|percentile|value|iops|mbps)(?:_|$)")
_INSTANT = re.compile(r"(?:_at|_date)$|^(?:costs|metrics|evaluated)$")
_NUMERIC = re.compile(r"-?\d+(?:\.\d+)?")
_ACCOUNT = re.compile(r"\d{12}")
_ISO = re.compile(r"(?P<date>\d{4}-\d{2}-\d{2})(?:[T ](?P<time>\d{2}:\d{2}))?")
_OWNERS = frozenset({"tags", "labels", "attributes", "inventory_attributes", "parameters"})  # all below is their text
# Numbers that put rows in order or repeat what was asked for measure nothing: a model could have chosen them.
_BOOKKEEPING = frozenset(
    {"answer_order", "category_order", "preset_order", "point_number", "schema_version", "limit"}
)  # fmt: skip
_OWN_WORDS = frozenset({"ec2", "s3"})  # services' own names; they name no resource and hold no figure
_BY_UNIT: dict[str, Kind] = {"percent": "percent", "ratio": "percent"}
MAXIMUM_SHOWN, MAXIMUM_SHOWN_LENGTH = 20, 60  # of what couldn't be bound


@dataclass(frozen=True)
class Value:
    """A value of a result, and where it stands. Prose is rounded already: it may not be rounded again."""

    amount: Decimal
    kind: Kind
    place: str
    is_ratio: bool = False
    is_prose: bool = False


@dataclass
class Evidence:
    """What the tools' results of a conversation hold."""

    values: list[Value] = field(default_factory=list)
    words: dict[tuple[Kind, str], str] = field(default_factory=dict)  # dates, months, times, identifiers → place

    def bind(self, figure: Figure) -> str | None:
        """Where the value that `figure` shows stands; None where no result holds it."""
        if figure.kind in ("date", "month", "time", "identifier"):
            if figure.kind == "identifier" and figure.word in _OWN_WORDS:
                return "service"
            return self.words.get((figure.kind, figure.word))
        if figure.kind == "plain" and not figure.exponent:
            place = self.words.get(("identifier", figure.shown)) if _ACCOUNT.fullmatch(figure.shown) else None
            place = place or (self.words.get(("month", figure.shown)) if figure.digits == 0 else None)
            if place:
                return place
        return next((value.place for value in self.values if _shows(figure, value)), None)


@dataclass(frozen=True)
class Verdict:
    """What of a text is proven, and by what."""

    unbound: list[str]
    citations: list[str]


def collect_evidence(results: Iterable[tuple[str, dict[str, Any]]]) -> Evidence:
    """The evidence of results, each with its tool's name. A refusal is no evidence."""
    kept = [(name, result) for name, result in results if "error" not in result]
    evidence = Evidence()
    typed = sorted(_list_typed_text(kept), key=len, reverse=True)
    for name, result in kept:
        for place, key, value, unit in _walk(result, name):
            _keep(evidence, place, key, value, unit, typed)
    # What is cited should be the measure itself, rather than a sentence about it or a load's number of rows.
    evidence.values.sort(key=lambda value: (".quality." in value.place, value.is_prose))
    return evidence


def verify(text: str, evidence: Evidence, asked: str = "") -> Verdict:
    """Bind every figure of `text`; what stands in the question (`asked`) needs no proof."""
    known = {_describe(figure) for figure in read_figures(asked)}
    unbound: dict[str, None] = {}
    citations: dict[str, None] = {}
    for figure in read_figures(text):
        place = evidence.bind(figure)
        if place:
            citations[place] = None
        elif _describe(figure) not in known:
            unbound[figure.shown[:MAXIMUM_SHOWN_LENGTH]] = None
    return Verdict(list(unbound)[:MAXIMUM_SHOWN], list(citations))


def _describe(figure: Figure) -> tuple[Any, ...]:
    return figure.kind, figure.amount.scaleb(figure.exponent), figure.is_negative, figure.word


def _shows(figure: Figure, value: Value) -> bool:
    """Whether `figure` is a right way of writing `value`."""
    if figure.kind == "foreign" or (figure.is_negative and value.amount >= 0):
        return False
    amount = abs(value.amount)
    if figure.kind == "percent":
        if value.kind != "percent":
            return False
        amount = amount * 100 if value.is_ratio else amount
    elif figure.kind == "money" and value.kind != "money":
        return False
    shown = amount.scaleb(-figure.exponent)
    if shown == figure.amount:
        return True
    # A whole number without a unit is a count: half a dollar or half a percent doesn't round to one.
    is_count = figure.kind == "plain" and not figure.digits and not figure.exponent
    if value.is_prose or (is_count and value.kind != "plain"):
        return False
    try:
        return shown.quantize(Decimal(1).scaleb(-figure.digits), rounding=ROUND_HALF_UP) == figure.amount
    except InvalidOperation:  # more digits than a decimal holds: no value has them
        return False


def _walk(node: Any, place: str, key: str = "", unit: str = "") -> Iterator[tuple[str, str, Any, str]]:
    """Every scalar with its place, its key and the unit that stands beside it; what owners typed as plain text."""
    if isinstance(node, dict):
        unit = str(node.get("unit", ""))
        for name, item in node.items():
            inner = key if key in _OWNERS else name
            yield from _walk(item, f"{place}.{name}", inner, unit)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _walk(item, f"{place}[{index}]", key, unit)
    elif node is not None and not isinstance(node, bool):
        yield place, key, str(node) if key in _OWNERS else node, unit


def _list_typed_text(results: list[tuple[str, dict[str, Any]]]) -> set[str]:
    """Texts that aren't the product's own: whatever isn't prose, a measure or an instant."""
    return {
        value
        for name, result in results
        for _, key, value, _ in _walk(result, name)
        if isinstance(value, str) and key not in PROSE and not _is_own(key, value) and re.search(r"\w", value)
    }


def _is_own(key: str, value: str) -> bool:
    return bool(
        (_MEASURE.search(key) and _NUMERIC.fullmatch(value)) or (_INSTANT.search(key) and _ISO.match(value))
    )  # fmt: skip


def _keep(evidence: Evidence, place: str, key: str, value: Any, unit: str, typed: list[str]) -> None:
    if isinstance(value, str):
        for word in read_identifiers(value):
            evidence.words.setdefault(("identifier", word), place)
        if key in PROSE:
            _keep_prose(evidence, place, value, typed)
        elif _is_own(key, value):
            if _NUMERIC.fullmatch(value):
                evidence.values.append(_make_value(Decimal(value), place, key, unit))
            else:
                _keep_instant(evidence, place, value)
    elif key not in _BOOKKEEPING:
        evidence.values.append(_make_value(Decimal(str(value)), place, key, unit))


def _make_value(amount: Decimal, place: str, key: str, unit: str) -> Value:
    is_threshold = key == "threshold_value"
    is_ratio = "ratio" in key.split("_") or (is_threshold and unit == "ratio")
    kind: Kind = "plain"
    if "usd" in key.split("_") or (is_threshold and "usd" in unit.lower()):
        kind = "money"
    elif is_ratio or "pct" in key.split("_") or (is_threshold and _BY_UNIT.get(unit) == "percent"):
        kind = "percent"
    return Value(amount, kind, place, is_ratio=is_ratio)


def _keep_instant(evidence: Evidence, place: str, value: str) -> None:
    found = _ISO.match(value)
    assert found is not None
    day = found["date"]
    # A year may be left out where it is clear, and a month or a year may be meant as a whole.
    for kind, word in (("date", day), ("date", day[4:]), ("month", day[:7]), ("month", day[:4])):
        evidence.words.setdefault((kind, word), place)  # type: ignore[arg-type]
    if found["time"]:
        evidence.words.setdefault(("time", found["time"]), place)


def _keep_prose(evidence: Evidence, place: str, text: str, typed: list[str]) -> None:
    for name in typed:
        if name in text:
            # Only as a whole: a name that is a digit must not cut digits out of amounts.
            text = re.sub(rf"(?<![\w.,]){re.escape(name)}(?![\w]|[.,]\d)", " ; ", text)
    for figure in read_figures(text):
        if figure.kind in ("date", "month", "time"):
            evidence.words.setdefault((figure.kind, figure.word), place)
        elif figure.kind in ("money", "percent", "plain"):
            sign = -1 if figure.is_negative else 1
            amount = sign * figure.amount.scaleb(figure.exponent)
            evidence.values.append(Value(amount, figure.kind, place, is_prose=True))
