"""How right the five answers are on a simulated account: each beside the account's answer key, which no model reads.

`python -m flows.judging DIRECTORY` prints it as JSON, for the account in a folder whose data the marts hold.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from app import queries
from app.database import ReadError
from app.rows import CommitmentOption, Recommendation
from app.words import count_things
from demo import scoring
from demo.errors import DemoError

_STATUSES = ["flagged", "passed", "not_applicable", "too_early", "insufficient_data", "waived"]
# Cost Optimization Hub's words → what is done to the simulated account.
_ACTIONS = {"Stop": "stop", "Delete": "delete", "Upgrade": "resize", "Rightsize": "resize"}


@dataclass(frozen=True)
class Judgement:
    """Scores of all rules, of the Compute Savings Plan for the account as it is (None where none is offered), and of
    everything at once."""

    rules: list[scoring.Score]
    commitment: scoring.CommitmentScore | None
    portfolio: scoring.PortfolioScore


def judge(directory: Path) -> Judgement:
    """Judge what the marts hold by the account in a folder.

    Raises:
        ReadError: the marts can't be read.
        DemoError: the folder holds no account with a key, or the marts hold another one's.
    """
    waste = list(_read_all(queries.get_waste_recommendations))
    sizes = list(_read_all(queries.get_rightsizing_recommendations))
    schedules = list(_read_all(queries.get_schedule_recommendations))
    commitments = list(_read_all(queries.get_commitment_recommendations))
    details: dict[tuple[str, str | None], dict[str, Any]] = {}
    for found in (*waste, *sizes, *schedules):
        details[found.rule_id, found.resource_key] = {"net_savings_usd_per_month": found.net_savings_usd_per_month}
    for size in sizes:
        chosen = next(option for option in size.options if option.is_recommended)
        details[size.rule_id, size.resource_key]["recommended_size"] = chosen.recommended_size
    for quiet in schedules:
        schedule = {"quiet_ranges": quiet.schedule.quiet_ranges, "time_zone": quiet.schedule.time_zone}
        details[quiet.rule_id, quiet.resource_key] |= schedule
    evaluations = [
        {
            "rule_id": verdict.rule_id,
            "resource_id": verdict.resource_id,
            "evaluation_status": verdict.evaluation_status,
            **details.get((verdict.rule_id, verdict.resource_key), {}),
        }
        for verdict in queries.get_rule_evaluations(_STATUSES, limit=1_000_000)
    ]
    proposals = [_propose(found, details) for found in _leave_out_what_goes(waste, sizes, schedules)]
    total = next(part for part in queries.get_portfolio() if part.recommendation_category == "total")
    claimed = total.counted_net_savings_usd_per_month or Decimal(0)
    plans = [commitment.option.model_dump() for commitment in commitments]
    return Judgement(
        scoring.score(evaluations, directory),
        _judge_commitment(queries.get_commitment_options("as_is"), directory),
        scoring.score_portfolio(proposals, plans, claimed, directory),
    )


def describe(judgement: Judgement) -> str:
    """The five answers, each with how right it is beneath it, and a line a rule."""
    beneath = {
        "waste": _sum_up(judgement, "idle_", "unattached_", "upgradable_"),
        "rightsizing": _sum_up(judgement, "overprovisioned_"),
        "schedules": _sum_up(judgement, "schedulable_"),
        "commitments": _describe_purchase(judgement.portfolio) + _describe_commitment(judgement.commitment),
        "portfolio": _describe_portfolio(judgement.portfolio),
    }
    heading = "Five answers, and how right they are (the simulated account's answer key, which no model reads)"
    lines = ["", heading, "-" * len(heading)]
    for answer in queries.get_answers():
        lines += [f"{answer.answer_order}. {answer.sentence}", f"   → {beneath[answer.answer_id]}"]
    lines += ["", "By rule:"]
    lines += [f"  {scoring.describe(score).splitlines()[0]}" for score in judgement.rules]
    return "\n".join([*lines, "  (python -m flows.judging .tieout/demo tells each mistake)"])


def _describe_purchase(whole: scoring.PortfolioScore) -> str:
    if not whole.commitment_count:
        return ""
    saved = Decimal(whole.true_usd_per_month) - Decimal(whole.true_without_commitments_usd_per_month)
    return f"Bought after all other changes it truly saves ${_cents(saved)} a month. "


def _describe_commitment(best: scoring.CommitmentScore | None) -> str:
    if best is None:
        return "No plan is offered for the account as it is."
    return (
        f"As the account is, a Compute Savings Plan of ${best.proposed_usd_per_hour} an hour where "
        f"${best.best_usd_per_hour} was best: claims ${_cents(best.claimed_usd_per_month)} a month, truly saves "
        f"${_cents(best.true_usd_per_month)} of ${_cents(best.best_usd_per_month)}."
    )


def _describe_portfolio(whole: scoring.PortfolioScore) -> str:
    changes, purchases = (
        count_things(whole.proposal_count, "change"),
        count_things(whole.commitment_count, "purchase"),
    )
    return (
        f"All {changes} and {purchases} replayed together on the account's bill: claims "
        f"${_cents(whole.claimed_usd_per_month)} a month, truly ${_cents(whole.true_usd_per_month)}."
    )


def _sum_up(judgement: Judgement, *prefixes: str) -> str:
    scores = [score for score in judgement.rules if score.rule_id.startswith(prefixes)]
    right, wrong, missed = (
        sum(getattr(score, name) for score in scores)
        for name in ("true_positives", "false_positives", "false_negatives")
    )
    claimed, true, best = (
        sum((Decimal(getattr(score, name)) for score in scores), Decimal(0))
        for name in ("claimed_usd_per_month", "true_of_flagged_usd_per_month", "true_of_all_usd_per_month")
    )
    return (
        f"Precision {_percent(right, right + wrong)}, recall {_percent(right, right + missed)}; claims "
        f"${_cents(claimed)} a month, truly ${_cents(true)} for the same; ${_cents(best)} for all there is."
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "undefined"


def _cents(amount: str | Decimal) -> str:
    return f"{Decimal(amount):,.2f}"


def _read_all(read: Callable[..., Any]) -> Iterator[Any]:
    cursor = None
    while True:
        page = read(limit=queries.MAXIMUM_LIMIT, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _leave_out_what_goes(
    waste: Iterable[Recommendation], sizes: Iterable[Recommendation], schedules: Iterable[Recommendation]
) -> Iterator[Recommendation]:
    """What is stopped or deleted is neither resized nor scheduled; what is resized may be scheduled too."""
    ending = [found for found in waste if found.action_type in ("Stop", "Delete")]
    gone = {found.resource_key for found in ending}
    yield from ending
    for found in (*(each for each in waste if each.action_type == "Upgrade"), *sizes, *schedules):
        if found.resource_key not in gone:
            yield found


def _propose(found: Recommendation, details: dict[tuple[str, str | None], dict[str, Any]]) -> dict[str, Any]:
    more = details[found.rule_id, found.resource_key]
    if "quiet_ranges" in more:
        return {"action": "schedule", "resource_id": found.resource_id, **more}
    action = _ACTIONS[str(found.action_type)]
    return {"action": action, "resource_id": found.resource_id, "size": more.get("recommended_size", "gp3")}


def _judge_commitment(options: list[CommitmentOption], directory: Path) -> scoring.CommitmentScore | None:
    """Of the offer that the key knows the best size of: 1 year, no upfront."""
    for option in options:
        kind = (option.commitment_type, option.term_years, option.payment_option)
        if kind == ("compute_savings_plan", 1, "no_upfront"):
            return scoring.score_commitment(
                option.model_dump(), option.net_savings_usd_per_month or Decimal(0), directory
            )
    return None


def main() -> int:
    """Print the judgement of the folder named on the command line as JSON; 1 with one line where that can't be."""
    try:
        found = judge(Path(sys.argv[1]))
    except (DemoError, ReadError, IndexError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(json.dumps(asdict(found), default=str) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
