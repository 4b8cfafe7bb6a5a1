"""CloudWatch for reading: ListMetrics and GetMetricData, with AWS's limits, paging and retention.

Rules: botocore's documentation of GetMetricData (retention by the age of the start time, time stamps at a period's
start) and the CloudWatch limits page (500 queries and 100,800 points a call, 500 metrics a page).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import numpy as np

from demo.metrics import UNITS, Metric, Series, Truth
from demo.wire import Caller, Moments, Numbers, ServiceError, as_seconds

NAMESPACE = "http://monitoring.amazonaws.com/doc/2010-08-01/"
VERSION = "2010-08-01"
MOST_QUERIES = 500
MOST_POINTS = 100_800
METRICS_PER_PAGE = 500
SILENT_AFTER_SECONDS = 14 * 86_400
_DAY = 86_400
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")
_PLAIN_STATISTICS = frozenset({"Average", "Maximum", "Minimum", "Sum", "SampleCount"})


def _invalid(message: str) -> ServiceError:
    return ServiceError(400, "ValidationError", message)


def _whole(value: Any, name: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise _invalid(f"The parameter {name} must be a whole number.") from error


def _digest(parameters: dict[str, Any]) -> str:
    rest = {key: value for key, value in parameters.items() if key != "NextToken"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _seal(parameters: dict[str, Any], *position: int) -> str:
    raw = json.dumps([_digest(parameters), *position]).encode()
    return base64.urlsafe_b64encode(raw).decode()


def _open(parameters: dict[str, Any], count: int) -> list[int]:
    """The position a token holds. A token is good for the request that it came from, and no other."""
    token = parameters.get("NextToken")
    if token is None:
        return [0] * count
    try:
        digest, *position = json.loads(base64.urlsafe_b64decode(str(token)))
        numbers = [int(number) for number in position]
    except (ValueError, TypeError) as error:
        raise ServiceError(400, "InvalidNextToken", "The next token is not valid.") from error
    if digest != _digest(parameters) or len(numbers) != count or min(numbers) < 0:
        raise ServiceError(400, "InvalidNextToken", "The next token is not valid.")
    return numbers


def aggregate(series: Series, start: int, end: int, period: int, statistic: str) -> Series:
    """A statistic of the points in [start, end), per period counted from ``start``; empty periods are left out.

    ``statistic`` is Average, Maximum, Minimum, Sum, SampleCount or pNN (linear between ranks). Seconds since 1970.
    """
    first, last = np.searchsorted(series.seconds, (start, end))
    seconds, values = series.seconds[first:last], series.values[first:last]
    if not len(seconds):
        return Series(seconds, values)
    periods = (seconds - start) // period
    edges = np.flatnonzero(np.diff(periods, prepend=periods[0] - 1))
    stamps = start + periods[edges] * period
    counts = np.diff(np.append(edges, len(values)))
    if statistic == "SampleCount":
        result = counts.astype(float)
    elif statistic == "Sum":
        result = np.add.reduceat(values, edges)
    elif statistic == "Average":
        result = np.add.reduceat(values, edges) / counts
    elif statistic == "Maximum":
        result = np.maximum.reduceat(values, edges)
    elif statistic == "Minimum":
        result = np.minimum.reduceat(values, edges)
    else:
        rank = float(statistic[1:])
        result = np.array([np.percentile(part, rank) for part in np.split(values, edges[1:])])
    return Series(stamps, result)


def round_start(start: int, now: int) -> int:
    """Start times are rounded down: to the minute up to 15 days back, to 5 minutes up to 63 days, else to the hour."""
    age = now - start
    grain = 60 if age <= 15 * _DAY else 300 if age <= 63 * _DAY else 3600
    return start - start % grain


def is_retained(start: int, now: int, period: int) -> bool:
    """Whether points of a period still exist for a start time: multiples of 60 s, 300 s or 3600 s by its age."""
    age = now - start
    grain = 60 if age <= 15 * _DAY else 300 if age <= 63 * _DAY else 3600
    return period % grain == 0 and age <= 455 * _DAY


class MetricService:
    """Answers from the truth of an estate; ``now`` is the simulated present in seconds since 1970."""

    def __init__(self, truth: Truth, metrics_per_page: int = METRICS_PER_PAGE):
        self.truth = truth
        self.now = truth.estate.horizon.end * 3600
        self.metrics_per_page = metrics_per_page
        self._by_place: dict[tuple[str, str], list[Metric]] = {}
        for metric in truth.metrics:
            self._by_place.setdefault((metric.account_id, metric.region), []).append(metric)

    def answer(self, action: str, parameters: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """ListMetrics and GetMetricData for the caller's account and region."""
        if action == "ListMetrics":
            return self._list_metrics(parameters, caller)
        if action == "GetMetricData":
            return self._get_metric_data(parameters, caller)
        raise ServiceError(400, "InvalidAction", f"Could not find operation {action} for version {VERSION}")

    def _list_metrics(self, parameters: dict[str, Any], caller: Caller) -> dict[str, Any]:
        (first,) = _open(parameters, 1)
        window = SILENT_AFTER_SECONDS
        recently = parameters.get("RecentlyActive")
        if recently is not None:
            if recently != "PT3H":
                raise ServiceError(400, "InvalidParameterValue", "RecentlyActive may only be PT3H.")
            window = 3 * 3600
        found = [
            metric
            for metric in self._by_place.get((caller.account.account_id, caller.region), [])
            if self._is_asked(metric, parameters) and self._is_active(metric, window)
        ]
        page = found[first : first + self.metrics_per_page]
        result: dict[str, Any] = {
            "Metrics": [
                {
                    "Namespace": metric.namespace,
                    "MetricName": metric.name,
                    "Dimensions": [{"Name": metric.dimension[0], "Value": metric.dimension[1]}],
                }
                for metric in page
            ]
        }
        if first + len(page) < len(found):
            result["NextToken"] = _seal(parameters, first + len(page))
        return result

    @staticmethod
    def _is_asked(metric: Metric, parameters: dict[str, Any]) -> bool:
        if parameters.get("Namespace") not in (None, metric.namespace):
            return False
        if parameters.get("MetricName") not in (None, metric.name):
            return False
        for dimension in parameters.get("Dimensions") or []:
            if dimension.get("Name") != metric.dimension[0]:
                return False
            if dimension.get("Value") not in (None, metric.dimension[1]):
                return False
        return True

    def _is_active(self, metric: Metric, window: int) -> bool:
        seconds = self.truth.read(metric).seconds
        return bool(len(seconds)) and int(seconds[-1]) >= self.now - window

    def _get_metric_data(self, parameters: dict[str, Any], caller: Caller) -> dict[str, Any]:
        queries, start, end = self._check(parameters)
        most = _whole(parameters.get("MaxDatapoints") or MOST_POINTS, "MaxDatapoints")
        if not 1 <= most <= MOST_POINTS:
            raise _invalid(f"The parameter MaxDatapoints must be between 1 and {MOST_POINTS}.")
        is_ascending = parameters.get("ScanBy") == "TimestampAscending"
        index, offset = _open(parameters, 2)
        results: list[dict[str, Any]] = []
        room = most
        while index < len(queries):
            query = queries[index]
            series = self._read(query, start, end, caller)
            step = 1 if is_ascending else -1
            seconds, values = series.seconds[::step][offset:], series.values[::step][offset:]
            if len(seconds) and not room:
                break
            is_whole = len(seconds) <= room
            if query.get("ReturnData", True) not in (False, "false"):
                results.append(
                    {
                        "Id": query["Id"],
                        "Label": str(query.get("Label") or query["MetricStat"]["Metric"]["MetricName"]),
                        "Timestamps": Moments(seconds[:room]),
                        "Values": Numbers(values[:room]),
                        "StatusCode": "Complete" if is_whole else "PartialData",
                    }
                )
            if not is_whole:
                offset += room
                break
            room -= len(seconds)
            index, offset = index + 1, 0
        answer: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
        if index < len(queries):
            answer["NextToken"] = _seal(parameters, index, offset)
        return answer

    def _check(self, parameters: dict[str, Any]) -> tuple[list[dict[str, Any]], int, int]:
        queries = parameters.get("MetricDataQueries") or []
        if not queries:
            raise _invalid("The parameter MetricDataQueries is required.")
        if len(queries) > MOST_QUERIES:
            raise _invalid(f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}.")
        for name in ("StartTime", "EndTime"):
            if parameters.get(name) is None:
                raise _invalid(f"The parameter {name} is required.")
        if parameters.get("ScanBy") not in (None, "TimestampAscending", "TimestampDescending"):
            raise _invalid("The parameter ScanBy must be TimestampAscending or TimestampDescending.")
        start, end = as_seconds(parameters["StartTime"], "StartTime"), as_seconds(parameters["EndTime"], "EndTime")
        if start >= end:
            raise _invalid("The parameter StartTime must be less than the parameter EndTime.")
        names = [str(query.get("Id", "")) for query in queries]
        for name in names:
            if not _ID.fullmatch(name):
                raise _invalid(
                    f"The value {name!r} for parameter MetricDataQueries.Id is not matching [a-z][a-zA-Z0-9_]*."
                )
        if len(set(names)) < len(names):
            raise _invalid("The values for parameter Id in MetricDataQueries are not unique.")
        for query in queries:
            self._check_query(query)
        return queries, start, end

    @staticmethod
    def _check_query(query: dict[str, Any]) -> None:
        if query.get("Expression"):
            raise _invalid("Metric math and Metrics Insights expressions are not simulated; ask with MetricStat.")
        wanted = query.get("MetricStat")
        if not wanted or not wanted.get("Metric", {}).get("MetricName") or not wanted["Metric"].get("Namespace"):
            raise _invalid(f"The query {query.get('Id')} needs MetricStat with a Metric of Namespace and MetricName.")
        period = _whole(wanted.get("Period"), "MetricStat.Period")
        if period < 60 or period % 60:
            raise _invalid("The parameter MetricStat.Period must be a multiple of 60.")
        statistic = str(wanted.get("Stat"))
        if statistic not in _PLAIN_STATISTICS and not _PERCENTILE.fullmatch(statistic):
            raise _invalid(f"The value {statistic} for parameter MetricStat.Stat is not supported.")

    def _read(self, query: dict[str, Any], start: int, end: int, caller: Caller) -> Series:
        wanted = query["MetricStat"]
        period = _whole(wanted["Period"], "MetricStat.Period")
        metric = wanted["Metric"]
        dimensions = metric.get("Dimensions") or []
        nothing = Series(np.array([], dtype=np.int64), np.array([]))
        unit = wanted.get("Unit")
        if len(dimensions) != 1 or unit not in (None, UNITS.get(metric["MetricName"])):
            return nothing
        rounded = round_start(start, self.now)
        if not is_retained(rounded, self.now, period):
            return nothing
        dimension = (str(dimensions[0].get("Name")), str(dimensions[0].get("Value")))
        name = Metric(
            caller.account.account_id, caller.region, str(metric["Namespace"]), str(metric["MetricName"]), dimension
        )
        return aggregate(self.truth.read(name), rounded, end, period, str(wanted["Stat"]))
