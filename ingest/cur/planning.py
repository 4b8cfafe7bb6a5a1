"""What a sync has to do: the listing of the sources held against the ledger. Nothing of the data is read for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest import ledger
from ingest.cur.manifests import Manifest, ManifestFile
from ingest.errors import IngestError
from ingest.objects import ObjectStore, StoredObject

SOURCE_NAME = "cur"


@dataclass(frozen=True)
class CurrentLoad:
    """What stands in the database for one billing period of one report."""

    load_id: int
    partition_key: str
    source_uri: str
    source_version: str
    row_count: int
    statistics: dict[str, Any] = field(repr=False)

    @property
    def period(self) -> str:
        """YYYY-MM"""
        return self.partition_key[-7:]

    @property
    def report(self) -> str:
        """account/report"""
        return self.partition_key.rpartition("/")[0]

    @property
    def file_versions(self) -> dict[str, str]:
        """Key of each data file -> its version when it was read."""
        return {str(file["key"]): str(file["version"]) for file in self.statistics.get("files", [])}


def read_loads() -> list[CurrentLoad]:
    """The current CUR loads.

    Raises:
        IngestError: the database can't be reached.
    """
    return [
        CurrentLoad(
            load_id=load["load_id"],
            partition_key=load["partition_key"],
            source_uri=load["source_uri"],
            source_version=load["source_version"],
            row_count=load["row_count"],
            statistics=load["statistics"],
        )
        for load in ledger.read_current_loads()
        if load["source_name"] == SOURCE_NAME
    ]


def find_unchanged(store: ObjectStore, listed: ManifestFile, loads: Iterable[CurrentLoad]) -> CurrentLoad | None:
    """The load of exactly this delivery, as far as the listing shows: then the manifest needn't even be read."""
    place = f"{store.uri}/{listed.file.key}"
    for load in loads:
        if load.source_uri == place and load.source_version.endswith(f"/{listed.file.version}"):
            return None if has_changed_files(load, listed.beside) else load
    return None


def is_loaded(manifest: Manifest, load: CurrentLoad) -> bool:
    """Whether a load is of this delivery."""
    return load.source_version == manifest.version and not has_changed_files(load, manifest.beside)


def has_changed_files(load: CurrentLoad, listed: Sequence[StoredObject]) -> bool:
    """Whether a file that was loaded is listed with another version: replaced without a new manifest."""
    loaded = load.file_versions
    return any(file.key in loaded and loaded[file.key] != file.version for file in listed)


def refuse_older(manifest: Manifest, current: Iterable[CurrentLoad]) -> None:
    """A delivery doesn't take the place of one that was written after it, at the same place.

    Raises:
        IngestError: it would.
    """
    for load in current:
        loaded = load.statistics.get("delivered_at")
        if load.source_uri != manifest.place or loaded is None or manifest.delivered_at is None:
            continue
        if manifest.delivered_at < datetime.fromisoformat(loaded):
            raise IngestError(
                f"{manifest.place}: written {manifest.delivered_at:%Y-%m-%d %H:%M} UTC, before the delivery that is "
                f"loaded ({loaded[:16].replace('T', ' ')} UTC), which stands. If the older one is right, load it with "
                "--force"
            )


def find_moving_periods(now: datetime) -> dict[str, str]:
    """The billing periods that are named by where the present stands."""
    month_start = now.astimezone(UTC).replace(day=1)
    return {"open": f"{month_start:%Y-%m}", "previous": f"{month_start - timedelta(days=1):%Y-%m}"}


def find_gaps(periods: Iterable[str]) -> list[str]:
    """Months between the first and the last that are absent, newest first.

    Args:
        periods: YYYY-MM.
    """
    present = set(periods)
    if not present:
        return []
    gaps = []
    year, month = map(int, max(present).split("-"))
    while (period := f"{year:04d}-{month:02d}") > min(present):
        if period not in present:
            gaps.append(period)
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return gaps
