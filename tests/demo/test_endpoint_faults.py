"""Each kind of fault as an unmodified client meets it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, IncompleteReadError, ResponseStreamingError

from demo.errors import DemoError
from demo.faults import Fault
from demo.world.accounts import ANALYTICS, DEVELOPMENT
from tests.demo.conftest import Served
from tests.demo.endpoint_account import control, original, own_key, serve

BUCKET = "example-corp-billing"


@pytest.fixture
def served() -> Iterator[Served]:
    with serve(original()) as each:
        yield each


def code_of(call: object, **arguments: object) -> str:
    """The error code that a call ends with, or what it isn't."""
    try:
        call(**arguments)  # type: ignore[operator]
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "answered"


def inject(served: Served, **rule: object) -> None:
    status, answer = control(served, "faults", rule)
    assert status == 200, answer


def test_denied_and_throttled_in_each_services_own_words(served: Served) -> None:
    calls: dict[str, tuple[str, dict[str, Any], str, str]] = {
        "ec2": ("describe_instances", {}, "UnauthorizedOperation", "RequestLimitExceeded"),
        "rds": ("describe_db_instances", {}, "AccessDenied", "Throttling"),
        "elbv2": ("describe_load_balancers", {}, "AccessDenied", "Throttling"),
        "sts": ("get_caller_identity", {}, "AccessDenied", "Throttling"),
        "dynamodb": ("list_tables", {}, "AccessDeniedException", "ThrottlingException"),
        "organizations": ("list_accounts", {}, "AccessDeniedException", "TooManyRequestsException"),
        "cloudwatch": ("list_metrics", {}, "AccessDeniedException", "ThrottlingException"),
        "lambda": ("list_functions", {}, "AccessDeniedException", "TooManyRequestsException"),
        "savingsplans": ("describe_savings_plans", {}, "AccessDeniedException", "ThrottlingException"),
        "cloudfront": ("list_distributions", {}, "AccessDenied", "Throttling"),
        "apigateway": ("get_rest_apis", {}, "AccessDeniedException", "TooManyRequestsException"),
        "s3": ("list_objects_v2", {"Bucket": BUCKET}, "AccessDenied", "SlowDown"),
        "pricing": ("describe_services", {}, "AccessDeniedException", "ThrottlingException"),
        "invoicing": (
            "list_invoice_summaries",
            {"Selector": {"ResourceType": "ACCOUNT_ID", "Value": "1" * 12}},
            "AccessDeniedException",
            "ThrottlingException",
        ),
    }
    for kind in ("deny", "throttle"):
        inject(served, kind=kind)
        for service, call in calls.items():
            assert code_of(getattr(served.client(service), call[0]), **call[1]) == call[2 if kind == "deny" else 3], (
                service
            )
        control(served, "faults", method="DELETE")
    for service, call in calls.items():
        assert code_of(getattr(served.client(service), call[0]), **call[1]) == "answered", service


def test_a_rule_meets_what_it_names_alone_and_as_often_as_it_says(served: Served) -> None:
    inject(served, kind="deny", service="ec2", action="Describe*", region="eu-west-1", account=DEVELOPMENT.account_id)
    denied = served.client("ec2", "eu-west-1", **own_key(DEVELOPMENT))
    assert code_of(denied.describe_volumes) == "UnauthorizedOperation"
    assert code_of(served.client("ec2", "us-east-1", **own_key(DEVELOPMENT)).describe_volumes) == "answered"
    assert code_of(served.client("ec2", "eu-west-1", **own_key(ANALYTICS)).describe_volumes) == "answered"
    assert code_of(served.client("rds", "eu-west-1", **own_key(DEVELOPMENT)).describe_db_instances) == "answered"
    control(served, "faults", method="DELETE")
    inject(served, kind="error", service="sts", times=2)
    sts = served.client("sts")
    assert [code_of(sts.get_caller_identity) for _ in range(3)] == ["InternalError", "InternalError", "answered"]
    assert control(served, "faults", method="GET")[1]["faults"][0]["left"] == 0
    control(served, "faults", method="DELETE")
    inject(served, kind="throttle", service="sts", share=0.5, seed=3)
    outcomes = [code_of(sts.get_caller_identity) for _ in range(60)]
    assert 15 < outcomes.count("Throttling") < 45


def test_latency_and_dropped_connections(served: Served) -> None:
    sts = served.client("sts")
    inject(served, kind="latency", service="sts", seconds=0.4, times=1)
    started = time.monotonic()
    assert code_of(sts.get_caller_identity) == "answered"
    assert time.monotonic() - started >= 0.4
    inject(served, kind="drop", service="sts", times=1)
    with pytest.raises(ConnectionClosedError):
        sts.get_caller_identity()
    assert code_of(sts.get_caller_identity) == "answered"


def test_corrupt_and_truncated_objects(served: Served) -> None:
    s3 = served.client("s3")
    key = next(
        each["Key"]
        for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]
        if each["Key"].endswith(".csv.gz") and each["Size"] > 1000
    )
    whole = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    inject(served, kind="corrupt", path="*.csv.gz", times=1)
    spoilt = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert len(spoilt) == len(whole)
    assert sum(a != b for a, b in zip(spoilt, whole, strict=True)) == 1
    inject(served, kind="truncate", path="*.csv.gz", times=1)
    with pytest.raises((IncompleteReadError, ResponseStreamingError)):
        s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == whole


def test_published_rates_hold_when_asked_for() -> None:
    with serve(original(), throttle=True) as served:
        metrics = served.client("cloudwatch")
        started = time.monotonic()
        outcomes = [code_of(metrics.list_metrics, Namespace="none") for _ in range(60)]
        allowed = outcomes.count("answered")
        # 25 at once, and 25 a second after that.
        assert 25 <= allowed <= 25 + 25 * (time.monotonic() - started) + 1
        assert set(outcomes) == {"answered", "ThrottlingException"}
        assert code_of(served.client("cloudwatch", "eu-west-1").list_metrics, Namespace="none") == "answered"


def test_rules_from_texts() -> None:
    assert Fault.parse("kind=latency,service=ce,seconds=1.5,times=2") == Fault("latency", "ce", seconds=1.5, times=2)
    for text in (
        "kind=explode",
        "deny",
        "kind=deny,moon=full",
        "kind=deny,share=2",
        "kind=deny,times=x",
        "service=ec2",
    ):
        with pytest.raises(DemoError):
            Fault.parse(text)
