"""The last 14 days by the hour, and of EC2 by the resource. AWS charges for holding them: off unless asked for.

Of what each hour cost there are two tellings, by service and, of EC2's machines, by resource. Never add the two.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from ingest.aws import Account
from ingest.cost_explorer.answers import COSTS, METRICS, Page, Row, read_rows
from ingest.cost_explorer.asking import ask
from ingest.errors import IngestError
from ingest.requests import RequestLog
from ingest.snapshots import replace_partition

SOURCE_NAME = "cost_explorer_hourly"
VARIABLE = "TIEOUT_COST_EXPLORER_HOURLY"
DAYS = 14  # Cost Explorer keeps no more by the hour
MACHINES = "Amazon Elastic Compute Cloud - Compute"  # the one service that is told by the resource
_SCHEMA = pa.schema(
    [
        ("usage_start_at", pa.timestamp("us", tz="UTC")),
        *((name, pa.string()) for name in ("account_id", "service_name", "resource_id", "currency_code")),
        *((column, pa.decimal128(38, 18)) for column in COSTS.values()),
        ("usage_quantity", pa.decimal128(38, 18)),
        ("usage_unit", pa.string()),
        ("is_estimated", pa.bool_()),
    ]
)
_REMEDY = (
    "if hourly and resource-level data isn't enabled: Billing and Cost Management → Cost Management preferences → Cost "
    "Explorer, in the payer account; AWS takes up to 48 hours to fill it"
)


def is_asked_for(variables: Mapping[str, str]) -> bool:
    """Whether the environment asks for hourly costs.

    Raises:
        IngestError: the variable is neither yes nor no.
    """
    text = variables.get(VARIABLE, "").strip().lower()
    if text in ("1", "true", "yes"):
        return True
    if text in ("", "0", "false", "no"):
        return False
    raise IngestError(f"{VARIABLE} is {text!r}; set it to 1 or 0")


def sync_hours(account: Account, partition_key: str, today: date, log: RequestLog) -> tuple[int, int]:
    """Replace the hours that stand by those of the last 14 days; returns how many rows, and how many requests.

    Raises:
        CapReached: the month's cap would be passed.
        IngestError: AWS refuses, or the database; what stood before stands.
    """
    place = f"Cost Explorer {account.account_id}, hourly"
    period = {"Start": f"{today - timedelta(days=DAYS - 1)}T00:00:00Z", "End": f"{today + timedelta(days=1)}T00:00:00Z"}
    asked: dict[str, Any] = {"TimePeriod": period, "Granularity": "HOURLY", "Metrics": METRICS}
    services = _ask(account, "GetCostAndUsage", asked | {"GroupBy": _group("LINKED_ACCOUNT", "SERVICE")}, log, place)
    only_machines = {"Dimensions": {"Key": "SERVICE", "Values": [MACHINES]}}
    machines = _ask(
        account,
        "GetCostAndUsageWithResources",
        asked | {"GroupBy": _group("LINKED_ACCOUNT", "RESOURCE_ID"), "Filter": only_machines},
        log,
        place,
    )
    rows = [_place(start, row, {"resource_id": None}) for start, row in read_rows(services, _BY_SERVICE, place)]
    rows += [_place(start, row, {"service_name": MACHINES}) for start, row in read_rows(machines, _BY_RESOURCE, place)]
    request_count = len(services) + len(machines)
    row_count = replace_partition(
        SOURCE_NAME,
        partition_key,
        "https://ce.amazonaws.com",
        period["End"],
        {"cost_explorer_costs_hourly": (_SCHEMA, rows)},
        request_count,
    )
    return row_count, request_count


_BY_SERVICE = ("account_id", "service_name")
_BY_RESOURCE = ("account_id", "resource_id")


def _ask(account: Account, operation: str, request: dict[str, Any], log: RequestLog, place: str) -> list[Page]:
    try:
        return ask(account, operation, request, log, place)
    except IngestError as error:
        # AWS has several words for "not enabled", none of them documented; a reader finds the remedy beside any.
        if any(word in str(error) for word in ("ValidationException", "DataUnavailable", "AccessDenied")):
            raise IngestError(f"{error}; {_REMEDY}") from error
        raise


def _place(start: str, row: Row, rest: Row) -> Row:
    started = datetime.fromisoformat(start.replace("Z", "+00:00"))
    return {"usage_start_at": started if started.tzinfo else started.replace(tzinfo=UTC), **row, **rest}


def _group(*keys: str) -> list[dict[str, str]]:
    return [{"Type": "DIMENSION", "Key": key} for key in keys]
