"""Judges rules' evaluations against the answer key. Takes plain dicts, so that it shares nothing with the product."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from demo.errors import DemoError
from demo.generation import ANSWER_FILE
from demo.scoring.outcomes import Outcomes
from demo.scoring.standards import Standard, list_standards

# A claim below a dollar a month on a resource whose removal saves nothing is taken for "saves nothing".
TOLERATED_CLAIM = Decimal(1)


@dataclass(frozen=True)
class Mistake:
    """One wrong evaluation: ``mistake`` is false_positive, false_negative or unknown_resource."""

    resource_id: str
    mistake: str
    evaluation_status: str
    kind: str
    reason: str
    claimed_usd_per_month: str
    true_usd_per_month: str


@dataclass(frozen=True)
class Score:
    """How a rule did. Ratios are None where nothing was flagged or nothing is waste; money is USD per month."""

    rule_id: str
    evaluated: int
    flagged: int
    true_positives: int
    false_positives: int
    false_negatives: int
    paid_anyway: int
    precision: float | None
    recall: float | None
    f1: float | None
    claimed_usd_per_month: str
    true_of_flagged_usd_per_month: str
    true_of_all_usd_per_month: str
    mistakes: list[Mistake] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def read_answers(directory: Path) -> dict[str, dict[str, Any]]:
    """The key's resources by id. Raises DemoError where there is no key."""
    return dict(_read_key(directory, "resources"))


def read_account(directory: Path) -> dict[str, Any]:
    """What the key says of the account as a whole. Raises DemoError where there is no key."""
    return dict(_read_key(directory, "account"))


def _read_key(directory: Path, part: str) -> Any:
    path = directory / ANSWER_FILE
    try:
        return json.loads(path.read_text(encoding="utf-8"))[part]
    except (FileNotFoundError, json.JSONDecodeError, KeyError) as error:
        raise DemoError(f"{path} can't be read; run: python -m demo generate --directory {directory}") from error


def _claim(row: Mapping[str, Any]) -> Decimal:
    value = row.get("net_savings_usd_per_month")
    if value is None:
        return Decimal(0)
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise DemoError(
            f"evaluation of {row.get('resource_id')}: net_savings_usd_per_month {value!r} is not a number"
        ) from error


def _list_names(answers: Iterable[str]) -> dict[str, str]:
    """The key's id of every name that a resource may go by: its id and, where only one has it, an ARN's last part."""
    names: dict[str, str] = {}
    for resource_id in answers:
        for separator in "/:":
            last = resource_id.rsplit(separator, 1)[-1]
            names[last] = "" if names.get(last, resource_id) != resource_id else resource_id
    return {name: resource_id for name, resource_id in names.items() if resource_id} | {name: name for name in answers}


def find_names(answers: Iterable[str]) -> Callable[[str], str]:
    """Gives the key's id of a resource that may be named by its ARN where the key has a short id, or the other way
    round; a name that the key doesn't know comes back short."""
    names = _list_names(answers)

    def find(resource_id: str) -> str:
        short = resource_id.rsplit("/", 1)[-1]
        return names.get(resource_id) or names.get(short) or names.get(short.rsplit(":", 1)[-1]) or short

    return find


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def score_rule(
    rule_id: str, standard: Standard, rows: Iterable[Mapping[str, Any]], answers: Mapping[str, Mapping[str, Any]]
) -> Score:
    """Score one rule.

    A flag on a resource of which all is true but that nothing would be saved (a commitment is paid anyway) counts
    neither way when it claims next to nothing; one that claims money is a false positive.
    """
    name = find_names(answers)
    flags: dict[str, Mapping[str, Any]] = {}
    statuses: dict[str, str] = {}
    mistakes = []
    for row in rows:
        resource_id = name(str(row["resource_id"]))
        status = statuses[resource_id] = str(row["evaluation_status"])
        if status == "flagged":
            flags[resource_id] = row
        if resource_id not in answers:
            claim = _claim(row) if status == "flagged" else Decimal(0)
            mistakes.append(
                Mistake(resource_id, "unknown_resource", status, "", "is not in the account", str(claim), "0")
            )
    right = paid_anyway = wrong = missed = 0
    true_of_flagged = true_of_all = Decimal(0)
    for resource_id, truth in answers.items():
        best = standard.find_saving(truth) if standard.is_judged(truth) else None
        true_of_all += best or 0
        if resource_id not in flags:
            if best is not None:
                missed += 1
                status = statuses.get(resource_id, "not_evaluated")
                mistakes.append(_mistake(resource_id, "false_negative", status, truth, Decimal(0), best))
            continue
        claim, ruling = _claim(flags[resource_id]), standard.rule(resource_id, truth, flags[resource_id])
        true_of_flagged += ruling.saving
        if ruling.is_right:
            right += 1
        elif ruling.is_harmless and claim <= TOLERATED_CLAIM:
            paid_anyway += 1
        else:
            wrong += 1
            mistakes.append(_mistake(resource_id, "false_positive", "flagged", truth, claim, ruling.saving, ruling.why))
    precision, recall = _ratio(right, right + wrong), _ratio(right, right + missed)
    total = (precision or 0) + (recall or 0)
    is_defined = precision is not None and recall is not None
    f1 = round(2 * (precision or 0) * (recall or 0) / total, 4) if total else (0.0 if is_defined else None)
    return Score(
        rule_id,
        len(statuses),
        len(flags),
        right,
        wrong,
        missed,
        paid_anyway,
        precision,
        recall,
        f1,
        str(sum(map(_claim, flags.values()), Decimal(0)).quantize(Decimal("0.01"))),
        str(true_of_flagged.quantize(Decimal("0.01"))),
        str(true_of_all.quantize(Decimal("0.01"))),
        sorted(mistakes, key=lambda mistake: (mistake.mistake, mistake.resource_id)),
    )


def _mistake(
    resource_id: str, name: str, status: str, truth: Mapping[str, Any], claim: Decimal, saving: Decimal, why: str = ""
) -> Mistake:
    reason = "; ".join(part for part in (str(truth["reason"]), why) if part)
    return Mistake(resource_id, name, status, str(truth["kind"]), reason, str(claim), str(saving))


def score(evaluations: Any, directory: Path) -> list[Score]:
    """Score every rule of `list_standards` that the evaluations mention, against the key in a folder.

    Raises DemoError where the evaluations aren't a list of objects with rule_id, resource_id and evaluation_status (and
    with what the flags of some rules need), where none of them belongs to a rule that can be judged, or without a key.
    """
    outcomes = cache(lambda: Outcomes(directory))
    return score_all(evaluations, read_answers(directory), list_standards(outcomes))


def score_all(
    evaluations: Any, answers: Mapping[str, Mapping[str, Any]], standards: Mapping[str, Standard]
) -> list[Score]:
    """As `score`, of what is given."""
    if not isinstance(evaluations, list):
        raise DemoError("the evaluations are not a JSON array; give one object per rule and resource")
    for number, row in enumerate(evaluations):
        missing = {"rule_id", "resource_id", "evaluation_status"} - set(row if isinstance(row, dict) else ())
        if missing:
            raise DemoError(f"evaluation {number} lacks {', '.join(sorted(missing))}")
    scores = []
    for rule_id, standard in standards.items():
        rows = [row for row in evaluations if row["rule_id"] == rule_id]
        if rows:
            scores.append(score_rule(rule_id, standard, rows, answers))
    if not scores:
        raise DemoError(f"no evaluation of a rule that can be judged ({', '.join(standards)}); give at least one")
    return scores


def describe(result: Score) -> str:
    """The score in plain lines."""

    def percent(value: float | None) -> str:
        return "undefined" if value is None else f"{100 * value:.1f} %"

    lines = [
        f"{result.rule_id}: precision {percent(result.precision)}, recall {percent(result.recall)},"
        f" F1 {percent(result.f1)} ({result.true_positives} right, {result.false_positives} wrongly flagged,"
        f" {result.false_negatives} missed,"
        f" {result.paid_anyway} true with nothing to save, of {result.evaluated} evaluated)",
        f"  net savings claimed: ${result.claimed_usd_per_month} a month; true for the same resources:"
        f" ${result.true_of_flagged_usd_per_month}; true for all there is: ${result.true_of_all_usd_per_month}",
    ]
    lines += [
        f"  {_WORDS[m.mistake]} {m.resource_id} ({m.evaluation_status}): {m.kind}, {m.reason};"
        f" claimed ${m.claimed_usd_per_month}, true ${m.true_usd_per_month} a month"
        for m in result.mistakes
    ]
    return "\n".join(lines)


_WORDS = {
    "false_positive": "wrongly flagged",
    "false_negative": "missed",
    "unknown_resource": "not in the account",
}
