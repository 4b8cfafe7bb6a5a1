"""The five answers on the simulated account: the same figures everywhere, and documents that keep their schema."""

import asyncio
import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fastapi.testclient import TestClient
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from streamlit.testing.v1 import AppTest

from app.api import app
from tests.app.marts_fixture import environment
from tests.conftest import Estate

CHECKOUT = Path(__file__).parents[2]
ROUTES = {
    "waste": "/api/v1/ai/resources/waste-analysis",
    "rightsizing": "/api/v1/ai/resources/rightsizing",
    "commitments": "/api/v1/ai/commitments/optimization",
    "portfolio": "/api/v1/ai/portfolio/optimization",
    "schedules": "/api/v1/ai/workloads/scheduling",
}
TOOLS = {
    "waste": "analyze_waste",
    "rightsizing": "analyze_rightsizing",
    "commitments": "analyze_commitments",
    "portfolio": "analyze_portfolio",
    "schedules": "analyze_schedules",
}


@pytest.fixture(scope="module")
def told(estate: Estate) -> dict[str, dict[str, Any]]:
    """The answers as SQL has them: sentence and figures, every amount a Decimal."""
    rows = estate.product.query("select answer_id, sentence, figures::text from marts.fct_answers")
    return {row[0]: {"sentence": row[1], "figures": json.loads(row[2], parse_float=Decimal)} for row in rows}


@pytest.fixture
def product(estate: Estate) -> Iterator[Estate]:
    with environment(estate.product.environment):
        yield estate


def read_text(markup: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", markup)))


def exact(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures with every number as a Decimal, whether it came as a number or as a string; 0.1210 is 0.121."""
    return {
        name: Decimal(str(value)) if "usd" in name and value is not None or isinstance(value, float) else value
        for name, value in figures.items()
    }


def test_there_are_five_and_each_says_something(told: dict[str, dict[str, Any]]) -> None:
    assert set(told) == set(ROUTES)
    for answer in told.values():
        assert re.search(r"\$[\d,]+\.\d\d", answer["sentence"]), answer


@pytest.mark.usefixtures("product")
def test_routes_say_the_same(told: dict[str, dict[str, Any]]) -> None:
    client = TestClient(app)
    for answer_id, path in ROUTES.items():
        answer = client.get(path).json()["answer"]
        assert answer["sentence"] == told[answer_id]["sentence"]
        assert exact(answer["figures"]) == exact(told[answer_id]["figures"])


@pytest.mark.usefixtures("product")
def test_pages_say_the_same(told: dict[str, dict[str, Any]]) -> None:
    for answer_id in (None, *ROUTES):
        page = AppTest.from_file(str(CHECKOUT / "app/streamlit_app.py"), default_timeout=60)
        if answer_id:
            page.switch_page(f"app_pages/{answer_id}.py")
        page.run()
        assert not page.exception
        text = read_text("\n".join(element.proto.body for element in page.html))
        for sentence in [told[answer_id]["sentence"]] if answer_id else [each["sentence"] for each in told.values()]:
            assert sentence in text, answer_id


def test_the_report_says_the_same(estate: Estate, told: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "notebooks.render", "monthly_report", "--output", str(tmp_path / "r.html")]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=estate.product.environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    text = read_text((tmp_path / "r.html").read_text())
    for answer in told.values():
        assert answer["sentence"] in text


def test_tools_say_the_same(estate: Estate, told: dict[str, dict[str, Any]]) -> None:
    """A real client of the protocol, over stdio."""

    async def ask() -> dict[str, Any]:
        server = StdioServerParameters(
            command=sys.executable, args=["-m", "app.mcp_server"], cwd=CHECKOUT, env=estate.product.environment
        )
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            found = {}
            for answer_id, name in {"all": "get_answers", **TOOLS}.items():
                result = await session.call_tool(name, {})
                found[answer_id] = json.loads(result.content[0].text)
            return found

    found = asyncio.run(ask())
    for answer in found["all"]["answers"]:
        assert answer["sentence"] == told[answer["answer_id"]]["sentence"]
        assert exact(answer["figures"]) == exact(told[answer["answer_id"]]["figures"])
    for answer_id in TOOLS:
        assert found[answer_id]["answer"]["sentence"] == told[answer_id]["sentence"]


def test_sentences_round_their_own_figures(told: dict[str, dict[str, Any]]) -> None:
    """Every amount of a sentence is one of its exact figures, rounded to cents."""
    for answer_id, answer in told.items():
        amounts = {
            f"{Decimal(str(value)).quantize(Decimal('0.01'), rounding='ROUND_HALF_UP'):,}"
            for name, value in answer["figures"].items()
            if "usd" in name and value is not None
        }
        exactly = {f"{value:f}".rstrip("0") for value in answer["figures"].values() if isinstance(value, Decimal)}
        shown = re.findall(r"\$([\d,]+\.\d+)", answer["sentence"])
        assert shown, answer_id
        assert [each for each in shown if each not in amounts and each.rstrip("0") not in exactly] == [], answer


def test_documents_keep_their_schema(estate: Estate) -> None:
    schema = json.loads((CHECKOUT / "docs/ai-context.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    documents = estate.product.query("select ai_context_id, document from marts.ai_context")
    resources = estate.product.query("select count(*) from marts.dim_resources")
    assert len(documents) == resources[0][0] + 1
    for name, document in documents:
        errors = [error.message for error in validator.iter_errors(document)]
        assert errors == [], name
    (portfolio,) = [document for name, document in documents if name == "portfolio"]
    assert validator.is_valid(portfolio)
    assert not validator.is_valid({**portfolio, "answers": portfolio["answers"][1:]})
    amount = {**portfolio["categories"][0], "net_savings_usd_per_month": 1.5}
    assert not validator.is_valid({**portfolio, "categories": [amount, *portfolio["categories"][1:]]})


def test_every_finding_is_worth_what_its_own_bill_allows(estate: Estate) -> None:
    """No finding on a resource saves more than the resource costs on demand."""
    excess = estate.product.query(
        """
        select findings.recommendation_id, findings.net_savings_usd_per_month, costs.uncovered_cost_usd_per_month
        from marts.fct_recommendations as findings
        inner join marts.dim_resources as resources on findings.resource_key = resources.resource_key
        inner join intermediate.int_resource_costs_monthly as costs
            on
                resources.account_id = costs.account_id
                and resources.billed_resource_id = costs.billed_resource_id
                and costs.usage_component = 'all'
        where findings.net_savings_usd_per_month > costs.uncovered_cost_usd_per_month
        """
    )
    assert excess == []
