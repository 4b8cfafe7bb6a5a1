"""Files of a delivery, in S3 or in a local folder of the same layout."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from ingest.errors import IngestError


@dataclass(frozen=True)
class StoredObject:
    """One file: `key` is relative to the source's root."""

    key: str
    byte_count: int
    version: str  # ETag, or size and modification time of a local file
    modified_at: datetime | None = None


class ObjectStore(Protocol):
    """What ingest needs of a place with files. `request_count` counts calls made to AWS."""

    uri: str
    request_count: int

    def list_folders(self, prefix: str) -> list[str]: ...

    def list_files(self, prefix: str) -> list[StoredObject]: ...

    def read(self, key: str) -> bytes: ...

    def fetch(self, file: StoredObject, target: Path, tell: Callable[[int], object]) -> None: ...

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
        from ingest.s3 import S3Store  # boto3 takes a while to import: a local folder needn't wait for it

        return S3Store(bucket, prefix.strip("/"))
    folder = Path(source)
    with _readable(folder):
        if not folder.is_dir():
            raise IngestError(
                f"{source}: no such folder; use s3://bucket/prefix/report or a local folder of the same layout"
            )
        return FolderStore(folder.resolve())


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise IngestError(f"{error.filename or path}: {error.strerror}; give this user the right to read it") from error


def split_uri(key: str, bucket: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`, or `bucket` and the key where it is a key alone."""
    if not key.startswith("s3://"):
        return bucket, key
    named, _, rest = key.removeprefix("s3://").partition("/")
    return named, rest


class FolderStore:
    """A local folder that holds a copy of a report's prefix."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = str(root)
        self.request_count = 0

    def list_folders(self, prefix: str) -> list[str]:
        """Keys (ending in /) of the folders directly under `prefix`."""
        folder = self.root / prefix
        with _readable(folder):
            if not folder.is_dir():
                return []
            return sorted(f"{prefix}{child.name}/" for child in folder.iterdir() if child.is_dir())

    def list_files(self, prefix: str) -> list[StoredObject]:
        """Files directly under `prefix`, not below."""
        folder = self.root / prefix
        with _readable(folder):
            if not folder.is_dir():
                return []
            return [self._describe(child) for child in sorted(folder.iterdir()) if child.is_file()]

    def _describe(self, path: Path) -> StoredObject:
        status = path.stat()
        key = path.relative_to(self.root).as_posix()
        modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
        return StoredObject(key, status.st_size, f"{status.st_size}-{status.st_mtime_ns}", modified_at)

    def read(self, key: str) -> bytes:
        """A small file whole."""
        with _readable(self.root / key):
            return (self.root / key).read_bytes()

    def fetch(self, file: StoredObject, target: Path, tell: Callable[[int], object]) -> None:
        """Make the file readable at `target`.

        Raises:
            IngestError: it isn't there any more, or was replaced.
        """
        path = self.root / file.key
        if not path.is_file() or self._describe(path) != file:
            raise IngestError(f"{path}: replaced while it was read; sync again")
        target.symlink_to(path)

    def find(self, delivered_key: str) -> StoredObject:
        """The file that a manifest names by its full key in the bucket: the longest tail of it that exists here.

        Raises:
            IngestError: none of them does.
        """
        delivered_key = split_uri(delivered_key, "")[1]
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
