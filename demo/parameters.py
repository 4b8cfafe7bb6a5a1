"""What one simulated account depends on: equal parameters give byte-equal files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demo.errors import DemoError

SMALLEST_ESTATE = 100
EARLIEST_YEAR, LATEST_YEAR = 2016, 2100
REPORT_FORMS = (
    "legacy-csv",
    "legacy-csv-overwrite",
    "legacy-parquet",
    "exports-csv",
    "exports-csv-overwrite",
    "exports-parquet",
    "exports-parquet-overwrite",
)


@dataclass(frozen=True)
class Parameters:
    """Seed, the simulated present at the start, the number of resources, and what is billed and written.

    ``end_hour`` counts whole hours since 1970-01-01T00:00Z. ``months``: billing periods, the open one included;
    ``hourly_days``: periods that reach into the last so many days are reported by the hour, earlier ones by the day.
    ``reports``: one or more of REPORT_FORMS. Raises DemoError for values that can't be.
    """

    seed: int
    end_hour: int
    resources: int = 300
    months: int = 13
    hourly_days: int = 90
    negotiated_discount_pct: int = 0
    reports: tuple[str, ...] = ("legacy-csv",)

    def __post_init__(self) -> None:
        if self.resources < SMALLEST_ESTATE:
            raise DemoError(
                f"--resources {self.resources}: every planted case needs a place; ask for {SMALLEST_ESTATE} or more"
            )
        if not 1 <= self.months <= 60:
            raise DemoError(f"--months {self.months}: ask for 1 to 60 billing periods")
        if self.hourly_days < 1:
            raise DemoError(f"--hourly-days {self.hourly_days}: ask for 1 day or more")
        if not 0 <= self.negotiated_discount_pct <= 50:
            raise DemoError(f"--negotiated-discount {self.negotiated_discount_pct}: ask for 0 to 50 percent")
        unknown = [name for name in self.reports if name not in REPORT_FORMS]
        if unknown or not self.reports:
            raise DemoError(f"--report {', '.join(unknown) or 'nothing'}: ask for some of {', '.join(REPORT_FORMS)}")

    @property
    def end(self) -> datetime:
        """The simulated present, UTC."""
        return datetime.fromtimestamp(self.end_hour * 3600, UTC)

    def as_dict(self) -> dict[str, object]:
        """The parameters as they are kept beside the files."""
        return {
            "seed": self.seed,
            "end": self.end.isoformat(),
            "resources": self.resources,
            "months": self.months,
            "hourly_days": self.hourly_days,
            "negotiated_discount_pct": self.negotiated_discount_pct,
            "reports": list(self.reports),
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Parameters:
        """The inverse of as_dict."""
        return cls(
            int(raw["seed"]),
            parse_end(str(raw["end"])),
            int(raw["resources"]),
            int(raw["months"]),
            int(raw["hourly_days"]),
            int(raw["negotiated_discount_pct"]),
            tuple(raw["reports"]),
        )


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
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise DemoError(f"--end {text!r}: name a year from {EARLIEST_YEAR} to {LATEST_YEAR}")
    return int(moment.timestamp()) // 3600


def fingerprint(parameters: Parameters) -> str:
    """Hex digest of the parameters and of this package's own files: files made by other code are not reused."""
    digest = hashlib.sha256(json.dumps(parameters.as_dict(), sort_keys=True).encode())
    package = Path(__file__).parent
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.json")]):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
