"""Files of a delivery, in S3 or in a local folder of the same layout."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ingest.aws import explained, open_account
from ingest.errors import IngestError


@dataclass(frozen=True)
class StoredObject:
    """One file: `key` is relative to the source's root."""

    key: str
    byte_count: int
    version: str  # ETag, or size and modification time of a local file


class ObjectStore(Protocol):
    """What ingest needs of a place with files. `request_count` counts calls made to AWS."""

    uri: str
    request_count: int

    def list_folders(self, prefix: str) -> list[str]: ...

    def list_files(self, prefix: str) -> list[StoredObject]: ...

    def read(self, key: str) -> bytes: ...

    def fetch(self, key: str, target: Path) -> int: ...

    def find(self, delivered_key: str) -> StoredObject: ...


def open_store(source: str) -> ObjectStore:
    """The store behind `s3://bucket/prefix` or a local folder.

    Raises:
        IngestError: the source is neither.
    """
    if source.startswith("s3://"):
        bucket, _, prefix = source.removeprefix("s3://").partition("/")
        if not bucket:
            raise IngestError(f"{source}: no bucket named; use s3://bucket/prefix/report")
        return S3Store(bucket, prefix.strip("/"))
    folder = Path(source)
    if not folder.is_dir():
        raise IngestError(
            f"{source}: no such folder; use s3://bucket/prefix/report or a local folder of the same layout"
        )
    return FolderStore(folder.resolve())


class S3Store:
    """A bucket from `prefix` on."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self.request_count = 0
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
            StoredObject(item["Key"].removeprefix(self.prefix), item["Size"], item["ETag"].strip('"'))
            for page in self._pages(prefix)
            for item in page.get("Contents", [])
        ]

    def read(self, key: str) -> bytes:
        """A small file whole."""
        with explained(f"{self.uri}/{key}"):
            self.request_count += 1
            return self._client.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"].read()

    def fetch(self, key: str, target: Path) -> int:
        """Copy a file to `target`; returns its bytes. A body shorter than announced is an error of boto3's own."""
        with explained(f"{self.uri}/{key}"):
            self.request_count += 1
            answer = self._client.get_object(Bucket=self.bucket, Key=self.prefix + key)
            with target.open("wb") as file:
                shutil.copyfileobj(answer["Body"], file, length=1 << 20)
        return target.stat().st_size

    def find(self, delivered_key: str) -> StoredObject:
        """The file that a manifest names by its full key in the bucket."""
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
        return StoredObject(delivered_key.removeprefix(self.prefix), answer["ContentLength"], answer["ETag"].strip('"'))


class FolderStore:
    """A local folder that holds a copy of a report's prefix."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = str(root)
        self.request_count = 0

    def list_folders(self, prefix: str) -> list[str]:
        """Keys (ending in /) of the folders directly under `prefix`."""
        folder = self.root / prefix
        if not folder.is_dir():
            return []
        return sorted(f"{prefix}{child.name}/" for child in folder.iterdir() if child.is_dir())

    def list_files(self, prefix: str) -> list[StoredObject]:
        """Files directly under `prefix`, not below."""
        folder = self.root / prefix
        if not folder.is_dir():
            return []
        return [self._describe(child) for child in sorted(folder.iterdir()) if child.is_file()]

    def _describe(self, path: Path) -> StoredObject:
        status = path.stat()
        key = path.relative_to(self.root).as_posix()
        return StoredObject(key, status.st_size, f"{status.st_size}-{status.st_mtime_ns}")

    def read(self, key: str) -> bytes:
        """A small file whole."""
        return (self.root / key).read_bytes()

    def fetch(self, key: str, target: Path) -> int:
        """Make the file readable at `target`; returns its bytes."""
        path = self.root / key
        target.symlink_to(path)
        return path.stat().st_size

    def find(self, delivered_key: str) -> StoredObject:
        """The file that a manifest names by its full key in the bucket: the longest tail of it that exists here."""
        parts = delivered_key.split("/")
        if ".." in parts:
            raise IngestError(f"{self.uri}: the manifest names a file outside the folder: {delivered_key}")
        for first in range(len(parts)):
            path = self.root.joinpath(*parts[first:])
            if path.is_file():
                return self._describe(path)
        raise IngestError(
            f"{self.uri}: the manifest names {delivered_key}, which is not there; copy the report's whole prefix"
        )
