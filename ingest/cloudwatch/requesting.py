"""GetMetricData: a bounded number of calls at once, answers taken apart by orjson, the incomplete asked for again.

One query that CloudWatch takes for invalid makes it refuse the whole call. Such a call is halved until the metric whose
query it is stands alone; that one is left out, and everything else comes.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
import orjson

from ingest.aws import explained, is_about_content
from ingest.cloudwatch.planning import Call, Query
from ingest.errors import IngestError

# Asked again so often, after so many seconds, where CloudWatch answers with PartialData to the last or InternalError.
_PAUSES = (0.5, 2.0, 8.0)
_JSON = "application/x-amz-json"  # the protocol that boto3 chooses for CloudWatch
# Calls that a region's collection makes beyond those planned to find what makes CloudWatch refuse: 14 find one metric
# among the 125 of a full call. Where all is refused for the same reason, it ends there.
_MOST_CALLS_TO_FIND = 200


CountRequest = Callable[[Sequence[Query]], object]
_Told = tuple[dict[Query, list[dict[str, Any]]], dict[Query, str]]  # each query's parts, and its last status


@dataclass(frozen=True)
class Points:
    """One query's answer."""

    query: Query
    seconds: np.ndarray  # int64, each period's first second since 1970
    values: np.ndarray  # float64, never NaN: CloudWatch's own NaN and infinities are no measurement


@dataclass(frozen=True)
class Answer:
    """A call's answers: those that came whole, and the queries that didn't, with AWS's word for why."""

    points: list[Points]
    incomplete: dict[Query, str]
    dropped_count: int  # values that were no number
    refused: dict[Query, str] = field(default_factory=dict)  # and those that AWS takes for invalid, with its message


class Refusals:
    """The metrics that CloudWatch has refused to answer for in one region's collection, which are asked no more.

    Several threads may find them at once.
    """

    def __init__(self, most_calls: int = _MOST_CALLS_TO_FIND):
        self._left = most_calls
        self._lock = threading.Lock()
        self._words: dict[int, str] = {}

    def take_calls(self, count: int) -> bool:
        """Whether so many more calls may be made to find one."""
        with self._lock:
            if self._left < count:
                return False
            self._left -= count
            return True

    def add(self, query: Query, word: str) -> None:
        """A query of this metric is refused."""
        self._words[query.known.series_id] = word

    def find(self, queries: Iterable[Query]) -> dict[Query, str]:
        """Those of refused metrics, with AWS's message."""
        return {query: self._words[query.known.series_id] for query in queries if query.known.series_id in self._words}


def speed_up(client: Any) -> None:
    """Have a client's GetMetricData answers decoded by orjson: botocore's own parser takes 10 microseconds a point, and
    most of them to make a datetime of each.

    What isn't JSON (another protocol), and errors, stay botocore's.
    """
    client.meta.events.register("before-parse.cloudwatch.GetMetricData", _decode)


def _decode(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    if response_dict["status_code"] != 200 or not response_dict["headers"].get("Content-Type", "").startswith(_JSON):
        return
    # A body that can't be read is botocore's to report.
    with suppress(orjson.JSONDecodeError):
        customized_response_dict.update(orjson.loads(response_dict["body"]))
        response_dict["body"] = b"{}"


def request_points(
    client: Any,
    calls: Iterable[Call],
    pool: Executor,
    count_request: CountRequest,
    at_once: int,
    pauses: Sequence[float] = _PAUSES,
    refusals: Refusals | None = None,
) -> Iterator[Answer]:
    """The answers of calls, in their order, up to `at_once` of them under way.

    Args:
        count_request: called before each request with its queries.
        refusals: what was refused before in this collection; brought up to date.

    Raises:
        CapReached: by `count_request`.
        IngestError: CloudWatch refuses a call, and not for one of its metrics. Both after the answers of what was under
            way.
    """
    known = refusals or Refusals()

    def submit(call: Call) -> Future[Answer]:
        return pool.submit(_request, client, call, count_request, pauses, known)

    waiting = iter(calls)
    under_way = deque(submit(call) for call in islice(waiting, at_once))
    failure: IngestError | None = None
    try:
        while under_way:
            try:
                answer = under_way.popleft().result()
            except IngestError as error:
                failure = failure or error  # what was asked before is paid for, and comes yet
                continue
            if failure is None:
                for call in islice(waiting, 1):
                    under_way.append(submit(call))
            yield answer
    finally:
        for future in under_way:
            future.cancel()
        for future in under_way:
            if not future.cancelled():
                future.exception()
    if failure is not None:
        raise failure


def _request(
    client: Any, call: Call, count_request: CountRequest, pauses: Sequence[float], refusals: Refusals
) -> Answer:
    answered: dict[Query, Points] = {}
    incomplete: dict[Query, str] = {}
    dropped = 0
    asked: Sequence[Query] = call.queries
    for pause in (0.0, *pauses):
        if pause:
            time.sleep(pause)
        told, statuses = _ask_in_parts(client, Call(call.window, asked), count_request, refusals)
        incomplete = {}
        for query in asked:
            if statuses.get(query) == "Complete":
                answered[query], lost = _to_points(query, told.get(query, []))
                dropped += lost
            else:
                incomplete[query] = statuses.get(query, "no answer")
        for query in refusals.find(incomplete):
            del incomplete[query]
        asked = list(incomplete)
        if not asked or all(status == "Forbidden" for status in incomplete.values()):
            break
    refused = refusals.find(call.queries)
    points = [answered[query] for query in call.queries if query in answered and query not in refused]
    return Answer(points, incomplete, dropped, refused)


def _ask_in_parts(client: Any, call: Call, count_request: CountRequest, refusals: Refusals) -> _Told:
    """The answers to a call, or to the halves of it where it is refused for its content; none of a metric that is."""
    refused = refusals.find(call.queries)
    queries = [query for query in call.queries if query not in refused]
    if not queries:
        return {}, {}
    try:
        return _ask(client, Call(call.window, queries), count_request)
    except IngestError as error:
        if not is_about_content(error):
            raise
        halves = _halve(queries)
        if len(halves) == 1:
            refusals.add(queries[0], str(error).partition(": ")[2])
            return {}, {}
        if not refusals.take_calls(len(halves)):
            raise
    told, statuses = {}, {}
    for half in halves:
        more_told, more_statuses = _ask_in_parts(client, Call(call.window, half), count_request, refusals)
        told.update(more_told)
        statuses.update(more_statuses)
    return told, statuses


def _halve(queries: Sequence[Query]) -> list[list[Query]]:
    """In two between metrics, whose statistics make one row; one part where all are of the same metric."""
    ids = list(dict.fromkeys(query.known.series_id for query in queries))
    first = set(ids[: len(ids) // 2])
    halves = (
        [query for query in queries if (query.known.series_id in first) is is_first] for is_first in (True, False)
    )
    return [half for half in halves if half]


def _ask(client: Any, call: Call, count_request: CountRequest) -> _Told:
    """All pages of one request."""
    metric = call.queries[0].known.series
    request: dict[str, Any] = {
        "MetricDataQueries": [_spell(place, query) for place, query in enumerate(call.queries)],
        "StartTime": call.window.start_at,
        "EndTime": call.window.end_at,
        "ScanBy": "TimestampAscending",
    }
    parts: dict[Query, list[dict[str, Any]]] = {}
    statuses: dict[Query, str] = {}
    with explained(f"CloudWatch GetMetricData {metric.account_id} {metric.region}"):
        while True:
            count_request(call.queries)
            page = client.get_metric_data(**request)
            for result in page["MetricDataResults"]:
                query = call.queries[int(result["Id"][1:])]
                statuses[query] = result["StatusCode"]
                parts.setdefault(query, []).append(result)
            if not page.get("NextToken"):
                return parts, statuses
            request["NextToken"] = page["NextToken"]


def _spell(place: int, query: Query) -> dict[str, Any]:
    series = query.known.series
    return {
        "Id": f"q{place}",
        "ReturnData": True,
        "MetricStat": {
            "Metric": {
                "Namespace": series.metric.namespace,
                "MetricName": series.metric.metric_name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
            },
            "Period": query.period_seconds,
            "Stat": query.statistic,
        },
    }


def _to_points(query: Query, parts: list[dict[str, Any]]) -> tuple[Points, int]:
    """A query's points, and how many values were no number."""
    stamps = [stamp for part in parts for stamp in part.get("Timestamps", ())]
    if stamps and isinstance(stamps[0], datetime):
        stamps = [stamp.timestamp() for stamp in stamps]
    seconds = np.array(stamps, dtype=np.float64).astype(np.int64)
    values = np.array([value for part in parts for value in part.get("Values", ())], dtype=np.float64)
    is_number = np.isfinite(values)
    if is_number.all():
        return Points(query, seconds, values), 0
    return Points(query, seconds[is_number], values[is_number]), int((~is_number).sum())
