"""Statistics written to Parquet are those that are served, whoever writes them."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pytest

from demo.telemetry import export
from demo.telemetry.aggregation import cut
from demo.telemetry.samples import Metric
from demo.telemetry.truth import Truth
from tests.demo.telemetry_world import END, make_estate


def test_written_points_equal_the_truth_and_any_number_of_processes_writes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_THINGS_PER_FILE", 5)
    monkeypatch.setattr(export, "_ROWS_PER_GROUP", 300)
    truth = Truth(make_estate())
    first, last = END - 80 * 24, END - 79 * 24
    rows = export.write_points(truth, tmp_path / "two", first, last, 3600)
    assert export.write_points(truth, tmp_path / "one", first, last, 3600, processes=1) == rows
    names = sorted(path.name for path in (tmp_path / "two").iterdir())
    assert len(names) > 3
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    written = duckdb.sql(
        f"select *, epoch(timestamp)::bigint as second from '{tmp_path}/two/*.parquet' order by timestamp"
    ).fetchnumpy()
    assert len(written["second"]) == rows
    keys = [
        Metric(*parts[:4], tuple(json.loads(parts[4]).items()))
        for parts in zip(*(written[name] for name in export.SCHEMA.names[:5]), strict=True)
    ]
    places: dict[Metric, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    for metric in truth.metrics:
        periods = cut(truth.read(metric, first * 3600, last * 3600), first * 3600, 3600)
        at = places.pop(metric, [])
        np.testing.assert_array_equal(written["second"][at], periods.seconds)
        for statistic, column in export.STATISTICS.items():
            np.testing.assert_array_equal(written[column][at], periods.compute(statistic).values)
    assert not places, "nothing is written that nobody sent"


def test_metrics_can_be_chosen(tmp_path: Path) -> None:
    truth = Truth(make_estate())
    rows = export.write_points(
        truth, tmp_path, END - 24, END, 86_400, is_wanted=lambda metric: metric.namespace == "AWS/NATGateway"
    )
    assert rows == 11
