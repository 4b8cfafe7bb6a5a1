"""The truth behind CloudWatch: every metric's points at 5 minutes, made from latent demand and background load.

EC2 metrics are as basic monitoring sends them: one sample per 5 minutes. Metrics whose silence means zero in AWS
(load balancer requests) are silent where there were none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from demo import catalog
from demo.background import Background, draw_background
from demo.calendars import SLOT_SECONDS, SLOTS_PER_HOUR
from demo.demand import SILENT_ROLES, Demand
from demo.estate import Database, Estate, Instance, LoadBalancer, Volume
from demo.randomness import stream

UNITS = {
    "CPUUtilization": "Percent",
    "NetworkIn": "Bytes",
    "NetworkOut": "Bytes",
    "NetworkPacketsIn": "Count",
    "NetworkPacketsOut": "Count",
    "StatusCheckFailed": "Count",
    "VolumeReadOps": "Count",
    "VolumeWriteOps": "Count",
    "DatabaseConnections": "Count",
    "FreeableMemory": "Bytes",
    "RequestCount": "Count",
    "ActiveConnectionCount": "Count",
}
_BYTES_PER_PACKET = 700.0
_METRICS = {
    "AWS/EC2": (
        "CPUUtilization",
        "NetworkIn",
        "NetworkOut",
        "NetworkPacketsIn",
        "NetworkPacketsOut",
        "StatusCheckFailed",
    ),
    "AWS/EBS": ("VolumeReadOps", "VolumeWriteOps"),
    "AWS/RDS": ("CPUUtilization", "DatabaseConnections", "FreeableMemory"),
    "AWS/ApplicationELB": ("RequestCount", "ActiveConnectionCount"),
}


@dataclass(frozen=True)
class Metric:
    """A metric's name in CloudWatch, and the account and region that hold it."""

    account_id: str
    region: str
    namespace: str
    name: str
    dimension: tuple[str, str]


@dataclass(frozen=True)
class Series:
    """Points of a metric: ``seconds`` since 1970 (the start of each 5 minutes), ascending, and one value each."""

    seconds: np.ndarray
    values: np.ndarray


class Truth:
    """Every metric of an estate. Series are made when first asked for and kept."""

    def __init__(self, estate: Estate):
        self.estate = estate
        self._owners: dict[Metric, Instance | Volume | Database | LoadBalancer] = {}
        for instance in estate.instances:
            if instance.role not in SILENT_ROLES:
                self._register("AWS/EC2", instance, ("InstanceId", instance.resource_id))
        self._by_id = {instance.resource_id: instance for instance in estate.instances}
        for volume in estate.volumes:
            # EBS sends metrics only while a volume is attached.
            if volume.instance_id is not None and self._by_id[volume.instance_id].role not in SILENT_ROLES:
                self._register("AWS/EBS", volume, ("VolumeId", volume.resource_id))
        for database in estate.databases:
            self._register("AWS/RDS", database, ("DBInstanceIdentifier", database.name))
        for balancer in estate.load_balancers:
            self._register("AWS/ApplicationELB", balancer, ("LoadBalancer", balancer.dimension))
        self.metrics: tuple[Metric, ...] = tuple(self._owners)
        self.read = lru_cache(maxsize=None)(self._read)
        self._machine = lru_cache(maxsize=64)(self._machine_uncached)

    def _register(
        self, namespace: str, owner: Instance | Volume | Database | LoadBalancer, dimension: tuple[str, str]
    ) -> None:
        for name in _METRICS[namespace]:
            self._owners[Metric(owner.account.account_id, owner.region.code, namespace, name, dimension)] = owner

    def _machine_uncached(self, resource_id: str, time_zone: str) -> tuple[Demand, Background]:
        demand = self.estate.demand[resource_id]
        return demand, draw_background(self.estate.parameters.seed, resource_id, self.estate.horizon, time_zone)

    def _read(self, metric: Metric) -> Series:
        """The points of a metric that truth holds; empty for one that nothing sends."""
        owner = self._owners.get(metric)
        if owner is None:
            return Series(np.array([], dtype=np.int64), np.array([]))
        horizon = self.estate.horizon
        slots = np.arange(horizon.hours * SLOTS_PER_HOUR)
        values, is_sent = self._values(metric, owner)
        values = np.round(values, 4)
        is_sent = is_sent & self._is_delivered(owner.resource_id, len(slots))
        seconds = horizon.start * 3600 + slots * SLOT_SECONDS
        return Series(seconds[is_sent], values[is_sent])

    def _is_delivered(self, resource_id: str, slots: int) -> np.ndarray:
        """Now and then a point is lost, and once in a while all of them for up to two hours."""
        rng = stream(self.estate.parameters.seed, "gaps", resource_id)
        is_delivered = rng.random(slots) > 0.001
        if rng.random() < 0.3:
            first = int(rng.integers(0, slots - 24))
            is_delivered[first : first + int(rng.integers(3, 24))] = False
        return is_delivered

    def _values(
        self, metric: Metric, owner: Instance | Volume | Database | LoadBalancer
    ) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(owner, Instance):
            return self._instance_values(metric, owner)
        if isinstance(owner, Volume):
            return self._volume_values(metric, owner)
        if isinstance(owner, Database):
            return self._database_values(metric, owner)
        return self._balancer_values(metric, owner)

    def _instance_values(self, metric: Metric, owner: Instance) -> tuple[np.ndarray, np.ndarray]:
        demand, background = self._machine(owner.resource_id, owner.region.time_zone)
        is_sent = np.repeat(demand.is_running, SLOTS_PER_HOUR)
        if metric.name == "CPUUtilization":
            return np.clip(background.cpu + 100 * demand.work, 0.01, 100.0), is_sent
        if metric.name == "StatusCheckFailed":
            return np.zeros(len(is_sent)), is_sent
        inward = metric.name.endswith("In")
        moved = demand.inbound + background.inbound if inward else demand.outbound + background.outbound
        if metric.name.startswith("NetworkPackets"):
            moved = moved / _BYTES_PER_PACKET
        return np.rint(moved), is_sent

    def _volume_values(self, metric: Metric, owner: Volume) -> tuple[np.ndarray, np.ndarray]:
        instance = self._by_id[str(owner.instance_id)]
        demand, background = self._machine(instance.resource_id, instance.region.time_zone)
        rng = stream(self.estate.parameters.seed, "volume", owner.resource_id, metric.name)
        per_work = float(np.exp(rng.normal(np.log(20_000), 1.0)))
        own = background.cpu * float(rng.uniform(5, 40)) if owner.is_root else 0.0
        operations = np.rint(per_work * demand.work + own)
        return operations, np.repeat(demand.is_running, SLOTS_PER_HOUR)

    def _database_values(self, metric: Metric, owner: Database) -> tuple[np.ndarray, np.ndarray]:
        demand, background = self._machine(owner.resource_id, owner.region.time_zone)
        is_sent = np.repeat(demand.is_running, SLOTS_PER_HOUR)
        if metric.name == "CPUUtilization":
            return np.clip(1.5 + background.cpu + 100 * demand.work, 0.01, 100.0), is_sent
        if metric.name == "DatabaseConnections":
            return np.ceil(120 * demand.work), is_sent
        memory = float(catalog.load()["databases"][owner.database_class]["memory_gib"]) * 2**30
        return np.rint(memory * np.clip(0.55 - 0.35 * demand.work, 0.02, 1.0)), is_sent

    def _balancer_values(self, metric: Metric, owner: LoadBalancer) -> tuple[np.ndarray, np.ndarray]:
        demand = self.estate.demand[owner.resource_id]
        requests = np.rint(30_000 * demand.work)
        if metric.name == "RequestCount":
            return requests, requests > 0
        connections = np.rint(requests / 40)
        return connections, connections > 0
