"""Tags and cost categories as people leave them: missing, spelled differently, or such that break careless code."""

from __future__ import annotations

import numpy as np

from demo.world.accounts import ANALYTICS, PAYER, PRODUCTION, Account
from demo.world.resources import Resource

TAG_KEYS = ("Name", "Environment", "Team", "CostCenter", "Role", "Application")
TEAMS = ("payments", "search", "platform", "data", "mobile", "risk")
APPLICATIONS = ("api", "worker", "web", "etl", "cache", "jobs", "gateway", "reports")
# Names are written by people; some hold what breaks a careless CSV reader, page or spreadsheet.
AWKWARD_NAMES = ('web "blue" <canary>, eu', "=1+1 jobs", "Überwachung – Köln", "a<script>alert(1)</script>")

COST_CATEGORY = "BusinessUnit"
_UNITS_OF_TEAMS = {
    "payments": "Payments",
    "risk": "Payments",
    "search": "Discovery",
    "mobile": "Discovery",
    "data": "Insight",
    "platform": "Shared",
}


def draw_tags(rng: np.random.Generator, account: Account, role: str, name: str) -> dict[str, str]:
    """The tags of a thing called ``name`` (team-application-number)."""
    team, application = name.split("-")[:2]
    spellings = (
        ("production", "production", "prod", "Production") if account == PRODUCTION else ("development", "dev", "test")
    )
    chances, spelling = rng.random(5), str(rng.choice(spellings))
    tags: dict[str, str] = {}
    if chances[0] > 0.12:
        tags["Name"] = name
    if chances[1] > 0.2:
        tags["Environment"] = spelling
    if chances[2] > 0.35:
        tags["Team"] = team if chances[2] > 0.42 else team.title()
    if chances[3] > 0.5:
        tags["CostCenter"] = f"CC-{100 + TEAMS.index(team)}"
    if chances[4] > 0.6:
        tags["Application"] = application
    if role == "standby" and chances[4] < 0.5:
        tags["Role"] = "standby"
    return tags


def thin_tags(rng: np.random.Generator, tags: dict[str, str], share: float) -> dict[str, str]:
    """The tags that somebody took over to a part of a thing: each with a chance of ``share``, never its role."""
    return {key: value for key, value in tags.items() if rng.random() < share and key != "Role"}


def cost_category(thing: Resource) -> dict[str, str]:
    """The cost categories of a thing by name: a rule on its Team tag, then one on its account; else none."""
    if thing.account == PAYER:
        return {}
    unit = _UNITS_OF_TEAMS.get(thing.tags.get("Team", ""))
    if unit is None and thing.account == ANALYTICS:
        unit = "Insight"
    return {COST_CATEGORY: unit} if unit else {}
