"""What one simulated account depends on: equal parameters give byte-equal files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.errors import DemoError

SMALLEST_ESTATE = 60


@dataclass(frozen=True)
class Parameters:
    """Seed, the simulated present, and the number of resources (root volumes not counted).

    ``end_hour`` counts whole hours since 1970-01-01T00:00Z. Raises DemoError where the estate would be too small to
    hold every planted case once.
    """

    seed: int
    end_hour: int
    resources: int = 120

    def __post_init__(self) -> None:
        if self.resources < SMALLEST_ESTATE:
            raise DemoError(
                f"--resources {self.resources}: every planted case needs a place; ask for {SMALLEST_ESTATE} or more"
            )

    @property
    def end(self) -> datetime:
        """The simulated present, UTC."""
        return datetime.fromtimestamp(self.end_hour * 3600, UTC)

    def as_dict(self) -> dict[str, object]:
        """The parameters as they are kept beside the files."""
        return {"seed": self.seed, "end": self.end.isoformat(), "resources": self.resources}

    @classmethod
    def from_dict(cls, raw: dict[str, object]) -> Parameters:
        """The inverse of as_dict."""
        return cls(int(str(raw["seed"])), parse_end(str(raw["end"])), int(str(raw["resources"])))


def parse_end(text: str | None) -> int:
    """Hours since the epoch of an ISO time (UTC where it names no offset); None means the last UTC midnight.

    Midnight, so that two runs on one day find the same account. Raises DemoError on text that isn't a whole hour.
    """
    if text is None:
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return int(midnight.timestamp()) // 3600
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise DemoError(f"--end {text!r} is not an ISO time; write it like 2026-11-23T00:00:00+00:00") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment - timedelta(minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond) != moment:
        raise DemoError(f"--end {text!r} is not a whole hour; the bill is hourly, so give minutes and seconds as zero")
    return int(moment.timestamp()) // 3600


def fingerprint(parameters: Parameters) -> str:
    """Hex digest of the parameters and of this package's own files: files made by other code are not reused."""
    digest = hashlib.sha256(json.dumps(parameters.as_dict(), sort_keys=True).encode())
    package = Path(__file__).parent
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.json")]):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
