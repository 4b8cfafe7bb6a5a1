"""The marts as their contracts describe them, with an invented account's rows, in a real PostgreSQL.

The tables come from the contracts' own yml files: a column that is renamed there breaks the tests here, not the page.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import sql

from app.database import close_pool
from ingest.environment import apply as apply_environment
from tests.app.answers_fixture import fill_answers
from tests.databases import embedded, make_environment

ROOT = Path(__file__).parents[2]
CONTRACTS = ("models/marts", "models/recommendations")
NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
COSTS_AS_OF = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)
METRICS_AS_OF = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
HOSTILE_NAME = "<script>alert('tieout')</script> **bold** $x^2$ $y$ :red[red] =1+1"
SHOP, LAB = "111122223333", "444455556666"
Rows = list[dict[str, Any]]


def read_contracts() -> dict[str, dict[str, str]]:
    """Mart name → column name → PostgreSQL type, from the yml beside the models."""
    contracts = {}
    for folder in CONTRACTS:
        for path in sorted((ROOT / folder).rglob("*.yml")):
            for model in (yaml.safe_load(path.read_text()) or {}).get("models", []):
                columns = {
                    column["name"]: column["data_type"] for column in model.get("columns", []) if "data_type" in column
                }
                if columns:
                    contracts[model["name"]] = columns
    return contracts


def create_marts(connection: psycopg.Connection[Any], names: tuple[str, ...] | None = None) -> None:
    """An empty schema `marts` with the contracts' tables (all, or those named)."""
    connection.execute("drop schema if exists marts cascade")
    connection.execute("create schema marts")
    for name, columns in read_contracts().items():
        if names is None or name in names:
            parts = [sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in columns.items()]
            connection.execute(
                sql.SQL("create table marts.{} ({})").format(sql.Identifier(name), sql.SQL(", ").join(parts))
            )


def insert_rows(connection: psycopg.Connection[Any], mart: str, rows: Rows) -> None:
    """Insert dictionaries; a column that a row doesn't name is null, one that the contract doesn't know is an error."""
    for row in rows:
        values = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}
        connection.execute(
            sql.SQL("insert into marts.{} ({}) values ({})").format(
                sql.Identifier(mart),
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(sql.Placeholder() * len(values)),
            ),
            list(values.values()),
        )


def fill_marts(connection: psycopg.Connection[Any]) -> None:
    """The invented account: two accounts, three months, eleven findings of which one is dismissed, three sources."""
    insert_rows(connection, "fct_recommendations", recommendations())
    insert_rows(connection, "fct_rule_evaluations", rule_evaluations())
    insert_rows(connection, "fct_account_costs_monthly", account_costs())
    insert_rows(connection, "fct_cost_reconciliation_daily", reconciliation_days())
    insert_rows(connection, "fct_cost_reconciliation_monthly", reconciliation_months())
    insert_rows(connection, "fct_invoice_reconciliation_monthly", invoices())
    insert_rows(connection, "fct_costs_bridged_daily", bridged_days())
    insert_rows(connection, "fct_cost_estimate_errors_daily", estimate_errors())
    insert_rows(connection, "fct_resource_utilization", [{"metrics_as_of_at": METRICS_AS_OF}])
    insert_rows(connection, "data_quality", sources())
    insert_rows(connection, "fct_metric_coverage", coverage())
    insert_rows(connection, "fct_api_requests_monthly", requests())
    insert_rows(connection, "fct_cost_completeness_daily", bill_days())
    fill_answers(connection, insert_rows, recommendation, recommendations(), {SHOP: "shop-production", LAB: None})


def recommendation(number: int, net: str | None, gross: str | None, **changes: Any) -> dict[str, Any]:
    """One idle instance; `changes` replace columns."""
    instance = f"i-0{number:016x}"
    return {
        "recommendation_id": f"rec{number:03d}",
        "recommendation_category": "waste",
        "rule_id": "idle_ec2_instances",
        "rule_name": "Idle EC2 instance",
        "action_type": "Stop",
        "status": "open",
        "resource_key": f"arn:aws:ec2:eu-west-1:{SHOP}:instance/{instance}",
        "resource_id": instance,
        "resource_name": f"batch-worker-{number}",
        "resource_type": "ec2_instance",
        "resource_description": "m5.xlarge, Linux",
        "service_name": "Amazon EC2",
        "account_id": SHOP,
        "account_name": "shop-production",
        "region": "eu-west-1",
        "environment": None,
        "commitment_option_id": None,
        "finding": "CPU never above 1.2 % and 0.4 MB of network traffic a day in 14 days, for $140.16 a month.",
        "evidence": evidence(),
        "remediation": "1. Ask the owner named in the tags. 2. Snapshot its volumes. 3. Stop it. To undo: start it.",
        "gross_savings_usd_per_month": None if gross is None else Decimal(gross),
        "net_savings_usd_per_month": None if net is None else Decimal(net),
        "net_savings_usd_per_year": None if net is None else Decimal(net) * 12,
        "confidence_ratio": Decimal("0.95"),
        "risk": "low",
        "implementation_effort": "low",
        "is_restart_needed": False,
        "is_rollback_possible": True,
        "lookback_days": 14,
        "cost_quality": "reconciled",
        "costs_as_of_at": COSTS_AS_OF,
        "metrics_as_of_at": METRICS_AS_OF,
        "evaluated_at": NOW,
        **changes,
    }


def evidence() -> dict[str, Any]:
    """What a rule measured and what it held it against, in the shape that the rules write."""
    return {
        "cpu_maximum_pct": 1.2,
        "cpu_average_pct": 0.3125,
        "network_maximum_mb_per_day": 0.4123,
        "days_observed": 14,
        "completeness_ratio": 0.9975,
        "covered_hours_ratio": None,
        "list_price_usd_per_hour": 0.192,
        "thresholds": [
            {"threshold_name": "cpu_maximum_pct", "threshold_value": 5, "unit": "percent",
             "source": "AWS Compute Optimizer: idle EC2, peak CPU below 5 %", "source_date": "2026-08-01"},
            {"threshold_name": "network_maximum_mb_per_day", "threshold_value": 5, "unit": "megabytes per day",
             "source": "AWS Compute Optimizer: idle EC2, network below 5 MB a day", "source_date": "2026-08-01"},
            {"threshold_name": "minimum_completeness_ratio", "threshold_value": 0.9, "unit": "ratio",
             "source": "Tieout: a tenth of the hours missing could hide a daily burst", "source_date": "2026-11-23"},
        ],
    }  # fmt: skip


def recommendations() -> Rows:
    """Eleven findings in an order that no key gives by itself."""
    lab = {"account_id": LAB, "account_name": None, "region": "us-east-1"}
    return [
        recommendation(3, "70.08", "140.16", confidence_ratio=Decimal("0.7"), cost_quality="provisional"),
        recommendation(1, "140.16", "140.16"),
        recommendation(2, "140.16", "140.16", **lab),
        recommendation(4, "140.16", "150", resource_name=HOSTILE_NAME, finding=f"{HOSTILE_NAME} is idle."),
        recommendation(5, "0", "140.16", finding="Idle, but paid under a reservation anyway."),
        recommendation(6, None, None, resource_name=None, resource_description=None, finding=None, remediation=None,
                       evidence=None, risk=None, implementation_effort=None, confidence_ratio=None, lookback_days=None,
                       is_restart_needed=None, is_rollback_possible=None, cost_quality=None, region=None),
        recommendation(7, "0.0000000001", "0.0000000001", cost_quality="disputed", **lab),
        recommendation(8, "1234567.1234567891", "2000000.5"),
        recommendation(9, "12.5", "12.5", rule_id="unattached_ebs_volumes", rule_name="Unattached EBS volume",
                       action_type="Delete", service_name="Amazon EBS", resource_type="ebs_volume",
                       resource_description="gp3, 100 GiB", risk="medium", is_rollback_possible=False),
        recommendation(10, "50", "50", status="dismissed"),
        recommendation(11, "33", "33", recommendation_category="rightsizing"),
    ]  # fmt: skip


def rule_evaluations() -> Rows:
    """Verdicts of the idle rule, with those that couldn't decide."""
    verdicts = (
        [("flagged", "idle", 14)] * 8
        + [("passed", "in use", 14)] * 21
        + [("insufficient_data", "No CPU metric on 9 of 14 days: can't tell.", 5)] * 3
        + [("too_early", "Runs since 2 days; 14 are needed.", 2)] * 2
        + [("waived", "Standby, agreed until 2027-01-31.", 14)]
        + [("not_applicable", "Stopped during the whole look-back.", 0)] * 4
    )
    return [
        {
            "rule_evaluation_id": f"e{number}",
            "rule_id": "idle_ec2_instances",
            "rule_name": "Idle EC2 instance",
            "recommendation_category": "waste",
            "resource_key": f"arn:aws:ec2:eu-west-1:{SHOP}:instance/i-{number:04d}",
            "resource_id": f"i-{number:04d}",
            "resource_type": "ec2_instance",
            "account_id": SHOP if number % 2 else LAB,
            "region": "eu-west-1",
            "evaluation_status": status,
            "finding": finding,
            "evidence": {},
            "days_observed": days,
            "days_needed": 14,
            "evaluated_at": NOW,
        }
        for number, (status, finding, days) in enumerate(verdicts)
    ]


def account_costs() -> Rows:
    """September and October invoiced (October partly), November estimated."""
    months = (
        (date(2026, 9, 1), "invoiced", "invoiced", "8120.4400000000"),
        (date(2026, 10, 1), "invoiced", "estimated", "8450.1250000000"),
        (date(2026, 11, 1), "estimated", "estimated", "5210.9899999999"),
    )
    rows = []
    for start, shop_status, lab_status, cost in months:
        for account_id, name, status, amount in (
            (SHOP, "shop-production", shop_status, Decimal(cost)),
            (LAB, None, lab_status, Decimal("1000.0050000001")),
        ):
            rows.append(
                {
                    "account_cost_id": f"{start}{account_id}",
                    "billing_period_start_date": start,
                    "payer_account_id": SHOP,
                    "account_id": account_id,
                    "account_name": name,
                    "unblended_cost_usd": amount + 10,
                    "amortized_cost_usd": amount,
                    "public_on_demand_cost_usd": amount * 2,
                    "line_item_count": 1000,
                    "first_usage_date": start,
                    "last_usage_date": min(start + timedelta(days=28), date(2026, 11, 19)),
                    "invoice_status": status,
                    "costs_as_of_at": min(COSTS_AS_OF, datetime(start.year, start.month, 28, tzinfo=UTC)),
                    "evaluated_at": NOW,
                }
            )
    return rows


def reconciliation_days() -> Rows:
    """Ten days of one service: seven reconciled, one disputed in between, two provisional at the end."""
    rows = []
    for day in range(1, 11):
        status = "disputed" if day == 4 else "provisional" if day > 8 else "reconciled"
        difference = Decimal("12.3400000000") if status == "disputed" else Decimal("0.0010000000")
        rows.append(
            {
                "cost_reconciliation_id": f"r{day}",
                "usage_date": date(2026, 11, day),
                "account_id": SHOP,
                "service_name": "Amazon Elastic Compute Cloud - Compute",
                "record_class": "usage",
                "cur_unblended_cost_usd": None if day == 10 else Decimal("100.0000000000") + difference,
                "cost_explorer_unblended_cost_usd": Decimal("100"),
                "cur_amortized_cost_usd": None if day == 10 else Decimal("90.0000000000") + difference,
                "cost_explorer_amortized_cost_usd": Decimal("90"),
                "unblended_difference_usd": None if day == 10 else difference,
                "amortized_difference_usd": None if day == 10 else difference,
                "tolerance_usd": Decimal("0.01"),
                "line_item_count": 24,
                "reconciliation_status": status,
                "difference_cause": {"disputed": "unknown", "provisional": "reporting_lag"}.get(status, "rounding"),
                "evaluated_at": NOW,
            }
        )
    return rows


def reconciliation_months() -> Rows:
    """November by class and cause: two accounts of which each has a disputed usage of the same kind, a late credit."""
    november = {
        "usage_month_start_date": date(2026, 11, 1),
        "first_usage_date": date(2026, 11, 1),
        "last_usage_date": date(2026, 11, 8),
        "evaluated_at": NOW,
    }
    differing = (
        (SHOP, "usage", "reconciled", "none", 7, "0", "0"),
        (SHOP, "usage", "disputed", "unknown", 1, "12.34", "12.34"),
        (LAB, "usage", "disputed", "unknown", 2, "-0.34", "0.36"),
        (SHOP, "credit", "provisional", "credit_or_refund_timing", 1, "-25", "25"),
    )
    return [
        {**november, "monthly_reconciliation_id": f"m{number}", "account_id": account, "record_class": record_class,
         "reconciliation_status": status, "difference_cause": cause, "row_count": count,
         "unblended_difference_usd": Decimal(difference), "amortized_difference_usd": Decimal(difference),
         "absolute_unblended_difference_usd": Decimal(absolute)}
        for number, (account, record_class, status, cause, count, difference, absolute) in enumerate(differing)
    ]  # fmt: skip


def invoices() -> Rows:
    """October's invoice, rounded, and what no invoice bills yet."""
    october = {"billing_period_start_date": date(2026, 10, 1), "payer_account_id": SHOP, "billing_entity": "AWS",
               "tolerance_usd": Decimal("0.005"), "line_item_count": 9, "evaluated_at": NOW}  # fmt: skip
    return [
        {**october, "invoice_reconciliation_id": "i1", "invoice_id": "205059761",
         "invoicing_entity": "Amazon Web Services, Inc.", "cur_unblended_cost_usd": Decimal("9470.1299999999"),
         "invoice_total_usd": Decimal("9470.13"), "difference_usd": Decimal("-0.0000000001"),
         "reconciliation_status": "reconciled", "difference_cause": "rounding"},
        {**october, "invoice_reconciliation_id": "i2", "cur_unblended_cost_usd": Decimal("100"),
         "difference_usd": Decimal("100"), "reconciliation_status": "provisional",
         "difference_cause": "invoice_pending"},
    ]  # fmt: skip


def bridged_days() -> Rows:
    """November: nineteen days of the bill, two estimated; October's last day."""
    days = [(date(2026, 10, 31), "cur"), *((date(2026, 11, day), "cur") for day in range(1, 20))]
    days += [(date(2026, 11, day), "cost_explorer") for day in (20, 21)]
    return [
        {"bridged_cost_id": f"b{day}", "usage_date": day, "payer_account_id": SHOP, "account_id": SHOP,
         "service_name": "Amazon EC2", "record_class": "usage", "cost_source": source,
         "cost_quality": "reconciled" if source == "cur" else "estimated", "unblended_cost_usd": Decimal("100.5"),
         "amortized_cost_usd": Decimal("90.25"), "costs_as_of_at": COSTS_AS_OF if source == "cur" else NOW,
         "evaluated_at": NOW}
        for day, source in days
    ]  # fmt: skip


def estimate_errors() -> Rows:
    """Two days of November that Cost Explorer estimated too low by a dollar together."""
    return [
        {"estimate_error_id": f"e{day}", "usage_date": date(2026, 11, day), "payer_account_id": SHOP,
         "account_id": SHOP, "estimated_unblended_cost_usd": Decimal("100"),
         "billed_unblended_cost_usd": Decimal("100.5"), "unblended_error_usd": Decimal("-0.5"), "evaluated_at": NOW}
        for day in (18, 19)
    ]  # fmt: skip


def sources() -> Rows:
    """CUR fresh, CloudWatch stale, Cost Explorer never loaded."""
    return [
        {"source_name": "cloudwatch", "last_loaded_at": NOW - timedelta(days=3), "data_as_of_at": METRICS_AS_OF,
         "first_data_at": NOW - timedelta(days=40), "freshness_promise_hours": 24, "is_fresh": False, "load_count": 4,
         "row_count": 120_000, "finding": "The newest metric is 3 days old.", "evaluated_at": NOW},
        {"source_name": "cost_explorer", "freshness_promise_hours": 48, "load_count": 0, "row_count": 0,
         "finding": "Never loaded: run `python -m ingest cost-explorer`.", "evaluated_at": NOW},
        {"source_name": "cur", "last_loaded_at": NOW, "data_as_of_at": COSTS_AS_OF,
         "first_data_at": NOW - timedelta(days=90), "freshness_promise_hours": 36, "is_fresh": True, "load_count": 9,
         "row_count": 6_000, "finding": "Loaded today.", "evaluated_at": NOW},
    ]  # fmt: skip


def coverage() -> Rows:
    """Functions of two accounts of which one is silent; machines, one where nobody read and one that isn't billed."""
    columns = ("resource_type", "service_name", "account_id", "silence_means", "billed", "reporting", "silent")
    rows = (
        ("lambda_function", "AWS Lambda", SHOP, "zero", 3, 2, 1, 0, 0, 0),
        ("lambda_function", "AWS Lambda", LAB, "zero", 1200, 1200, 0, 0, 0, 0),
        ("ec2_instance", "Amazon EC2", SHOP, "not_running", 7, 6, 0, 1, 1, 2),
    )
    counted = (*columns[:4], *(f"{each}_resource_count" for each in (*columns[4:], "unread", "unbilled", "held_back")))
    return [{**dict(zip(counted, row, strict=True)), "evaluated_at": NOW} for row in rows]


def bill_days() -> Rows:
    """Four days of the shop: a whole one with an unknown type of line, a missing one, one cut off, an awaited one."""
    told = (("complete", "1.25"), ("gap", "0"), ("partial", "0"), ("not_delivered", "0"))
    return [
        {"cost_completeness_id": f"d{day}", "usage_date": date(2026, 11, day), "account_id": SHOP,
         "completeness_status": status, "line_item_count": 1, "is_in_cost_explorer": True,
         "unclassified_cost_usd": Decimal(cost)}
        for day, (status, cost) in enumerate(told, start=18)
    ]  # fmt: skip


def requests() -> Rows:
    """October's and November's requests; November's metrics were asked for in two regions."""
    asked = (
        (date(2026, 10, 1), "cost_explorer", "GetCostAndUsage", "us-east-1", 4, 4, "0.04"),
        (date(2026, 11, 1), "cloudwatch", "GetMetricData", "us-east-1", 30, 15_000, "0.15"),
        (date(2026, 11, 1), "cloudwatch", "GetMetricData", "eu-west-1", 10, 5_000, "0.05"),
        (date(2026, 11, 1), "cloudwatch", "ListMetrics", "eu-west-1", 12, 12, "0.00012"),
    )
    return [
        {"api_request_month_id": f"q{number}", "request_month_start_date": month, "source_name": source,
         "operation": operation, "account_id": SHOP, "region": region, "request_count": count,
         "billed_unit_count": units, "request_cost_usd": Decimal(cost), "last_requested_at": NOW}
        for number, (month, source, operation, region, count, units, cost) in enumerate(asked)
    ]  # fmt: skip


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """`variables` as this process's whole environment, completed as any program of the checkout completes its own."""
    before = dict(os.environ)
    close_pool()
    try:
        os.environ.clear()
        os.environ.update(variables)
        apply_environment()
        yield
    finally:
        close_pool()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, str]]]:
    """Environments of three databases on one server: `filled`, `empty` (marts without rows), `bare` (no marts)."""
    with embedded(tmp_path_factory.mktemp("postgres")) as server:
        found = {}
        for name in ("filled", "empty", "bare"):
            with server.connect(autocommit=True) as connection:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            found[name] = {**server.environment, "PGDATABASE": name}
            with environment(found[name]), psycopg.connect("", autocommit=True) as connection:
                if name != "bare":
                    create_marts(connection)
                if name == "filled":
                    fill_marts(connection)
        yield found


@pytest.fixture
def filled(databases: dict[str, dict[str, str]]) -> Iterator[None]:
    """The invented account's marts."""
    with environment(databases["filled"]):
        yield


@pytest.fixture
def empty(databases: dict[str, dict[str, str]]) -> Iterator[None]:
    """Marts that were built before anything was loaded."""
    with environment(databases["empty"]):
        yield


@pytest.fixture
def bare(databases: dict[str, dict[str, str]]) -> Iterator[None]:
    """A database that dbt never built."""
    with environment(databases["bare"]):
        yield


@pytest.fixture
def unreachable(tmp_path: Path) -> Iterator[None]:
    """No server where the environment says."""
    with environment(make_environment(PGHOST=str(tmp_path))):
        yield
