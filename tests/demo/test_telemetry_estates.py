"""Whole drawn accounts, several seeds: every metric of every thing, against the bill's meters and against itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from demo.billing import quantities
from demo.billing.meters import Meters
from demo.money import SCALE
from demo.parameters import Parameters
from demo.services.cloudwatch import MetricService
from demo.telemetry.aggregation import cut
from demo.telemetry.samples import Metric, Samples
from demo.telemetry.truth import Truth
from demo.timeline import draw_horizon
from demo.wire import Caller
from demo.world.accounts import account_of
from demo.world.estate import Estate
from demo.world.founding import SMALLEST_ESTATE, draw_estate
from demo.world.resources import Instance, NatGateway, Resource, Table
from tests.demo.telemetry_world import END

HOURS = 100
# Product of the bill -> the metrics whose samples add up to it, and whether they are bytes.
METERED: dict[str, tuple[tuple[str, ...], bool]] = {
    "nat/bytes": (("BytesInFromSource", "BytesInFromDestination"), True),
    "aurora/requests": (("VolumeReadIOPs", "VolumeWriteIOPs"), False),
    "elb/classic/bytes": (("EstimatedProcessedBytes",), True),
    "elb/application/units": (("ConsumedLCUs",), False),
    "elb/network/units": (("ConsumedLCUs",), False),
    "lambda/requests/x86_64": (("Invocations",), False),
    "lambda/requests/arm64": (("Invocations",), False),
    "api/REST": (("Count",), False),
    "api/HTTP": (("Count",), False),
    "dynamodb/read-requests": (("ConsumedReadCapacityUnits",), False),
    "dynamodb/write-requests": (("ConsumedWriteCapacityUnits",), False),
}

BY_HAND: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "Sum": lambda values, sizes: float((values * sizes).sum()),
    "Average": lambda values, sizes: float((values * sizes).sum() / sizes.sum()),
    "Maximum": lambda values, sizes: float(values.max()),
    "SampleCount": lambda values, sizes: float(sizes.sum()),
}


def _draw(seed: int) -> tuple[Estate, Truth]:
    parameters = Parameters(seed=seed, end_hour=END, resources=2 * SMALLEST_ESTATE)
    estate = draw_estate(parameters, draw_horizon(parameters))
    return estate, Truth(estate)


def _by_thing(truth: Truth) -> dict[str, tuple[Metric, ...]]:
    return {truth.owner(metrics[0]): metrics for metrics in truth.by_resource()}


def _choose(metrics: tuple[Metric, ...], thing: Resource, names: tuple[str, ...]) -> Iterator[Metric]:
    """Those of these names, in the coarsest dimensions; a table's indexes count by themselves."""
    for name in names:
        found = [metric for metric in metrics if metric.name == name]
        yield from found if isinstance(thing, Table) else found[:1]


def _sum_hours(truth: Truth, metrics: Iterator[Metric], first: int, last: int) -> np.ndarray:
    sums = np.zeros(last - first)
    for metric in metrics:
        samples = truth.read(metric, first * 3600, last * 3600)
        np.add.at(sums, samples.seconds // 3600 - first, samples.values * samples.sizes)
    return sums


def _check_meters(estate: Estate, truth: Truth) -> int:
    first, last = END - 20 * 24, END - 20 * 24 + HOURS
    checked = 0
    summed: dict[tuple[str, str], np.ndarray] = {}
    things = {thing.resource_id: thing for thing in estate.resources}
    for meter in Meters(estate.resources).measure(first, last):
        if meter.product in METERED:
            key = (meter.resource_id, meter.product)
            summed[key] = summed.get(key, np.zeros(HOURS, dtype=np.int64)) + meter.quantity
    metrics = _by_thing(truth)
    for (resource_id, product), quantity in summed.items():
        names, is_bytes = METERED[product]
        hours = _sum_hours(truth, _choose(metrics[resource_id], things[resource_id], names), first, last)
        counted = quantities.gigabytes(hours.astype(np.int64)) if is_bytes else np.rint(hours * SCALE)
        np.testing.assert_array_equal(counted, quantity, err_msg=f"{resource_id} {product}")
        checked += 1
    return checked


def _check_windows(truth: Truth, every: int) -> None:
    start, end = (END - 70 * 24) * 3600, (END - 68 * 24) * 3600
    middle = start + 17 * 3600 + 7 * 60
    for metric in truth.metrics[::every]:
        whole = truth.read(metric, start, end)
        parts = [truth.read(metric, start, middle), truth.read(metric, middle, end)]
        for name in ("seconds", "values", "sizes"):
            joined = np.concatenate([getattr(part, name) for part in parts])
            np.testing.assert_array_equal(joined, getattr(whole, name), err_msg=str(metric))
        assert np.isfinite(whole.values).all()
        assert (whole.values >= 0).all()
        assert truth.unit(metric)


def _check_served(truth: Truth, every: int) -> None:
    """What GetMetricData answers by the hour equals a slow restatement of the samples."""
    service = MetricService(truth)
    start, end = truth.now - 2 * 86_400, truth.now
    for metric in truth.metrics[::every]:
        wanted = {
            "Namespace": metric.namespace,
            "MetricName": metric.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
        }
        caller = Caller(account_of(metric.account_id), "", "", metric.region, "monitoring")
        answer = service.answer(
            "GetMetricData",
            {
                "MetricDataQueries": [
                    {"Id": name.lower(), "MetricStat": {"Metric": wanted, "Period": 3600, "Stat": name}}
                    for name in BY_HAND
                ],
                "StartTime": start,
                "EndTime": end,
                "ScanBy": "TimestampAscending",
            },
            caller,
        )["MetricDataResults"]
        samples = truth.read(metric, start, end)
        hours = np.unique(samples.seconds // 3600)
        for result, compute in zip(
            answer,
            (
                lambda v, n: (v * n).sum(),
                lambda v, n: (v * n).sum() / n.sum(),
                lambda v, n: v.max(),
                lambda v, n: n.sum(),
            ),
            strict=True,
        ):
            np.testing.assert_array_equal(result["Timestamps"].seconds, hours * 3600)
            expected = []
            for hour in hours:
                part = samples.between(hour * 3600, hour * 3600 + 3600)
                expected.append(compute(part.values, part.sizes))
            np.testing.assert_allclose(result["Values"].values, expected, rtol=1e-9, err_msg=str(metric))


@pytest.mark.parametrize("seed", [1, 2])
def test_metrics_of_a_whole_account_add_up(seed: int) -> None:
    estate, truth = _draw(seed)
    assert _check_meters(estate, truth) >= 10
    _check_windows(truth, 7)
    _check_served(truth, 29)
    sending = {metric.namespace for metric in truth.metrics}
    assert len(sending) >= 15


@pytest.mark.full
@pytest.mark.parametrize("seed", range(20))
def test_metrics_of_twenty_accounts_add_up(seed: int) -> None:
    estate, truth = _draw(100 + seed)
    assert _check_meters(estate, truth) >= 10
    _check_windows(truth, 3)
    _check_served(truth, 5)


def test_what_has_no_metrics_has_none_and_gateways_always_speak() -> None:
    estate, truth = _draw(1)
    listed = {value for metric in truth.metrics for _, value in metric.dimensions}
    silent = {thing.resource_id for thing in estate.each(Instance) if not thing.has_metrics}
    assert silent
    assert not silent & listed
    metrics = _by_thing(truth)
    for gateway in estate.current(NatGateway):
        if gateway.life.launched < END - 24:
            metric = next(_choose(metrics[gateway.resource_id], gateway, ("ActiveConnectionCount",)))
            samples: Samples = truth.read(metric, truth.now - 86_400, truth.now)
            assert len(cut(samples, truth.now - 86_400, 60).seconds) == 1440
