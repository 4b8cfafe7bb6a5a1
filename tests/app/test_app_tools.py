"""The tools over a real PostgreSQL: the same figures as `app.queries`, and an answer for whatever is sent."""

import json
import os
from decimal import Decimal
from typing import Any

import jsonschema
import pytest

from app import queries
from app.database import DatabaseUnreachable
from app.tools import TOOLS, call_tool
from app.tools import bodies as tool_bodies
from tests.app import marts_fixture as invented

NAMES = {
    "get_answers", "analyze_waste", "analyze_rightsizing", "analyze_commitments", "analyze_portfolio",
    "analyze_schedules", "get_resource_context", "find_resources", "get_costs", "get_data_quality",
}  # fmt: skip
FINDINGS = ("analyze_waste", "analyze_rightsizing", "analyze_commitments", "analyze_portfolio", "analyze_schedules")
ARGUMENTS: dict[str, dict[str, Any]] = {
    "get_resource_context": {"resource": "i-00000000000000001"},
    "find_resources": {"text": "batch"},
}
FIRST_KEY = f"arn:aws:ec2:eu-west-1:{invented.SHOP}:instance/i-00000000000000001"


def test_the_catalogue() -> None:
    assert set(TOOLS) == NAMES
    for name, tool in TOOLS.items():
        assert tool.name == name and tool.title and len(tool.description) > 40
        schema = tool.input_schema
        jsonschema.Draft202012Validator.check_schema(schema)
        assert (schema["type"], schema["additionalProperties"]) == ("object", False)
    for name in FINDINGS:
        properties = TOOLS[name].input_schema["properties"]
        assert {"account_id", "region", "service", "rule_id", "minimum_savings_usd_per_month",
                "minimum_confidence_ratio", "limit", "cursor"} <= set(properties)  # fmt: skip
        assert (properties["limit"]["default"], properties["limit"]["maximum"]) == (10, 50)


@pytest.mark.usefixtures("filled")
class TestAnswers:
    @pytest.mark.parametrize("name", sorted(NAMES))
    def test_every_answer_says_how_old_and_how_sure_it_is(self, name: str) -> None:
        answer = call_tool(name, ARGUMENTS.get(name))
        assert json.loads(json.dumps(answer)) == answer
        assert list(answer)[:2] == ["as_of", "quality"]
        assert answer["as_of"]["costs"] == "2026-11-20T00:00:00Z"
        assert answer["quality"]["status"] in ("reconciled", "provisional", "disputed")
        assert "Cost Explorer was never loaded." in answer["quality"]["finding"]

    @pytest.mark.parametrize("name", FINDINGS)
    def test_pages_follow_one_another(self, name: str) -> None:
        ids: list[str] = []
        cursor = None
        while True:
            answer = call_tool(name, {"limit": 2, "cursor": cursor})
            ids += [item["recommendation_id"] for item in answer["items"]]
            cursor = answer["page"]["next_cursor"]
            if cursor is None:
                break
        assert len(ids) == len(set(ids)) == answer["totals"]["count"] > 0

    def test_money_is_exact_text(self) -> None:
        first = call_tool("analyze_waste", {"limit": 1})["items"][0]
        assert first["net_savings_usd_per_month"] == "1234567.1234567891"
        figures = call_tool("get_answers")["answers"][0]["figures"]
        assert figures["net_savings_usd_per_month"] == "1235070.1834567892"

    def test_filters_narrow_the_answer(self) -> None:
        answer = call_tool("analyze_waste", {"account_id": [invented.LAB], "minimum_savings_usd_per_month": "1"})
        assert [item["recommendation_id"] for item in answer["items"]] == ["rec002"]
        assert call_tool("analyze_waste", {"minimum_confidence_ratio": 0.99})["totals"]["count"] == 0

    def test_findings_carry_their_details(self) -> None:
        assert {option["preset"] for option in call_tool("analyze_rightsizing")["items"][0]["options"]} >= {"Default"}
        assert call_tool("analyze_schedules")["items"][0]["schedule"]["quiet_ranges"] == [[0, 8], [114, 168]]
        assert call_tool("analyze_commitments")["items"][0]["option"]["term_years"] == 1
        items = {item["recommendation_id"]: item for item in call_tool("analyze_portfolio", {"limit": 50})["items"]}
        assert items["rec030"]["overlap_reason"] == "resized_first"

    def test_commitments_on_either_basis(self) -> None:
        after = call_tool("analyze_commitments")
        as_is = call_tool("analyze_commitments", {"usage_basis": "as_is"})
        assert [option["commitment_option_id"] for option in as_is["options"]] == ["option-as-is"]
        assert len(after["strategies"]) == len(after["options"]) == 2
        assert after["items"] == as_is["items"]
        short = call_tool("analyze_commitments", {"limit": 1})
        assert (len(short["options"]), short["options_left_out_count"]) == (1, 1)

    def test_the_portfolio_has_its_categories(self) -> None:
        totals = call_tool("analyze_portfolio", {"limit": 1})["totals"]["portfolio"]
        assert [row["recommendation_category"] for row in totals][-1] == "total"
        counted = [Decimal(row["counted_net_savings_usd_per_month"]) for row in totals]
        assert sum(counted[:-1]) == counted[-1]

    def test_a_resource_by_key_and_by_id(self) -> None:
        by_id = call_tool("get_resource_context", ARGUMENTS["get_resource_context"])
        by_key = call_tool("get_resource_context", {"resource": FIRST_KEY})
        assert by_id["document"] == by_key["document"]
        assert by_id["document"]["resource"]["resource_id"] == "i-00000000000000001"

    def test_a_hostile_name_is_found_and_stays_text(self) -> None:
        found = call_tool("find_resources", {"text": "<SCRIPT>"})["resources"]
        assert [resource["resource_name"] for resource in found] == [invented.HOSTILE_NAME]
        assert call_tool("find_resources", {"text": "'; drop schema marts; --"})["resources"] == []

    def test_costs(self) -> None:
        answer = call_tool("get_costs", {"month_count": 2})
        assert [month["billing_period_start_date"] for month in answer["months"]] == ["2026-10-01", "2026-11-01"]
        assert {row["account_id"] for row in answer["accounts"]} == {invented.SHOP, invented.LAB}
        assert answer["reconciliation"]["last_reconciled_date"] == "2026-11-08"
        lab = call_tool("get_costs", {"account_id": invented.LAB, "month_count": 1})
        assert lab["months"][0]["amortized_cost_usd"] == "1000.0050000001"

    def test_what_was_judged(self) -> None:
        totals = queries.get_rule_evaluation_totals()
        assert call_tool("get_data_quality")["verdicts"] == totals.model_dump()


@pytest.mark.usefixtures("filled")
class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "arguments", "title", "word"),
        [
            ("drop_everything", {}, "No such tool", "get_answers"),
            ("analyze_waste", {"limit": 51}, "A parameter isn't valid", "limit"),
            ("analyze_waste", {"limit": "many"}, "A parameter isn't valid", "limit"),
            ("analyze_waste", {"regions": ["eu-west-1"]}, "A parameter isn't valid", "regions"),
            ("analyze_waste", {"account_id": ["a\x00b"]}, "A parameter isn't valid", "character"),
            ("analyze_waste", {"cursor": "made up"}, "The cursor isn't valid", "start again"),
            ("analyze_commitments", {"usage_basis": "hopeful"}, "A parameter isn't valid", "usage_basis"),
            ("get_resource_context", {}, "A parameter isn't valid", "resource"),
            ("get_resource_context", {"resource": "i-nowhere"}, "No such resource", "find_resources"),
            ("find_resources", {"text": ""}, "A parameter isn't valid", "text"),
            ("get_answers", {"limit": 3}, "A parameter isn't valid", "limit"),
        ],
    )
    def test_an_error_says_what_to_do(self, name: str, arguments: dict[str, Any], title: str, word: str) -> None:
        answer = call_tool(name, arguments)
        assert list(answer) == ["error"] and set(answer["error"]) == {"title", "reason", "remedy"}
        assert answer["error"]["title"] == title
        assert word in f"{answer['error']['reason']} {answer['error']['remedy']}"

    def test_what_was_sent_is_not_repeated(self) -> None:
        assert "secret" not in json.dumps(call_tool("analyze_waste", {"limit": "my secret"}))

    def test_a_cursor_of_another_tool_is_refused(self) -> None:
        cursor = call_tool("analyze_waste", {"limit": 1})["page"]["next_cursor"]
        assert call_tool("analyze_portfolio", {"cursor": cursor})["error"]["title"] == "The cursor isn't valid"

    def test_a_fault_is_told_without_its_details(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tool_bodies.queries, "get_answers", lambda: 1 / 0)
        told = json.dumps(call_tool("get_answers"))
        assert "A fault of this service" in told and "ZeroDivision" not in told and "Traceback" not in told

    def test_no_credential_leaves(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(os.environ, "PGPASSWORD", "hunter2")

        def refuse() -> None:
            raise DatabaseUnreachable("no host postgres://me:other@db, password hunter2, password=third", "start it")

        monkeypatch.setattr(tool_bodies.queries, "get_answers", refuse)
        told = json.dumps(call_tool("get_answers"))
        assert "start it" in told
        assert [secret for secret in ("hunter2", "other", "third") if secret in told] == []


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize("name", sorted(NAMES))
def test_without_a_database(name: str) -> None:
    error = call_tool(name, ARGUMENTS.get(name))["error"]
    assert error["title"] == "The database can't be reached" and "make up" in error["remedy"]


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("name", sorted(NAMES - {"get_resource_context"}))
def test_before_anything_is_loaded(name: str) -> None:
    answer = call_tool(name, ARGUMENTS.get(name))
    assert answer["as_of"] == {"costs": None, "metrics": None, "evaluated": None}
    assert answer["quality"]["status"] == "unknown"
