"""The resources of the organisation: what exists, where, since when, for whom and under which tags."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from demo import accounts, catalog
from demo.accounts import Account, Region
from demo.calendars import Horizon
from demo.demand import Demand, Life, draw_demand
from demo.parameters import Parameters
from demo.randomness import identifier, stream


@dataclass(frozen=True)
class Instance:
    """An EC2 instance."""

    resource_id: str
    account: Account
    region: Region
    zone: str
    instance_type: str
    operating_system: str
    role: str
    life: Life
    tags: dict[str, str] = field(hash=False)


@dataclass(frozen=True)
class Volume:
    """An EBS volume; ``instance_id`` is None where it is attached to nothing."""

    resource_id: str
    account: Account
    region: Region
    size_gb: int
    volume_type: str
    instance_id: str | None
    is_root: bool
    life: Life
    tags: dict[str, str] = field(hash=False)


@dataclass(frozen=True)
class Database:
    """An RDS PostgreSQL instance, Single-AZ. ``resource_id`` is its ARN, as the bill names it."""

    resource_id: str
    name: str
    account: Account
    region: Region
    database_class: str
    storage_gb: int
    role: str
    life: Life
    tags: dict[str, str] = field(hash=False)


@dataclass(frozen=True)
class LoadBalancer:
    """An Application Load Balancer. ``resource_id`` is its ARN; CloudWatch names it by the ARN's last part."""

    resource_id: str
    account: Account
    region: Region
    role: str
    life: Life
    tags: dict[str, str] = field(hash=False)

    @property
    def dimension(self) -> str:
        """app/<name>/<id>."""
        return self.resource_id.split(":loadbalancer/", 1)[1]


@dataclass(frozen=True)
class NatGateway:
    """A NAT gateway. ``resource_id`` is its ARN."""

    resource_id: str
    account: Account
    region: Region
    life: Life
    tags: dict[str, str] = field(hash=False)


@dataclass(frozen=True)
class Estate:
    """Everything that exists, and the demand behind each machine by resource id."""

    parameters: Parameters
    horizon: Horizon
    instances: tuple[Instance, ...]
    volumes: tuple[Volume, ...]
    databases: tuple[Database, ...]
    load_balancers: tuple[LoadBalancer, ...]
    nat_gateways: tuple[NatGateway, ...]
    demand: dict[str, Demand] = field(hash=False)


_BUSY_TYPES = {
    "steady": ("m5.large", "m5.2xlarge", "m6i.large", "m6i.xlarge", "c5.xlarge", "c6i.large", "r5.large", "r6i.xlarge"),
    "office": ("t3.medium", "t3.large", "t3.xlarge", "m5.large", "m6i.large"),
    "nightly": ("c5.large", "c5.4xlarge", "c6i.xlarge", "m5.4xlarge", "r6i.large"),
}
_ANY_TYPE = (
    "t3.small",
    "t3.medium",
    "t3.large",
    "m5.large",
    "m5.2xlarge",
    "m6i.large",
    "m6i.2xlarge",
    "c5.large",
    "r5.large",
)
_SMALL_TYPES = ("t3.micro", "t3.small", "t3.medium", "t3.large")
_TEAMS = ("payments", "search", "platform", "data", "mobile", "risk")
_APPS = ("api", "worker", "web", "etl", "cache", "jobs", "gateway", "reports")
# Names are written by people; some hold what breaks a careless CSV reader, page or spreadsheet.
_AWKWARD_NAMES = ('web "blue" <canary>, eu', "=1+1 jobs", "Überwachung – Köln", "a<script>alert(1)</script>")

# Share of all instances that each planted kind takes; at least one of each. The rest is busy.
_PLANTED_SHARES = {
    "idle": 0.13,
    "fading": 0.05,
    "standby": 0.05,
    "light_duty": 0.07,
    "daily_burst": 0.04,
    "network_worker": 0.04,
    "month_end": 0.03,
    "newborn": 0.03,
    "stopped": 0.03,
    "silent_busy": 0.015,
    "silent_idle": 0.015,
}
_BUSY_SHARES = {"steady": 0.5, "office": 0.35, "nightly": 0.15}


@dataclass(frozen=True)
class _Plan:
    role: str
    instance_type: str | None = None
    account: Account | None = None
    region: Region | None = None
    operating_system: str | None = None
    stops_at_night: bool = False
    is_lasting: bool = False


def _committed_plans() -> list[_Plan]:
    """Machines whose types the organisation has reserved, so that each case of allocation occurs at least once."""

    def plan(role: str, instance_type: str, stops_at_night: bool = False) -> _Plan:
        home = accounts.HOME_REGION
        return _Plan(role, instance_type, accounts.PRODUCTION, home, "Linux", stops_at_night, is_lasting=True)

    return [
        *[plan("steady", "m5.xlarge") for _ in range(5)],
        plan("idle", "m5.xlarge"),  # its freed hours are absorbed by another machine
        plan("idle", "r5.2xlarge"),  # the only taker of its reservation
        plan("steady", "c5.2xlarge"),
        plan("nightly", "c5.2xlarge", stops_at_night=True),  # leaves reserved hours unused
    ]


def _plans(count: int, rng: np.random.Generator) -> list[_Plan]:
    plans = _committed_plans()
    for role, share in _PLANTED_SHARES.items():
        plans += [_Plan(role)] * max(1, round(share * count))
    roles = list(_BUSY_SHARES)
    while len(plans) < count:
        plans.append(_Plan(str(rng.choice(roles, p=list(_BUSY_SHARES.values())))))
    return plans


def _draw_tags(rng: np.random.Generator, account: Account, role: str, index: int) -> dict[str, str]:
    """Tags as people leave them: some missing, some spelled differently."""
    team, app = str(rng.choice(_TEAMS)), str(rng.choice(_APPS))
    is_production = account == accounts.PRODUCTION
    tags: dict[str, str] = {}
    if rng.random() > 0.12:
        tags["Name"] = f"{team}-{app}-{index:03d}"
    if rng.random() > 0.2:
        spellings = (
            ("production", "production", "prod", "Production") if is_production else ("development", "dev", "test")
        )
        tags["Environment"] = str(rng.choice(spellings))
    if rng.random() > 0.35:
        tags["Team"] = team
    if rng.random() > 0.5:
        tags["CostCenter"] = f"CC-{100 + _TEAMS.index(team)}"
    if role == "standby" and rng.random() < 0.5:
        tags["Role"] = "standby"
    return tags


def _draw_life(rng: np.random.Generator, role: str, horizon: Horizon, plan: _Plan) -> Life:
    before = horizon.start - int(rng.integers(24, 400 * 24))
    if role == "newborn":
        return Life(horizon.cur_end - int(rng.integers(2 * 24, 7 * 24)))
    if role == "stopped":
        return Life(before, stopped_from=horizon.start - int(rng.integers(1, 48)))
    if role in ("steady", "office") and not plan.is_lasting:
        chance = rng.random()
        if chance < 0.08:
            return Life(before, ended=horizon.start + int(rng.integers(20 * 24, horizon.hours - 5 * 24)))
        if chance < 0.2:
            return Life(horizon.start + int(rng.integers(24, 30 * 24)))
    return Life(before, stops_at_night=plan.stops_at_night or (role == "office" and rng.random() < 0.3))


def _draw_instance(parameters: Parameters, horizon: Horizon, index: int, plan: _Plan) -> Instance:
    rng = stream(parameters.seed, "instance", index)
    account = plan.account or (accounts.PRODUCTION if rng.random() < 0.6 else accounts.DEVELOPMENT)
    region = plan.region or accounts.REGIONS[int(rng.choice(len(accounts.REGIONS), p=(0.5, 0.2, 0.3)))]
    if plan.instance_type:
        instance_type = plan.instance_type
    elif plan.role in ("light_duty", "network_worker"):
        instance_type = str(rng.choice(_SMALL_TYPES))
    else:
        instance_type = str(rng.choice(_BUSY_TYPES.get(plan.role, _ANY_TYPE)))
    operating_system = plan.operating_system or ("Windows" if rng.random() < 0.2 else "Linux")
    tags = _draw_tags(rng, account, plan.role, index)
    if index % 17 == 3:
        tags["Name"] = _AWKWARD_NAMES[(index // 17) % len(_AWKWARD_NAMES)]
    return Instance(
        resource_id="i-0" + identifier(parameters.seed, "instance", index, length=16),
        account=account,
        region=region,
        zone=region.code + str(rng.choice(("a", "b", "c"))),
        instance_type=instance_type,
        operating_system=operating_system,
        role=plan.role,
        life=_draw_life(rng, plan.role, horizon, plan),
        tags=tags,
    )


def _draw_volumes(parameters: Parameters, horizon: Horizon, instances: list[Instance], loose: int) -> list[Volume]:
    volumes = []
    for index, instance in enumerate(instances):
        rng = stream(parameters.seed, "root volume", index)
        smallest = 30 if instance.operating_system == "Windows" else 8
        volumes.append(
            Volume(
                "vol-0" + identifier(parameters.seed, "root volume", index, length=16),
                instance.account,
                instance.region,
                int(smallest * rng.choice((1, 1, 2, 4))),
                str(rng.choice(("gp2", "gp3"))),
                instance.resource_id,
                True,
                Life(instance.life.launched, ended=instance.life.ended),
                {key: value for key, value in instance.tags.items() if key != "Role" and rng.random() < 0.7},
            )
        )
    holders = [instance for instance in instances if instance.role not in ("newborn", "light_duty")]
    for index in range(loose):
        rng = stream(parameters.seed, "data volume", index)
        instance = holders[int(rng.integers(len(holders)))]
        is_left_behind = index % 4 == 3
        launched = horizon.start - int(rng.integers(24, 300 * 24)) if is_left_behind else instance.life.launched
        volumes.append(
            Volume(
                "vol-0" + identifier(parameters.seed, "data volume", index, length=16),
                instance.account,
                instance.region,
                int(rng.choice((50, 100, 200, 500, 1000))),
                str(rng.choice(("gp2", "gp3"))),
                None if is_left_behind else instance.resource_id,
                False,
                Life(launched, ended=None if is_left_behind else instance.life.ended),
                {key: value for key, value in instance.tags.items() if key != "Role" and rng.random() < 0.5},
            )
        )
    return volumes


def _place(rng: np.random.Generator) -> tuple[Account, Region]:
    account = accounts.PRODUCTION if rng.random() < 0.65 else accounts.DEVELOPMENT
    return account, accounts.REGIONS[int(rng.choice(len(accounts.REGIONS), p=(0.5, 0.2, 0.3)))]


def _draw_databases(parameters: Parameters, horizon: Horizon, count: int) -> list[Database]:
    databases = []
    for index in range(count):
        rng = stream(parameters.seed, "database", index)
        account, region = _place(rng)
        name = f"{rng.choice(_TEAMS)}-db-{index:02d}"
        role = ("steady", "office", "idle", "steady", "nightly", "office")[index % 6]
        databases.append(
            Database(
                f"arn:aws:rds:{region.code}:{account.account_id}:db:{name}",
                name,
                account,
                region,
                str(rng.choice(list(catalog.load()["databases"]))),
                int(rng.choice((20, 100, 250, 500))),
                role,
                Life(horizon.start - int(rng.integers(24, 300 * 24))),
                _draw_tags(rng, account, role, index),
            )
        )
    return databases


def _draw_load_balancers(parameters: Parameters, horizon: Horizon, count: int) -> list[LoadBalancer]:
    balancers = []
    for index in range(count):
        rng = stream(parameters.seed, "load balancer", index)
        account, region = _place(rng)
        name = f"{rng.choice(_TEAMS)}-alb-{index:02d}/{identifier(parameters.seed, 'load balancer', index, length=16)}"
        role = ("steady", "office", "idle", "light_duty")[index % 4]
        balancers.append(
            LoadBalancer(
                f"arn:aws:elasticloadbalancing:{region.code}:{account.account_id}:loadbalancer/app/{name}",
                account,
                region,
                role,
                Life(horizon.start - int(rng.integers(24, 300 * 24))),
                _draw_tags(rng, account, role, index),
            )
        )
    return balancers


def _draw_nat_gateways(parameters: Parameters, horizon: Horizon, count: int) -> list[NatGateway]:
    gateways = []
    for index in range(count):
        rng = stream(parameters.seed, "nat gateway", index)
        account, region = _place(rng)
        code = "nat-0" + identifier(parameters.seed, "nat gateway", index, length=16)
        gateways.append(
            NatGateway(
                f"arn:aws:ec2:{region.code}:{account.account_id}:natgateway/{code}",
                account,
                region,
                Life(horizon.start - int(rng.integers(24, 300 * 24))),
                _draw_tags(rng, account, "steady", index),
            )
        )
    return gateways


def draw_estate(parameters: Parameters, horizon: Horizon) -> Estate:
    """Draw every resource and the demand behind each machine. About half of the resources are EC2 instances."""
    total = parameters.resources
    plans = _plans(total // 2, stream(parameters.seed, "plans"))
    instances = [_draw_instance(parameters, horizon, index, plan) for index, plan in enumerate(plans)]
    databases = _draw_databases(parameters, horizon, max(3, round(total * 0.07)))
    balancers = _draw_load_balancers(parameters, horizon, max(3, round(total * 0.05)))
    gateways = _draw_nat_gateways(parameters, horizon, max(1, round(total * 0.02)))
    loose = total - len(instances) - len(databases) - len(balancers) - len(gateways)
    machines: list[Instance | Database | LoadBalancer] = [*instances, *databases, *balancers]
    demand = {
        thing.resource_id: draw_demand(
            parameters.seed, thing.resource_id, thing.role, thing.life, horizon, thing.region.time_zone
        )
        for thing in machines
    }
    return Estate(
        parameters,
        horizon,
        tuple(instances),
        tuple(_draw_volumes(parameters, horizon, instances, loose)),
        tuple(databases),
        tuple(balancers),
        tuple(gateways),
        demand,
    )
