"""The price list: AWS's published prices, names, tiers, and the rates of commitments."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from demo import money
from demo.errors import DemoError
from demo.prices import catalog
from demo.prices.commitments import COMPUTE_PLAN, INSTANCE_PLAN, OFFERING_CLASSES, PAYMENT_OPTIONS, PLAN_TYPES, TERMS
from demo.prices.compute import spot_rates
from demo.prices.sizes import memory_of, normalization_factor, normalization_scaled, normalized_units, vcpus_of
from demo.world.accounts import HOME_REGION, REGIONS
from tests.real_data import find_real_data


def _usd(text: str) -> int:
    return money.parse(text)


def test_every_product_is_whole_in_every_region() -> None:
    skus, rates = set(), set()
    for product, region in catalog.offers():
        tiers = product.tiers(region)
        assert tiers[0].start == 0
        assert all(lower.start < upper.start and lower.rate > upper.rate for lower, upper in pairwise(tiers))
        assert product.list_rate(region) == tiers[0].rate > 0
        texts = [tier.text for tier in tiers] + [product.free_text(region)]
        assert not any("{" in text for text in texts)
        assert len(set(texts[:-1])) == len(tiers)
        assert product.service
        assert product.unit
        skus.add(product.sku(region))
        rates |= {product.rate_code(region, tier) for tier in range(len(tiers))}
        # A description that names its price names the right one.
        for tier in tiers:
            named = re.match(r"\$([0-9.]+) per (GB|Hrs|Linux|On Demand|IOPS|RDS|used|NAT)", tier.text)
            if named:
                assert _usd(named[1]) == tier.rate, tier.text
    offers = list(catalog.offers())
    assert (
        len(skus)
        == len({(each.code, each.usage_type(region), each.operation) for each, region in offers})
        == len(offers)
    )
    assert len(rates) == sum(len(each.texts) for each, _ in offers)
    # Tiers start at the same quantities everywhere: what fills them is looked up once.
    for product in catalog.products().values():
        assert len({tuple(start for start, _ in steps) for steps in product.prices.values()}) == 1


@pytest.mark.parametrize(
    ("key", "region", "usd"),
    [
        ("ec2/m5.large/Linux", "us-east-1", "0.096"),
        ("ec2/m5.large/Windows", "us-west-2", "0.188"),
        ("ec2/c5.2xlarge/Linux", "us-east-1", "0.34"),
        ("rds/db.m5.large/postgres", "us-east-1", "0.178"),
        ("rds/db.t3.medium/postgres", "us-east-1", "0.072"),
        ("rds/db.m5.large/postgres/multi-az", "us-east-1", "0.356"),
        ("rds/db.r5.large/aurora-postgresql", "us-east-1", "0.29"),
        ("ebs/gp3", "eu-west-1", "0.088"),
        ("lambda/duration/x86_64", "us-east-1", "0.0000166667"),
        ("s3/storage/STANDARD", "us-east-1", "0.023"),
        ("dynamodb/write-requests", "us-east-1", "0.000000625"),
        ("fargate/vcpu/x86_64", "us-east-1", "0.04048"),
        ("cloudfront/out/US", None, "0.085"),
    ],
)
def test_prices_are_those_that_aws_publishes(key: str, region: str | None, usd: str) -> None:
    assert catalog.on_demand_rate(key, region) == _usd(usd)


def test_instance_prices_agree_with_the_published_list() -> None:
    path = find_real_data() / "ec2-prices" / "us-east-1-linux-on-demand-2026-07-20.json"
    listed = json.loads(path.read_text(encoding="utf-8"))["us-east-1"]
    for name, kind in catalog.instance_types().items():
        assert Decimal(str(listed[name])) == kind.usd_per_hour, name


def test_usage_types_begin_as_the_region_does() -> None:
    east, west, ireland = REGIONS
    machine, address, task = (
        catalog.product(key) for key in ("ec2/m5.large/Linux", "vpc/address-idle", "fargate/vcpu/arm64")
    )
    assert [machine.usage_type(region) for region in (east, west, ireland)] == [
        "BoxUsage:m5.large",
        "USW2-BoxUsage:m5.large",
        "EU-BoxUsage:m5.large",
    ]
    assert address.usage_type(east) == "USE1-PublicIPv4:IdleAddress"
    assert task.usage_type(ireland) == "EU-Fargate-ARM-vCPU-Hours:perCPU"
    assert catalog.product("cloudfront/out/AP").usage_type(None) == "AP-DataTransfer-Out-Bytes"


def test_arm_machines_have_no_windows() -> None:
    with pytest.raises(DemoError, match="m6g"):
        catalog.product("ec2/m6g.large/Windows")


@pytest.mark.parametrize("zone", ["us-east-1a", "us-east-1b", "eu-west-1c"])
def test_spot_prices_vary_within_their_span_and_keep_their_past(zone: str) -> None:
    listed = catalog.on_demand_rate("ec2/c5.xlarge/Linux", zone[:-1])
    year = spot_rates("c5.xlarge", "Linux", zone, 490_000, 498_760)
    assert (year >= 0.2499 * listed).all()
    assert (year <= 0.4501 * listed).all()
    assert len(np.unique(year)) > 10
    assert (spot_rates("c5.xlarge", "Linux", zone, 491_000, 491_010) == year[1000:1010]).all()
    licence = spot_rates("c5.xlarge", "Windows", zone, 490_000, 498_760) - year
    assert (licence == _usd("0.184")).all()


def test_spot_differs_from_zone_to_zone() -> None:
    first, second = (spot_rates("m5.large", "Linux", zone, 490_000, 490_100) for zone in ("us-east-1a", "us-east-1b"))
    assert (first != second).any()


def test_commitments_are_cheaper_the_longer_and_the_more_is_paid_ahead() -> None:
    for key in ("ec2/m5.xlarge/Linux", "ec2/c5.large/Windows", "rds/db.m5.large/postgres"):
        listed = catalog.on_demand_rate(key, HOME_REGION)
        for offering_class in OFFERING_CLASSES:
            rates = [
                [
                    catalog.reservation_rates(key, HOME_REGION, term, payment, offering_class)
                    for payment in PAYMENT_OPTIONS
                ]
                for term in TERMS
            ]
            for of_term in rates:
                none, some, whole = of_term
                assert listed > none.effective_rate > some.effective_rate > whole.effective_rate
                assert none.upfront_fee == 0
                assert whole.recurring_rate == 0
                assert some.upfront_fee % money.SCALE == 0
            assert rates[0][0].effective_rate > rates[1][0].effective_rate
    for key in ("ec2/m5.xlarge/Linux", "fargate/vcpu/x86_64", "lambda/duration/arm64"):
        plans = [catalog.savings_plan_rate(key, HOME_REGION, COMPUTE_PLAN, term) for term in TERMS]
        assert catalog.on_demand_rate(key, HOME_REGION) > plans[0] > plans[1]


def test_an_instance_plan_is_cheaper_than_a_compute_plan_and_savings_differ_by_family() -> None:
    savings: dict[str, dict[str, float]] = {plan: {} for plan in PLAN_TYPES}
    for name, kind in catalog.instance_types().items():
        key = f"ec2/{name}/Linux"
        listed = catalog.on_demand_rate(key, "us-east-1")
        compute, instance = (catalog.savings_plan_rate(key, "us-east-1", plan) for plan in PLAN_TYPES)
        assert instance < compute < listed
        savings[COMPUTE_PLAN][kind.family] = round(compute / listed, 2)
        savings[INSTANCE_PLAN][kind.family] = round(instance / listed, 2)
    assert all(len(set(by_family.values())) >= 4 for by_family in savings.values())


def test_nothing_discounts_a_licence() -> None:
    windows = catalog.savings_plan_rate("ec2/m5.large/Windows", "us-east-1", COMPUTE_PLAN)
    linux = catalog.savings_plan_rate("ec2/m5.large/Linux", "us-east-1", COMPUTE_PLAN)
    assert windows - linux == _usd("0.092")


@pytest.mark.parametrize("key", ["spot/m5.large/Linux", "ebs/gp3", "lambda/requests/x86_64", "rds/db.m5.large/mysql"])
def test_what_no_plan_covers_has_no_plan_rate(key: str) -> None:
    with pytest.raises(DemoError, match="doesn't cover"):
        catalog.savings_plan_rate(key, "us-east-1", COMPUTE_PLAN)


def test_sizes_follow_the_published_factors() -> None:
    expected = {
        "nano": "0.25",
        "micro": "0.5",
        "small": "1",
        "medium": "2",
        "large": "4",
        "xlarge": "8",
        "24xlarge": "192",
    }
    assert {size: normalization_factor(f"x.{size}") for size in expected} == expected
    assert normalized_units("t3.nano") == 1
    assert normalization_scaled("db.m5.large") == 4 * money.SCALE
    assert (vcpus_of("db.m5.xlarge"), memory_of("db.m5.xlarge")) == (4, 16.0)
    assert (vcpus_of("db.t3.micro"), memory_of("db.t3.micro")) == (2, 1.0)
    assert (vcpus_of("c5.9xlarge"), memory_of("c5.9xlarge")) == (36, 72.0)
    for name in ("m9.large", "db.m5.nano", "db.m5"):
        with pytest.raises(DemoError, match=name):
            vcpus_of(name)
