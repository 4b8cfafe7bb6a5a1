"""How right the five answers are: estates of several seeds, loaded over the wire, judged by their answer keys.

`make accuracy` prints the tables of docs/accuracy.md. ACCURACY_SEEDS names other seeds than the ten (`3` or `1-20`).
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from demo.generation import generate
from demo.parameters import Parameters
from tests import simulated
from tests.simulated import Product

RESOURCES = 300
# Three months hold every look-back whole (schedules: eight weeks).
PERIODS = ("--period", "2026-11", "--period", "2026-10", "--period", "2026-09")
LOADS = (["cur", "--source", simulated.SOURCE, *PERIODS], ["cost-explorer"], ["inventory"], ["prices"], ["cloudwatch"])
# A claim may pass the truth by its own rounding and by tiers that the rules don't know.
TOLERANCE = Decimal("1.02")
Row = Mapping[str, Any]


def read_seeds() -> list[int]:
    first, _, last = os.environ.get("ACCURACY_SEEDS", "1-10").partition("-")
    return list(range(int(first), int(last or first) + 1))


def judge(product: Product, directory: Path) -> dict[str, Any]:
    """Load and build an estate as an operator would, and judge every answer."""
    with simulated.serve(directory) as cloud:
        user = product.with_variables(**cloud.variables)
        for command in LOADS:
            loaded = user.run_at(cloud.present, *command)
            assert loaded.returncode == 0, loaded.stderr
        built = user.dbt("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
        assert built.returncode == 0, built.stdout[-5000:]
    judged = user.python("-m", "flows.judging", str(directory))
    assert judged.returncode == 0, judged.stderr
    found: dict[str, Any] = json.loads(judged.stdout)
    return found


def ratio(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "undefined"


def money(amount: object) -> str:
    return f"{Decimal(str(amount)):,.2f}"


def describe_rule(name: str, scores: Iterable[Row]) -> str:
    """One row of a table; counts and money are summed, ratios are ratios of sums."""
    each = list(scores)
    names = ("evaluated", "true_positives", "false_positives", "false_negatives", "paid_anyway")
    evaluated, right, wrong, missed, paid = (sum(score[field] for score in each) for field in names)
    amounts = [
        sum(Decimal(score[field]) for score in each)
        for field in ("claimed_usd_per_month", "true_of_flagged_usd_per_month", "true_of_all_usd_per_month")
    ]
    cells = [name, str(evaluated), str(right), str(wrong), str(missed), str(paid)]
    cells += [ratio(right, right + wrong), ratio(right, right + missed), *map(money, amounts)]
    return "| " + " | ".join(cells) + " |"


RULES = """
| rule | judged | right | wrong | missed | paid anyway | precision | recall | claimed | true, flagged | true, all |
|---|---|---|---|---|---|---|---|---|---|---|"""
WHOLE = """
| seed | plan, $/h | best, $/h | claimed | true | true of best | portfolio: claimed | true | true without plans |
|---|---|---|---|---|---|---|---|---|"""


def describe_whole(seed: int, found: Row) -> str:
    """One row: the Compute Savings Plan for the account as it is, and everything at once."""
    plan, portfolio = found["commitment"], found["portfolio"]
    cells = [str(seed)]
    cells += (
        [plan["proposed_usd_per_hour"], plan["best_usd_per_hour"]]
        + [money(plan[f"{name}_usd_per_month"]) for name in ("claimed", "true", "best")]
        if plan
        else [""] * 5
    )
    cells += [money(portfolio[f"{n}_usd_per_month"]) for n in ("claimed", "true", "true_without_commitments")]
    return "| " + " | ".join(cells) + " |"


@pytest.mark.full
def test_answers(create_product: Callable[..., Product], tmp_path: Path) -> None:
    judged: dict[int, dict[str, Any]] = {}
    print(WHOLE)
    for seed in read_seeds():
        directory = tmp_path / f"seed {seed}"
        assert generate(directory, Parameters(seed, simulated.PARAMETERS.end_hour, RESOURCES, months=3, hourly_days=65))
        product = create_product()
        judged[seed] = judge(product, directory)
        product.drop()
        print(describe_whole(seed, judged[seed]))
        sys.stdout.flush()
    by_rule: dict[str, list[Row]] = {}
    for found in judged.values():
        for score in found["rules"]:
            by_rule.setdefault(score["rule_id"], []).append(score)
    print(RULES)
    for rule_id, scores in by_rule.items():
        print(describe_rule(rule_id, scores))
    print("\nmistakes by rule, planted kind and verdict:")
    mistakes = [(rule_id, each) for rule_id, scores in by_rule.items() for s in scores for each in s["mistakes"]]
    names = (f"{r}: {e['mistake']}: {e['kind']}, {e['evaluation_status']}; {e['reason']}" for r, e in mistakes)
    for name, count in sorted(Counter(names).items()):
        print(f"- {count} × {name}")

    # What every answer promises: it names no stranger, and does not claim more than the bill would fall.
    assert not [each for _, each in mistakes if not each["kind"]]
    for rule_id, scores in by_rule.items():
        claimed, true = (
            sum(Decimal(score[name]) for score in scores)
            for name in ("claimed_usd_per_month", "true_of_flagged_usd_per_month")
        )
        # The key says nothing of the volumes of stopped machines, which gp3 serves for less all the same.
        claimed -= sum(
            Decimal(each["claimed_usd_per_month"])
            for score in scores
            for each in score["mistakes"]
            if rule_id == "upgradable_gp2_volumes" and each["kind"] == "stopped"
        )
        assert claimed <= true * TOLERANCE, f"{rule_id} claims {claimed} of {true}"
    for seed, found in judged.items():
        portfolio = found["portfolio"]
        claimed, true = (Decimal(portfolio[f"{name}_usd_per_month"]) for name in ("claimed", "true"))
        assert claimed <= true * TOLERANCE, f"seed {seed}: the portfolio claims {claimed} of {true}"
        without = Decimal(portfolio["true_without_commitments_usd_per_month"])
        assert true >= without, f"seed {seed}: what is bought makes the bill rise from {without} to {true} saved"
        plan = found["commitment"]
        if plan and plan["saving_share"] is not None:
            assert Decimal(plan["saving_share"]) >= Decimal("0.98"), f"seed {seed}: {plan}"
    (idle,) = [scores for rule_id, scores in by_rule.items() if rule_id == "idle_ec2_instances"]
    right, wrong = (sum(score[name] for score in idle) for name in ("true_positives", "false_positives"))
    assert right > 0
    assert right / (right + wrong) >= 0.9
