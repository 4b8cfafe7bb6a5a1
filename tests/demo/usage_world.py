"""A hand-made estate for the tests of usage: one or more of every kind of resource, with demand that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from demo.parameters import Parameters
from demo.timeline import BillingPeriod, draw_horizon, hour_of
from demo.world import resources
from demo.world.accounts import ACCOUNTS, REGIONS, Account, Region
from demo.world.demand import Demand
from demo.world.estate import Estate
from demo.world.life import Life

START, END = hour_of(2026, 10), hour_of(2026, 11)
OCTOBER = BillingPeriod(START, END, True)
DAILY_OCTOBER = BillingPeriod(START, END, False)
NOVEMBER = BillingPeriod(END, hour_of(2026, 12), True)


@dataclass(frozen=True)
class Wave(Demand):
    """Work that goes up and down with the hour of the day, exactly known."""

    def hourly(self, first: int, last: int) -> np.ndarray:
        return np.asarray(0.3 + 0.2 * np.sin(np.arange(first, last) / 3.8))


def demand(name: str) -> Demand:
    return Wave(1, name, "steady", "UTC", True, START)


def make(kind: type[Any], number: int = 0, /, **facts: Any) -> Any:
    """A thing of a kind, in an account and region of its number."""
    account: Account = ACCOUNTS[number % len(ACCOUNTS)]
    region: Region = REGIONS[number % len(REGIONS)]
    name = f"{kind.__name__.lower()}-{number:05d}"
    usual: dict[str, Any] = {
        "resource_id": f"id-{name}",
        "name": name,
        "account": account,
        "region": region,
        "life": Life(START - 5000),
        "demand": demand(name),
        "tags": {"Team": 'a, "b"'},
    }
    return kind(**(usual | facts))


def everything(number: int) -> list[resources.Resource]:
    """One or two of each kind."""
    zone = REGIONS[number % len(REGIONS)].code + "a"
    instance = make(resources.Instance, number, zone=zone, instance_type="m5.large")
    spot = make(
        resources.Instance, number, resource_id=f"i-spot-{number}", zone=zone, instance_type="c5.xlarge", is_spot=True
    )
    windows = make(
        resources.Instance,
        number,
        resource_id=f"i-windows-{number}",
        zone=zone,
        instance_type="t3.medium",
        operating_system="Windows",
        life=Life(START - 100, None, ((START + 40, START + 90),)),
    )
    volume = {"zone": zone, "instance_id": None, "size_gb": 77}
    return [
        instance,
        spot,
        windows,
        make(resources.Volume, number, resource_id=f"v-gp2-{number}", volume_type="gp2", **volume),
        make(
            resources.Volume,
            number,
            resource_id=f"v-gp3-{number}",
            volume_type="gp3",
            iops=4000,
            throughput_mbps=250,
            **volume,
        ),
        make(resources.Volume, number, resource_id=f"v-io1-{number}", volume_type="io1", iops=500, **volume),
        make(resources.Volume, number, resource_id=f"v-st1-{number}", volume_type="st1", **volume),
        make(resources.Snapshot, number, volume_id="v", stored_gb=31),
        make(resources.Address, number, public_ip="198.51.100.1", instance_id=windows.resource_id),
        make(resources.NatGateway, number, gateway_id="nat-1", zone=zone, gb_per_hour=5.5),
        make(resources.Database, number, engine="postgres", database_class="db.m5.large", storage_gb=100),
        make(
            resources.Database,
            number,
            resource_id=f"db-multi-{number}",
            engine="mysql",
            database_class="db.r6g.xlarge",
            storage_gb=50,
            storage_type="gp3",
            is_multi_az=True,
        ),
        make(
            resources.Database,
            number,
            resource_id=f"db-aurora-{number}",
            engine="aurora-postgresql",
            database_class="db.t3.medium",
            storage_gb=0,
            cluster="c",
        ),
        make(resources.DatabaseCluster, number, engine="aurora-postgresql", storage_gb=64, ios_per_hour=9_000_000),
        make(
            resources.Function,
            number,
            memory_mb=512,
            architecture=("x86_64", "arm64")[number % 2],
            invocations_per_hour=20_000,
            duration_ms=123.4,
        ),
        make(
            resources.Bucket,
            number,
            stored_gb={"STANDARD": 40_000.0, "GLACIER_IR": 12.5, "STANDARD_IA": 1.25},
            growth_per_day=0.001,
            gets_per_hour=9000,
            puts_per_hour=500,
            kb_per_get=35.5,
        ),
        make(
            resources.Table,
            number,
            mode="PROVISIONED",
            read_units=12,
            write_units=7,
            reads_per_second=5.0,
            writes_per_second=3.0,
            stored_gb=9.75,
            indexes={"by-date": 0.5},
        ),
        make(
            resources.Table,
            number,
            resource_id=f"t-request-{number}",
            mode="PAY_PER_REQUEST",
            read_units=0,
            write_units=0,
            reads_per_second=5.0,
            writes_per_second=3.0,
            stored_gb=20.0,
        ),
        *(
            make(
                resources.LoadBalancer,
                number,
                resource_id=f"lb-{kind}-{number}",
                kind=kind,
                requests_per_hour=300_000,
                kb_per_request=11.5,
                targets=2,
            )
            for kind in ("application", "network", "classic")
        ),
        make(
            resources.ContainerService,
            number,
            cluster="c",
            task_count=3,
            vcpu=0.25,
            memory_gb=0.5,
            architecture=("x86_64", "arm64")[number % 2],
        ),
        make(
            resources.Distribution,
            number,
            distribution_id="E1",
            requests_per_hour=900_000,
            kb_per_request=40.0,
            edges={"US": 0.5, "EU": 0.3, "AP": 0.2},
        ),
        make(
            resources.RestApi,
            number,
            api_id="a",
            kind=("REST", "HTTP")[number % 2],
            stage="prod",
            requests_per_hour=1_900_000,
        ),
    ]


def make_estate(things: list[resources.Resource]) -> Estate:
    parameters = Parameters(7, hour_of(2026, 11) + 22 * 24, 300, 2, 90)
    return Estate(parameters, draw_horizon(parameters), tuple(things))
