"""AWS/ECS and ECS/ContainerInsights: what services on Fargate send, by the minute (ECS developer guide, "Amazon ECS
CloudWatch metrics"). A service without running tasks is silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from demo.telemetry.latent import MINUTES, Latent, group_by_id
from demo.telemetry.machines import memory_used
from demo.telemetry.samples import Grid, Kind, Source, name_sources
from demo.world.resources import ContainerService

_WITH_INSIGHTS = 0.35


class _Sender:
    """Makes the samples of services. A service's utilisation is sampled once a task."""

    def __init__(self, latent: Latent):
        self._latent = latent

    def _is_sent(self, service: ContainerService, first: int, last: int) -> np.ndarray:
        return service.runs(first, last)[:, None] & (service.task_count > 0)

    def _processor(self, service: ContainerService, first: int, last: int) -> np.ndarray:
        """Percent: work, and what the tasks' own agents take."""
        own = float(np.exp(self._latent.draw(service, "own load").normal(np.log(0.3), 0.8)))
        noise = np.exp(0.2 * self._latent.normal(service, "own load", first, last, MINUTES))
        return np.clip(own * noise + 100 * self._latent.load(service, first, last, MINUTES), 0.01, 100.0)

    def processor(self, service: ContainerService, first: int, last: int) -> Grid:
        values = np.round(self._processor(service, first, last), 4)
        return Grid(values, np.array(float(service.task_count)), self._is_sent(service, first, last))

    def memory(self, service: ContainerService, first: int, last: int) -> Grid:
        values = np.round(100 * memory_used(self._latent, service, first, last, MINUTES), 4)
        return Grid(values, np.array(float(service.task_count)), self._is_sent(service, first, last))

    def processor_units(self, service: ContainerService, first: int, last: int) -> Grid:
        values = self._processor(service, first, last) / 100 * service.vcpu * 1024 * service.task_count
        return Grid(np.round(values, 4), is_sent=self._is_sent(service, first, last))

    def memory_megabytes(self, service: ContainerService, first: int, last: int) -> Grid:
        used = memory_used(self._latent, service, first, last, MINUTES)
        return Grid(
            np.rint(used * service.memory_gb * 1024 * service.task_count), is_sent=self._is_sent(service, first, last)
        )

    def constant(self, measure: Callable[[ContainerService], float]) -> Callable[[ContainerService, int, int], Grid]:
        """Something that the service's definition says."""

        def read(service: ContainerService, first: int, last: int) -> Grid:
            values = np.full((last - first, MINUTES), float(measure(service)))
            return Grid(values, is_sent=self._is_sent(service, first, last))

        return read


def list_sources(latent: Latent) -> Iterator[Source]:
    """The metrics of all services; some clusters' services have Container Insights."""
    sender = _Sender(latent)
    kinds = (
        Kind("CPUUtilization", "Percent", sender.processor, True),
        Kind("MemoryUtilization", "Percent", sender.memory, True),
    )
    insights = (
        Kind("CpuUtilized", "None", sender.processor_units, True),
        Kind("CpuReserved", "None", sender.constant(lambda each: each.vcpu * 1024 * each.task_count), True),
        Kind("MemoryUtilized", "Megabytes", sender.memory_megabytes, True),
        Kind(
            "MemoryReserved", "Megabytes", sender.constant(lambda each: each.memory_gb * 1024 * each.task_count), True
        ),
        Kind("RunningTaskCount", "Count", sender.constant(lambda each: each.task_count), True),
        Kind("DesiredTaskCount", "Count", sender.constant(lambda each: each.task_count), True),
    )
    for things in group_by_id(latent.estate.each(ContainerService)):
        service: ContainerService = things[-1]
        name = {"ClusterName": service.cluster, "ServiceName": service.name}
        yield from name_sources("AWS/ECS", name, kinds, things)
        if latent.draw(service, "insights").random() < _WITH_INSIGHTS:
            yield from name_sources("ECS/ContainerInsights", name, insights, things)
