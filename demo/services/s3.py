"""S3's objects for reading: billing buckets are folders of the payer, objects files looked at anew every time.

Buckets of the estate have a configuration (demo.services.buckets) and no objects.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from demo.wire import Caller, Request, Response, ServiceError, request_id
from demo.world import accounts

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
MOST_KEYS = 1000
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class _Object:
    key: str
    path: Path
    size: int
    modified: float
    etag: str


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _xml(body: str, status: int = 200) -> Response:
    headers = {"Content-Type": "application/xml", "x-amz-request-id": request_id()}
    return Response(status, headers, ('<?xml version="1.0" encoding="UTF-8"?>\n' + body).encode())


class ObjectStore:
    """Answers S3's reading calls from the folder ``root``, one subfolder a bucket."""

    def __init__(self, root: Path):
        self.root = root
        self._etags: dict[Path, tuple[int, int, str]] = {}
        self._lock = threading.Lock()

    def buckets(self) -> list[str]:
        """Names of the billing buckets."""
        return sorted(path.name for path in self.root.iterdir() if path.is_dir()) if self.root.is_dir() else []

    def answer(self, request: Request, caller: Caller) -> Response:
        """HeadBucket, ListObjectsV2, HeadObject and GetObject, for the payer alone."""
        if request.method not in ("GET", "HEAD"):
            raise ServiceError(405, "MethodNotAllowed", "The simulated account's objects can only be read.")
        if caller.account.account_id != accounts.PAYER.account_id:
            raise ServiceError(403, "AccessDenied", "Access Denied")
        bucket, _, key = unquote(request.path).lstrip("/").partition("/")
        folder = self.root / bucket
        if bucket in (".", "..") or not folder.is_dir():
            raise ServiceError(404, "NoSuchBucket", "The specified bucket does not exist")
        if key:
            return self._object(request, self._find(folder, key))
        if request.method == "HEAD":
            return Response(200, {"x-amz-bucket-region": accounts.HOME_REGION.code, "x-amz-request-id": request_id()})
        return self._list_objects(bucket, folder, request.parameters)

    def _etag(self, path: Path, status: os.stat_result) -> str:
        version = (status.st_mtime_ns, status.st_size)
        with self._lock:
            known = self._etags.get(path)
        if known is None or known[:2] != version:
            known = (*version, hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest())
            with self._lock:
                self._etags[path] = known
        return f'"{known[2]}"'

    def _describe(self, folder: Path, path: Path) -> _Object:
        status = path.stat()
        key = path.relative_to(folder).as_posix()
        return _Object(key, path, status.st_size, status.st_mtime, self._etag(path, status))

    def _find(self, folder: Path, key: str) -> _Object:
        path = folder / key
        is_inside = path.resolve().is_relative_to(folder.resolve()) and not key.endswith("/")
        if not is_inside or not path.is_file():
            raise ServiceError(404, "NoSuchKey", "The specified key does not exist.")
        return self._describe(folder, path)

    def _object(self, request: Request, found: _Object) -> Response:
        headers = {
            "ETag": found.etag,
            "Last-Modified": formatdate(found.modified, usegmt=True),
            "Accept-Ranges": "bytes",
            "Content-Type": "binary/octet-stream",
            "x-amz-request-id": request_id(),
        }
        expected = request.headers.get("if-match")
        if expected is not None and expected.strip('"') != found.etag.strip('"'):
            raise ServiceError(
                412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"
            )
        held = request.headers.get("if-none-match")
        if held is not None and held.strip('"') == found.etag.strip('"'):
            return Response(304, headers)
        first, last = 0, found.size - 1
        asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
        is_partial = asked is not None and asked.groups() != ("", "")
        if asked is not None and is_partial:
            first, last = self._bounds(asked.group(1), asked.group(2), found.size)
            headers["Content-Range"] = f"bytes {first}-{last}/{found.size}"
        status = 206 if is_partial else 200
        if request.method == "HEAD":
            return Response(status, headers, length=last - first + 1)
        with found.path.open("rb") as file:
            file.seek(first)
            return Response(status, headers, file.read(last - first + 1))

    @staticmethod
    def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
        if not first:
            start, end = max(0, size - int(last)), size - 1
        else:
            start, end = int(first), min(int(last), size - 1) if last else size - 1
        if start >= size or start > end:
            raise ServiceError(416, "InvalidRange", "The requested range is not satisfiable")
        return start, end

    def _list_objects(self, bucket: str, folder: Path, parameters: dict[str, str]) -> Response:
        if parameters.get("list-type") != "2":
            raise ServiceError(501, "NotImplemented", "Only ListObjectsV2 is simulated.")
        asked = parameters.get("max-keys", str(MOST_KEYS))
        if not asked.isdigit():
            raise ServiceError(400, "InvalidArgument", "Provided max-keys not an integer or within integer range")
        most = min(int(asked), MOST_KEYS)
        prefix, delimiter = parameters.get("prefix", ""), parameters.get("delimiter", "")
        after = parameters.get("start-after", "")
        token = parameters.get("continuation-token")
        if token is not None:
            try:
                after = base64.urlsafe_b64decode(token).decode()
            except ValueError as error:
                raise ServiceError(400, "InvalidArgument", "The continuation token provided is incorrect") from error
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        entries: list[tuple[str, bool]] = []
        last_seen = ""
        is_truncated = False
        for name in names:
            if not name.startswith(prefix):
                continue
            cut = name.find(delimiter, len(prefix)) if delimiter else -1
            shown = name if cut < 0 else name[: cut + len(delimiter)]
            if shown <= after or (entries and entries[-1][0] == shown):
                continue
            if len(entries) == most:
                is_truncated = most > 0
                break
            entries.append((shown, cut >= 0))
            last_seen = shown
        return self._listing(bucket, folder, parameters, entries, most, last_seen if is_truncated else None)

    def _listing(
        self,
        bucket: str,
        folder: Path,
        parameters: dict[str, str],
        entries: list[tuple[str, bool]],
        most: int,
        continue_after: str | None,
    ) -> Response:
        is_encoded = parameters.get("encoding-type") == "url"

        def spell(text: str) -> str:
            return quote(text, safe="/") if is_encoded else escape(text)

        parts = [f"<Name>{escape(bucket)}</Name>", f"<Prefix>{spell(parameters.get('prefix', ''))}</Prefix>"]
        if "delimiter" in parameters:
            parts.append(f"<Delimiter>{spell(parameters['delimiter'])}</Delimiter>")
        if is_encoded:
            parts.append("<EncodingType>url</EncodingType>")
        parts += [
            f"<MaxKeys>{most}</MaxKeys>",
            f"<KeyCount>{len(entries)}</KeyCount>",
            f"<IsTruncated>{'true' if continue_after is not None else 'false'}</IsTruncated>",
        ]
        if continue_after is not None:
            token = base64.urlsafe_b64encode(continue_after.encode()).decode()
            parts.append(f"<NextContinuationToken>{token}</NextContinuationToken>")
        for name, is_prefix in entries:
            if is_prefix:
                parts.append(f"<CommonPrefixes><Prefix>{spell(name)}</Prefix></CommonPrefixes>")
                continue
            found = self._describe(folder, folder / name)
            parts.append(
                f"<Contents><Key>{spell(name)}</Key><LastModified>{_iso(found.modified)}</LastModified>"
                f"<ETag>{escape(found.etag)}</ETag><Size>{found.size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            )
        return _xml(f'<ListBucketResult xmlns="{NAMESPACE}">{"".join(parts)}</ListBucketResult>')
