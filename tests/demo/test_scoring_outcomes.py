"""What a proposal would truly bring, held to the key: the key's own best must be found safe and worth what it says."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from demo import scoring
from demo.errors import DemoError
from demo.scoring.outcomes import Outcomes
from demo.scoring.proposals import Proposal, read_plan, read_proposal
from demo.scoring.standards import list_standards

WEEK = [[0, 168]]


@pytest.fixture(scope="module")
def outcomes(account: Path) -> Outcomes:
    return Outcomes(account)


@pytest.fixture(scope="module")
def key(account: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((account / "answer_key.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def resources(key: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = key["resources"]
    return found


def the_plan(key: dict[str, Any], **changes: object) -> dict[str, object]:
    best = key["account"]["compute_savings_plan"]
    return {
        "commitment_type": "compute_savings_plan",
        "term_years": 1,
        "payment_option": "no_upfront",
        "hourly_commitment_usd": best["commitment_usd_per_hour"],
    } | changes


def test_the_keys_size_serves_and_a_smaller_one_does_not(
    outcomes: Outcomes, resources: dict[str, dict[str, Any]]
) -> None:
    sized = [
        (name, each)
        for name, each in resources.items()
        if each["service"] in ("ec2", "rds") and each.get("safe_size") and each["kind"] != "stopped"
    ]
    smaller = 0
    for name, each in sized:
        found = outcomes.resize(name, each["safe_size"])
        assert found.is_safe
        if each["resize"]:
            assert found.saving == Decimal(each["resize"]["true_saving_usd_per_month"])
        family, size = each["safe_size"].rsplit(".", 1)
        if size == "xlarge" and not family.startswith(("t", "db.t")):
            smaller += 1
            assert not outcomes.resize(name, f"{family}.large").is_safe
    assert smaller and len(sized) > 10


def test_lasting_quiet_hours_are_safe_and_the_whole_week_is_not(
    outcomes: Outcomes, resources: dict[str, dict[str, Any]]
) -> None:
    found = 0
    for name, each in resources.items():
        quiet = each.get("quiet_hours")
        if not quiet or quiet["hours_per_week"] == 168:
            continue
        outcome = outcomes.schedule(name, quiet["ranges"], quiet["time_zone"])
        assert outcome.is_safe == quiet["lasts"]
        assert outcome.saving == Decimal(quiet["true_saving_usd_per_month"])
        assert not outcomes.schedule(name, WEEK, quiet["time_zone"]).is_safe
        found += 1
    assert found > 3


def test_one_thing_alone_saves_what_the_key_says_and_all_together_less_than_their_sum(
    outcomes: Outcomes, resources: dict[str, dict[str, Any]], key: dict[str, Any]
) -> None:
    waste = {name: Decimal(e["true_saving_usd_per_month"]) for name, e in resources.items() if e["is_waste"]}
    # Of what is younger than the window the key scales fewer hours to a month.
    whole = {t.resource_id for t in outcomes.account.estate.resources if t.life.launched <= outcomes.first}
    for name in [name for name in waste if name in whole][:10]:
        assert outcomes.save_together([Proposal("delete", name)], ()) == waste[name]
    everything = outcomes.save_together([Proposal("delete", name) for name in waste], ())
    assert 0 < everything <= sum(waste.values())
    best = key["account"]["compute_savings_plan"]
    assert outcomes.save_together((), [read_plan(the_plan(key))]) == Decimal(best["true_saving_usd_per_month"])


def test_a_reservation_of_use_that_a_plan_could_cover_saves_and_costs_its_fee(
    outcomes: Outcomes, resources: dict[str, dict[str, Any]]
) -> None:
    unused = {
        "commitment_type": "ec2_reserved_instance",
        "term_years": 1,
        "payment_option": "no_upfront",
        "region": "us-west-2",
        "instance_type": "r5.large",
        "platform": "Windows",
        "reserved_instance_count": 2,
    }
    plan = read_plan(unused)
    assert (plan.platform, plan.count) == ("Windows", 2)
    assert outcomes.save_together((), [plan]) < 0


def test_flags_are_scored_by_what_they_propose(account: Path, resources: dict[str, dict[str, Any]]) -> None:
    name, each = next(
        (name, each) for name, each in resources.items() if each["service"] == "ec2" and each.get("resize")
    )
    row = {"rule_id": "overprovisioned_ec2_instances", "resource_id": name, "evaluation_status": "flagged"}
    best = each["resize"]["true_saving_usd_per_month"]
    (right,) = scoring.score(
        [row | {"recommended_size": each["resize"]["to"], "net_savings_usd_per_month": best}], account
    )
    assert (right.true_positives, right.false_positives) == (1, 0)
    assert right.claimed_usd_per_month == right.true_of_flagged_usd_per_month
    with pytest.raises(DemoError, match="needs recommended_size"):
        scoring.score([row], account)


def test_every_rule_of_the_standards_finds_something_to_look_for(resources: dict[str, dict[str, Any]]) -> None:
    for rule_id, standard in list_standards(lambda: pytest.fail("the key alone tells")).items():
        assert any(standard.is_judged(each) for each in resources.values()), rule_id


def test_a_portfolio_is_judged_as_one(account: Path, key: dict[str, Any], resources: dict[str, dict[str, Any]]) -> None:
    # What the payer's plan can't cover, so that nothing else takes its place.
    name, each = next((n, e) for n, e in resources.items() if e["is_waste"] and e["service"] == "dynamodb")
    found = scoring.score_portfolio(
        [{"action": "delete", "resource_id": name}], [the_plan(key)], Decimal("12.30"), account
    )
    assert found.true_without_commitments_usd_per_month == each["true_saving_usd_per_month"]
    assert found.claimed_usd_per_month == "12.30"
    best = scoring.score_commitment(the_plan(key), Decimal(1), account)
    assert best.saving_share == "1.0000"
    half = Decimal(str(best.best_usd_per_hour)) / 2
    assert scoring.score_commitment(the_plan(key, hourly_commitment_usd=str(half)), Decimal(1), account).saving_share


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"resource_id": "i-1"}, "one of delete, stop, resize, schedule"),
        ({"resource_id": "i-1", "action": "resize"}, "needs size"),
        ({"resource_id": "i-1", "action": "schedule", "quiet_ranges": [[0, 4]]}, "needs quiet_ranges and time_zone"),
    ],
)
def test_bad_proposals(row: dict[str, object], message: str) -> None:
    with pytest.raises(DemoError, match=message):
        read_proposal(row)


def test_bad_plans(key: dict[str, Any], outcomes: Outcomes) -> None:
    with pytest.raises(DemoError, match="can't be read"):
        read_plan(the_plan(key, payment_option="never"))
    with pytest.raises(DemoError, match="i-nowhere is not in the account"):
        outcomes.resize("i-nowhere", "m5.large")
