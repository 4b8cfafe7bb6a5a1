"""How right the idle-instance rule is: estates of several seeds, loaded over the wire, judged by their answer keys.

`make accuracy` prints the table of docs/accuracy.md. ACCURACY_SEEDS names other seeds than the ten (`3` or `1-20`).
"""

import os
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from demo import scoring
from demo.generation import generate
from demo.parameters import Parameters
from tests import simulated
from tests.simulated import Product

RULE = "idle_ec2_instances"
RESOURCES = 300
# Two months hold the rule's look-back of 32 days whole; the third would only cost time.
PERIODS = ("--period", "2026-11", "--period", "2026-10")
EVALUATIONS = """
    select evaluations.rule_id, evaluations.resource_id, evaluations.evaluation_status,
        recommendations.net_savings_usd_per_month
    from marts.fct_rule_evaluations as evaluations
    left join marts.fct_recommendations as recommendations using (rule_id, resource_key)
"""


def read_seeds() -> list[int]:
    first, _, last = os.environ.get("ACCURACY_SEEDS", "1-10").partition("-")
    return list(range(int(first), int(last or first) + 1))


def judge(product: Product, directory: Path) -> scoring.Score:
    """Load and build an estate as an operator would, and score every verdict."""
    with simulated.serve(directory) as cloud:
        user = product.with_variables(**cloud.variables)
        for command in (["cur", "--source", simulated.SOURCE, *PERIODS], ["cost-explorer"], ["cloudwatch"]):
            loaded = user.run_at(cloud.present, *command)
            assert loaded.returncode == 0, loaded.stderr
        built = user.dbt("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
        assert built.returncode == 0, built.stdout[-5000:]
    names = ("rule_id", "resource_id", "evaluation_status", "net_savings_usd_per_month")
    rows = [dict(zip(names, row, strict=True)) for row in product.query(EVALUATIONS)]
    (score,) = scoring.score(rows, scoring.read_answers(directory))
    return score


def ratio(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "undefined"


def describe_row(name: str, scores: Iterable[scoring.Score]) -> str:
    """One row of the table; counts and money are summed, ratios are ratios of sums."""
    each = list(scores)
    right, wrong, missed, paid = (
        sum(getattr(score, field) for score in each)
        for field in ("true_positives", "false_positives", "false_negatives", "paid_anyway")
    )
    money = [
        sum(Decimal(getattr(score, field)) for score in each)
        for field in ("claimed_usd_per_month", "true_of_flagged_usd_per_month", "true_of_all_waste_usd_per_month")
    ]
    cells = [name, str(sum(score.evaluated for score in each)), str(right), str(wrong), str(missed), str(paid)]
    cells += [ratio(right, right + wrong), ratio(right, right + missed), *(f"{amount:,.2f}" for amount in money)]
    return "| " + " | ".join(cells) + " |"


HEADER = """
| seed | judged | right | wrong | missed | paid anyway | precision | recall | claimed | true, flagged | true, all |
|---|---|---|---|---|---|---|---|---|---|---|"""


@pytest.mark.full
def test_idle_instances(create_product: Callable[..., Product], tmp_path: Path) -> None:
    scores: dict[int, scoring.Score] = {}
    missed: dict[str, int] = {}
    print(HEADER)
    for seed in read_seeds():
        directory = tmp_path / f"seed {seed}"
        assert generate(directory, Parameters(seed, simulated.PARAMETERS.end_hour, RESOURCES, months=3, hourly_days=35))
        product = create_product()
        scores[seed] = judge(product, directory)
        product.drop()
        for mistake in scores[seed].mistakes:
            name = f"{mistake.mistake}: {mistake.kind}, {mistake.evaluation_status}"
            missed[name] = missed.get(name, 0) + 1
        print(describe_row(str(seed), [scores[seed]]))
        sys.stdout.flush()
    print(describe_row("all", scores.values()))
    print("\nmistakes by planted kind and the rule's verdict:")
    for name, count in sorted(missed.items()):
        print(f"- {count} × {name}")

    # What the rule promises: it seldom accuses, never claims more than the bill would fall, and names no stranger.
    right = sum(score.true_positives for score in scores.values())
    wrong = sum(score.false_positives for score in scores.values())
    claimed = sum(Decimal(score.claimed_usd_per_month) for score in scores.values())
    true = sum(Decimal(score.true_of_flagged_usd_per_month) for score in scores.values())
    assert right > 0
    assert right / (right + wrong) >= 0.9
    assert claimed <= true * Decimal("1.02")
    assert not [mistake for score in scores.values() for mistake in score.mistakes if not mistake.kind]
