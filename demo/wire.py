"""Requests, responses and the encodings that AWS clients speak: rpc-v2-cbor, JSON and query with XML answers."""

from __future__ import annotations

import json
import math
import struct
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import numpy as np

from demo.world.accounts import Account


class ServiceError(Exception):
    """An error as AWS answers it: HTTP status, code and message."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Caller:
    """Who asks, from the credential's access key, and for which region and service it was signed.

    ``may_write``: whether the account lets the caller change anything.
    """

    account: Account
    arn: str
    user_id: str
    region: str
    service: str
    may_write: bool = True


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names in lower case, ``path`` still percent-encoded."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def parameters(self) -> dict[str, str]:
        """The query string's parameters."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True)
class Response:
    """One HTTP response. ``length`` is announced where the body is left out (HEAD)."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None


@dataclass(frozen=True)
class Moments:
    """An array of whole seconds since 1970, written as time stamps."""

    seconds: np.ndarray


@dataclass(frozen=True)
class Numbers:
    """An array of floating-point values."""

    values: np.ndarray


class Moment(int):
    """One whole second since 1970, written as a time stamp."""


@dataclass(frozen=True)
class Items:
    """A list whose elements have a name of their own in XML (RDS: <DBInstances><DBInstance>...)."""

    name: str
    values: list[Any]


class Pairs(dict[str, Any]):
    """A map whose keys are data: an object like any other in JSON and CBOR, a list of entries in query's XML."""


def request_id() -> str:
    """A fresh request id."""
    return str(uuid.uuid4())


def as_seconds(value: Any, name: str) -> int:
    """Seconds since 1970 of a time stamp in any of the encodings. Raises ServiceError for text that is none."""
    if isinstance(value, int | float):
        return math.floor(value)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ServiceError(400, "ValidationError", f"The parameter {name} must be a timestamp.") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return math.floor(moment.timestamp())


# --- CBOR (RFC 8949), the part that smithy's rpc-v2 uses ---------------------------------------------------------


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for code, size, form in ((24, 0xFF, ">B"), (25, 0xFFFF, ">H"), (26, 0xFFFFFFFF, ">I")):
        if number <= size:
            return bytes([major << 5 | code]) + struct.pack(form, number)
    return bytes([major << 5 | 27]) + struct.pack(">Q", number)


def _encode_moments(moments: Moments) -> bytes:
    items = np.empty(len(moments.seconds), dtype=[("tag", "u1"), ("head", "u1"), ("seconds", ">u4")])
    items["tag"] = 0xC1
    items["head"] = 0x1A
    items["seconds"] = moments.seconds
    return _head(4, len(items)) + items.tobytes()


def _encode_numbers(numbers: Numbers) -> bytes:
    items = np.empty(len(numbers.values), dtype=[("head", "u1"), ("value", ">f8")])
    items["head"] = 0xFB
    items["value"] = numbers.values
    return _head(4, len(items)) + items.tobytes()


def encode_cbor(value: Any) -> bytes:
    """CBOR of dicts, lists, texts, numbers, booleans, None, Moments and Numbers."""
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, Moment):
        return b"\xc1" + _head(0, int(value))
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        raw = value.encode()
        return _head(3, len(raw)) + raw
    if isinstance(value, Moments):
        return _encode_moments(value)
    if isinstance(value, Numbers):
        return _encode_numbers(value)
    if isinstance(value, dict):
        return _head(5, len(value)) + b"".join(encode_cbor(str(k)) + encode_cbor(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return _head(4, len(value)) + b"".join(encode_cbor(item) for item in value)
    raise TypeError(f"no CBOR for {type(value).__name__}")


class _CborReader:
    def __init__(self, raw: bytes):
        self.raw = raw
        self.at = 0

    def take(self, count: int) -> bytes:
        piece = self.raw[self.at : self.at + count]
        if len(piece) < count:
            raise ServiceError(400, "SerializationException", "The CBOR body ends early.")
        self.at += count
        return piece

    def is_break(self) -> bool:
        if self.raw[self.at : self.at + 1] == b"\xff":
            self.at += 1
            return True
        return False

    def read(self) -> Any:
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if major == 7:
            return self._simple(info)
        number: int | None = info
        if 24 <= info <= 27:
            number = int.from_bytes(self.take(1 << (info - 24)), "big")
        elif info == 31:
            number = None
        elif info > 27:
            raise ServiceError(400, "SerializationException", "The CBOR body is malformed.")
        return self._item(major, number)

    def _item(self, major: int, number: int | None) -> Any:
        if major in (4, 5):
            return self._collection(major, number)
        if number is None:
            if major not in (2, 3):
                raise ServiceError(400, "SerializationException", "The CBOR body is malformed.")
            parts = []
            while not self.is_break():
                parts.append(self.read())
            return (b"" if major == 2 else "").join(parts)
        if major == 0:
            return number
        if major == 1:
            return -1 - number
        if major == 2:
            return self.take(number)
        if major == 3:
            return self.take(number).decode()
        # A tag: 1 is a time stamp in seconds, which is how a number is understood anyway.
        return self.read()

    def _collection(self, major: int, number: int | None) -> Any:
        items: list[Any] = []
        while not self.is_break() if number is None else len(items) < number:
            items.append(self.read() if major == 4 else (self.read(), self.read()))
        return items if major == 4 else dict(items)

    def _simple(self, info: int) -> Any:
        if info in (20, 21):
            return info == 21
        if info in (22, 23):
            return None
        forms = {25: ">e", 26: ">f", 27: ">d"}
        if info not in forms:
            raise ServiceError(400, "SerializationException", "The CBOR body is malformed.")
        return struct.unpack(forms[info], self.take(2 << (info - 25)))[0]


def decode_cbor(raw: bytes) -> Any:
    """The value of a CBOR body; an empty body is an empty dict. Raises ServiceError for a malformed one."""
    if not raw:
        return {}
    return _CborReader(raw).read()


# --- JSON ---------------------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    if isinstance(value, Moments):
        return value.seconds.tolist()
    if isinstance(value, Numbers):
        return value.values.tolist()
    raise TypeError(f"no JSON for {type(value).__name__}")


def encode_json(value: Any) -> bytes:
    """JSON; time stamps are numbers of seconds."""
    return json.dumps(value, default=_plain, ensure_ascii=False).encode()


def decode_json(raw: bytes) -> dict[str, Any]:
    """The object of a JSON body. Raises ServiceError for anything else."""
    try:
        value = json.loads(raw or b"{}")
    except ValueError as error:
        raise ServiceError(400, "SerializationException", "The body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise ServiceError(400, "SerializationException", "The body is not a JSON object.")
    return value


# --- query, answered in XML ---------------------------------------------------------------------------------------


def _fold(node: Any) -> Any:
    """Turn {"member": {"1": a, "2": b}} and {"1": a, "2": b} into [a, b], everywhere."""
    if not isinstance(node, dict):
        return node
    if node and all(key.isdigit() for key in node):
        return [_fold(node[key]) for key in sorted(node, key=int)]
    folded = {key: _fold(value) for key, value in node.items()}
    if set(folded) == {"member"} and isinstance(folded["member"], list):
        return folded["member"]
    return folded


def decode_query(raw: bytes) -> dict[str, Any]:
    """The nested parameters of a query-protocol body; every scalar is text."""
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True):
        *path, last = key.split(".")
        node = tree
        for step in path:
            deeper = node.setdefault(step, {})
            if not isinstance(deeper, dict):
                raise ServiceError(400, "MalformedQueryString", f"The parameter {key} contradicts another one.")
            node = deeper
        node[last] = value
    folded = _fold(tree)
    assert isinstance(folded, dict)  # noqa: S101 - the root never has the one key "member"
    return folded


def stamp(seconds: int) -> str:
    """ISO text of a time, as XML answers hold it."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_xml(name: str, value: Any, item: str = "member") -> str:
    """An element; lists become elements of the name ``item``, unless they are Items."""
    if value is None:
        return ""
    if isinstance(value, Pairs):
        inner = "".join(f"<entry>{to_xml('key', key)}{to_xml('value', part)}</entry>" for key, part in value.items())
    elif isinstance(value, Moment):
        inner = stamp(value)
    elif isinstance(value, dict):
        inner = "".join(to_xml(key, part, item) for key, part in value.items())
    elif isinstance(value, Moments):
        inner = "".join(f"<{item}>{stamp(part)}</{item}>" for part in value.seconds.tolist())
    elif isinstance(value, Numbers):
        inner = "".join(f"<{item}>{part!r}</{item}>" for part in value.values.tolist())
    elif isinstance(value, Items):
        inner = "".join(to_xml(value.name, part, item) for part in value.values)
    elif isinstance(value, list | tuple):
        inner = "".join(to_xml(item, part, item) for part in value)
    elif isinstance(value, bool):
        inner = "true" if value else "false"
    else:
        inner = escape(str(value))
    return f"<{name}>{inner}</{name}>"


def query_response(action: str, namespace: str, result: dict[str, Any]) -> Response:
    """The XML answer of a query-protocol action."""
    identity = request_id()
    body = (
        f'<{action}Response xmlns="{namespace}">{to_xml(f"{action}Result", result)}'
        f"<ResponseMetadata><RequestId>{identity}</RequestId></ResponseMetadata></{action}Response>"
    )
    return Response(200, {"Content-Type": "text/xml", "x-amzn-RequestId": identity}, body.encode())


def query_error(namespace: str, error: ServiceError) -> Response:
    """The XML answer of a query-protocol error."""
    kind = "Sender" if error.status < 500 else "Receiver"
    identity = request_id()
    body = (
        f'<ErrorResponse xmlns="{namespace}"><Error><Type>{kind}</Type><Code>{escape(error.code)}</Code>'
        f"<Message>{escape(error.message)}</Message></Error><RequestId>{identity}</RequestId></ErrorResponse>"
    )
    return Response(error.status, {"Content-Type": "text/xml", "x-amzn-RequestId": identity}, body.encode())


def json_response(result: dict[str, Any], version: str) -> Response:
    """The answer of a JSON-protocol action."""
    headers = {"Content-Type": f"application/x-amz-json-{version}", "x-amzn-RequestId": request_id()}
    return Response(200, headers, encode_json(result))


def json_error(error: ServiceError, version: str) -> Response:
    """The answer of a JSON-protocol error."""
    headers = {
        "Content-Type": f"application/x-amz-json-{version}",
        "x-amzn-RequestId": request_id(),
        "x-amzn-query-error": f"{error.code};{'Sender' if error.status < 500 else 'Receiver'}",
    }
    return Response(error.status, headers, encode_json({"__type": error.code, "message": error.message}))


def cbor_response(result: dict[str, Any]) -> Response:
    """The answer of an rpc-v2-cbor action."""
    headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor", "x-amzn-RequestId": request_id()}
    return Response(200, headers, encode_cbor(result))


def cbor_error(error: ServiceError) -> Response:
    """The answer of an rpc-v2-cbor error."""
    headers = {
        "Content-Type": "application/cbor",
        "smithy-protocol": "rpc-v2-cbor",
        "x-amzn-RequestId": request_id(),
        "x-amzn-query-error": f"{error.code};{'Sender' if error.status < 500 else 'Receiver'}",
    }
    return Response(error.status, headers, encode_cbor({"__type": error.code, "message": error.message}))
