"""Scores of made-up evaluations, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from demo.errors import DemoError
from demo.scoring import describe, score_all
from demo.scoring.standards import WasteStandard

RULE = "idle_ec2_instances"
STANDARDS = {RULE: WasteStandard(("ec2",))}


def _truth(kind: str, is_idle: bool, saving: str, service: str = "ec2") -> dict[str, Any]:
    return {
        "service": service,
        "kind": kind,
        "reason": f"is {kind}",
        "is_idle": is_idle,
        "is_waste": is_idle and saving != "0.0000",
        "true_saving_usd_per_month": saving,
    }


ANSWERS = {
    "i-waste1": _truth("idle", True, "10.0000"),
    "i-waste2": _truth("idle", True, "20.0000"),
    "i-covered": _truth("idle", True, "0.0000"),
    "i-busy": _truth("steady", False, "50.0000"),
    "vol-1": _truth("unattached", True, "5.0000", "ebs"),
}


def _row(resource_id: str, status: str, saving: object = None) -> dict[str, Any]:
    return {
        "rule_id": RULE,
        "resource_id": resource_id,
        "evaluation_status": status,
        "net_savings_usd_per_month": saving,
    }


def test_right_wrong_and_missed() -> None:
    rows = [
        _row("arn:aws:ec2:us-east-1:444455556666:instance/i-waste1", "flagged", "9.50"),
        _row("i-waste2", "insufficient_data"),
        _row("i-covered", "flagged", 0),
        _row("i-busy", "flagged", 48.25),
    ]
    (result,) = score_all(rows, ANSWERS, STANDARDS)
    assert (result.true_positives, result.false_positives, result.false_negatives, result.paid_anyway) == (1, 1, 1, 1)
    assert (result.precision, result.recall, result.f1) == (0.5, 0.5, 0.5)
    assert result.claimed_usd_per_month == "57.75"
    assert result.true_of_flagged_usd_per_month == "60.00"
    assert result.true_of_all_usd_per_month == "30.00"
    assert {(m.resource_id, m.mistake) for m in result.mistakes} == {
        ("i-waste2", "false_negative"),
        ("i-busy", "false_positive"),
    }
    assert "precision 50.0 %, recall 50.0 %" in describe(result)
    assert "missed i-waste2 (insufficient_data): idle, is idle" in describe(result)


def test_claiming_money_for_a_paid_commitment_is_wrong() -> None:
    (result,) = score_all([_row("i-covered", "flagged", "300")], ANSWERS, STANDARDS)
    assert result.false_positives == 1
    assert [mistake.resource_id for mistake in result.mistakes if "paid anyway" in mistake.reason] == ["i-covered"]


def test_a_silent_rule_has_no_precision_and_no_recall() -> None:
    (result,) = score_all([_row("i-busy", "passed")], ANSWERS, STANDARDS)
    assert result.precision is None
    assert result.recall == 0
    assert result.f1 is None
    assert "precision undefined" in describe(result)


def test_unknown_resource_is_listed() -> None:
    (result,) = score_all([_row("i-nowhere", "passed")], ANSWERS, STANDARDS)
    assert ("i-nowhere", "unknown_resource") in {(m.resource_id, m.mistake) for m in result.mistakes}


@pytest.mark.parametrize(
    ("evaluations", "message"),
    [
        ({}, "not a JSON array"),
        ([{"rule_id": RULE}], "evaluation 0 lacks evaluation_status, resource_id"),
        ([], "no evaluation of a rule"),
        ([_row("i-busy", "flagged", "much")], "'much' is not a number"),
    ],
)
def test_bad_evaluations(evaluations: Any, message: str) -> None:
    with pytest.raises(DemoError, match=message):
        score_all(evaluations, ANSWERS, STANDARDS)
