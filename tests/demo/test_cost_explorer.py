"""Cost Explorer through an unmodified boto3 client: equal to the report's sums, except for its lag."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.demo.conftest import Served
from tests.demo.reports import AMORTIZED, MONEY, newest_manifests, read_report

WHOLE = {"Start": "2026-09-01", "End": "2026-11-24"}
LAG_STARTS = "2026-11-22"

# An own restatement of how Cost Explorer names what the report holds.
SERVICE = """case
    when "lineItem/LineItemType" = 'Tax' then 'Tax'
    when "lineItem/ProductCode" = 'ComputeSavingsPlans' then 'Savings Plans for AWS Compute usage'
    when "lineItem/ProductCode" = 'AWSELB' then 'Amazon Elastic Load Balancing'
    when "lineItem/ProductCode" <> 'AmazonEC2' then "product/ProductName"
    when regexp_matches("lineItem/UsageType", '(BoxUsage|SpotUsage|HeavyUsage)')
        then 'Amazon Elastic Compute Cloud - Compute'
    else 'EC2 - Other' end"""
RECORD_TYPE = """case "lineItem/LineItemType"
    when 'RIFee' then 'Recurring'
    when 'Fee' then case
        when "lineItem/ProductCode" like 'AWSSupport%' then 'Support'
        when "bill/BillingEntity" = 'AWS Marketplace' then 'Usage'
        else 'Upfront' end
    else "lineItem/LineItemType" end"""


def _pages(served: Served, **arguments: Any) -> list[dict[str, Any]]:
    ce, pages = served.client("ce"), []
    while True:
        pages.append(ce.get_cost_and_usage(**arguments))
        if "NextPageToken" not in pages[-1]:
            return pages
        arguments["NextPageToken"] = pages[-1]["NextPageToken"]


def _by_key(pages: list[dict[str, Any]], metric: str) -> dict[tuple[str, ...], Decimal]:
    found: dict[tuple[str, ...], Decimal] = {}
    for page in pages:
        for result in page["ResultsByTime"]:
            assert result["Total"] == {}
            for group in result["Groups"]:
                key = (result["TimePeriod"]["Start"], *group["Keys"])
                assert key not in found
                found[key] = Decimal(group["Metrics"][metric]["Amount"])
    return found


def _from_report(served: Served, cost: str, *dimensions: str) -> dict[tuple[str, ...], Decimal]:
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for manifest in newest_manifests(served.directory):
        report = read_report(served.directory, manifest["assemblyId"])
        keys = ", ".join(['"lineItem/UsageStartDate"[:10]', *dimensions])
        for *key, value in report.rows(f"select {keys}, sum({cost}) from cur group by all"):
            sums[tuple(key)] += value
    return dict(sums)


def _group(*keys: str) -> list[dict[str, str]]:
    return [{"Type": "DIMENSION", "Key": key} for key in keys]


def test_unblended_equals_the_report_until_the_lag(served: Served) -> None:
    pages = _pages(
        served,
        TimePeriod=WHOLE,
        Granularity="DAILY",
        Metrics=["UnblendedCost"],
        GroupBy=_group("LINKED_ACCOUNT", "SERVICE"),
    )
    assert len(pages) > 1
    answered = _by_key(pages, "UnblendedCost")
    expected = _from_report(served, f'"lineItem/UnblendedCost"{MONEY}', '"lineItem/UsageAccountId"', SERVICE)
    assert max(answered)[0] < LAG_STARTS <= max(expected)[0], "the report knows a day that Cost Explorer doesn't yet"
    assert answered == {key: value for key, value in expected.items() if key[0] < LAG_STARTS}


def test_charge_types_and_amortized_equal_the_report(served: Served) -> None:
    pages = _pages(
        served,
        TimePeriod=WHOLE,
        Granularity="DAILY",
        Metrics=["AmortizedCost", "NetAmortizedCost"],
        GroupBy=_group("RECORD_TYPE", "LINKED_ACCOUNT"),
    )
    answered = _by_key(pages, "AmortizedCost")
    assert answered == _by_key(pages, "NetAmortizedCost")
    expected = _from_report(served, AMORTIZED, RECORD_TYPE, '"lineItem/UsageAccountId"')
    # The open month's reservation fee: the report has counted more hours as used than Cost Explorer, a lag behind.
    moving = [key for key in answered if key[:2] == ("2026-11-01", "Recurring")]
    assert moving
    assert sum(answered[key] for key in moving) > sum(expected[key] for key in moving)
    for key in moving:
        del answered[key], expected[key]
    assert answered == {key: value for key, value in expected.items() if key[0] < LAG_STARTS}


def test_months_totals_and_estimates(served: Served) -> None:
    (page,) = _pages(
        served, TimePeriod=WHOLE, Granularity="MONTHLY", Metrics=["UnblendedCost", "BlendedCost", "NetUnblendedCost"]
    )
    months = page["ResultsByTime"]
    assert [month["TimePeriod"]["Start"] for month in months] == ["2026-09-01", "2026-10-01", "2026-11-01"]
    assert [month["Estimated"] for month in months] == [False, False, True]
    for month, manifest in zip(months[:2], newest_manifests(served.directory), strict=False):
        total = read_report(served.directory, manifest["assemblyId"]).money("lineItem/UnblendedCost")
        for measure in month["Total"].values():
            assert measure["Unit"] == "USD"
            assert Decimal(measure["Amount"]) == total
            assert len(measure["Amount"].partition(".")[2]) == 10
        assert month["Groups"] == []


def test_end_is_exclusive_and_quantity_needs_one_unit(served: Served) -> None:
    one_day = {"Start": "2026-10-05", "End": "2026-10-06"}
    (page,) = _pages(served, TimePeriod=one_day, Granularity="DAILY", Metrics=["UsageQuantity"])
    assert [result["TimePeriod"] for result in page["ResultsByTime"]] == [one_day]
    assert page["ResultsByTime"][0]["Total"]["UsageQuantity"]["Unit"] == "N/A"
    only = {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon Elastic Compute Cloud - Compute"]}}
    (page,) = _pages(served, TimePeriod=one_day, Granularity="DAILY", Metrics=["UsageQuantity"], Filter=only)
    assert page["ResultsByTime"][0]["Total"]["UsageQuantity"]["Unit"] == "Hrs"


def test_filters(served: Served) -> None:
    def total(expression: dict[str, Any] | None) -> Decimal:
        extra = {"Filter": expression} if expression else {}
        period = {"Start": "2026-10-01", "End": "2026-11-01"}
        (page,) = _pages(served, TimePeriod=period, Granularity="MONTHLY", Metrics=["UnblendedCost"], **extra)
        return Decimal(page["ResultsByTime"][0]["Total"]["UnblendedCost"]["Amount"])

    tax = {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Tax"]}}
    credit = {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit"]}}
    home = {"Dimensions": {"Key": "REGION", "Values": ["us-east-1"]}}
    assert total(credit) < 0
    assert total(tax) > 0
    assert total({"Not": tax}) == total(None) - total(tax)
    assert total({"Or": [tax, credit]}) == total(tax) + total(credit)
    assert total({"And": [tax, credit]}) == 0
    assert 0 < total({"And": [home, {"Not": tax}]}) < total(None)


def test_names(served: Served) -> None:
    ce = served.client("ce")

    def values(dimension: str) -> list[dict[str, Any]]:
        found = ce.get_dimension_values(TimePeriod=WHOLE, Dimension=dimension)["DimensionValues"]
        assert isinstance(found, list)
        return found

    assert {one["Value"]: one["Attributes"]["description"] for one in values("LINKED_ACCOUNT")} == {
        "111122223333": "Example Corp payer",
        "444455556666": "Example Corp production",
        "012345678901": "Example Corp development",
        "777788889999": "Example Corp analytics",
    }
    assert {"Recurring", "Upfront", "Tax", "Credit", "SavingsPlanNegation"} < {
        one["Value"] for one in values("RECORD_TYPE")
    }


def test_a_linked_account_sees_its_own_costs(served: Served) -> None:
    ce = served.assumed("ce", served.at.role_arns[1])
    answer = ce.get_cost_and_usage(
        TimePeriod={"Start": "2026-10-01", "End": "2026-11-01"},
        Granularity="MONTHLY",
        Metrics=["UnblendedCost"],
        GroupBy=_group("LINKED_ACCOUNT"),
    )
    assert [group["Keys"] for group in answer["ResultsByTime"][0]["Groups"]] == [["012345678901"]]


@pytest.mark.parametrize(
    "change",
    [
        {"TimePeriod": {"Start": "2026-11-02", "End": "2026-11-02"}},
        {"TimePeriod": {"Start": "2026-12-25", "End": "2026-12-26"}},
        {"TimePeriod": {"Start": "2024-01-01", "End": "2026-11-01"}},
        {"TimePeriod": {"Start": "2026-1-1", "End": "tomorrow"}},
        {"Granularity": "HOURLY"},
        {"Metrics": ["NormalizedUsageAmount"]},
        {"GroupBy": _group("SERVICE", "REGION", "RECORD_TYPE")},
        {"GroupBy": [{"Type": "TAG", "Key": "Team"}]},
        {"Filter": {"Dimensions": {"Key": "CHARGE_TYPE", "Values": ["Tax"]}}},
    ],
)
def test_refusals(served: Served, change: dict[str, Any]) -> None:
    arguments = {
        "TimePeriod": {"Start": "2026-11-01", "End": "2026-11-02"},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
    } | change
    with pytest.raises(ClientError) as failure:
        served.client("ce").get_cost_and_usage(**arguments)
    assert failure.value.response["Error"]["Code"] == "ValidationException"


def test_bad_token(served: Served) -> None:
    ce = served.client("ce")
    with pytest.raises(ce.exceptions.InvalidNextTokenException):
        ce.get_cost_and_usage(
            TimePeriod=WHOLE, Granularity="DAILY", Metrics=["UnblendedCost"], NextPageToken="nonsense"
        )
