"""Cost Explorer: GetCostAndUsage and GetDimensionValues over the summed bill, about a day behind."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from demo import money
from demo.reports.spend import Cell
from demo.timeline import Horizon, moment
from demo.wire import Caller, ServiceError
from demo.world import accounts

TARGET = "AWSInsightsIndexService"
GROUPS_PER_PAGE = 1000
MONTHS_KEPT = 14
_EPOCH = date(1970, 1, 1)
_DIMENSIONS: dict[str, Callable[[Cell], str]] = {
    "LINKED_ACCOUNT": lambda cell: cell.account_id,
    "SERVICE": lambda cell: cell.service,
    "RECORD_TYPE": lambda cell: cell.record_type,
    "REGION": lambda cell: cell.region,
    "USAGE_TYPE": lambda cell: cell.usage_type,
}
_MEASURES: dict[str, Callable[[Cell], int]] = {
    "UnblendedCost": lambda cell: cell.unblended,
    "BlendedCost": lambda cell: cell.blended,
    "NetUnblendedCost": lambda cell: cell.net_unblended,
    "AmortizedCost": lambda cell: cell.amortized,
    "NetAmortizedCost": lambda cell: cell.net_amortized,
    "UsageQuantity": lambda cell: cell.quantity,
}


def _invalid(message: str) -> ServiceError:
    return ServiceError(400, "ValidationException", message)


def _day(text: Any) -> date:
    try:
        return datetime.strptime(str(text), "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise _invalid(f"Invalid date {text!r}: use yyyy-MM-dd.") from error


def _matcher(expression: Any) -> Callable[[Cell], bool]:
    """A test of cells for a filter expression. Raises ServiceError for what isn't simulated."""
    if not isinstance(expression, dict) or len(expression) != 1:
        raise _invalid("Expression must have exactly one root operator.")
    (operator, operand), *_ = expression.items()
    if operator in ("And", "Or"):
        if not isinstance(operand, list) or len(operand) < 2:
            raise _invalid(f"{operator} needs at least two expressions.")
        tests = [_matcher(part) for part in operand]
        combine = all if operator == "And" else any
        return lambda cell: combine(test(cell) for test in tests)
    if operator == "Not":
        test = _matcher(operand)
        return lambda cell: not test(cell)
    if operator != "Dimensions" or not isinstance(operand, dict):
        raise _invalid(f"{operator} filters are not simulated; use Dimensions, And, Or and Not.")
    read = _DIMENSIONS.get(str(operand.get("Key")))
    if read is None:
        raise _invalid(f"Dimension {operand.get('Key')} is not simulated; use {', '.join(_DIMENSIONS)}.")
    if operand.get("MatchOptions") not in (None, ["EQUALS"]):
        raise _invalid("Only the match option EQUALS is simulated.")
    values = operand.get("Values")
    if not isinstance(values, list) or not values:
        raise _invalid("Dimensions needs Values.")
    wanted = frozenset(map(str, values))
    return lambda cell: read(cell) in wanted


def _spans(start: date, end: date, granularity: str) -> list[tuple[date, date]]:
    spans = []
    first = start
    while first < end:
        following = first + timedelta(days=1)
        if granularity == "MONTHLY":
            following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        spans.append((first, min(following, end)))
        first = following
    return spans


class CostService:
    """Answers from the cells of an account."""

    def __init__(self, cells: list[Cell], horizon: Horizon, groups_per_page: int = GROUPS_PER_PAGE):
        self.horizon = horizon
        self.groups_per_page = groups_per_page
        self._by_day: dict[date, list[Cell]] = {}
        for cell in cells:
            self._by_day.setdefault(_EPOCH + timedelta(days=cell.day), []).append(cell)

    def answer(self, action: str, parameters: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """GetCostAndUsage and GetDimensionValues; a linked account sees its own costs, the payer everyone's."""
        if action == "GetCostAndUsage":
            return self._get_cost_and_usage(parameters, caller)
        if action == "GetDimensionValues":
            return self._get_dimension_values(parameters, caller)
        raise ServiceError(400, "UnknownOperationException", f"{action} is not simulated.")

    def _period(self, parameters: dict[str, Any]) -> tuple[date, date]:
        period = parameters.get("TimePeriod") or {}
        start, end = _day(period.get("Start")), _day(period.get("End"))
        today = moment(self.horizon.end).date()
        if start >= end:
            raise _invalid("Start date (and hour) should be before end date (and hour)")
        if start > today:
            raise _invalid("start date is past today")
        if (today.year - start.year) * 12 + today.month - start.month > MONTHS_KEPT:
            raise _invalid("You haven't enabled historical data beyond 14 months.")
        return start, end

    def _cells(self, start: date, end: date, caller: Caller, test: Callable[[Cell], bool] | None) -> list[Cell]:
        own = None if caller.account.account_id == accounts.PAYER.account_id else caller.account.account_id
        days = [start + timedelta(days=offset) for offset in range((end - start).days)]
        return [
            cell
            for day in days
            for cell in self._by_day.get(day, ())
            if (own is None or cell.account_id == own) and (test is None or test(cell))
        ]

    def _get_cost_and_usage(self, parameters: dict[str, Any], caller: Caller) -> dict[str, Any]:
        granularity = parameters.get("Granularity")
        if granularity == "HOURLY":
            raise _invalid("Hourly data is not enabled for this account.")
        start, end = self._period(parameters)
        if granularity not in ("DAILY", "MONTHLY"):
            raise _invalid("Granularity must be DAILY or MONTHLY.")
        metrics = parameters.get("Metrics") or []
        unknown = [metric for metric in metrics if metric not in _MEASURES]
        if unknown or not metrics:
            raise _invalid(f"Metrics must be some of {', '.join(_MEASURES)}.")
        groupings = self._groupings(parameters.get("GroupBy") or [])
        test = _matcher(parameters["Filter"]) if parameters.get("Filter") else None
        spans = _spans(start, end, granularity)
        first = self._open(parameters)
        results: list[dict[str, Any]] = []
        groups = 0
        while first < len(spans):
            begin, stop = spans[first]
            result = self._result(begin, stop, self._cells(begin, stop, caller, test), groupings, metrics)
            if results and groups + len(result["Groups"]) > self.groups_per_page:
                break
            groups += len(result["Groups"])
            results.append(result)
            first += 1
        answer: dict[str, Any] = {"ResultsByTime": results}
        if groupings:
            answer["GroupDefinitions"] = [{"Type": "DIMENSION", "Key": key} for key in groupings]
            answer["DimensionValueAttributes"] = self._attributes(results, groupings)
        else:
            answer["DimensionValueAttributes"] = []
        if first < len(spans):
            answer["NextPageToken"] = self._seal(parameters, first)
        return answer

    @staticmethod
    def _groupings(group_by: list[dict[str, Any]]) -> list[str]:
        if len(group_by) > 2:
            raise _invalid("GroupBy can have at most 2 elements.")
        for group in group_by:
            if group.get("Type") != "DIMENSION" or group.get("Key") not in _DIMENSIONS:
                raise _invalid(
                    f"Grouping by {group.get('Type')} {group.get('Key')} is not simulated; use DIMENSION with"
                    f" {', '.join(_DIMENSIONS)}."
                )
        keys = [str(group["Key"]) for group in group_by]
        if len(set(keys)) < len(keys):
            raise _invalid("GroupBy keys must differ.")
        return keys

    def _result(
        self, start: date, end: date, cells: list[Cell], groupings: list[str], metrics: list[str]
    ) -> dict[str, Any]:
        result: dict[str, Any] = {
            "TimePeriod": {"Start": start.isoformat(), "End": end.isoformat()},
            "Total": {},
            "Groups": [],
            "Estimated": self._is_estimated(end - timedelta(days=1)),
        }
        if not groupings:
            result["Total"] = self._measure(cells, metrics)
            return result
        grouped: dict[tuple[str, ...], list[Cell]] = {}
        for cell in cells:
            grouped.setdefault(tuple(_DIMENSIONS[key](cell) for key in groupings), []).append(cell)
        result["Groups"] = [
            {"Keys": list(keys), "Metrics": self._measure(members, metrics)}
            for keys, members in sorted(grouped.items())
        ]
        return result

    def _is_estimated(self, day: date) -> bool:
        """Whether the invoice of a day's month isn't out yet."""
        hour = (day - _EPOCH).days * 24
        month = next((period for period in self.horizon.periods if period.start <= hour < period.end), None)
        return hour >= self.horizon.start and (month is None or not self.horizon.is_final(month, self.horizon.end))

    @staticmethod
    def _measure(cells: list[Cell], metrics: list[str]) -> dict[str, Any]:
        values = {}
        for metric in metrics:
            total = sum(_MEASURES[metric](cell) for cell in cells)
            unit = "USD"
            if metric == "UsageQuantity":
                units = {cell.unit for cell in cells if cell.quantity}
                unit = units.pop() if len(units) == 1 else "N/A"
            values[metric] = {"Amount": money.spell(total), "Unit": unit}
        return values

    @staticmethod
    def _attributes(results: list[dict[str, Any]], groupings: list[str]) -> list[dict[str, Any]]:
        if "LINKED_ACCOUNT" not in groupings:
            return []
        place = groupings.index("LINKED_ACCOUNT")
        seen = {group["Keys"][place] for result in results for group in result["Groups"]}
        return [
            {"Value": account.account_id, "Attributes": {"description": account.name}}
            for account in accounts.ACCOUNTS
            if account.account_id in seen
        ]

    @staticmethod
    def _digest(parameters: dict[str, Any]) -> str:
        rest = {key: value for key, value in parameters.items() if key != "NextPageToken"}
        return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:16]

    def _seal(self, parameters: dict[str, Any], first: int) -> str:
        return base64.urlsafe_b64encode(json.dumps([self._digest(parameters), first]).encode()).decode()

    def _open(self, parameters: dict[str, Any]) -> int:
        token = parameters.get("NextPageToken")
        if token is None:
            return 0
        try:
            digest, first = json.loads(base64.urlsafe_b64decode(str(token)))
            place = int(first)
        except (ValueError, TypeError) as error:
            raise ServiceError(400, "InvalidNextTokenException", "The pagination token is invalid.") from error
        if digest != self._digest(parameters) or place < 0:
            raise ServiceError(400, "InvalidNextTokenException", "The pagination token is invalid.")
        return place

    def _get_dimension_values(self, parameters: dict[str, Any], caller: Caller) -> dict[str, Any]:
        start, end = self._period(parameters)
        read = _DIMENSIONS.get(str(parameters.get("Dimension")))
        if read is None:
            raise _invalid(f"Dimension {parameters.get('Dimension')} is not simulated; use {', '.join(_DIMENSIONS)}.")
        test = _matcher(parameters["Filter"]) if parameters.get("Filter") else None
        values = sorted({read(cell) for cell in self._cells(start, end, caller, test)})
        search = parameters.get("SearchString")
        if search:
            values = [value for value in values if str(search).lower() in value.lower()]
        names = {account.account_id: account.name for account in accounts.ACCOUNTS}
        return {
            "DimensionValues": [
                {"Value": value, "Attributes": {"description": names[value]} if value in names else {}}
                for value in values
            ],
            "ReturnSize": len(values),
            "TotalSize": len(values),
        }
