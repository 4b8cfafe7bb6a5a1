"""A pool of shared tiers priced anew where a change moves its tiers' edges costs what pricing all of it anew tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from demo.billing.pools import Pool
from demo.billing.records import Meter
from demo.prices import catalog
from demo.world.accounts import ACCOUNTS, REGIONS

CUTS, HOURS = ((0, 300), (300, 500)), 500


def draw_meters(rng: np.random.Generator, keys: list[str], count: int, size: float) -> list[Meter]:
    """Use that reaches a ``size`` (units) a month in all, some of it in few hours."""
    meters = []
    for number in range(count):
        key = keys[int(rng.integers(len(keys)))]
        regional = catalog.product(key).is_regional
        each = rng.random(HOURS) * (rng.random(HOURS) < rng.choice((0.05, 1.0))) * 2 * size / 250 / count
        region = REGIONS[int(rng.integers(2))] if regional else None
        quantity = (each * 10**10).astype(np.int64)
        meters.append(Meter(f"id-{number}", ACCOUNTS[int(rng.integers(4))], region, key, quantity))
    return meters


@pytest.mark.parametrize(
    ("keys", "size"),
    [
        (["internet/ec2", "internet/elb", "internet/s3"], 150.0),  # around the free 100 GB of all regions
        (["internet/ec2", "internet/s3"], 25_000.0),  # around the first 10 TB of a region
        (["s3/storage/STANDARD"], 120_000.0),  # around the first 50 TB
        (["lambda/requests/x86_64", "lambda/requests/arm64"], 4e6),
        (["lambda/duration/x86_64"], 1.6e6),
        (["dynamodb/storage"], 120.0),
    ],
)
def test_a_change_moves_the_tiers_of_all(keys: list[str], size: float) -> None:
    moved = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        meters = draw_meters(rng, keys, 9, size)
        pool = Pool(meters, CUTS, HOURS)
        gone, other = (int(place) for place in rng.choice(9, 2, replace=False))
        rest = [meter for place, meter in enumerate(meters) if place != gone]
        more = replace(meters[other], quantity=meters[other].quantity * int(rng.integers(0, 4)) // 2)
        changed = [more if meter is meters[other] else meter for meter in rest]
        fresh = replace(meters[gone], resource_id="fresh", quantity=meters[gone].quantity[::-1].copy())
        for instead in (rest, changed, [*rest, fresh], [*meters, fresh], [*changed, fresh], meters, []):
            whole = Pool(instead, CUTS, HOURS).cost if instead else np.zeros(HOURS, dtype=np.int64)
            assert (pool.cost - pool.fall(instead) == whole).all()
        alone = Pool(rest, CUTS, HOURS).cost + Pool([meters[gone]], CUTS, HOURS).cost
        moved += bool((alone != pool.cost).any())
    assert moved >= 3, "the tiers didn't matter"
