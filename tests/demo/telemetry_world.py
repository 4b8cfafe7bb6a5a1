"""A small estate made by hand, with one of everything that sends metrics, and clients that need no network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
import numpy as np
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.loaders import create_loader

from demo import wire
from demo.parameters import Parameters, parse_end
from demo.randomness import noise_key, uniforms
from demo.services import cloudwatch
from demo.timeline import draw_horizon, local_hours
from demo.wire import Caller, Response, ServiceError
from demo.world.accounts import ANALYTICS, DEVELOPMENT, HOME_REGION, PRODUCTION, Account, Region, account_of, region_of
from demo.world.demand import Demand
from demo.world.estate import Estate
from demo.world.life import Life
from demo.world.resources import (
    Address,
    Bucket,
    ContainerService,
    Database,
    DatabaseCluster,
    Distribution,
    Function,
    Instance,
    LoadBalancer,
    NatGateway,
    Resource,
    RestApi,
    Table,
    Volume,
)

PARAMETERS = Parameters(seed=11, end_hour=parse_end("2026-11-23T00:00:00+00:00"))
END = PARAMETERS.end_hour
LONG_AGO = END - 500 * 24
_MODELS = create_loader()


class Waves(Demand):
    """A day's rhythm with noise; the role "idle" brings nothing."""

    def hourly(self, first: int, last: int) -> np.ndarray:
        if self.role == "idle":
            return np.zeros(last - first)
        clock, _ = local_hours(first, last - first, self.time_zone)
        noise = uniforms(noise_key(self.seed, self.name, "hour"), np.arange(first, last))
        level = np.where((clock >= 7) & (clock < 22), 0.35, 0.02) * (0.5 + noise)
        return np.where(clock == 3, 0.0, level)

    def shares(self, first: int, last: int, per_hour: int) -> np.ndarray:
        slots = np.arange(first * 60, last * 60)
        weights = (0.2 + uniforms(noise_key(self.seed, self.name, "share"), slots)).reshape(-1, 60)
        fine = weights / weights.sum(axis=1, keepdims=True)
        return fine if per_hour == 60 else fine.reshape(last - first, per_hour, -1).sum(axis=2)

    def memory(self, first: int, last: int, per_hour: int) -> np.ndarray:
        return 0.3 + 0.4 * np.repeat(self.hourly(first, last)[:, None], per_hour, axis=1)


def _bring(name: str, role: str = "steady") -> Demand:
    return Waves(PARAMETERS.seed, name, role, "America/New_York", role != "idle", END)


def _common(
    resource_id: str, role: str = "steady", account: Account = PRODUCTION, region: Region = HOME_REGION, **life: Any
) -> dict[str, Any]:
    return {
        "resource_id": resource_id,
        "name": resource_id.rsplit("/", 1)[-1].rsplit(":", 1)[-1],
        "account": account,
        "region": region,
        "life": Life(**({"launched": LONG_AGO} | life)),
        "demand": _bring(resource_id, role),
    }


def _computing() -> list[Resource]:
    place = {"zone": "us-east-1a"}
    resized = Instance(**_common("i-resized"), **place, instance_type="m5.xlarge", until=END - 40 * 24)
    return [
        Instance(**_common("i-steady"), **place, instance_type="m5.large", has_agent=True),
        Instance(**_common("i-burst"), **place, instance_type="t3.medium", has_detailed_monitoring=True),
        resized,
        replace(resized, instance_type="m5.large", since=END - 40 * 24, until=None, capacity_factor=0.5),
        Instance(**_common("i-stopped", pauses=((END - 20 * 24, None),)), **place, instance_type="m5.large"),
        Instance(**_common("i-gone", ended=END - 20 * 24), **place, instance_type="m5.large"),
        Instance(**_common("i-paused", pauses=((END - 48, END - 24),)), **place, instance_type="m5.large"),
        Instance(**_common("i-silent"), **place, instance_type="m5.large", has_metrics=False),
        Instance(**_common("i-member1"), **place, instance_type="c5.large", group="web"),
        Instance(**_common("i-member2", launched=END - 72), **place, instance_type="c5.large", group="web"),
        Instance(
            **_common("i-windows", account=DEVELOPMENT, region=region_of("eu-west-1")),
            zone="eu-west-1a",
            instance_type="m5.large",
            operating_system="Windows",
            has_agent=True,
        ),
        Volume(**_common("vol-root"), **place, size_gb=30, volume_type="gp3", instance_id="i-steady", is_root=True),
        Volume(**_common("vol-data"), **place, size_gb=200, volume_type="gp2", instance_id="i-steady"),
        Volume(**_common("vol-free"), **place, size_gb=200, volume_type="gp3", instance_id=None),
        Volume(**_common("vol-stopped"), **place, size_gb=200, volume_type="gp3", instance_id="i-stopped"),
        Address(**_common("arn:aws:ec2:us-east-1:444455556666:elastic-ip/eipalloc-1"), public_ip="", instance_id=None),
    ]


def _storing() -> list[Resource]:
    rds = "arn:aws:rds:us-east-1:444455556666:db:"
    table = "arn:aws:dynamodb:us-east-1:444455556666:table/"
    provisioned = {"read_units": 40, "write_units": 20, "reads_per_second": 30.0, "writes_per_second": 5.0}
    return [
        Database(**_common(rds + "orders"), engine="postgres", database_class="db.m5.large", storage_gb=100),
        Database(**_common(rds + "quiet", "idle"), engine="mysql", database_class="db.t3.medium", storage_gb=50),
        Database(
            **_common(rds + "member"),
            engine="aurora-postgresql",
            database_class="db.r5.large",
            storage_gb=0,
            cluster="c",
        ),
        DatabaseCluster(
            **_common("arn:aws:rds:us-east-1:444455556666:cluster:c"),
            engine="aurora-postgresql",
            storage_gb=80,
            ios_per_hour=900_001,
        ),
        Bucket(
            **_common("example-logs"),
            stored_gb={"STANDARD": 900.0, "STANDARD_IA": 50.0},
            growth_per_day=0.001,
            gets_per_hour=7001,
            puts_per_hour=310,
            kb_per_get=33.0,
            has_request_metrics=True,
        ),
        Table(**_common(table + "carts"), mode="PROVISIONED", stored_gb=3.0, indexes={"by-user": 0.4}, **provisioned),
        Table(**_common(table + "events"), mode="PAY_PER_REQUEST", stored_gb=3.0, **provisioned),
    ]


def _serving() -> list[Resource]:
    elb = "arn:aws:elasticloadbalancing:us-east-1:444455556666:loadbalancer/"
    amounts = {"requests_per_hour": 90_007, "kb_per_request": 14.0}
    return [
        LoadBalancer(**_common(elb + "app/shop/0123456789abcdef"), kind="application", targets=3, **amounts),
        LoadBalancer(**_common(elb + "app/none/1123456789abcdef", "idle"), kind="application", targets=0, **amounts),
        LoadBalancer(**_common(elb + "net/feed/2123456789abcdef"), kind="network", targets=2, **amounts),
        LoadBalancer(**_common(elb + "net/dull/3123456789abcdef", "idle"), kind="network", targets=2, **amounts),
        LoadBalancer(**_common(elb + "old-front"), kind="classic", targets=1, **amounts),
        NatGateway(
            **_common("arn:aws:ec2:us-east-1:444455556666:natgateway/nat-1"),
            gateway_id="nat-1",
            zone="us-east-1a",
            gb_per_hour=9.7,
        ),
        Function(
            **_common("arn:aws:lambda:us-east-1:444455556666:function:resize"),
            memory_mb=512,
            architecture="x86_64",
            invocations_per_hour=4321,
            duration_ms=87.3,
        ),
        Function(
            **_common("arn:aws:lambda:us-east-1:444455556666:function:unused", "idle"),
            memory_mb=512,
            architecture="arm64",
            invocations_per_hour=4321,
            duration_ms=87.3,
        ),
        ContainerService(
            **_common("arn:aws:ecs:us-east-1:444455556666:service/main/checkout"),
            cluster="main",
            task_count=3,
            vcpu=0.5,
            memory_gb=1.0,
        ),
        Distribution(
            **_common("arn:aws:cloudfront::444455556666:distribution/E1", region=region_of("eu-west-1")),
            distribution_id="E1",
            edges={"US": 1.0},
            **amounts,
        ),
        RestApi(
            **_common("arn:aws:apigateway:us-east-1::/restapis/a1"),
            api_id="a1",
            kind="REST",
            stage="prod",
            requests_per_hour=5003,
        ),
        RestApi(
            **_common("arn:aws:apigateway:us-east-1::/apis/b2", account=ANALYTICS),
            api_id="b2",
            kind="HTTP",
            stage="$default",
            requests_per_hour=5003,
        ),
    ]


def make_estate(now: int = END, parameters: Parameters = PARAMETERS) -> Estate:
    """The estate as it is known at an hour."""
    things = (*_computing(), *_storing(), *_serving())
    return Estate(parameters, draw_horizon(parameters, now), things)


class _Raw:
    """A body as botocore reads it from a connection."""

    def __init__(self, body: bytes):
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._body


@dataclass(frozen=True)
class Monitored:
    """Unmodified CloudWatch clients whose requests a MetricService answers in this process."""

    service: cloudwatch.MetricService
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def of(self, account_id: str, region: str) -> Any:
        """A client that is made once: making one takes longer than most answers."""
        if (account_id, region) not in self._clients:
            self._clients[account_id, region] = self.client(account_of(account_id), region)
        return self._clients[account_id, region]

    def client(self, account: Account = PRODUCTION, region: str = "us-east-1") -> Any:
        """A client of an account in a region."""
        core = botocore.session.Session()
        core.register_component("data_loader", _MODELS)
        session = boto3.session.Session(
            aws_access_key_id="AKIAANYTHING", aws_secret_access_key="anything", botocore_session=core
        )
        client = session.client("cloudwatch", region_name=region, config=Config(retries={"total_max_attempts": 1}))
        caller = Caller(account, account.role_arn, account.account_id, region, "monitoring")

        def send(request: Any, **_: Any) -> AWSResponse:
            response = self._answer(request, caller)
            headers = {**response.headers, "Content-Length": str(len(response.body))}
            return AWSResponse(request.url, response.status, headers, _Raw(response.body))

        client.meta.events.register("before-send.cloudwatch", send)
        return client

    def _answer(self, request: Any, caller: Caller) -> Response:
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else bytes(body)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        path = urlsplit(request.url).path
        if "/operation/" in path:
            action = path.rsplit("/", 1)[-1]
            try:
                return wire.cbor_response(self.service.answer(action, wire.decode_cbor(raw), caller))
            except ServiceError as error:
                return wire.cbor_error(error)
        if "x-amz-target" in headers:
            action = headers["x-amz-target"].partition(".")[2]
            try:
                return wire.json_response(self.service.answer(action, wire.decode_json(raw), caller), "1.0")
            except ServiceError as error:
                return wire.json_error(error, "1.0")
        parameters = wire.decode_query(raw)
        action = str(parameters.pop("Action"))
        parameters.pop("Version")
        try:
            result = self.service.answer(action, parameters, caller)
            return wire.query_response(action, cloudwatch.NAMESPACE, result)
        except ServiceError as error:
            return wire.query_error(cloudwatch.NAMESPACE, error)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
