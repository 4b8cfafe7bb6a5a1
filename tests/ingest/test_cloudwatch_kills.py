"""kill -9 in mid-collection: the next run makes everything as if nothing had happened, what was asked stays counted.

Batches are made small, so that some are committed before the kill. A kill hits a request that the account keeps
waiting, or a batch that is being written and waits for a table.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from subprocess import Popen
from typing import Any

import pytest

from tests.conftest import Estate
from tests.ingest.kills import find_descendants, holding, wait_until, wait_until_gone, watching
from tests.ingest.metrics import (
    ANALYTICS,
    collect,
    count_by_action,
    count_requests,
    is_for,
    read_asked,
    read_digests,
    read_until,
    variables_of,
)
from tests.simulated import Cloud, Product

# Before the command: batches of 2,000 datapoints, and 20 queries a call instead of 500, which makes 30 calls or so.
_SMALL = """
from ingest.cloudwatch import collection, planning
assert collection._BATCH_DATAPOINTS > 2_000 and planning.QUERIES_PER_CALL == 500
collection._BATCH_DATAPOINTS, planning.QUERIES_PER_CALL = 2_000, 20
"""
_CALLS = 22
_LISTINGS = 15


@dataclass(frozen=True)
class Kill:
    """Where a collection dies: `phase` is listing, asking or storing, at the request after `skipped`."""

    phase: str
    skipped: int
    linger_seconds: float

    @staticmethod
    def draw(seed: int, phase: str) -> "Kill":
        chance = random.Random(f"{seed} {phase}")
        return Kill(phase, chance.randrange(_LISTINGS if phase == "listing" else _CALLS), chance.uniform(0, 0.3))

    def strike(self, product: Product, cloud: Cloud) -> None:
        """Start a collection and kill it there; returns when the server has noticed."""
        action = "ListMetrics" if self.phase == "listing" else "GetMetricData"
        with watching(product) as watch, product.connect() as holder:
            with holding(cloud, lambda request: is_for(request, action), self.skipped) as gate:
                process = product.start_at(cloud.present, "cloudwatch", prelude=_SMALL)
                try:
                    wait_until(lambda: gate.is_holding() or process.poll() is not None)
                    assert process.poll() is None, process.communicate()
                    if self.phase == "storing":
                        holder.execute("lock table raw.cloudwatch_series in exclusive mode")
                        gate.open()
                        wait_until(lambda: watch.count_blocked(holder.info.backend_pid) > 0)
                    time.sleep(self.linger_seconds)
                finally:
                    kill(process)
            holder.rollback()
            holder.close()
            watch.wait_until_alone()


def kill(process: "Popen[str]") -> None:
    started = find_descendants(process.pid)
    process.kill()
    process.communicate()
    wait_until_gone(started)


@pytest.fixture
def empty(create_product: Callable[..., Product], cloud: Cloud) -> Iterator[Product]:
    made = create_product(**variables_of(cloud, "us-west-2", ANALYTICS))
    made.call("cloudwatch", "--plan")  # makes the schema
    yield made
    made.drop()


def survive(kills: list[Kill], product: Product, estate: Estate) -> None:
    cloud = estate.cloud
    with cloud.noting() as noted:
        for each in kills:
            each.strike(product, cloud)
    seen = count_by_action(noted)
    counted = {action: count for action, (count, _) in count_requests(product).items()}
    # A request is written down before it is made: of those that wait for their turn at the kill, none was seen.
    for action, count in seen.items():
        assert count <= counted[action] <= count + 8 * len(kills), action
    standing = read_until(product)
    stored = product.query(
        "select count(*) from raw.loads where source_name = 'cloudwatch' and partition_key ~ %s", ANALYTICS
    )
    assert stored == [(0,)], "a collection that was killed isn't in the ledger"
    with cloud.noting() as again:
        collect(product, cloud)
    assert read_digests(product) == read_digests(estate.product)
    assert read_until(product) == read_until(estate.product)
    total = {action: count for action, (count, _) in count_requests(product).items()}
    assert total == {action: counted.get(action, 0) + count for action, count in count_by_action(again).items()}, (
        "the killed run's requests stay"
    )
    done = {key[2:] for key, end in standing.items() if end is not None}
    asked = {query[:3] for each in read_asked(again) for query in each.queries}
    assert asked and asked.isdisjoint(done), "what a batch had committed is not asked for again"
    if any(each.phase == "asking" and each.skipped > 16 for each in kills):
        assert done, "no batch was committed before"


@pytest.mark.parametrize(
    ("phase", "seed"),
    [
        ("asking", 1),
        ("storing", 1),
        *(
            pytest.param(phase, seed, marks=pytest.mark.full)
            for phase in ("listing", "asking", "storing")
            for seed in range(10, 16)
        ),
    ],
)
def test_killed_and_run_again(empty: Product, small_estate: Estate, phase: str, seed: int) -> None:
    survive([Kill.draw(seed, phase)], empty, small_estate)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again(empty: Product, small_estate: Estate, seed: int) -> None:
    """Each run gets further: five kills, then one that ends."""
    chance = random.Random(seed)
    kills = [Kill("asking", chance.randrange(4), chance.uniform(0, 0.3)) for _ in range(5)]
    survive(kills, empty, small_estate)


def test_leftovers_of_a_killed_run_are_asked_for_again(small_estate: Estate, cloud: Cloud) -> None:
    """As an earlier version's kill may leave them: rows of a series that doesn't count as collected."""
    before: dict[Any, Any] = read_digests(small_estate.product)
    product = small_estate.product.copy(f"{small_estate.product.database}_leftovers")
    product.change(
        "update raw.cloudwatch_series set collected_until_at = null where series_id % 2 = 0",
        "delete from raw.cloudwatch_datapoints where series_id % 4 = 0 and period_start_at > '2026-11-01T00:00:00Z'",
        "update raw.cloudwatch_datapoints set maximum_value = -1 where series_id % 2 = 0",
    )
    # Whole, as the day's listing is.
    product.change("update raw.loads set statistics = statistics - 'daily_until_at'")
    collect(product, cloud)
    assert read_digests(product) == before
    product.drop()
