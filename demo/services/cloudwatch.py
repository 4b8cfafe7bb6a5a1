"""CloudWatch for reading: ListMetrics, GetMetricData and GetMetricStatistics, with AWS's limits, paging and retention.

Rules: botocore's documentation of the three actions (retention by the age of the start time, time stamps at a
period's start, ListMetrics' two weeks) and the CloudWatch limits page (500 queries and 100,800 points a call, 500
metrics a page, 1,440 points of GetMetricStatistics).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from demo.telemetry.aggregation import PLAIN_STATISTICS, Periods, Points, cut, is_statistic
from demo.telemetry.latent import Shelf
from demo.telemetry.samples import NO_SAMPLES, Metric, Samples
from demo.telemetry.truth import Truth
from demo.wire import Caller, Moment, Moments, Numbers, Pairs, ServiceError, as_seconds

NAMESPACE = "http://monitoring.amazonaws.com/doc/2010-08-01/"
VERSION = "2010-08-01"
TARGET = "GraniteServiceVersion20100801"
MOST_QUERIES = 500
MOST_POINTS = 100_800
MOST_STATISTICS_POINTS = 1_440
METRICS_PER_PAGE = 500
SILENT_AFTER_SECONDS = 14 * 86_400
_DAY = 86_400
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
_LABEL_PART = re.compile(r"\$\{(LABEL|PROP\('([A-Za-z.]+)'\))\}")
_FALSE = (False, "false", "False")


def _invalid(message: str, code: str = "ValidationError") -> ServiceError:
    return ServiceError(400, code, message)


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
        raise _invalid("The next token is not valid.", "InvalidNextToken") from error
    if digest != _digest(parameters) or len(numbers) != count or min(numbers) < 0:
        raise _invalid("The next token is not valid.", "InvalidNextToken")
    return numbers


def _grain(age: int) -> int:
    return 60 if age <= 15 * _DAY else 300 if age <= 63 * _DAY else 3600


def _is_period(period: int) -> bool:
    """Periods below a minute may be asked for, but no metric here is sent that often: they hold nothing."""
    return period in (1, 5, 10, 20, 30) or (period >= 60 and period % 60 == 0)


def round_start(start: int, now: int) -> int:
    """Start times are rounded down: to the minute up to 15 days back, to 5 minutes up to 63 days, else to the hour."""
    return start - start % _grain(now - start)


def is_retained(start: int, now: int, period: int) -> bool:
    """Whether points of a period still exist for a start time: multiples of 60 s, 300 s or 3600 s by its age."""
    return period % _grain(now - start) == 0


def _read_metric(wanted: dict[str, Any], caller: Caller) -> Metric:
    dimensions = wanted.get("Dimensions") or []
    named = tuple(sorted((str(each.get("Name")), str(each.get("Value"))) for each in dimensions))
    return Metric(caller.account.account_id, caller.region, str(wanted["Namespace"]), str(wanted["MetricName"]), named)


class MetricService:
    """Answers from the truth of an estate; its present is the estate's."""

    def __init__(self, truth: Truth, metrics_per_page: int = METRICS_PER_PAGE):
        self.truth = truth
        self.now = truth.now
        self.metrics_per_page = metrics_per_page
        self._by_place: dict[tuple[str, str], list[Metric]] = {}
        for metric in truth.metrics:
            self._by_place.setdefault((metric.account_id, metric.region), []).append(metric)
        self._is_active: dict[tuple[Metric, int], bool] = {}
        # Several statistics of a metric are asked for at once: its samples are made for the first of them.
        self._samples = Shelf()

    def answer(self, action: str, parameters: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """ListMetrics, GetMetricData and GetMetricStatistics for the caller's account and region."""
        if action == "ListMetrics":
            return self._list_metrics(parameters, caller)
        if action == "GetMetricData":
            return self._get_metric_data(parameters, caller)
        if action == "GetMetricStatistics":
            return self._get_metric_statistics(parameters, caller)
        raise _invalid(f"Could not find operation {action} for version {VERSION}", "InvalidAction")

    # --- ListMetrics ----------------------------------------------------------------------------------------------

    def _list_metrics(self, parameters: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """A page of the metrics that reported lately. A token tells the first metric that wasn't looked at yet."""
        (position,) = _open(parameters, 1)
        window = SILENT_AFTER_SECONDS
        recently = parameters.get("RecentlyActive")
        if recently is not None:
            if recently != "PT3H":
                raise _invalid("RecentlyActive may only be PT3H.", "InvalidParameterValue")
            window = 3 * 3600
        if parameters.get("IncludeLinkedAccounts") not in (None, *_FALSE) or parameters.get("OwningAccount"):
            raise _invalid(
                "Cross-account observability is not simulated; assume the role of each account.",
                "InvalidParameterValue",
            )
        everything = self._by_place.get((caller.account.account_id, caller.region), [])
        found: list[Metric] = []
        while position < len(everything) and len(found) <= self.metrics_per_page:
            metric = everything[position]
            if self._is_asked(metric, parameters) and self._is_listed(metric, window):
                if len(found) == self.metrics_per_page:
                    break
                found.append(metric)
            position += 1
        result: dict[str, Any] = {
            "Metrics": [
                {
                    "Namespace": metric.namespace,
                    "MetricName": metric.name,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
                }
                for metric in found
            ]
        }
        if position < len(everything):
            result["NextToken"] = _seal(parameters, position)
        return result

    @staticmethod
    def _is_asked(metric: Metric, parameters: dict[str, Any]) -> bool:
        """A metric is asked for where it has every dimension of the filter, whatever others it has."""
        if parameters.get("Namespace") not in (None, metric.namespace):
            return False
        if parameters.get("MetricName") not in (None, metric.name):
            return False
        held = dict(metric.dimensions)
        for dimension in parameters.get("Dimensions") or []:
            value = held.get(str(dimension.get("Name")))
            if value is None or dimension.get("Value") not in (None, value):
                return False
        return True

    def _is_listed(self, metric: Metric, window: int) -> bool:
        key = (metric, window)
        if key not in self._is_active:
            self._is_active[key] = self.truth.is_active(metric, self.now - window)
        return self._is_active[key]

    # --- GetMetricData --------------------------------------------------------------------------------------------

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
            if query.get("ReturnData", True) in _FALSE:
                index, offset = index + 1, 0
                continue
            points = self._compute(query, start, end, caller)
            step = 1 if is_ascending else -1
            seconds, values = points.seconds[::step][offset:], points.values[::step][offset:]
            if len(seconds) and not room:
                break
            is_whole = len(seconds) <= room
            results.append(
                {
                    "Id": query["Id"],
                    "Label": _label(query, caller),
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
        start, end = _check_window(parameters, "ValidationError")
        if parameters.get("ScanBy") not in (None, "TimestampAscending", "TimestampDescending"):
            raise _invalid("The parameter ScanBy must be TimestampAscending or TimestampDescending.")
        zone = (parameters.get("LabelOptions") or {}).get("Timezone")
        if zone is not None and not re.fullmatch(r"[+-]\d{4}", str(zone)):
            raise _invalid("The parameter LabelOptions.Timezone must be like +0130.")
        names = [str(query.get("Id", "")) for query in queries]
        for name in names:
            if not _ID.fullmatch(name):
                raise _invalid(
                    f"The value {name!r} for parameter MetricDataQueries.Id is not matching [a-z][a-zA-Z0-9_]*."
                )
        if len(set(names)) < len(names):
            raise _invalid("The values for parameter Id in MetricDataQueries are not unique.")
        for query in queries:
            _check_query(query)
        return queries, start, end

    def _compute(self, query: dict[str, Any], start: int, end: int, caller: Caller) -> Points:
        wanted = query["MetricStat"]
        account = query.get("AccountId")
        if account not in (None, caller.account.account_id):
            raise _invalid("Cross-account observability is not simulated; assume the role of each account.")
        metric = _read_metric(wanted["Metric"], caller)
        period = _whole(wanted["Period"], "MetricStat.Period")
        return self._cut(metric, start, end, period, wanted.get("Unit")).compute(str(wanted["Stat"]))

    def _cut(self, metric: Metric, start: int, end: int, period: int, unit: Any) -> Periods:
        """The samples that CloudWatch would still hold at this period, cut into periods."""
        rounded = round_start(start, self.now)
        if not is_retained(rounded, self.now, period) or unit not in (None, self.truth.unit(metric)):
            return cut(NO_SAMPLES, rounded, period)
        # What is older than 455 days is gone, whole periods at a time.
        oldest = self.now - 455 * _DAY
        first = rounded + max(0, -(-(oldest - rounded) // period)) * period
        samples: Samples = self._samples.get(
            (metric, first, end), lambda: self.truth.read(metric, first, end), lambda made: made.weight
        )
        return cut(samples, rounded, period)

    # --- GetMetricStatistics --------------------------------------------------------------------------------------

    def _get_metric_statistics(self, parameters: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """The statistics of one metric, in no order."""
        for name in ("Namespace", "MetricName", "Period"):
            if parameters.get(name) is None:
                raise _invalid(f"The parameter {name} is required.", "MissingParameter")
        start, end = _check_window(parameters, "InvalidParameterValue")
        period = _whole(parameters["Period"], "Period")
        if not _is_period(period):
            raise _invalid(
                "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.", "InvalidParameterValue"
            )
        plain = [str(name) for name in parameters.get("Statistics") or []]
        extended = [str(name) for name in parameters.get("ExtendedStatistics") or []]
        if not plain and not extended:
            raise _invalid("At least one statistic is required.", "MissingParameter")
        for name in plain:
            if name not in PLAIN_STATISTICS:
                raise _invalid(f"The value {name} for parameter Statistics is not supported.", "InvalidParameterValue")
        for name in extended:
            if name in PLAIN_STATISTICS or not is_statistic(name):
                raise _invalid(
                    f"The value {name} for parameter ExtendedStatistics is not supported.", "InvalidParameterValue"
                )
        asked = -(-(end - round_start(start, self.now)) // period)
        if asked > MOST_STATISTICS_POINTS:
            raise _invalid(
                f"You have requested up to {asked} datapoints, which exceeds the limit of {MOST_STATISTICS_POINTS}. "
                "You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
                "InvalidParameterCombination",
            )
        metric = _read_metric(parameters, caller)
        periods = self._cut(metric, start, end, period, parameters.get("Unit"))
        columns = {name: periods.compute(name).values.tolist() for name in (*plain, *extended)}
        unit = self.truth.unit(metric)
        points = []
        for row, second in enumerate(periods.seconds.tolist()):
            point: dict[str, Any] = {"Timestamp": Moment(second)}
            point |= {name: columns[name][row] for name in plain}
            point["Unit"] = unit
            if extended:
                point["ExtendedStatistics"] = Pairs({name: columns[name][row] for name in extended})
            points.append(point)
        # AWS promises no order; a client that relies on one is found out here.
        points.sort(key=lambda point: hashlib.sha256(str(point["Timestamp"]).encode()).digest())
        return {"Label": metric.name, "Datapoints": points}


def _check_window(parameters: dict[str, Any], code: str) -> tuple[int, int]:
    for name in ("StartTime", "EndTime"):
        if parameters.get(name) is None:
            raise _invalid(f"The parameter {name} is required.", code)
    start, end = as_seconds(parameters["StartTime"], "StartTime"), as_seconds(parameters["EndTime"], "EndTime")
    if start >= end:
        raise _invalid("The parameter StartTime must be less than the parameter EndTime.", code)
    return start, end


def _check_query(query: dict[str, Any]) -> None:
    if query.get("Expression"):
        raise _invalid("Metric math and Metrics Insights expressions are not simulated; ask with MetricStat.")
    wanted = query.get("MetricStat")
    if not wanted or not wanted.get("Metric", {}).get("MetricName") or not wanted["Metric"].get("Namespace"):
        raise _invalid(f"The query {query.get('Id')} needs MetricStat with a Metric of Namespace and MetricName.")
    period = _whole(wanted.get("Period"), "MetricStat.Period")
    if not _is_period(period):
        raise _invalid("The parameter MetricStat.Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    statistic = str(wanted.get("Stat"))
    if not is_statistic(statistic):
        raise _invalid(f"The value {statistic} for parameter MetricStat.Stat is not supported.")


def _label(query: dict[str, Any], caller: Caller) -> str:
    """The label of a result: the query's own with its dynamic parts filled in, or the metric's name."""
    wanted = query["MetricStat"]
    metric = wanted["Metric"]
    own = query.get("Label")
    if not own:
        return str(metric["MetricName"])
    known = {
        "MetricName": metric["MetricName"],
        "Namespace": metric["Namespace"],
        "Period": wanted["Period"],
        "Stat": wanted["Stat"],
        "Region": caller.region,
        "AccountId": caller.account.account_id,
    } | {f"Dim.{each.get('Name')}": each.get("Value") for each in metric.get("Dimensions") or []}

    def fill(found: re.Match[str]) -> str:
        return str(metric["MetricName"] if found.group(1) == "LABEL" else known.get(found.group(2), "--"))

    return _LABEL_PART.sub(fill, str(own))
