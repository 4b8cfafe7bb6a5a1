"""Hourly costs: off unless asked for, one line where AWS doesn't hold them, rows where it does.

The simulated account has no hourly data, as an account that doesn't pay for it; an account that does is botocore's own
stub, which holds requests and answers against AWS's description of them.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore.stub import Stubber

from ingest.aws import Account
from ingest.cost_explorer import hourly
from ingest.errors import IngestError
from ingest.requests import CapReached, open_log
from tests.app.marts_fixture import environment
from tests.simulated import Cloud, Product, sole_error

METRICS = [
    "UnblendedCost", "BlendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost", "UsageQuantity"
]  # fmt: skip
PERIOD = {"Start": "2026-11-10T00:00:00Z", "End": "2026-11-24T00:00:00Z"}


def answer(*groups: tuple[str, str, str], hour: int = 5, **rest: Any) -> dict[str, Any]:
    """One hour, of each group its two keys and its cost."""
    return {
        "ResultsByTime": [
            {
                "TimePeriod": {"Start": f"2026-11-22T{hour:02d}:00:00Z", "End": f"2026-11-22T{hour + 1:02d}:00:00Z"},
                "Groups": [
                    {
                        "Keys": [first, second],
                        "Metrics": {name: {"Amount": cost, "Unit": "USD"} for name in METRICS[:-1]}
                        | {"UsageQuantity": {"Amount": "1", "Unit": "Hrs"}},
                    }
                    for first, second, cost in groups
                ],
                "Estimated": True,
            }
        ],
        **rest,
    }


def expect(stub: Stubber, operation: str, keys: tuple[str, str], told: dict[str, Any], **rest: Any) -> None:
    asked = {
        "TimePeriod": PERIOD,
        "Granularity": "HOURLY",
        "Metrics": METRICS,
        "GroupBy": [{"Type": "DIMENSION", "Key": key} for key in keys],
        **rest,
    }
    stub.add_response(operation, told, asked)


def test_services_and_machines_are_kept_by_the_hour(product: Product) -> None:
    product.call("cur", "--source", "nowhere")  # makes the schema
    client = boto3.client("ce", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    only_machines = {"Filter": {"Dimensions": {"Key": "SERVICE", "Values": [hourly.MACHINES]}}}
    by_service, by_resource = ("LINKED_ACCOUNT", "SERVICE"), ("LINKED_ACCOUNT", "RESOURCE_ID")
    with Stubber(client) as stub, environment(product.environment), open_log("cost_explorer", datetime.now(UTC)) as log:
        expect(stub, "get_cost_and_usage", by_service, answer(("1", hourly.MACHINES, "3"), NextPageToken="next"))
        expect(stub, "get_cost_and_usage", by_service, answer(("1", "AWS Lambda", "0.5"), hour=6), NextPageToken="next")
        told = answer(("1", "i-1", "1"), ("1", "NoResourceId", "2"))
        expect(stub, "get_cost_and_usage_with_resources", by_resource, told, **only_machines)
        account = Account("9", mock.Mock())
        with mock.patch.object(Account, "client", lambda *_, **__: client):
            assert hourly.sync_hours(account, "9/hourly", date(2026, 11, 23), log) == (4, 3)
            # What is told later takes the place of it.
            expect(stub, "get_cost_and_usage", by_service, answer(("1", "AWS Lambda", "0.75")))
            expect(stub, "get_cost_and_usage_with_resources", by_resource, answer(), **only_machines)
            before = product.query(ROWS)
            assert hourly.sync_hours(account, "9/hourly", date(2026, 11, 23), log) == (1, 2)
        stub.assert_no_pending_responses()
    at = datetime(2026, 11, 22, 5, tzinfo=UTC)
    assert before == [
        (at, "1", hourly.MACHINES, "NoResourceId", Decimal(2), Decimal(1), "Hrs"),
        (at, "1", hourly.MACHINES, "i-1", Decimal(1), Decimal(1), "Hrs"),
        (at, "1", hourly.MACHINES, None, Decimal(3), Decimal(1), "Hrs"),
        (at.replace(hour=6), "1", "AWS Lambda", None, Decimal("0.5"), Decimal(1), "Hrs"),
    ]
    assert product.query(ROWS) == [(at, "1", "AWS Lambda", None, Decimal("0.75"), Decimal(1), "Hrs")]
    assert product.query("select operation, request_count, request_cost_usd from raw.api_requests order by 1") == [
        ("GetCostAndUsage", 3, Decimal("0.03")),
        ("GetCostAndUsageWithResources", 2, Decimal("0.02")),
    ]


ROWS = """
    select usage_start_at, account_id, service_name, resource_id, unblended_cost, usage_quantity, usage_unit
    from raw.cost_explorer_costs_hourly order by 1, 2, 3, 4
"""


def test_an_account_without_hourly_data_is_told_how_to_enable_it(product: Product, cloud: Cloud) -> None:
    asking = product.with_variables(**cloud.variables, TIEOUT_COST_EXPLORER_HOURLY="true")
    finished = asking.call_at(cloud.present, "cost-explorer", "--months", "1")
    line = sole_error(finished)
    assert "Cost Explorer 111122223333, hourly: AWS answered ValidationException (Hourly data is not enabled" in line
    assert "Cost Management preferences → Cost Explorer" in line
    # The daily costs are there all the same.
    assert [text.split(":")[0] for text in finished.stdout.splitlines()] == ["111122223333/2026-11"]
    # Off again, nothing is asked by the hour; the flag asks without the variable.
    plain = product.with_variables(**cloud.variables)
    assert plain.call_at(cloud.present, "cost-explorer", "--months", "1").returncode == 0
    assert "hourly" in sole_error(plain.call_at(cloud.present, "cost-explorer", "--months", "1", "--hourly"))


def test_the_cap_is_told_as_what_it_is(product: Product) -> None:
    product.call("cur", "--source", "nowhere")
    capped = product.with_variables(TIEOUT_MONTHLY_REQUEST_CAP_USD="0.001")
    with environment(capped.environment), open_log("cost_explorer", datetime.now(UTC)) as log:
        account = Account("9", mock.Mock())
        with pytest.raises(CapReached, match="^stopped at this month's cap"):
            hourly.sync_hours(account, "9/hourly", date(2026, 11, 23), log)
    assert product.query("select count(*) from raw.cost_explorer_costs_hourly") == [(0,)]


@pytest.mark.parametrize(
    ("text", "is_wanted"), [("1", True), ("Yes", True), ("true", True), ("", False), ("0", False), ("no", False)]
)
def test_the_variable_says_yes_or_no(text: str, is_wanted: bool) -> None:
    assert hourly.is_asked_for({hourly.VARIABLE: text}) is is_wanted


def test_any_other_word_is_an_error() -> None:
    assert hourly.is_asked_for({}) is False
    with pytest.raises(IngestError, match="TIEOUT_COST_EXPLORER_HOURLY is 'maybe'; set it to 1 or 0"):
        hourly.is_asked_for({hourly.VARIABLE: "maybe"})
