"""`app.queries` against a real PostgreSQL with the contracts' tables."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
import yaml
from psycopg import sql
from pydantic import ValidationError

from app import database, queries, rows
from app.api import app as api
from app.database import DatabaseBusy, DatabaseUnreachable, DataNotReady
from app.paging import InvalidCursor
from app.queries import RecommendationFilters
from app.tools import TOOLS
from tests.app import marts_fixture as invented
from tests.app.marts_fixture import environment
from tests.databases import make_environment

ORDER = ["rec008", "rec004", "rec001", "rec002", "rec003", "rec009", "rec007", "rec005", "rec006"]


def list_ids(found: rows.RecommendationPage) -> list[str]:
    return [item.recommendation_id for item in found.items]


def test_row_types_are_the_contracts_columns() -> None:
    contracts = invented.read_contracts()
    assert set(rows.Recommendation.model_fields) == set(contracts["fct_recommendations"])
    assert set(rows.SourceQuality.model_fields) == set(contracts["data_quality"])
    assert set(rows.Answer.model_fields) == set(contracts["fct_answers"])
    assert set(rows.PortfolioCategory.model_fields) == set(contracts["fct_portfolio"])
    assert set(rows.RightsizingOption.model_fields) == set(contracts["fct_rightsizing_options"])
    assert set(rows.ResourceSchedule.model_fields) == set(contracts["fct_resource_schedules"])
    assert set(rows.CommitmentOption.model_fields) == set(contracts["fct_commitment_options"])
    assert set(rows.CurvePoint.model_fields) <= set(contracts["fct_commitment_curves"])
    assert set(rows.CommitmentStrategy.model_fields) <= set(contracts["fct_commitment_strategies"])
    assert set(rows.CommitmentCoverage.model_fields) <= set(contracts["fct_commitment_coverage_recent"])
    assert set(rows.HeldCommitment.model_fields) - {"owner_account_name"} <= set(contracts["dim_commitments"])
    assert set(rows.OccupancyHour.model_fields) <= set(contracts["fct_resource_occupancy"])
    assert set(rows.RuleEvaluation.model_fields) <= set(contracts["fct_rule_evaluations"])
    assert set(rows.AccountMonthlyCost.model_fields) <= set(contracts["fct_account_costs_monthly"])
    assert set(rows.MetricCoverage.model_fields) <= set(contracts["fct_metric_coverage"])
    assert set(rows.RequestCost.model_fields) <= set(contracts["fct_api_requests_monthly"])
    days = {name for name in rows.BillDays.model_fields if name.endswith("_day_count")}
    derived = {"account_name", "first_usage_date", "last_usage_date"} | days
    assert set(rows.BillDays.model_fields) - derived <= set(contracts["fct_cost_completeness_daily"])
    assert set(rows.ReconciliationDay.model_fields) <= set(contracts["fct_cost_reconciliation_daily"])
    assert set(rows.ReconciliationDifference.model_fields) <= set(contracts["fct_cost_reconciliation_monthly"])
    assert set(rows.InvoiceComparison.model_fields) <= set(contracts["fct_invoice_reconciliation_monthly"])
    derived = {"month_start_date", "day_count", "first_usage_date", "last_usage_date"}
    assert set(rows.MonthToDate.model_fields) - derived <= set(contracts["fct_costs_bridged_daily"])
    assert set(rows.EstimateError.model_fields) - derived <= set(contracts["fct_cost_estimate_errors_daily"])


PACKAGE = Path(queries.__file__).parent


def read_functions() -> dict[str, str]:
    """Every function of the package, by name, with its body."""
    functions = {}
    for path in PACKAGE.glob("*.py"):
        for match in re.finditer(r"^def (\w+)\(.*?(?=^def |^class |\Z)", path.read_text(), re.DOTALL | re.MULTILINE):
            functions[match.group(1)] = match.group(0)
    return functions


def marts_of(function: str) -> set[str]:
    """The marts that a query reads, itself or through a function of the package that it calls."""
    functions = read_functions()
    body = functions[function]
    called = set(re.findall(r"\b(\w+)\(", body.split("\n", 1)[1])) & set(functions) - {function}
    return set(re.findall(r"marts\.(\w+)", body)).union(*(marts_of(name) for name in called))


def test_only_marts_are_read_and_only_here() -> None:
    texts = "".join(path.read_text() for path in PACKAGE.glob("*.py"))
    statements = "\n".join(text for text in re.findall(r'"""(.*?)"""', texts, re.DOTALL) if "select" in text)
    sources = set(re.findall(r"\b(?:from|join)\s+([a-z_]+\.?[a-z_]*)", statements))
    marts = {source.removeprefix("marts.") for source in sources if "." in source}
    assert {source.split(".")[0] for source in sources if "." in source} == {"marts"}
    assert marts == set(queries.MARTS)
    others = [path for path in PACKAGE.parent.rglob("*.py") if path.parent != PACKAGE]
    assert [path.name for path in others if re.search(r"\b(from|join)\s+marts\.", path.read_text())] == []


def test_every_consumer_is_an_exposure() -> None:
    """Pages, routes, notebooks and tools each have an entry that names the marts they read."""
    root = invented.ROOT
    exposures = yaml.safe_load((root / "models/exposures.yml").read_text())["exposures"]
    files = {exposure["config"]["meta"]["file"] for exposure in exposures}
    consumers = {f"app/app_pages/{path.name}" for path in (root / "app/app_pages").glob("*.py")}
    consumers |= {f"notebooks/{path.name}" for path in (root / "notebooks").glob("*_report.py")}
    assert files == consumers | {"app/api.py", "app/mcp_server.py"}
    labels = {exposure["label"] for exposure in exposures}
    assert {f"GET {path}" for path in api.openapi()["paths"] if "/ai/" in path} <= labels
    assert {f"MCP tool {name}" for name in TOOLS} <= labels
    for exposure in exposures:
        named = {part.split("'")[1] for part in exposure["depends_on"]}
        assert named <= set(queries.MARTS), exposure["name"]
        read = re.findall(r"queries\.(get_\w+)\(", (root / exposure["config"]["meta"]["file"]).read_text())
        if exposure["type"] in ("dashboard", "notebook"):
            assert set().union(*(marts_of(function) for function in read)) <= named, exposure["name"]


@pytest.mark.usefixtures("filled")
class TestFindings:
    def test_dearest_first_and_unknown_last(self) -> None:
        found = queries.get_waste_recommendations(limit=500)
        assert list_ids(found) == ORDER
        assert found.next_cursor is None

    @pytest.mark.parametrize("limit", [1, 2, 4, 8, 9])
    def test_pages_are_the_whole_list_once(self, limit: int) -> None:
        ids: list[str] = []
        cursor = None
        while True:
            found = queries.get_waste_recommendations(limit=limit, cursor=cursor)
            assert found.totals.count == len(ORDER)
            ids += list_ids(found)
            cursor = found.next_cursor
            if cursor is None:
                break
            assert len(found.items) == limit
        assert ids == ORDER

    def test_every_digit_arrives(self) -> None:
        first, *_, last = queries.get_waste_recommendations().items
        assert first.net_savings_usd_per_month == Decimal("1234567.1234567891")
        assert last.net_savings_usd_per_month is None
        assert first.evidence is not None
        assert first.evidence["cpu_average_pct"] == Decimal("0.3125")

    def test_totals_are_the_exact_sums_of_all_pages(self) -> None:
        totals = queries.get_waste_recommendations(limit=1).totals
        waste = [row for row in invented.recommendations() if row["recommendation_id"] in ORDER]
        nets = [row["net_savings_usd_per_month"] for row in waste]
        grosses = [row["gross_savings_usd_per_month"] for row in waste]
        assert totals.net_savings_usd_per_month == sum(net for net in nets if net is not None)
        assert totals.gross_savings_usd_per_month == sum(gross for gross in grosses if gross is not None)
        assert (totals.count, totals.unknown_savings_count) == (9, 1)
        assert (totals.reconciled_count, totals.provisional_count, totals.disputed_count) == (6, 1, 1)

    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            ({"account_id": [invented.LAB]}, ["rec002", "rec007"]),
            ({"account_id": [invented.LAB, invented.SHOP]}, ORDER),
            ({"region": ["us-east-1"]}, ["rec002", "rec007"]),
            ({"service": ["Amazon EBS"]}, ["rec009"]),
            ({"rule_id": ["unattached_ebs_volumes"]}, ["rec009"]),
            ({"minimum_savings_usd_per_month": Decimal("70.08")}, ["rec008", "rec004", "rec001", "rec002", "rec003"]),
            ({"minimum_savings_usd_per_month": Decimal("0.0000000001")}, ORDER[:7]),
            ({"minimum_confidence_ratio": Decimal("0.71")}, [each for each in ORDER[:8] if each != "rec003"]),
            ({"account_id": [invented.LAB], "minimum_savings_usd_per_month": Decimal(1)}, ["rec002"]),
            ({"region": ["'; drop schema marts cascade; --"]}, []),
            ({"service": ["%"]}, []),
        ],
    )
    def test_filters(self, filters: dict[str, object], expected: list[str]) -> None:
        found = queries.get_waste_recommendations(RecommendationFilters.model_validate(filters))
        assert list_ids(found) == expected
        assert found.totals.count == len(expected)

    def test_nothing_found_saves_nothing_but_unknown_stays_unknown(self) -> None:
        nothing = queries.get_waste_recommendations(RecommendationFilters(region=["nowhere"]))
        assert nothing.totals.net_savings_usd_per_month == 0
        assert nothing.items == []
        with only_unknown_savings():
            unknown = queries.get_waste_recommendations()
        assert unknown.totals.count == 1
        assert unknown.totals.net_savings_usd_per_month is None

    @pytest.mark.parametrize("limit", [0, -1, 501])
    def test_limit_is_bounded(self, limit: int) -> None:
        with pytest.raises(ValueError, match="between 1 and 500"):
            queries.get_waste_recommendations(limit=limit)

    @pytest.mark.parametrize("cursor", ["", "x", "e30", "bnVsbA", "WyIxIl0", "\x00", "é", "W" * 5000, "Ww" * 900])
    def test_a_cursor_from_elsewhere_is_refused(self, cursor: str) -> None:
        with pytest.raises(InvalidCursor, match="start again without it"):
            queries.get_waste_recommendations(cursor=cursor)

    def test_a_cursor_of_other_filters_is_refused(self) -> None:
        cursor = queries.get_waste_recommendations(limit=2).next_cursor
        with pytest.raises(InvalidCursor, match="other filters"):
            queries.get_waste_recommendations(RecommendationFilters(region=["eu-west-1"]), cursor=cursor)

    @pytest.mark.parametrize(
        "filters",
        [
            {"region": ["a\x00b"]},
            {"region": ["\ud800"]},
            {"region": [""]},
            {"service": ["x" * 257]},
            {"minimum_savings_usd_per_month": "NaN"},
            {"minimum_savings_usd_per_month": "1e30"},
            {"minimum_savings_usd_per_month": "-1"},
            {"minimum_confidence_ratio": "1.01"},
            {"regions": ["eu-west-1"]},
        ],
    )
    def test_filters_that_mean_nothing_are_refused(self, filters: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            RecommendationFilters.model_validate(filters)

    def test_one_finding_by_its_id(self) -> None:
        dismissed = queries.get_recommendation("rec010")
        assert dismissed is not None
        assert dismissed.status == "dismissed"
        assert dismissed.costs_as_of_at == invented.COSTS_AS_OF
        assert [queries.get_recommendation(each) for each in ("gone", "\x00", "'", "x" * 999)] == [None] * 4

    def test_filter_values(self) -> None:
        values = queries.get_filter_values()
        assert [(each.value, each.label) for each in values.accounts] == [
            (invented.SHOP, "shop-production"),
            (invented.LAB, None),
        ]
        assert [each.value for each in values.regions] == ["eu-west-1", "us-east-1"]
        assert [each.value for each in values.services] == ["Amazon EBS", "Amazon EC2"]
        assert [each.label for each in values.rules] == ["Idle EC2 instance", "Unattached EBS volume"]

    def test_savings_by_rule(self) -> None:
        idle, volumes = queries.get_savings_by_rule("waste")
        assert (idle.rule_id, idle.finding_count) == ("idle_ec2_instances", 8)
        assert (idle.lowest_confidence_ratio, idle.highest_confidence_ratio) == (Decimal("0.7"), Decimal("0.95"))
        assert volumes.net_savings_usd_per_month == Decimal("12.5")


@contextmanager
def only_unknown_savings() -> Iterator[None]:
    """For a moment the only open finding is the one whose savings aren't known."""
    others = "from marts.fct_recommendations as kept where kept.recommendation_id <> 'rec006'"
    with psycopg.connect("", autocommit=True) as connection:
        connection.execute(f"create table put_aside as select * {others}")
        connection.execute("delete from marts.fct_recommendations where recommendation_id <> 'rec006'")
        try:
            yield
        finally:
            connection.execute("insert into marts.fct_recommendations select * from put_aside")
            connection.execute("drop table put_aside")


@pytest.mark.usefixtures("filled")
class TestTheRest:
    def test_verdicts(self) -> None:
        counts = {count.evaluation_status: count.resource_count for count in queries.get_rule_evaluation_counts()}
        assert sum(counts.values()) == len(invented.rule_evaluations())
        assert counts["insufficient_data"] == 3
        totals = queries.get_rule_evaluation_totals()
        assert totals.judged_count == counts["flagged"] + counts["passed"]
        assert totals.undecided_count == counts["insufficient_data"] + counts["too_early"]

    def test_what_was_not_judged_says_why(self) -> None:
        found = queries.get_rule_evaluations(["insufficient_data", "too_early"])
        assert [verdict.evaluation_status for verdict in found] == ["insufficient_data"] * 3 + ["too_early"] * 2
        assert all(verdict.finding and verdict.days_observed < verdict.days_needed for verdict in found)
        assert len(queries.get_rule_evaluations(["passed"], limit=5)) == 5
        lab = queries.get_rule_evaluations(["passed"], invented.LAB)
        assert {verdict.account_id for verdict in lab} == {invented.LAB}

    def test_months(self) -> None:
        months = queries.get_costs_monthly()
        assert [month.invoice_status for month in months] == ["invoiced", "partly_invoiced", "estimated"]
        assert months[0].amortized_cost_usd == Decimal("9120.4450000001")
        assert months[2].amortized_cost_usd == Decimal("6210.9950000000")
        (september, *_) = queries.get_costs_monthly(invented.LAB)
        assert september.amortized_cost_usd == Decimal("1000.0050000001")
        accounts = queries.get_account_costs_monthly()
        assert [cost.account_id for cost in accounts[:2]] == [invented.SHOP, invented.LAB]
        assert sum(cost.amortized_cost_usd or 0 for cost in accounts) == sum(m.amortized_cost_usd or 0 for m in months)

    def test_reconciliation(self) -> None:
        summary = queries.get_reconciliation_summary()
        assert [(each.reconciliation_status, each.row_count, each.one_sided_count) for each in summary.statuses] == [
            ("reconciled", 7, 0),
            ("provisional", 2, 1),
            ("disputed", 1, 0),
        ]
        assert summary.statuses[0].unblended_difference_usd == Decimal("0.0070000000")
        assert (summary.last_reconciled_date.day, summary.last_compared_date.day) == (8, 10)
        assert [(day.usage_date.day, day.unblended_difference_usd) for day in summary.disputed] == [
            (4, Decimal("12.34"))
        ]

    def test_differences_have_their_class_and_cause(self) -> None:
        found = queries.get_reconciliation_differences()
        assert [
            (each.record_class, each.reconciliation_status, each.difference_cause, each.row_count) for each in found
        ] == [
            ("usage", "disputed", "unknown", 3),
            ("credit", "provisional", "credit_or_refund_timing", 1),
        ]
        assert found[0].unblended_difference_usd == Decimal("12.00")
        assert found[0].absolute_unblended_difference_usd == Decimal("12.70")
        assert [each.row_count for each in queries.get_reconciliation_differences(invented.LAB)] == [2]

    def test_invoices(self) -> None:
        pending, rounded = queries.get_invoice_comparison()
        assert (pending.invoice_id, pending.invoice_total_usd, pending.difference_usd) == (None, None, Decimal(100))
        assert (rounded.invoice_id, rounded.difference_cause) == ("205059761", "rounding")

    def test_the_month_to_date_tells_estimates_apart(self) -> None:
        billed, estimated, together = queries.get_month_to_date()
        assert (billed.cost_source, billed.day_count, billed.amortized_cost_usd) == ("cur", 19, 19 * Decimal("90.25"))
        assert (estimated.cost_source, estimated.day_count) == ("cost_explorer", 2)
        assert (estimated.first_usage_date.day, estimated.costs_as_of_at) == (20, invented.NOW)
        assert (together.cost_source, together.day_count) == (None, 21)
        assert together.unblended_cost_usd == 21 * Decimal("100.5")
        assert together.costs_as_of_at == invented.COSTS_AS_OF
        assert queries.get_month_to_date(invented.LAB) == []

    def test_errors_of_estimates(self) -> None:
        (november,) = queries.get_estimate_errors()
        assert (november.day_count, november.unblended_error_usd) == (2, Decimal("-1.0"))
        assert queries.get_estimate_errors(invented.LAB) == []

    def test_quality_and_as_of(self) -> None:
        cur, cost_explorer, cloudwatch = queries.get_data_quality()
        assert (cur.is_fresh, cloudwatch.is_fresh, cost_explorer.last_loaded_at) == (True, False, None)
        as_of = queries.get_as_of()
        assert (as_of.costs, as_of.metrics, as_of.evaluated) == (
            invented.COSTS_AS_OF,
            invented.METRICS_AS_OF,
            invented.NOW,
        )

    def test_nothing_can_be_written(self) -> None:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            database.fetch_rows(
                "delete from marts.data_quality returning source_name as mart_name", row_type=rows.MissingMart
            )


@pytest.mark.usefixtures("empty")
def test_empty_marts_answer_with_unknowns() -> None:
    queries.check_ready()
    as_of = queries.get_as_of()
    assert (as_of.costs, as_of.metrics, as_of.evaluated) == (None, None, None)
    assert queries.get_waste_recommendations().items == []
    summary = queries.get_reconciliation_summary()
    assert (summary.statuses, summary.last_reconciled_date, summary.disputed) == ([], None, [])
    assert queries.get_reconciliation_differences() == queries.get_invoice_comparison() == []
    assert queries.get_month_to_date() == queries.get_estimate_errors() == []
    assert queries.get_costs_monthly() == queries.get_account_costs_monthly() == queries.get_data_quality() == []
    assert queries.get_rule_evaluation_totals().judged_count == 0
    assert queries.get_filter_values().accounts == []


class TestWhatCanGoWrong:
    @pytest.mark.usefixtures("bare")
    def test_no_marts(self) -> None:
        for read in (queries.get_waste_recommendations, queries.get_data_quality, queries.check_ready):
            with pytest.raises(DataNotReady, match=r"make demo.*dbt build"):
                read()
        with pytest.raises(DataNotReady, match=r"missing: marts.ai_context, marts.data_quality, marts.dim_accounts"):
            queries.check_ready()

    @pytest.mark.usefixtures("unreachable")
    def test_no_server(self) -> None:
        with pytest.raises(DatabaseUnreachable, match=r"(?s)No such file or directory.*make up") as caught:
            queries.get_as_of()
        assert "\n" not in str(caught.value)

    def test_no_such_database(self, databases: dict[str, dict[str, str]]) -> None:
        with (
            environment({**databases["filled"], "PGDATABASE": "nowhere"}),
            pytest.raises(DatabaseUnreachable, match='database "nowhere" does not exist'),
        ):
            queries.get_as_of()

    def test_no_such_host(self) -> None:
        with (
            environment(make_environment(PGHOST="127.0.0.1", PGPORT="9", PGUSER="nobody")),
            pytest.raises(DatabaseUnreachable, match="make up"),
        ):
            queries.check_ready()

    def test_a_role_that_may_not_read(self, databases: dict[str, dict[str, str]]) -> None:
        with environment(databases["filled"]):
            with psycopg.connect("", autocommit=True) as connection:
                connection.execute("create role stranger")
                connection.execute(sql.SQL("grant stranger to {}").format(sql.Identifier(connection.info.user)))
            with (
                environment({**databases["filled"], "PGOPTIONS": "-c role=stranger"}),
                pytest.raises(DataNotReady, match=r"permission denied.*database roles"),
            ):
                queries.get_as_of()

    def test_a_mart_of_another_shape(self, databases: dict[str, dict[str, str]]) -> None:
        with environment(databases["filled"]), psycopg.connect("", autocommit=True) as connection:
            connection.execute("alter table marts.data_quality rename column finding to findings")
            try:
                with pytest.raises(DataNotReady, match="finding"):
                    queries.get_data_quality()
            finally:
                connection.execute("alter table marts.data_quality rename column findings to finding")
            connection.execute("update marts.data_quality set source_name = null where source_name = 'cur'")
            try:
                with pytest.raises(DataNotReady, match="source_name"):
                    queries.get_data_quality()
            finally:
                connection.execute("update marts.data_quality set source_name = 'cur' where source_name is null")

    @pytest.mark.usefixtures("filled")
    def test_a_query_that_takes_too_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database, "STATEMENT_TIMEOUT_SECONDS", 1)
        with pytest.raises(DatabaseBusy, match="longer than 1 s"):
            database.fetch_rows("select pg_sleep(30)::text as mart_name", row_type=rows.MissingMart)

    @pytest.mark.usefixtures("filled")
    def test_a_restarted_server_is_found_again(self) -> None:
        before = queries.get_as_of()
        with psycopg.connect("", autocommit=True) as connection:
            ended = connection.execute(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'tieout app'"
            ).fetchone()
        assert ended is not None
        assert ended[0] > 0
        assert queries.get_as_of() == before
