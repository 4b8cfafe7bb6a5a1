"""Files of a delivery in S3."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from ingest.aws import CONNECTION_ERRORS, explained, open_account
from ingest.errors import IngestError
from ingest.objects import StoredObject, split_uri

_log = logging.getLogger(__name__)

# A connection that breaks in the middle of a file is taken up again where it broke, after so many seconds.
_WAITS_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
_CHUNK_BYTES = 1 << 20


class S3Store:
    """A bucket from `prefix` on."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self.request_count = 0
        self._counting = threading.Lock()
        self._client: Any = open_account().client("s3")

    def _pages(self, prefix: str) -> Iterator[dict[str, Any]]:
        with explained(self.uri):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix + prefix, Delimiter="/"
            )
            for page in pages:
                self.request_count += 1
                yield page

    def list_folders(self, prefix: str) -> list[str]:
        """Keys (ending in /) of the folders directly under `prefix`."""
        folders = [folder["Prefix"] for page in self._pages(prefix) for folder in page.get("CommonPrefixes", [])]
        return [folder.removeprefix(self.prefix) for folder in folders]

    def list_files(self, prefix: str) -> list[StoredObject]:
        """Files directly under `prefix`, not below."""
        return [
            StoredObject(
                item["Key"].removeprefix(self.prefix), item["Size"], item["ETag"].strip('"'), item["LastModified"]
            )
            for page in self._pages(prefix)
            for item in page.get("Contents", [])
        ]

    def read(self, key: str) -> bytes:
        """A small file whole.

        Raises:
            IngestError: it can't be had, or the connection breaks again and again.
        """
        place = f"{self.uri}/{key}"
        waits = iter(_WAITS_SECONDS)
        while True:
            with explained(place):
                self.request_count += 1
                body = self._client.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"]
            try:
                return bytes(body.read())
            except CONNECTION_ERRORS as error:
                _wait_or_give_up(place, " ".join(str(error).split()), waits)

    def fetch(self, file: StoredObject, target: Path, tell: Callable[[int], object]) -> None:
        """Copy a file to `target`; where the connection breaks, go on from there.

        Args:
            file: as it was listed; another version in its place is an error.
            tell: called with the bytes that arrived so far.

        Raises:
            IngestError: it isn't there any more, was replaced, or the connection breaks again and again.
        """
        place = f"{self.uri}/{file.key}"
        arrived = 0
        waits = iter(_WAITS_SECONDS)
        with target.open("wb", buffering=0) as out:
            while True:
                try:
                    for chunk in self._stream(file, place, arrived):
                        _keep(out, chunk, place)
                        arrived += len(chunk)
                        tell(arrived)
                    if arrived == file.byte_count:
                        return
                    reason = f"{arrived:,} of {file.byte_count:,} bytes came"
                except CONNECTION_ERRORS as error:
                    reason = " ".join(str(error).split())
                if arrived > file.byte_count:
                    raise IngestError(f"{place}: replaced while it was read; sync again")
                _wait_or_give_up(place, reason, waits)

    def _stream(self, file: StoredObject, place: str, first: int) -> Iterator[bytes]:
        """The file's bytes from the `first` on. Errors of the connection are boto3's own."""
        with self._counting:  # files are fetched side by side
            self.request_count += 1
        asked = {"Range": f"bytes={first}-"} if first else {}
        try:
            answer = self._client.get_object(
                Bucket=self.bucket, Key=self.prefix + file.key, IfMatch=f'"{file.version}"', **asked
            )
        except self._client.exceptions.ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (404, 412):
                raise IngestError(f"{place}: replaced while it was read; sync again") from error
            with explained(place):
                raise
        yield from answer["Body"].iter_chunks(_CHUNK_BYTES)

    def find(self, delivered_key: str) -> StoredObject:
        """The file that a manifest names by its full key in the bucket, or as s3://bucket/key.

        Raises:
            IngestError: it is in another bucket or outside the source, or isn't there.
        """
        named_bucket, delivered_key = split_uri(delivered_key, self.bucket)
        if named_bucket != self.bucket:
            raise IngestError(f"s3://{named_bucket}/{delivered_key}: named by the manifest, but outside {self.uri}")
        place = f"s3://{self.bucket}/{delivered_key}"
        if not delivered_key.startswith(self.prefix):
            raise IngestError(f"{place}: named by the manifest but outside {self.uri}; give the report's own prefix")
        with explained(place):
            self.request_count += 1
            try:
                answer = self._client.head_object(Bucket=self.bucket, Key=delivered_key)
            except self._client.exceptions.ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                    raise IngestError(
                        f"{place}: named by the manifest but not there; wait for AWS's next delivery and sync again"
                    ) from error
                raise
        return StoredObject(
            delivered_key.removeprefix(self.prefix),
            answer["ContentLength"],
            answer["ETag"].strip('"'),
            answer["LastModified"],
        )


def _wait_or_give_up(place: str, reason: str, waits: Iterator[float]) -> None:
    wait = next(waits, None)
    if wait is None:
        raise IngestError(
            f"{place}: the connection broke {len(_WAITS_SECONDS) + 1} times ({reason}); "
            "check the network and sync again"
        )
    _log.info("%s: %s; going on in %.1f s", place, reason, wait)
    time.sleep(wait)


def _keep(out: IO[bytes], chunk: bytes, place: str) -> None:
    try:
        out.write(chunk)
    except OSError as error:
        raise IngestError(
            f"{place}: can't be kept in {out.name} ({error.strerror}); free space, or set TMPDIR to another folder"
        ) from error
