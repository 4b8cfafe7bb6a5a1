"""How right findings are, judged by the account's answer key and by replaying its bill with what they propose."""

from demo.scoring.findings import Mistake, Score, describe, read_answers, score, score_all, score_rule
from demo.scoring.together import CommitmentScore, PortfolioScore, score_commitment, score_portfolio

__all__ = [
    "CommitmentScore",
    "Mistake",
    "PortfolioScore",
    "Score",
    "describe",
    "read_answers",
    "score",
    "score_all",
    "score_commitment",
    "score_portfolio",
    "score_rule",
]
