"""Requests to Cost Explorer, each page counted and priced before it is asked for."""

from collections.abc import Callable
from datetime import date
from typing import Any

from ingest.aws import Account, explained
from ingest.cost_explorer.answers import COSTS, METRICS, Page
from ingest.requests import RequestLog

REGION = "us-east-1"  # Cost Explorer's one endpoint


def ask_totals(account: Account, first: date, end: date, log: RequestLog) -> list[Page]:
    """Every month's sums by account and record type: who there is to ask about, and whose month has moved."""
    request = {
        "TimePeriod": {"Start": first.isoformat(), "End": end.isoformat()},
        "Granularity": "MONTHLY",
        "Metrics": list(COSTS),
        "GroupBy": [_group("LINKED_ACCOUNT"), _group("RECORD_TYPE")],
    }
    return ask(account, "GetCostAndUsage", request, log, f"Cost Explorer {account.account_id} {first:%Y-%m}")


def ask_days(account: Account, account_id: str, first: date, end: date, log: RequestLog) -> list[Page]:
    """One linked account's days by service and record type: two groupings are Cost Explorer's limit."""
    request = {
        "TimePeriod": {"Start": first.isoformat(), "End": end.isoformat()},
        "Granularity": "DAILY",
        "Metrics": METRICS,
        "GroupBy": [_group("SERVICE"), _group("RECORD_TYPE")],
        "Filter": {"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": [account_id]}},
    }
    place = f"Cost Explorer {account.account_id} {first:%Y-%m}, account {account_id}"
    return ask(account, "GetCostAndUsage", request, log, place)


def ask(account: Account, operation: str, request: dict[str, Any], log: RequestLog, place: str) -> list[Page]:
    """All pages of an answer.

    Raises:
        CapReached: the month's cap would be passed.
        IngestError: AWS refuses.
    """
    client = account.client("ce", REGION)
    call: Callable[..., Page] = {
        "GetCostAndUsage": client.get_cost_and_usage,
        "GetCostAndUsageWithResources": client.get_cost_and_usage_with_resources,
    }[operation]
    pages: list[Page] = []
    with explained(place):
        while True:
            log.count(operation, account.account_id, REGION)
            pages.append(call(**request))
            token = pages[-1].get("NextPageToken")
            if not token:
                return pages
            request = {**request, "NextPageToken": token}


def _group(key: str) -> dict[str, str]:
    return {"Type": "DIMENSION", "Key": key}
