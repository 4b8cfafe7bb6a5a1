"""RDS and Aurora, Lambda, ECS on Fargate, CloudFront and API Gateway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from demo.world.accounts import HOME_REGION, PAYER, PRODUCTION
from demo.world.drawing import Draft, Place, log_normal, log_uniform, resize, spread_roles, vary_roles
from demo.world.resources import (
    ContainerService,
    Database,
    DatabaseCluster,
    Distribution,
    Function,
    Resource,
    RestApi,
)

FEWEST_DATABASES, FEWEST_FUNCTIONS, FEWEST_SERVICES, FEWEST_DISTRIBUTIONS, FEWEST_APIS = 11, 8, 3, 1, 2
_CLASSES = ("db.t3.small",
            "db.t3.medium", "db.t3.large", "db.t4g.medium", "db.t4g.large", "db.m5.large", "db.m5.xlarge",
            "db.m6g.large", "db.m6g.xlarge", "db.r5.large", "db.r6g.large")  # fmt: skip
_AURORA_CLASSES = ("db.t4g.medium", "db.t3.medium", "db.r5.large", "db.r6g.large")
_DATABASE_ROLES = ("steady", "idle", "fading", "standby", "stopped", "newborn", "month_end", "light_duty",
                   "strays", "touched")  # fmt: skip
# Of kinds of which an account has few: what nobody needs, reached or not, and what is needed and hardly used.
_RARELY_USED = ("idle", "standby", "strays", "light_duty", "touched", "month_end", "fading", "newborn", "light_duty")
# The organisation has reserved database instances for these.
_COMMITTED_CLASSES = ("db.m5.large", "db.m5.xlarge")


def draw_databases(draft: Draft, count: int) -> Iterator[Resource]:
    """RDS instances of PostgreSQL and MySQL, and Aurora clusters: the cluster and its two members count three."""
    clusters = max(1, count // 8)
    roles = spread_roles(count - 3 * clusters, _DATABASE_ROLES, ("steady", "office", "growing", "nightly", "steady"))
    for index, role in enumerate([*roles, "steady"][: count - 3 * clusters]):
        yield from _draw_database(draft, index, role)
    for index, role in enumerate(
        vary_roles(draft, "cluster", clusters, ("office", *_RARELY_USED), ("steady", "office"))
    ):
        yield from _draw_cluster(draft, index, role)


def _draw_level(draft: Draft, kind: str, index: int, role: str) -> float | None:
    """How much reaches a thing that checks and scripts look at, or that a few people use: about as much, and from a
    ten-thousandth of what it could do to some hundredths."""
    rng = draft.stream("level", kind, index)
    return min(0.5, log_normal(rng, 3e-3, 1.5)) if role in ("strays", "touched", "light_duty") else None


def _draw_database(draft: Draft, index: int, role: str) -> Iterator[Database]:
    rng = draft.stream("database", index)
    # The first ones run on what was reserved; the reservation of the second, idle one has no other taker of its size.
    is_committed = index < len(_COMMITTED_CLASSES)
    place = draft.place(rng, role, "db", index, *((PRODUCTION, HOME_REGION) if is_committed else ()))
    database_class = _COMMITTED_CLASSES[index] if is_committed else str(rng.choice(_CLASSES))
    common = draft.common(
        rng,
        place,
        role,
        place.arn("rds", f"db:{place.name}"),
        level=_draw_level(draft, "database", index, role),
        is_lasting=is_committed,
    )
    if role == "stopped":
        # RDS starts a stopped instance again after seven days; somebody stops it again each time.
        stop = common["life"].pauses[0][0]
        week = 7 * 24 + 1
        starts = range(stop, draft.horizon.end, week)
        common["life"] = replace(common["life"], pauses=tuple((start, start + week - 1) for start in starts))
    database = Database(
        **common,
        engine="postgres" if is_committed or rng.random() < 0.6 else "mysql",
        database_class=database_class,
        storage_gb=int(rng.choice((20, 50, 100, 250, 500, 1000))),
        storage_type=str(rng.choice(("gp2", "gp3"))),
        is_multi_az=bool(not is_committed and rng.random() < 0.3),
        connections_at_full=int(log_uniform(rng, 20, 400)),
    )
    at = draft.before(rng.uniform(20, 300))
    if role == "growing" and database.life.launched < at and database_class.endswith(".large"):
        before, after = resize(database, at)
        family = database_class.rsplit(".", 1)[0]
        yield before  # type: ignore[misc]
        yield replace(after, database_class=f"{family}.xlarge", capacity_factor=2.0)  # type: ignore[misc,call-arg]
        return
    yield database


def _draw_cluster(draft: Draft, index: int, role: str) -> Iterator[Resource]:
    rng = draft.stream("cluster", index)
    place = draft.place(rng, role, "aurora", index)
    life = draft.life(rng, role, is_lasting=True)
    demand = draft.demand(
        rng, draft.code("cluster-", index), role, place.time_zone, _draw_level(draft, "cluster", index, role)
    )
    engine = "aurora-postgresql" if rng.random() < 0.7 else "aurora-mysql"
    storage, database_class = int(log_uniform(rng, 10, 3000)), str(rng.choice(_AURORA_CLASSES))
    shared: dict[str, Any] = {
        "account": place.account,
        "region": place.region,
        "life": life,
        "demand": demand,
        "engine": engine,
    }
    yield DatabaseCluster(
        **shared,
        resource_id=place.arn("rds", f"cluster:{place.name}"),
        name=place.name,
        tags=place.tags,
        storage_gb=storage,
        ios_per_hour=int(log_uniform(rng, 20_000, 3_000_000)),
    )
    for number in (1, 2):
        name = f"{place.name}-{number}"
        yield Database(
            **shared,
            resource_id=place.arn("rds", f"db:{name}"),
            name=name,
            tags=place.tags,
            database_class=database_class,
            storage_gb=0,
            storage_type="aurora",
            cluster=place.name,
        )


def draw_functions(draft: Draft, count: int) -> Iterator[Resource]:
    """Lambda functions on x86 and ARM; the first belongs to the payer."""
    planted = ("steady", "idle", "touched", "light_duty", "month_end", "newborn", "fading", "standby")
    roles = spread_roles(count, planted, ("steady", "office", "bursty", "nightly", "growing"))
    for index, role in enumerate(roles):
        rng = draft.stream("function", index)
        place = draft.place(rng, role, "fn", index, PAYER if index == 0 else None)
        invocations, level = int(log_uniform(rng, 50, 200_000)), None
        if role in ("touched", "light_duty"):
            per_hour = log_normal(rng, 3, 1.0) if role == "touched" else log_normal(rng, 0.5, 1.2)
            invocations, level = 600, min(1.0, per_hour / 600)
        yield Function(
            **draft.common(rng, place, role, place.arn("lambda", f"function:{place.name}"), level=level),
            memory_mb=int(rng.choice((128, 256, 512, 1024, 1536, 1792, 3008))),
            architecture=str(rng.choice(("x86_64", "arm64"), p=(0.65, 0.35))),
            invocations_per_hour=invocations,
            duration_ms=round(log_uniform(rng, 5, 6000), 1),
        )


def draw_services(draft: Draft, count: int) -> Iterator[Resource]:
    """ECS services on Fargate."""
    common = ("steady", "office", "growing", "bursty")
    roles = ["steady", *vary_roles(draft, "container service", count - 1, _RARELY_USED, common)]
    for index, role in enumerate(roles):
        rng = draft.stream("container service", index)
        place = draft.place(rng, role, "svc", index)
        cluster = f"{place.name.split('-')[0]}-cluster"
        vcpu = float(rng.choice((0.25, 0.5, 1, 2, 4)))
        yield ContainerService(
            **draft.common(
                rng,
                place,
                role,
                place.arn("ecs", f"service/{cluster}/{place.name}"),
                level=_draw_level(draft, "container service", index, role),
            ),
            cluster=cluster,
            task_count=int(rng.integers(1, 7)),
            vcpu=vcpu,
            memory_gb=vcpu * float(rng.choice((2, 4))),
            architecture=str(rng.choice(("x86_64", "arm64"), p=(0.7, 0.3))),
        )


def draw_distributions(draft: Draft, count: int) -> Iterator[Resource]:
    """CloudFront distributions. They have no region; their metrics live in the home region."""
    common = ("steady", "office", "growing")
    for index, role in enumerate(["steady", *vary_roles(draft, "distribution", count - 1, _RARELY_USED, common)]):
        rng = draft.stream("distribution", index)
        place = replace(draft.place(rng, role, "cdn", index), region=HOME_REGION)
        code = draft.code("E", "distribution", index, length=13).upper()
        requests, level = _draw_requests(rng, role)
        edges = rng.dirichlet((4.0, 2.0, 1.0)).round(3)
        yield Distribution(
            **draft.common(
                rng, place, role, f"arn:aws:cloudfront::{place.account.account_id}:distribution/{code}", level=level
            ),
            distribution_id=code,
            requests_per_hour=requests,
            kb_per_request=log_uniform(rng, 4, 400),
            edges={"US": float(edges[0]), "EU": float(edges[1]), "AP": round(float(1 - edges[0] - edges[1]), 3)},
        )


def draw_apis(draft: Draft, count: int) -> Iterator[Resource]:
    """API Gateway APIs, REST and HTTP."""
    roles = spread_roles(count, ("steady", "idle", "strays"), ("steady", "office", "light_duty", "growing"))
    for index, role in enumerate(roles):
        rng = draft.stream("api", index)
        place: Place = draft.place(rng, role, "api", index)
        code, kind = draft.code("", "api", index, length=10), ("REST", "HTTP")[index % 2]
        requests, level = _draw_requests(rng, role)
        root = "restapis" if kind == "REST" else "apis"
        yield RestApi(
            **draft.common(rng, place, role, f"arn:aws:apigateway:{place.region.code}::/{root}/{code}", level=level),
            api_id=code,
            kind=kind,
            stage=str(rng.choice(("prod", "live", "v1"))),
            requests_per_hour=requests,
        )


def _draw_requests(rng: np.random.Generator, role: str) -> tuple[int, float | None]:
    """Requests of an hour at full demand, and the level where all that comes is a handful a day."""
    drawn, few = int(log_uniform(rng, 2_000, 800_000)), log_normal(rng, 4, 1.0)
    if role == "touched":
        return 1_000, min(1.0, few / 1_000)
    return (1_000, few / 24 / 1_000) if role in ("strays", "light_duty") else (drawn, None)
