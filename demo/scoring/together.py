"""Judges what is proposed for the account as a whole: commitments, and everything at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from demo.scoring.findings import find_names, read_account, read_answers
from demo.scoring.outcomes import Outcomes
from demo.scoring.proposals import read_plan, read_proposal

_SHARE = Decimal("0.0001")


@dataclass(frozen=True)
class CommitmentScore:
    """A Compute Savings Plan (1 year, No Upfront) proposed for the account as it is, beside the best there was.

    Commitments are USD an hour, savings USD a month. ``saving_share``: what the proposed one truly saves of what the
    best one would; None where no plan would save anything.
    """

    proposed_usd_per_hour: str
    best_usd_per_hour: str
    claimed_usd_per_month: str
    true_usd_per_month: str
    best_usd_per_month: str
    saving_share: str | None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class PortfolioScore:
    """All proposals together: the saving claimed, the bill's true fall, and that without the commitments."""

    proposal_count: int
    commitment_count: int
    claimed_usd_per_month: str
    true_usd_per_month: str
    true_without_commitments_usd_per_month: str

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def score_commitment(option: Mapping[str, Any], claimed: Decimal, directory: Path) -> CommitmentScore:
    """Judge a Compute Savings Plan. ``option``: see `demo.scoring.proposals.read_plan`. Raises DemoError."""
    best = read_account(directory)["compute_savings_plan"]
    plan = read_plan(option)
    true = Outcomes(directory).save_together((), [plan])
    most = Decimal(best["true_saving_usd_per_month"])
    return CommitmentScore(
        str(option["hourly_commitment_usd"]),
        best["commitment_usd_per_hour"],
        str(claimed),
        str(true),
        str(most),
        str((true / most).quantize(_SHARE)) if most > 0 else None,
    )


def score_portfolio(
    proposals: Sequence[dict[str, Any]], plans: Sequence[Mapping[str, Any]], claimed: Decimal, directory: Path
) -> PortfolioScore:
    """Carry everything out together on the account's own bill. Raises DemoError for proposals that can't be."""
    outcomes = Outcomes(directory)
    name = find_names(read_answers(directory))
    changes = [read_proposal(each | {"resource_id": name(str(each.get("resource_id") or ""))}) for each in proposals]
    bought = [read_plan(each) for each in plans]
    alone = outcomes.save_together(changes, ())
    together = outcomes.save_together(changes, bought) if bought else alone
    return PortfolioScore(len(changes), len(bought), str(claimed), str(together), str(alone))
