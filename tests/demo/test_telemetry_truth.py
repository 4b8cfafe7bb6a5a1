"""The truth behind CloudWatch: any window agrees with any other, counts are those of the bill, silence is AWS's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from demo.billing import quantities
from demo.billing.meters import Meters
from demo.money import SCALE
from demo.telemetry.aggregation import cut, is_statistic
from demo.telemetry.credits import walk_bucket
from demo.telemetry.samples import Metric, Samples
from demo.telemetry.truth import Truth
from demo.world.background import draw_background
from demo.world.estate import Estate
from demo.world.resources import Instance
from tests.demo.telemetry_world import END, PARAMETERS, make_estate

DAY = 86_400
NOW = END * 3600


@pytest.fixture(scope="module")
def estate() -> Estate:
    return make_estate()


@pytest.fixture(scope="module")
def truth(estate: Estate) -> Truth:
    return Truth(estate)


def find(truth: Truth, name: str, value: str, namespace: str | None = None) -> Metric:
    """The one metric of a name with a dimension's value, and no finer dimension."""
    found = [
        metric
        for metric in truth.metrics
        if metric.name == name and value in dict(metric.dimensions).values() and namespace in (None, metric.namespace)
    ]
    return min(found, key=lambda metric: len(metric.dimensions))


def _same(left: Samples, right: Samples) -> None:
    np.testing.assert_array_equal(left.seconds, right.seconds)
    np.testing.assert_array_equal(left.values, right.values)
    np.testing.assert_array_equal(left.sizes, right.sizes)


def test_every_window_agrees_with_every_other(truth: Truth) -> None:
    """A day read at once, in crooked pieces, and as part of a longer window is the same day, for every metric."""
    start, end = NOW - 45 * DAY, NOW - 42 * DAY
    edges = [start, start + 3600 * 7 + 61, start + DAY + 1, start + DAY + 5 * 3600, end]
    for metric in truth.metrics:
        whole = truth.read(metric, start - 2 * 3600, end + 3600).between(start, end)
        parts = [truth.read(metric, first, last) for first, last in zip(edges, edges[1:], strict=False)]
        joined = Samples(*(np.concatenate([getattr(each, name) for each in parts]) for name in ("seconds", "values")))
        sizes = np.concatenate([part.sizes for part in parts])
        _same(whole, replace(joined, counts=sizes))
        assert (np.diff(whole.seconds) >= 0).all()


def test_an_advanced_clock_keeps_the_past_and_shows_no_future(truth: Truth) -> None:
    later = Truth(make_estate(END + 50))
    assert later.metrics == truth.metrics
    for metric in truth.metrics:
        before = truth.read(metric, NOW - DAY, NOW + 10 * DAY)
        _same(before, later.read(metric, NOW - DAY, NOW))
        assert (before.seconds < NOW).all()
    metric = find(truth, "CPUUtilization", "i-steady")
    assert later.read(metric, NOW, NOW + 50 * 3600).seconds[-1] == NOW + 50 * 3600 - 300


def test_another_seed_is_another_account(truth: Truth) -> None:
    other = Truth(make_estate(parameters=replace(PARAMETERS, seed=12)))
    metric = find(truth, "CPUUtilization", "i-steady")
    left, right = truth.read(metric, NOW - DAY, NOW), other.read(metric, NOW - DAY, NOW)
    assert not np.array_equal(left.values[:200], right.values[:200])
    again = Truth(make_estate()).read(metric, NOW - DAY, NOW)
    _same(left, again)


def _hourly_sums(truth: Truth, metric: Metric, first: int, last: int) -> np.ndarray:
    samples = truth.read(metric, first * 3600, last * 3600)
    sums = np.zeros(last - first)
    np.add.at(sums, samples.seconds // 3600 - first, samples.values * samples.sizes)
    return sums


@pytest.mark.parametrize(
    ("name", "value", "per_hour"),
    [
        ("RequestCount", "app/shop/0123456789abcdef", 90_007),
        ("NewFlowCount", "net/feed/2123456789abcdef", 90_007),
        ("RequestCount", "old-front", 90_007),
        ("Invocations", "resize", 4321),
        ("GetRequests", "example-logs", 7001),
        ("PutRequests", "example-logs", 310),
        ("ConsumedReadCapacityUnits", "events", 30 * 3600),
        ("ConsumedWriteCapacityUnits", "carts", 5 * 3600),
        ("Requests", "E1", 90_007),
        ("Count", "a1", 5003),
        ("Count", "b2", 5003),
    ],
)
def test_an_hours_counts_are_exactly_what_is_billed(
    truth: Truth, estate: Estate, name: str, value: str, per_hour: float
) -> None:
    """Whole at the hour, split downwards: the sum over any hours equals what demand brought, to the last one."""
    first, last = END - 400 * 24, END - 400 * 24 + 300
    metric = find(truth, name, value)
    thing = next(t for t in estate.resources if value in (t.name, t.resource_id) or t.resource_id.endswith(f"/{value}"))
    expected = np.rint(thing.demand.hourly(first, last) * per_hour)
    sums = _hourly_sums(truth, metric, first, last)
    np.testing.assert_array_equal(sums, expected)
    assert expected.sum() > 1000
    assert (expected == 0).any()


def _gigabytes(moved: np.ndarray) -> list[int]:
    return [(int(each) * SCALE * 2 + 2**30) // 2**31 for each in moved]


@pytest.mark.parametrize(
    ("resource", "product", "names", "measure"),
    [
        ("nat-1", "nat/bytes", ("BytesInFromSource", "BytesInFromDestination"), _gigabytes),
        ("nat-1", "internet/ec2", ("BytesOutToDestination",), _gigabytes),
        ("c", "aurora/requests", ("VolumeReadIOPs", "VolumeWriteIOPs"), lambda counts: counts * SCALE),
        ("example-logs", "internet/s3", ("BytesDownloaded",), _gigabytes),
        ("example-logs", "s3/requests/2", ("GetRequests",), lambda counts: counts * SCALE),
        ("old-front", "elb/classic/bytes", ("EstimatedProcessedBytes",), _gigabytes),
        ("app/shop/0123456789abcdef", "elb/application/units", ("ConsumedLCUs",), lambda units: np.rint(units * SCALE)),
        ("net/feed/2123456789abcdef", "elb/network/units", ("ConsumedLCUs",), lambda units: np.rint(units * SCALE)),
        ("resize", "lambda/requests/x86_64", ("Invocations",), lambda counts: counts * SCALE),
        ("E1", "cloudfront/out/US", ("BytesDownloaded",), _gigabytes),
        ("a1", "api/REST", ("Count",), lambda counts: counts * SCALE),
    ],
)
def test_hours_of_metrics_are_hours_of_the_bill(
    truth: Truth,
    estate: Estate,
    resource: str,
    product: str,
    names: tuple[str, ...],
    measure: Callable[[np.ndarray], Any],
) -> None:
    """What CloudWatch adds up to in an hour is what the meter counts, to the last unit of 1e-10."""
    first, last = END - 200, END - 3
    thing = next(t for t in estate.resources if re.search(rf"[:/]{re.escape(resource)}$|^{resource}$", t.resource_id))
    meter = next(each for each in Meters(estate.resources).measure_thing(thing, first, last) if each.product == product)
    summed = sum(_hourly_sums(truth, find(truth, name, resource), first, last) for name in names)
    np.testing.assert_array_equal(measure(summed), meter.quantity)
    assert meter.quantity.any()


def test_days_of_storage_are_the_bills_at_midnight(truth: Truth, estate: Estate) -> None:
    bucket = next(t for t in estate.resources if t.resource_id == "example-logs")
    metric = next(
        m for m in truth.metrics if m.name == "BucketSizeBytes" and ("StorageType", "StandardIAStorage") in m.dimensions
    )
    samples = truth.read(metric, NOW - 3 * DAY, NOW)
    for second, value in zip(samples.seconds.tolist(), samples.values.tolist(), strict=True):
        hour = second // 3600
        held = quantities.stored_gigabytes(bucket, "STANDARD_IA", hour, hour + 1)[0] / SCALE
        assert value == pytest.approx(held * 2**30, abs=1)
    assert len(samples.seconds) == 3
    just_before = Truth(make_estate(END - 1))
    assert len(just_before.read(metric, NOW - 3 * DAY, NOW).seconds) == 2, "a day is published when it is over"


def test_durations_have_the_mean_that_is_billed(truth: Truth) -> None:
    samples = truth.read(find(truth, "Duration", "resize"), NOW - DAY, NOW)
    invocations = _hourly_sums(truth, find(truth, "Invocations", "resize"), END - 24, END)
    sums = np.zeros(24)
    np.add.at(sums, samples.seconds // 3600 - (END - 24), samples.values * samples.sizes)
    np.testing.assert_allclose(sums, invocations * 87.3, rtol=1e-12)
    assert samples.sizes.sum() == invocations.sum()
    assert samples.values.max() > 1.3 * samples.values.min()


def test_processor_time_is_own_load_and_work_of_what_it_is_now(truth: Truth, estate: Estate) -> None:
    """An instance made half as large shows twice the work, from the hour of the change on."""
    metric = find(truth, "CPUUtilization", "i-resized")
    change = (END - 40 * 24) * 3600
    samples = truth.read(metric, change - 6 * 3600, change + 6 * 3600)
    thing = next(t for t in estate.each(Instance) if t.resource_id == "i-resized")
    first, last = END - 40 * 24 - 6, END - 40 * 24 + 6
    own = draw_background(PARAMETERS.seed, "i-resized", thing.demand.time_zone, first, last, 12).cpu
    factor = np.where(np.arange(12) < 6, 1.0, 2.0)[:, None]
    work = thing.demand.shares(first, last, 12) * thing.demand.hourly(first, last)[:, None] * 12
    expected = np.clip(own + 100 * work * factor, 0.01, 100.0)
    np.testing.assert_allclose(samples.values, expected.reshape(-1), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RequestCount", "app/none/1123456789abcdef"),
        ("HealthyHostCount", "app/none/1123456789abcdef"),
        ("TargetResponseTime", "app/none/1123456789abcdef"),
        ("Invocations", "unused"),
        ("Duration", "unused"),
        ("ProvisionedReadCapacityUnits", "events"),
        ("CPUUtilization", "i-stopped"),
        ("VolumeReadOps", "vol-stopped"),
    ],
)
def test_silence(truth: Truth, name: str, value: str) -> None:
    assert not len(truth.read(find(truth, name, value), NOW - 14 * DAY, NOW).seconds)


def test_a_network_balancer_says_zero_and_an_idle_database_has_no_connection(truth: Truth) -> None:
    flows = truth.read(find(truth, "NewFlowCount", "net/dull/3123456789abcdef"), NOW - DAY, NOW)
    assert len(flows.seconds) == 1440
    assert not flows.values.any()
    connections = truth.read(find(truth, "DatabaseConnections", "quiet"), NOW - DAY, NOW)
    assert len(connections.seconds) > 1400
    assert not connections.values.any()


def test_what_never_sends_is_not_there(truth: Truth) -> None:
    values = {value for metric in truth.metrics for _, value in metric.dimensions}
    assert not values & {"i-silent", "vol-free", "eipalloc-1"}
    assert {"i-steady", "vol-data", "E1"} <= values


def test_a_paused_machine_is_silent_for_just_that_time(truth: Truth) -> None:
    samples = truth.read(find(truth, "CPUUtilization", "i-paused"), NOW - 3 * DAY, NOW)
    hours = np.unique(samples.seconds // 3600) - END
    assert set(range(-72, -48)) | set(range(-24, 0)) == set(hours.tolist())


def test_grains(truth: Truth) -> None:
    expected = {
        ("CPUUtilization", "i-steady"): 300,
        ("CPUUtilization", "i-burst"): 60,
        ("StatusCheckFailed", "i-steady"): 60,
        ("CPUCreditBalance", "i-burst"): 300,
        ("VolumeWriteOps", "vol-data"): 60,
        ("VolumeBytesUsed", "c"): 300,
        ("BucketSizeBytes", "example-logs"): DAY,
        ("ProvisionedWriteCapacityUnits", "carts"): 300,
        ("CPUUtilization", "main"): 60,
    }
    for (name, value), grain in expected.items():
        seconds = truth.read(find(truth, name, value), NOW - 6 * DAY, NOW).seconds
        assert np.diff(seconds).min() == grain, name
        assert (seconds % grain == 0).all()


def test_points_are_lost_now_and_then_but_never_what_is_billed_by(truth: Truth) -> None:
    """About one point in five thousand, and seldom up to two hours at a stretch."""
    steady = find(truth, "CPUUtilization", "i-steady")
    seconds = truth.read(steady, NOW - 400 * DAY, NOW).seconds
    lost = 400 * 288 - len(seconds)
    assert 8 < lost < 120
    assert np.diff(seconds).max() <= 2 * 3600 + 900
    health = truth.read(find(truth, "HealthyHostCount", "old-front"), NOW - 100 * DAY, NOW)
    assert len(health.seconds) == 100 * 1440
    outages = 0
    for metric in truth.metrics:
        if metric.namespace == "AWS/EC2" and metric.name == "StatusCheckFailed":
            gaps = np.diff(truth.read(metric, NOW - 400 * DAY, NOW).seconds)
            outages += int(((gaps > 900) & (gaps <= 7260)).sum())
    assert 0 < outages < 20


def test_groups_sum_and_sample_their_members(truth: Truth) -> None:
    size = truth.read(find(truth, "GroupInServiceInstances", "web"), NOW - 5 * DAY, NOW)
    assert set(size.values[size.seconds < NOW - 3 * DAY]) == {1.0}
    assert set(size.values[size.seconds >= NOW - 3 * DAY]) == {2.0}
    both = truth.read(find(truth, "CPUUtilization", "web", "AWS/EC2"), NOW - DAY, NOW)
    apart = [truth.read(find(truth, "CPUUtilization", name), NOW - DAY, NOW) for name in ("i-member1", "i-member2")]
    assert sorted(both.values.tolist()) == sorted([*apart[0].values.tolist(), *apart[1].values.tolist()])


def test_an_instances_disk_traffic_is_its_volumes(truth: Truth) -> None:
    first, last = END - 24, END
    names = ("vol-root", "vol-data")
    whole = truth.read(find(truth, "EBSWriteOps", "i-steady"), first * 3600, last * 3600)
    volumes = [truth.read(find(truth, "VolumeWriteOps", name), first * 3600, last * 3600) for name in names]
    for second, value in zip(whole.seconds.tolist()[:50], whole.values.tolist()[:50], strict=True):
        if all(len(part.between(second, second + 300).seconds) == 5 for part in volumes):
            assert value == sum(part.between(second, second + 300).values.sum() for part in volumes)


def test_credits_are_earned_spent_and_borrowed() -> None:
    """EC2 user guide: a t3.micro earns 12 credits an hour and keeps a day's, 288; a whole vCPU-minute costs one."""
    levels = walk_bucket(0.0, 1.0, np.array([0.0, 0.0, 5.0, 0.0, 400.0, 0.0]), 288.0, -288.0)
    assert levels.level.tolist() == [1.0, 2.0, -2.0, -1.0, -288.0, -287.0]
    assert levels.charged.tolist() == [0.0, 0.0, 0.0, 0.0, 112.0, 0.0]
    full = walk_bucket(288.0, 1.0, np.zeros(3), 288.0, -288.0)
    assert full.level.tolist() == [288.0] * 3


def test_credit_metrics_tell_one_story(truth: Truth) -> None:
    read: Callable[[str], Samples] = lambda name: truth.read(find(truth, name, "i-burst"), NOW - 9 * DAY, NOW)  # noqa: E731
    usage, balance = read("CPUCreditUsage"), read("CPUCreditBalance")
    surplus, charged = read("CPUSurplusCreditBalance"), read("CPUSurplusCreditsCharged")
    assert not (balance.values * surplus.values).any(), "there is either a balance or a debt"
    level = balance.values - surplus.values
    # t3.medium: 24 credits an hour, 2 a slot of 5 minutes.
    is_next = np.diff(usage.seconds) == 300
    moved = np.diff(level)[is_next]
    expected = (2.0 - usage.values[1:] + charged.values[1:])[is_next]
    is_free = np.abs(level[1:][is_next]) < 576
    np.testing.assert_allclose(moved[is_free], expected[is_free], atol=2e-3)
    processor = truth.read(find(truth, "CPUUtilization", "i-burst"), NOW - 9 * DAY, NOW)
    spent = processor.values.mean() / 100 * 2 * 5
    assert usage.values.mean() == pytest.approx(spent, rel=0.05)


def test_statistics_of_repeated_values_are_those_of_the_values_written_out() -> None:
    rng = np.random.default_rng(3)
    seconds = np.sort(rng.integers(0, 40, 500)) * 60
    values, counts = rng.normal(50, 20, 500), rng.integers(1, 9, 500).astype(float)
    periods = cut(Samples(seconds, values, counts), 0, 600)
    for name, compute in {
        "SampleCount": len,
        "Sum": np.sum,
        "Average": np.mean,
        "Minimum": np.min,
        "Maximum": np.max,
        "p50": lambda each: np.percentile(each, 50),
        "p99.9": lambda each: np.percentile(each, 99.9),
        "PR(40:60)": lambda each: 100 * np.mean((each > 40) & (each <= 60)),
        "tc90": lambda each: 0.9 * len(each),
    }.items():
        expected = [
            compute(np.repeat(values, counts.astype(int))[np.repeat(seconds, counts.astype(int)) // 600 == number])
            for number in np.unique(seconds // 600)
        ]
        np.testing.assert_allclose(periods.compute(name).values, expected, rtol=1e-12, err_msg=name)
    hundred = cut(Samples(np.zeros(100, dtype=np.int64), np.arange(1.0, 101.0)), 0, 60)
    assert hundred.compute("tm90").values.tolist() == [45.5]
    assert hundred.compute("TM(10%:90%)").values.tolist() == [50.5]
    assert hundred.compute("IQM").values.tolist() == [50.5]
    assert hundred.compute("ts90").values.tolist() == [sum(range(1, 91))]
    assert hundred.compute("wm98").values.tolist() == pytest.approx([(sum(range(1, 99)) + 2 * 98) / 100])
    assert not is_statistic("Median")
    assert not is_statistic("p101")


def test_samples_start_with_the_thing(truth: Truth) -> None:
    seconds = truth.read(find(truth, "CPUUtilization", "i-member2"), NOW - 30 * DAY, NOW).seconds
    assert datetime.fromtimestamp(int(seconds[0]), UTC).timestamp() >= NOW - 3 * DAY
    assert seconds[0] < NOW - 3 * DAY + 3600
