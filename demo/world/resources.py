"""The kinds of resources. Each is an immutable description, valid for a span of hours; a change begins a new one.

``since`` and ``until`` bound a description's validity: a resized instance is two descriptions with one resource_id, the
second from the hour of the change on. ``capacity_factor`` tells how much larger it is than what demand was drawn for,
in processors; ``memory_factor`` in memory, where that differs (None: it doesn't).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from demo.world.accounts import Account, Region
from demo.world.demand import Demand
from demo.world.life import Life


@dataclass(frozen=True, kw_only=True)
class Resource:
    """What all resources share. ``resource_id`` is what the bill's lineItem/ResourceId holds (an ARN for most)."""

    resource_id: str
    name: str
    account: Account
    region: Region
    life: Life
    demand: Demand
    tags: dict[str, str] = field(hash=False, default_factory=dict)
    since: int = 0
    until: int | None = None
    capacity_factor: float = 1.0
    memory_factor: float | None = None

    def exists(self, first: int, last: int) -> np.ndarray:
        """Per hour of [first, last): whether this description of it is true."""
        return self.life.exists(first, last) & self._is_valid(first, last)

    def runs(self, first: int, last: int) -> np.ndarray:
        """Per hour of [first, last): whether it is switched on and this description is true."""
        return self.life.runs(first, last) & self._is_valid(first, last)

    def is_current(self, hour: int) -> bool:
        """Whether it exists, as described here, in an hour."""
        return bool(self.exists(hour, hour + 1)[0])

    def _is_valid(self, first: int, last: int) -> np.ndarray:
        hours = np.arange(first, last)
        return (hours >= self.since) & (hours < (last if self.until is None else self.until))


@dataclass(frozen=True, kw_only=True)
class Instance(Resource):
    """An EC2 instance; ``resource_id`` is its instance id.

    ``operating_system``: Linux or Windows. ``is_spot``: bought on the Spot market. ``group``: its Auto Scaling group.
    ``has_detailed_monitoring``: CloudWatch gets a point a minute. ``has_agent``: it also gets memory, from the agent.
    ``has_metrics``: False where CloudWatch holds nothing of it. ``is_transient``: it comes and goes with its group's
    demand or the Spot market, and counts for no resource of its own.
    """

    zone: str
    instance_type: str
    operating_system: str = "Linux"
    is_spot: bool = False
    group: str | None = None
    has_detailed_monitoring: bool = False
    has_agent: bool = False
    has_metrics: bool = True
    is_transient: bool = False


@dataclass(frozen=True, kw_only=True)
class Volume(Resource):
    """An EBS volume (gp2, gp3, io1, st1); ``instance_id`` is None where it is attached to nothing.

    ``iops`` and ``throughput_mbps`` are what is provisioned, for gp3 above the free 3,000 and 125 is charged.
    """

    zone: str
    size_gb: int
    volume_type: str
    instance_id: str | None
    is_root: bool = False
    iops: int = 3000
    throughput_mbps: int = 125


@dataclass(frozen=True, kw_only=True)
class Snapshot(Resource):
    """An EBS snapshot; ``resource_id`` is its ARN. ``stored_gb``: what it takes; ``volume_id`` may be gone."""

    volume_id: str
    stored_gb: int


@dataclass(frozen=True, kw_only=True)
class Address(Resource):
    """An Elastic IP address; ``resource_id`` is its allocation ARN. ``instance_id``: None where it is idle."""

    public_ip: str
    instance_id: str | None


@dataclass(frozen=True, kw_only=True)
class NatGateway(Resource):
    """A NAT gateway; ``resource_id`` is its ARN. Level 1 of its demand moves ``gb_per_hour``."""

    gateway_id: str
    zone: str
    gb_per_hour: float


@dataclass(frozen=True, kw_only=True)
class Database(Resource):
    """An RDS instance or an Aurora cluster's member; ``resource_id`` is its ARN, CloudWatch knows it by ``name``.

    ``engine``: postgres, mysql or aurora-postgresql. Storage of an Aurora member is its cluster's.
    """

    engine: str
    database_class: str
    storage_gb: int
    storage_type: str = "gp2"
    is_multi_az: bool = False
    cluster: str | None = None
    connections_at_full: int = 120


@dataclass(frozen=True, kw_only=True)
class DatabaseCluster(Resource):
    """An Aurora cluster: what its members share; ``resource_id`` is its ARN. Level 1: ``ios_per_hour`` requests."""

    engine: str
    storage_gb: int
    ios_per_hour: int


@dataclass(frozen=True, kw_only=True)
class Function(Resource):
    """A Lambda function; ``resource_id`` is its ARN. Level 1 is ``invocations_per_hour`` of ``duration_ms`` each."""

    memory_mb: int
    architecture: str
    invocations_per_hour: int
    duration_ms: float


@dataclass(frozen=True, kw_only=True)
class Bucket(Resource):
    """An S3 bucket; ``resource_id`` is its name, as the bill has it.

    ``stored_gb``: per storage class at its launch, growing by ``growth_per_day`` (ratio). Level 1 makes
    ``gets_per_hour`` and ``puts_per_hour`` requests, each GET moving ``kb_per_get`` to the internet.
    """

    stored_gb: dict[str, float] = field(hash=False, default_factory=dict)
    growth_per_day: float = 0.0
    gets_per_hour: int = 0
    puts_per_hour: int = 0
    kb_per_get: float = 0.0
    has_lifecycle: bool = False
    has_request_metrics: bool = False


@dataclass(frozen=True, kw_only=True)
class Table(Resource):
    """A DynamoDB table; ``resource_id`` is its ARN. ``mode``: PROVISIONED or PAY_PER_REQUEST.

    ``indexes``: GSI name -> share of the table's writes that reach it. Level 1 consumes ``reads_per_second`` and
    ``writes_per_second`` capacity units; provisioned ones are ``read_units``, ``write_units`` (each GSI's: a share).
    """

    mode: str
    read_units: int
    write_units: int
    reads_per_second: float
    writes_per_second: float
    stored_gb: float
    indexes: dict[str, float] = field(hash=False, default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LoadBalancer(Resource):
    """A load balancer; ``resource_id`` is its ARN. ``kind``: application, network or classic.

    Level 1 brings ``requests_per_hour`` (network: flows) of ``kb_per_request`` each. ``targets``: registered ones.
    """

    kind: str
    requests_per_hour: int
    kb_per_request: float
    targets: int

    @property
    def dimension(self) -> str:
        """How CloudWatch names it: app/<name>/<id>, net/<name>/<id>, or a classic one's name."""
        return self.resource_id.split(":loadbalancer/", 1)[1]


@dataclass(frozen=True, kw_only=True)
class ContainerService(Resource):
    """An ECS service on Fargate; ``resource_id`` is its ARN. Level 1 is all of its tasks' processors."""

    cluster: str
    task_count: int
    vcpu: float
    memory_gb: float
    architecture: str = "x86_64"


@dataclass(frozen=True, kw_only=True)
class Distribution(Resource):
    """A CloudFront distribution; ``resource_id`` is its ARN. ``edges``: share of traffic per edge (US, EU, AP)."""

    distribution_id: str
    requests_per_hour: int
    kb_per_request: float
    edges: dict[str, float] = field(hash=False, default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RestApi(Resource):
    """An API Gateway API; ``resource_id`` is its ARN. ``kind``: REST or HTTP. Level 1 is ``requests_per_hour``."""

    api_id: str
    kind: str
    stage: str
    requests_per_hour: int
