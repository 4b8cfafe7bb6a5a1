"""Real series (Numenta Anomaly Benchmark, realAWSCloudwatch) through boto3 and the collection, and out again equal.

The files hold what CloudWatch told in 2014, a value every five minutes with gaps, stamps off the five minutes, and an
hour told twice. Each is served as samples of a metric by the simulated CloudWatch, whose present is put to its end.
"""

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from demo.services.cloudwatch import MetricService
from demo.telemetry.samples import NO_SAMPLES, Metric, Samples
from tests.ingest.metrics import (
    DAY,
    FINE,
    HOUR,
    PAYER,
    collect,
    compute_points,
    key_of,
    name_of,
    read_points,
    read_seed,
)
from tests.real_data import find_real_data
from tests.simulated import Cloud, Product

REGION = "us-west-2"  # where `functions` looks


def metric(namespace: str, name: str, dimension: str, resource_id: str) -> Metric:
    return Metric(PAYER, REGION, namespace, name, ((dimension, resource_id),))


FILES = {
    "ec2_cpu_utilization_24ae8d": metric("AWS/EC2", "CPUUtilization", "InstanceId", "i-24ae8d"),
    "ec2_cpu_utilization_53ea38": metric("AWS/EC2", "CPUUtilization", "InstanceId", "i-53ea38"),
    "ec2_cpu_utilization_5f5533": metric("AWS/EC2", "CPUUtilization", "InstanceId", "i-5f5533"),
    "ec2_cpu_utilization_825cc2": metric("AWS/EC2", "CPUUtilization", "InstanceId", "i-825cc2"),
    "ec2_disk_write_bytes_1ef3de": metric("AWS/EC2", "DiskWriteBytes", "InstanceId", "i-1ef3de"),
    "ec2_network_in_257a54": metric("AWS/EC2", "NetworkIn", "InstanceId", "i-257a54"),
    "elb_request_count_8c0756": metric("AWS/ELB", "RequestCount", "LoadBalancerName", "lb-8c0756"),
    "rds_cpu_utilization_cc0c53": metric("AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", "db-cc0c53"),
}


def read_file(name: str) -> list[tuple[int, float]]:
    """(second, value) in the file's order."""
    path: Path = find_real_data() / "cloudwatch-nab" / f"{name}.csv"
    with path.open(newline="") as file:
        return [
            (int(datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC).timestamp()), float(row["value"]))
            for row in csv.DictReader(file)
        ]


@dataclass(frozen=True)
class Recorded:
    """A truth of files."""

    now: int
    samples: dict[Metric, Samples]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(self.samples)

    def unit(self, _: Metric) -> str:
        return "None"

    def read(self, asked: Metric, start: int, end: int) -> Samples:
        return self.samples.get(asked, NO_SAMPLES).between(start, min(end, self.now))

    def is_active(self, asked: Metric, since: int) -> bool:
        return len(self.read(asked, since, self.now).seconds) > 0


def as_samples(rows: list[tuple[int, float]]) -> Samples:
    ordered = sorted(rows, key=lambda row: row[0])
    return Samples(np.array([second for second, _ in ordered]), np.array([value for _, value in ordered]))


@pytest.mark.parametrize("name", FILES)
def test_real_series_come_out_equal(functions: Product, cloud: Cloud, name: str) -> None:
    rows = read_file(name)
    assert len(rows) > 4000
    samples, ours = as_samples(rows), FILES[name]
    now = -(-(int(samples.seconds[-1]) + 1) // HOUR) * HOUR
    account: Any = cloud.router.account
    with mock.patch.object(account, "metrics", MetricService(Recorded(now, {ours: samples}))):  # type: ignore[arg-type]
        told = collect(functions, cloud, present=datetime.fromtimestamp(now, UTC))
    assert told.startswith(f"{PAYER}/{REGION}: 1 series, ")

    seed = read_seed()[name_of(ours)]
    for period, first in ((HOUR, 0), (FINE, now - seed.fine_days * DAY)):
        expected = compute_points(samples.between(first, now), seed.statistics, period)
        assert read_points(functions, key_of(ours), period) == {
            second: pytest.approx(values, rel=1e-12) for second, values in expected.items()
        }
    # Nothing is lost or doubled, and what came alone in its five minutes is the file's very number.
    hours = read_points(functions, key_of(ours), HOUR)
    assert sum(values["SampleCount"] for values in hours.values()) == len(rows)
    fine = read_points(functions, key_of(ours), FINE)
    together = Counter(second // FINE for second, _ in rows)
    lately = [(second, value) for second, value in rows if second >= now - seed.fine_days * DAY]
    assert len(lately) > (200 if seed.fine_days == 1 else 4000)
    for second, value in lately:
        if together[second // FINE] == 1:
            told_values = set(fine[second // FINE * FINE].values()) - {1.0}
            assert told_values <= {value}, second


def test_the_files_have_gaps_and_stamps_twice() -> None:
    """Else the test above would show less than it says."""
    twice, gaps, off = 0, 0, 0
    for name in FILES:
        seconds = [second for second, _ in read_file(name)]
        twice += len(seconds) - len(set(seconds))
        gaps += sum(later - sooner > FINE for sooner, later in zip(seconds, seconds[1:], strict=False))
        off += any(second % FINE for second in seconds)
    assert twice >= 1 and gaps >= 5 and off >= 3
