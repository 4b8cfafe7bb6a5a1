"""Lambda functions, Fargate services, S3 buckets, CloudFront distributions and API Gateway APIs."""

from __future__ import annotations

from collections.abc import Iterator

from demo import money
from demo.billing import quantities
from demo.billing.meters.windows import Window, meter, units
from demo.billing.records import Meter
from demo.world.resources import Bucket, ContainerService, Distribution, Function, RestApi


def measure_function(thing: Function, window: Window) -> Iterator[Meter]:
    """Invocations, and their duration weighted by memory."""
    invoked = quantities.invocations(thing, window.first, window.last)
    yield from meter(thing, f"lambda/requests/{thing.architecture}", quantities.whole_units(invoked))
    yield from meter(thing, f"lambda/duration/{thing.architecture}", quantities.gigabyte_seconds(thing, invoked))


def measure_service(thing: ContainerService, window: Window) -> Iterator[Meter]:
    """Processors and memory of all tasks while they run."""
    on = thing.runs(window.first, window.last)
    processors, memory = (money.parse(str(size)) * thing.task_count for size in (thing.vcpu, thing.memory_gb))
    yield from meter(thing, f"fargate/vcpu/{thing.architecture}", units(on, processors))
    yield from meter(thing, f"fargate/memory/{thing.architecture}", units(on, memory))


def measure_bucket(thing: Bucket, window: Window) -> Iterator[Meter]:
    """What it stores in each class, requests, and what GETs move to the internet."""
    span = (window.first, window.last)
    for storage_class in sorted(thing.stored_gb):
        stored = quantities.stored_gigabytes(thing, storage_class, *span)
        yield from meter(thing, f"s3/storage/{storage_class}", window.parts(stored))
    got = quantities.gets(thing, *span)
    yield from meter(thing, "s3/requests/1", quantities.whole_units(quantities.puts(thing, *span)))
    yield from meter(thing, "s3/requests/2", quantities.whole_units(got))
    moved = quantities.request_bytes(got, thing.kb_per_get)
    yield from meter(thing, "internet/s3", quantities.gigabytes(moved))


def measure_distribution(thing: Distribution, window: Window) -> Iterator[Meter]:
    """Requests and bytes by edge. The bill names no region."""
    requested = quantities.requests(thing, window.first, window.last)
    for edge, part in quantities.edge_requests(thing, requested).items():
        moved = quantities.gigabytes(quantities.request_bytes(part, thing.kb_per_request))
        yield from meter(thing, f"cloudfront/out/{edge}", moved, is_global=True)
        yield from meter(thing, f"cloudfront/requests/{edge}", quantities.whole_units(part), is_global=True)


def measure_api(thing: RestApi, window: Window) -> Iterator[Meter]:
    """Requests."""
    yield from meter(
        thing, f"api/{thing.kind}", quantities.whole_units(quantities.requests(thing, window.first, window.last))
    )
