"""The HTTP API over a real PostgreSQL: the envelope, exact money, and an answer for whatever is sent."""

from decimal import Decimal
from typing import Any, LiteralString

import psycopg
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.api import app
from tests.app import marts_fixture as invented

ROUTE = "/api/v1/ai/resources/waste-analysis"
ROUTES = {
    "waste": ROUTE,
    "rightsizing": "/api/v1/ai/resources/rightsizing",
    "commitments": "/api/v1/ai/commitments/optimization",
    "portfolio": "/api/v1/ai/portfolio/optimization",
    "schedules": "/api/v1/ai/workloads/scheduling",
}
PROBLEM = "application/problem+json"


@pytest.fixture
def client() -> TestClient:
    return TestClient(app, raise_server_exceptions=False)


def read(client: TestClient, **parameters: Any) -> dict[str, Any]:
    answer = client.get(ROUTE, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.usefixtures("filled")
class TestWasteAnalysis:
    def test_the_envelope(self, client: TestClient) -> None:
        body = read(client)
        assert list(body) == ["as_of", "quality", "answer", "totals", "items", "page"]
        assert body["as_of"] == {
            "costs": "2026-11-20T00:00:00Z",
            "metrics": "2026-11-21T05:00:00Z",
            "evaluated": "2026-11-21T06:00:00Z",
        }
        assert body["totals"] == {
            "count": 9,
            "gross_savings_usd_per_month": "2000723.6400000001",
            "net_savings_usd_per_month": "1235070.1834567892",
            "counted_net_savings_usd_per_month": "1235070.1834567892",
            "unknown_savings_count": 1,
            "portfolio": [],
            "currency": "USD",
        }
        assert body["page"] == {"limit": 50, "next_cursor": None}

    def test_quality_is_the_worst_behind_the_answer(self, client: TestClient) -> None:
        everything = read(client)["quality"]
        assert everything["status"] == "disputed"
        assert [source["source_name"] for source in everything["sources"]] == ["cur", "cost_explorer", "cloudwatch"]
        assert "6 findings reconciled" in everything["finding"]
        assert "Cost Explorer was never loaded." in everything["finding"]
        assert "CloudWatch is older than it should be (promised within 24 hours)." in everything["finding"]
        assert read(client, minimum_savings_usd_per_month="140")["quality"]["status"] == "reconciled"
        # with no finding to speak of, the state of the whole comparison is told
        nothing = read(client, region="nowhere")["quality"]
        assert (nothing["status"], nothing["finding"].split(".")[0]) == ("disputed", "No finding matches")

    def test_money_is_exact_text_and_unknown_is_null(self, client: TestClient) -> None:
        first, *_, last = read(client)["items"]
        assert first["net_savings_usd_per_month"] == "1234567.1234567891"
        assert first["confidence_ratio"] == 0.95
        assert first["evidence"]["list_price_usd_per_hour"] == "0.192"
        assert first["evidence"]["cpu_maximum_pct"] == 1.2
        assert first["evidence"]["days_observed"] == 14
        assert last["net_savings_usd_per_month"] is None
        assert last["evidence"] is None
        tiny = next(item for item in read(client)["items"] if item["recommendation_id"] == "rec007")
        assert tiny["net_savings_usd_per_month"] == "0.0000000001"

    def test_pages(self, client: TestClient) -> None:
        ids: list[str] = []
        parameters: dict[str, Any] = {"limit": 4, "account_id": [invented.SHOP, invented.LAB]}
        while True:
            body = read(client, **parameters)
            ids += [item["recommendation_id"] for item in body["items"]]
            if body["page"]["next_cursor"] is None:
                break
            parameters["cursor"] = body["page"]["next_cursor"]
        assert len(ids) == len(set(ids)) == body["totals"]["count"] == 9

    def test_repeated_filters_are_alternatives(self, client: TestClient) -> None:
        assert read(client, region=["us-east-1", "eu-west-1"])["totals"]["count"] == 8
        assert read(client, service="Amazon EBS", minimum_confidence_ratio="0.9")["totals"]["count"] == 1

    def test_names_from_aws_come_as_they_are(self, client: TestClient) -> None:
        answer = client.get(ROUTE)
        assert answer.headers["content-type"] == "application/json"
        assert invented.HOSTILE_NAME in [item["resource_name"] for item in answer.json()["items"]]

    @pytest.mark.parametrize(
        ("query", "parameter"),
        [
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=1.5", "limit"),
            ("limit=" + "9" * 5000, "limit"),
            ("minimum_savings_usd_per_month=NaN", "minimum_savings_usd_per_month"),
            ("minimum_savings_usd_per_month=sNaN", "minimum_savings_usd_per_month"),
            ("minimum_savings_usd_per_month=Infinity", "minimum_savings_usd_per_month"),
            ("minimum_savings_usd_per_month=1e999999999", "minimum_savings_usd_per_month"),
            ("minimum_savings_usd_per_month=1e-999999999", "minimum_savings_usd_per_month"),
            ("minimum_savings_usd_per_month=-0.01", "minimum_savings_usd_per_month"),
            ("minimum_savings_usd_per_month=", "minimum_savings_usd_per_month"),
            ("minimum_confidence_ratio=1.0001", "minimum_confidence_ratio"),
            ("minimum_confidence_ratio=nan", "minimum_confidence_ratio"),
            ("region=%00", "region.0"),
            ("region=eu-west-1&region=", "region.1"),
            ("account_id=" + "1" * 257, "account_id.0"),
            ("&".join(["service=x"] * 201), "service"),
            ("regions=eu-west-1", "regions"),
        ],
    )
    def test_bad_parameters_are_named(self, client: TestClient, query: str, parameter: str) -> None:
        answer = client.get(f"{ROUTE}?{query}")
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == PROBLEM
        problem = answer.json()
        assert (problem["type"], problem["status"]) == ("/problems/bad-parameters", 422)
        assert [each["parameter"] for each in problem["errors"]] == [parameter]
        assert len(answer.text) < 1000

    @pytest.mark.parametrize("cursor", ["", "x", "%00", "e30", "W" * 5000, "WyJhIiwgIjEiLCAiMSIsICJcdTAwMDAiXQ"])
    def test_a_bad_cursor(self, client: TestClient, cursor: str) -> None:
        answer = client.get(f"{ROUTE}?cursor={cursor}")
        assert answer.status_code == 400, answer.text
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json()["type"] == "/problems/bad-cursor"

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        name=st.sampled_from([*app.openapi()["paths"][ROUTE]["get"]["parameters"]]),
        value=st.one_of(st.text(), st.decimals().map(str), st.integers().map(str), st.binary()),
    )
    def test_no_input_is_a_fault(self, client: TestClient, name: dict[str, Any], value: str | bytes) -> None:
        answer = client.get(ROUTE, params={name["name"]: value})
        assert answer.status_code in (200, 400, 422), answer.text
        answer.json()


@pytest.mark.usefixtures("filled")
class TestFiveAnswers:
    @pytest.mark.parametrize("answer_id", ROUTES)
    def test_each_route_carries_its_answer(self, client: TestClient, answer_id: str) -> None:
        (stored,) = query("select sentence, figures from marts.fct_answers where answer_id = %s", answer_id)
        body = client.get(ROUTES[answer_id]).json()
        assert (body["answer"]["answer_id"], body["answer"]["sentence"]) == (answer_id, stored[0])
        assert {name for name in body["answer"]["figures"] if "usd" in name} == {n for n in stored[1] if "usd" in n}
        assert body["totals"]["count"] == len(body["items"]) > 0
        assert body["as_of"]["costs"] == "2026-11-20T00:00:00Z"

    def test_each_finding_brings_its_details(self, client: TestClient) -> None:
        size = client.get(ROUTES["rightsizing"]).json()["items"][0]
        assert [option["preset"] for option in size["options"]] == [
            "Maximum savings", "Balanced", "Default", "Maximum performance",
        ]  # fmt: skip
        assert sum(option["is_recommended"] for option in size["options"]) == 1
        quiet = client.get(ROUTES["schedules"]).json()["items"][0]
        assert quiet["schedule"]["quiet_ranges"] == [[0, 8], [114, 168]]
        (purchase,) = client.get(ROUTES["commitments"]).json()["items"]
        assert purchase["resource_key"] is None
        assert purchase["option"]["commitment_option_id"] == purchase["commitment_option_id"]

    def test_the_portfolio_counts_each_dollar_once(self, client: TestClient) -> None:
        body = client.get(ROUTES["portfolio"], params={"limit": 500}).json()
        (total,) = [part for part in body["totals"]["portfolio"] if part["recommendation_category"] == "total"]
        counted = [item["counted_net_savings_usd_per_month"] for item in body["items"]]
        assert sum(Decimal(amount) for amount in counted if amount) == Decimal(
            total["counted_net_savings_usd_per_month"]
        )
        assert body["totals"]["counted_net_savings_usd_per_month"] == total["counted_net_savings_usd_per_month"]
        assert {item["overlap_reason"] for item in body["items"]} == {"none", "removed_as_waste", "resized_first"}

    @pytest.mark.parametrize("answer_id", ROUTES)
    def test_filters_and_pages_hold_everywhere(self, client: TestClient, answer_id: str) -> None:
        whole = client.get(ROUTES[answer_id], params={"limit": 500}).json()
        ids: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = client.get(ROUTES[answer_id], params={"limit": 1, **cursor}).json()
            ids += [item["recommendation_id"] for item in page["items"]]
            if page["page"]["next_cursor"] is None:
                break
            cursor = {"cursor": page["page"]["next_cursor"]}
        assert ids == [item["recommendation_id"] for item in whole["items"]]
        nothing = client.get(ROUTES[answer_id], params={"account_id": "000000000000"}).json()
        assert (nothing["totals"]["count"], nothing["items"]) == (0, [])
        assert nothing["answer"] == whole["answer"], "the sentence is of everything there is"

    @pytest.mark.parametrize("answer_id", ["rightsizing", "portfolio"])
    def test_a_cursor_of_another_answer_is_refused(self, client: TestClient, answer_id: str) -> None:
        cursor = client.get(ROUTE, params={"limit": 1}).json()["page"]["next_cursor"]
        assert client.get(ROUTES[answer_id], params={"cursor": cursor}).status_code == 400


def query(statement: LiteralString, *values: object) -> list[Any]:
    with psycopg.connect("") as connection:
        return connection.execute(statement, values).fetchall()


schema = schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.mark.usefixtures("filled")
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@schema.parametrize()
def test_no_request_of_the_schema_is_a_fault(case: schemathesis.Case) -> None:
    """schemathesis asks every route for whatever its OpenAPI allows and forbids: no 5xx, and answers as described.

    One check is left out: that whatever fits the schema is accepted. A cursor is opaque: only one given out is valid.
    """
    case.call_and_validate(excluded_checks=[positive_data_acceptance])


class TestOperation:
    def test_healthy_without_a_database(self, client: TestClient, unreachable: None) -> None:
        assert client.get("/healthz").json() == {"status": "ok"}
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json()["type"] == "/problems/database-unreachable"
        assert "make up" in answer.json()["detail"]
        assert client.get(ROUTE).status_code == 503

    def test_not_ready_without_marts(self, client: TestClient, bare: None) -> None:
        for path in ("/readyz", ROUTE):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/data-not-ready")
            assert "dbt build" in answer.json()["detail"]

    def test_ready(self, client: TestClient, filled: None) -> None:
        assert client.get("/readyz").json() == {"status": "ok"}

    def test_ready_but_empty(self, client: TestClient, empty: None) -> None:
        body = read(client)
        assert body["as_of"] == {"costs": None, "metrics": None, "evaluated": None}
        assert body["quality"]["status"] == "unknown"
        assert (body["totals"]["count"], body["totals"]["net_savings_usd_per_month"]) == (0, "0")

    def test_a_fault_tells_nothing_of_the_inside(
        self, client: TestClient, filled: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail() -> None:
            raise psycopg.DataError("secret")

        monkeypatch.setattr("app.queries.check_ready", fail)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.headers["content-type"]) == (500, PROBLEM)
        assert "secret" not in answer.text

    @pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("POST", ROUTE, 405)])
    def test_other_refusals_are_problems_too(self, client: TestClient, method: str, path: str, status: int) -> None:
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
        assert answer.json()["status"] == status

    def test_openapi_says_what_is_sent(self, client: TestClient) -> None:
        described = client.get("/openapi.json").json()
        route = described["paths"][ROUTE]["get"]
        assert set(route["responses"]) == {"200", "400", "422", "503"}
        for status in ("400", "422", "503"):
            assert list(route["responses"][status]["content"]) == [PROBLEM]
        names = {parameter["name"] for parameter in route["parameters"]}
        assert names == {
            "account_id", "region", "service", "rule_id", "minimum_savings_usd_per_month", "minimum_confidence_ratio",
            "limit", "cursor",
        }  # fmt: skip
        schemas = described["components"]["schemas"]
        net = schemas["Recommendation"]["properties"]["net_savings_usd_per_month"]
        assert {option["type"] for option in net["anyOf"]} == {"string", "null"}
        assert "decimal string" in described["info"]["description"]
        assert client.get("/docs").status_code == 200

    def test_every_reference_in_openapi_leads_somewhere(self, client: TestClient) -> None:
        described = client.get("/openapi.json").json()

        def follow(node: Any) -> None:
            if isinstance(node, dict):
                if "$ref" in node:
                    target: Any = described
                    for part in node["$ref"].removeprefix("#/").split("/"):
                        target = target[part]
                for value in node.values():
                    follow(value)
            elif isinstance(node, list):
                for value in node:
                    follow(value)

        follow(described)

    def test_no_page_of_another_site_may_read(self, client: TestClient, filled: None) -> None:
        answer = client.get(ROUTE, headers={"Origin": "https://elsewhere.example"})
        assert "access-control-allow-origin" not in answer.headers
