"""Faults on demand: what a real account does to its clients on a bad day, by rule.

A rule matches calls by service, action, region, account and path, each a pattern of * and ?. Rules are set in Python
(``router.faults.add``), by ``--fault`` and over the control path; they apply in the order in which they were added.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from demo.errors import DemoError
from demo.protocols import Dialect
from demo.wire import Response, ServiceError

KINDS = ("deny", "throttle", "latency", "drop", "error", "corrupt", "truncate")


class ConnectionDropped(Exception):
    """The connection is to be closed without an answer."""


@dataclass(frozen=True)
class Fault:
    """A rule.

    ``kind``: deny and throttle answer as the service does; latency waits ``seconds`` and goes on; drop closes the
    connection without an answer; error is an internal one (HTTP 500); corrupt turns one byte of an object over, and
    truncate ends its body early. ``times``: how often it strikes (None: always). ``share``: of matching calls, at
    random by ``seed``.
    """

    kind: str
    service: str = "*"
    action: str = "*"
    region: str = "*"
    account: str = "*"
    path: str = "*"
    seconds: float = 0.0
    times: int | None = None
    share: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DemoError(f"fault kind {self.kind!r} is unknown; use one of {', '.join(KINDS)}")
        if not 0 <= self.share <= 1 or self.seconds < 0 or (self.times is not None and self.times < 1):
            raise DemoError("a fault's share lies within 0 to 1, its seconds are 0 or more, its times 1 or more")

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Fault:
        """A rule from texts or JSON values. Raises DemoError for an unknown or unreadable part."""
        numbers = {"seconds": float, "times": int, "share": float, "seed": int}
        known = {part.name for part in fields(cls)}
        unknown = sorted(set(raw) - known)
        if unknown or "kind" not in raw:
            raise DemoError(f"a fault has kind and some of {', '.join(sorted(known - {'kind'}))}; got {sorted(raw)}")
        try:
            read = {name: numbers.get(name, str)(value) for name, value in raw.items() if value is not None}
        except (TypeError, ValueError) as error:
            raise DemoError(f"a fault's number can't be read ({error})") from error
        return cls(**read)

    @classmethod
    def parse(cls, text: str) -> Fault:
        """A rule from a command line: ``kind=deny,service=ec2,action=Describe*,region=eu-west-1,times=3``."""
        parts = [part.partition("=") for part in text.split(",")]
        if not all(mark for _, mark, _ in parts):
            raise DemoError(f"--fault {text!r}: write it like kind=deny,service=ec2,action=Describe*")
        return cls.from_dict({name.strip(): value for name, _, value in parts})

    def matches(self, service: str, action: str, region: str, account_id: str, path: str) -> bool:
        """Whether a call is meant, whatever times and share say."""
        asked = ((self.service, service), (self.action, action), (self.region, region), (self.account, account_id))
        return all(fnmatchcase(value, pattern) for pattern, value in (*asked, (self.path, path)))


class Faults:
    """The rules in force; safe to use from many threads."""

    def __init__(self, rules: tuple[Fault, ...] = ()) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []
        self._left: list[int | None] = []
        self._draws: list[random.Random] = []
        for rule in rules:
            self.add(rule)

    def add(self, rule: Fault) -> None:
        """Put a rule behind the others."""
        with self._lock:
            self._rules.append(rule)
            self._left.append(rule.times)
            self._draws.append(random.Random(rule.seed))  # noqa: S311 - which calls fail is no secret

    def clear(self) -> None:
        """Remove all rules."""
        with self._lock:
            self._rules, self._left, self._draws = [], [], []

    def as_list(self) -> list[dict[str, Any]]:
        """The rules as they were given, each with ``left``: how often it will still strike."""
        with self._lock:
            return [asdict(rule) | {"left": left} for rule, left in zip(self._rules, self._left, strict=True)]

    def _strike(self, call: tuple[str, str, str, str, str], kinds: tuple[str, ...]) -> list[Fault]:
        struck = []
        with self._lock:
            for index, rule in enumerate(self._rules):
                if rule.kind not in kinds or self._left[index] == 0 or not rule.matches(*call):
                    continue
                if rule.share < 1 and self._draws[index].random() >= rule.share:
                    continue
                left = self._left[index]
                if left is not None:
                    self._left[index] = left - 1
                struck.append(rule)
                if rule.kind != "latency":
                    break
        return struck

    def meet(self, dialect: Dialect, action: str, region: str, account_id: str, path: str, who: str) -> None:
        """Do to a call what the rules ask before it is answered.

        Raises ServiceError (denied, throttled, failed) or ConnectionDropped.
        """
        call = (dialect.service, action, region, account_id, path)
        for rule in self._strike(call, ("deny", "throttle", "latency", "drop", "error")):
            if rule.kind == "latency":
                time.sleep(rule.seconds)
            elif rule.kind == "drop":
                raise ConnectionDropped
            elif rule.kind == "throttle":
                raise throttled(dialect)
            elif rule.kind == "deny":
                raise denied(dialect, action, who, "with an explicit deny in a service control policy")
            else:
                raise ServiceError(500, "InternalError", "We encountered an internal error. Please try again.")

    def spoil(self, response: Response, action: str, region: str, account_id: str, path: str) -> Response:
        """An object's answer as the rules damage it; others stay as they are."""
        if action != "GetObject" or not response.body:
            return response
        for rule in self._strike(("s3", action, region, account_id, path), ("corrupt", "truncate")):
            body = response.body
            if rule.kind == "truncate":
                return Response(response.status, response.headers, body[: len(body) // 2], len(body))
            middle = len(body) // 2
            spoilt = body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]
            return Response(response.status, response.headers, spoilt)
        return response


def denied(dialect: Dialect, action: str, who: str, reason: str) -> ServiceError:
    """A refusal for want of permission, in the service's own code."""
    status, code = dialect.denied
    message = "Access Denied" if dialect.service == "s3" else f"User: {who} is not authorized to perform: "
    return ServiceError(
        status, code, message if dialect.service == "s3" else f"{message}{dialect.service}:{action} {reason}"
    )


def throttled(dialect: Dialect) -> ServiceError:
    """A refusal for too many calls, in the service's own code."""
    status, code = dialect.throttled
    return ServiceError(status, code, "Please reduce your request rate." if code == "SlowDown" else "Rate exceeded")


@dataclass
class _Bucket:
    tokens: float
    at: float


# Calls a second and burst of each account and region. CloudWatch's are of its quotas page, EC2's of its page on request
# throttling (reading calls: 100 in a burst, 20 a second after it), Lambda's control plane of its quotas (15 a second),
# S3's per prefix of its performance page; Cost Explorer, Organizations and Price List publish none, so theirs are
# what clients report. Others: DEFAULT.
_LIMITS: tuple[tuple[str, str, float, float], ...] = (
    ("cloudwatch", "GetMetricData", 50, 50),
    ("cloudwatch", "ListMetrics", 25, 25),
    ("cloudwatch", "GetMetricStatistics", 400, 400),
    ("ec2", "Describe*", 20, 100),
    ("ec2", "*", 5, 50),
    ("lambda", "*", 15, 15),
    ("s3", "Get*", 5500, 5500),
    ("ce", "*", 5, 5),
    ("organizations", "*", 8, 13),
    ("pricing", "*", 10, 20),
)
_DEFAULT = (10.0, 20.0)


class Throttle:
    """Token buckets at AWS's published rates, one per account, region and limit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str, str, str], _Bucket] = {}

    def meet(self, dialect: Dialect, action: str, region: str, account_id: str) -> None:
        """Count a call. Raises ServiceError where it is one too many."""
        found = next((row for row in _LIMITS if row[0] == dialect.service and fnmatchcase(action, row[1])), None)
        pattern, rate, burst = (found[1], found[2], found[3]) if found else (action, *_DEFAULT)
        now = time.monotonic()
        with self._lock:
            bucket = self._buckets.setdefault((account_id, region, dialect.service, pattern), _Bucket(burst, now))
            bucket.tokens = min(burst, bucket.tokens + (now - bucket.at) * rate)
            bucket.at = now
            if bucket.tokens < 1:
                raise throttled(dialect)
            bucket.tokens -= 1
