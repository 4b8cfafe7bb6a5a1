"""AWS/S3: storage once a day for every bucket, and requests by the minute where they are switched on (S3 user guide,
"Metrics and dimensions"). A day's storage is stamped with its first second and published after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from demo.billing import quantities
from demo.billing.quantities import GIGABYTE, KILOBYTE
from demo.money import SCALE
from demo.telemetry.latent import MINUTES, Latent, divide, group_by_id
from demo.telemetry.samples import Grid, Kind, Source, name_sources
from demo.telemetry.spreading import spread_times
from demo.world.resources import Bucket

_DAY = 86_400
# What CloudWatch calls each storage class of the S3 API.
_STORAGE_TYPES = {
    "STANDARD": "StandardStorage",
    "STANDARD_IA": "StandardIAStorage",
    "ONEZONE_IA": "OneZoneIAStorage",
    "INTELLIGENT_TIERING": "IntelligentTieringFAStorage",
    "GLACIER_IR": "GlacierInstantRetrievalStorage",
    "GLACIER": "GlacierStorage",
    "DEEP_ARCHIVE": "DeepArchiveStorage",
}


def stored_bytes(bucket: Bucket, storage_class: str, first: int, last: int) -> np.ndarray:
    """What a bucket holds in a class at each hour."""
    return np.rint(quantities.stored_gigabytes(bucket, storage_class, first, last) / SCALE * GIGABYTE)


class _Sender:
    """Makes the samples of buckets."""

    def __init__(self, latent: Latent):
        self._latent = latent

    def size(self, storage_class: str) -> Callable[[Bucket, int, int], Grid]:
        """Bytes held in a class, at the beginning of each day."""

        def read(bucket: Bucket, first: int, last: int) -> Grid:
            if storage_class not in bucket.stored_gb:
                return Grid(np.zeros((last - first, 1)), is_sent=np.zeros((last - first, 1), dtype=bool))
            held = stored_bytes(bucket, storage_class, first, last)
            return Grid(held[:, None], is_sent=self._is_daily(bucket, first, last))

        return read

    def objects(self, bucket: Bucket, first: int, last: int) -> Grid:
        kilobytes = float(np.exp(self._latent.draw(bucket, "objects").normal(np.log(900.0), 1.5)))
        held = sum((stored_bytes(bucket, name, first, last) for name in bucket.stored_gb), np.zeros(last - first))
        return Grid(np.rint(held / KILOBYTE / kilobytes)[:, None], is_sent=self._is_daily(bucket, first, last))

    @staticmethod
    def _is_daily(bucket: Bucket, first: int, last: int) -> np.ndarray:
        """The first hours of days that the bucket outlives."""
        hours = np.arange(first, last)
        is_there = hours % 24 == 0
        for bound in (bucket.until, bucket.life.ended):
            if bound is not None:
                is_there &= hours + 24 <= bound
        return is_there[:, None]

    def _gets(self, bucket: Bucket, first: int, last: int) -> np.ndarray:
        return self._latent.split(bucket, quantities.gets(bucket, first, last), first, last)

    def _puts(self, bucket: Bucket, first: int, last: int) -> np.ndarray:
        return self._latent.split(bucket, quantities.puts(bucket, first, last), first, last)

    def gets(self, bucket: Bucket, first: int, last: int) -> Grid:
        counts = self._gets(bucket, first, last)
        return Grid(np.ones_like(counts), counts)

    def puts(self, bucket: Bucket, first: int, last: int) -> Grid:
        counts = self._puts(bucket, first, last)
        return Grid(np.ones_like(counts), counts)

    def all_requests(self, bucket: Bucket, first: int, last: int) -> Grid:
        counts = self._gets(bucket, first, last) + self._puts(bucket, first, last)
        return Grid(np.ones_like(counts), counts)

    def downloaded(self, bucket: Bucket, first: int, last: int) -> Grid:
        counts = self._gets(bucket, first, last)
        hourly = quantities.request_bytes(quantities.gets(bucket, first, last), bucket.kb_per_get)
        return Grid(divide(hourly, counts), is_sent=counts > 0)

    def latency(self, bucket: Bucket, first: int, last: int) -> Grid:
        counts = self._gets(bucket, first, last)
        mean = float(np.exp(self._latent.draw(bucket, "latency").normal(np.log(28.0), 0.4)))
        chance = self._latent.uniform(bucket, "latency", first, last, MINUTES)
        return Grid(*spread_times(counts, np.full(last - first, mean), 0.5, chance))


def list_sources(latent: Latent) -> Iterator[Source]:
    """The metrics of all buckets."""
    sender = _Sender(latent)
    objects = (Kind("NumberOfObjects", "Count", sender.objects, settles_after=_DAY),)
    requests = (
        Kind("AllRequests", "Count", sender.all_requests),
        Kind("GetRequests", "Count", sender.gets),
        Kind("PutRequests", "Count", sender.puts),
        Kind("BytesDownloaded", "Bytes", sender.downloaded),
        Kind("FirstByteLatency", "Milliseconds", sender.latency),
    )
    for things in group_by_id(latent.estate.each(Bucket)):
        name = {"BucketName": things[-1].resource_id}
        for storage_class in sorted({each for bucket in things for each in bucket.stored_gb}):
            size = (Kind("BucketSizeBytes", "Bytes", sender.size(storage_class), settles_after=_DAY),)
            yield from name_sources("AWS/S3", name | {"StorageType": _STORAGE_TYPES[storage_class]}, size, things)
        yield from name_sources("AWS/S3", name | {"StorageType": "AllStorageTypes"}, objects, things)
        if things[-1].has_request_metrics:
            yield from name_sources("AWS/S3", name | {"FilterId": "EntireBucket"}, requests, things)
