"""Datapoints by GetMetricData, packed to its limits."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from ingest.aws import explained
from ingest.cloudwatch.discovery import Series
from ingest.errors import IngestError

QUERIES_PER_CALL = 500  # GetMetricData's limit (CloudWatch API reference)

# Long form: one row per series, statistic and period; the database turns it into one row per series and period.
POINTS_SCHEMA = pa.schema(
    [
        ("series_number", pa.int32()),  # place in the list of series that was asked for
        ("statistic", pa.string()),
        ("period_start_at", pa.timestamp("us", tz="UTC")),
        ("value", pa.float64()),
    ]
)


@dataclass
class RequestCounter:
    """Calls made, for the ledger: GetMetricData is billed per metric asked for."""

    request_count: int = 0


def collect_points(
    client: Any,
    series: list[Series],
    start_at: datetime,
    end_at: datetime,
    period_seconds: int,
    counter: RequestCounter,
) -> Iterator[pa.RecordBatch]:
    """Every statistic of the catalogue for each series in [start_at, end_at), both on a period's edge.

    Yields:
        Batches of POINTS_SCHEMA. Periods without data don't appear: silence is not zero.

    Raises:
        IngestError: CloudWatch refuses, or keeps answering with less than was asked for.
    """
    queries = [(number, statistic) for number, each in enumerate(series) for statistic in each.metric.statistics]
    for first in range(0, len(queries), QUERIES_PER_CALL):
        chunk = queries[first : first + QUERIES_PER_CALL]
        request = {
            "MetricDataQueries": [
                {
                    "Id": f"q{place}",
                    "ReturnData": True,
                    "MetricStat": {
                        "Metric": {
                            "Namespace": series[number].metric.namespace,
                            "MetricName": series[number].metric.metric_name,
                            "Dimensions": [{"Name": key, "Value": value} for key, value in series[number].dimensions],
                        },
                        "Period": period_seconds,
                        "Stat": statistic,
                    },
                }
                for place, (number, statistic) in enumerate(chunk)
            ],
            "StartTime": start_at,
            "EndTime": end_at,
            "ScanBy": "TimestampAscending",
        }
        place = f"CloudWatch GetMetricData {series[0].account_id} {series[0].region}"
        status = {}
        with explained(place):
            for page in client.get_paginator("get_metric_data").paginate(**request):
                counter.request_count += 1
                for result in page["MetricDataResults"]:
                    status[result["Id"]] = result["StatusCode"]
                    number, statistic = chunk[int(result["Id"][1:])]
                    if result["Timestamps"]:
                        yield _to_batch(number, statistic, result["Timestamps"], result["Values"])
        unfinished = [each for each in status.values() if each != "Complete"]
        if unfinished or len(status) != len(chunk):
            raise IngestError(
                f"{place}: only {len(status) - len(unfinished)} of {len(chunk)} metrics came whole; run again"
            )


def _to_batch(number: int, statistic: str, timestamps: list[datetime], values: list[float]) -> pa.RecordBatch:
    count = len(timestamps)
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(number, pa.int32()), count),
            pa.repeat(pa.scalar(statistic), count),
            pa.array(timestamps, pa.timestamp("us", tz="UTC")),
            pa.array(values, pa.float64()),
        ],
        schema=POINTS_SCHEMA,
    )
