"""Which billing periods a report holds, and which files make up each of them.

Layouts (CUR user guide, "Understanding report versions"; Data Exports, "Understanding export delivery"): legacy CSV
in `<yyyymmdd-yyyymmdd>/`, legacy Parquet in `<report>/year=YYYY/month=M/`, Data Exports in
`metadata/BILLING_PERIOD=YYYY-MM/` with the data beside it. The manifest in the period's own folder names the files of
the newest complete delivery: a delivery's folder is filled before its manifest is written, so folders are never listed
for data.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ingest.errors import IngestError
from ingest.objects import ObjectStore, StoredObject

_DATES_FOLDER = re.compile(r"(?:^|/)(\d{8})-(\d{8})/$")
_YEAR_FOLDER = re.compile(r"(?:^|/)year=\d{4}/$")
_MONTH_FOLDER = re.compile(r"(?:^|/)year=(\d{4})/month=(\d{1,2})/$")
_EXPORT_FOLDER = re.compile(r"(?:^|/)metadata/BILLING_PERIOD=(\d{4})-(\d{2})/")
_MANIFEST_ENDING = "-Manifest.json"
# Folders between the source and its reports: s3://bucket/prefix may hold several reports, each with folders within.
_DEPTH = 3


@dataclass(frozen=True)
class ManifestFile:
    """A manifest as the listing shows it, and what lies beside it."""

    file: StoredObject
    beside: tuple[StoredObject, ...]  # the folder's other files: the data, where the layout keeps it there

    @property
    def is_export(self) -> bool:
        """Whether it is a Data Export's."""
        return _EXPORT_FOLDER.search(self.file.key) is not None


@dataclass(frozen=True)
class Manifest:
    """One delivery of one billing period."""

    place: str  # where it was read, for people
    owner_account_id: str  # whose report it is; "unknown account" in a manifest too old to say
    report_name: str
    period: str  # YYYY-MM
    period_start_at: datetime
    period_end_at: datetime  # exclusive
    version: str  # assembly or execution id, and the manifest file's own version
    delivered_at: datetime | None  # when the manifest was written
    kinds: dict[str, str]  # header as in the files -> type as the manifest says it, "" where it doesn't; may be empty
    data_keys: list[str]  # full keys in the bucket, or s3://bucket/key
    beside: tuple[StoredObject, ...] = field(default=(), repr=False)

    @property
    def partition_key(self) -> str:
        """What the delivery replaces. Reports of two accounts may well have the same name."""
        return f"{self.owner_account_id}/{self.report_name}/{self.period}"


def list_manifests(store: ObjectStore) -> list[ManifestFile]:
    """The manifest file of each billing period of every report under the source.

    Raises:
        IngestError: there is none.
    """
    found = [manifest for folder in _find_period_folders(store, "", _DEPTH) for manifest in _list_folder(store, folder)]
    if not found:
        raise IngestError(
            f"{store.uri}: no CUR manifest found; name the report's own folder (s3://bucket/prefix/report-name), "
            "and mind that AWS delivers a new report within 24 hours"
        )
    return found


def _find_period_folders(store: ObjectStore, prefix: str, depth: int) -> Iterator[str]:
    folders = store.list_folders(prefix)
    names = {folder.removeprefix(prefix) for folder in folders}
    if "metadata/" in names:
        yield from (each for each in store.list_folders(f"{prefix}metadata/") if _EXPORT_FOLDER.search(each))
        folders = [folder for folder in folders if folder.removeprefix(prefix) not in {"metadata/", "data/"}]
    for folder in folders:
        if _DATES_FOLDER.search(folder):
            yield folder
        elif _YEAR_FOLDER.search(folder):
            yield from (inner for inner in store.list_folders(folder) if _MONTH_FOLDER.search(inner))
        elif depth > 0:
            yield from _find_period_folders(store, folder, depth - 1)


def _list_folder(store: ObjectStore, folder: str) -> list[ManifestFile]:
    files = store.list_files(folder)
    manifests = [file for file in files if file.key.endswith(_MANIFEST_ENDING)]
    if not manifests and _EXPORT_FOLDER.search(folder):
        # An export that keeps its versions may have a folder for each; the newest one counts.
        kept = [file for inner in store.list_folders(folder) for file in store.list_files(inner)]
        dated = sorted(
            (file for file in kept if file.key.endswith(_MANIFEST_ENDING)),
            key=lambda file: (file.modified_at or datetime.min.replace(tzinfo=UTC), file.key),
        )
        manifests = dated[-1:]
    beside = tuple(file for file in files if not file.key.endswith(_MANIFEST_ENDING))
    return [ManifestFile(manifest, beside) for manifest in manifests]


def read_manifest(store: ObjectStore, listed: ManifestFile) -> Manifest:
    """Parse a manifest, of a legacy report or a Data Export.

    Raises:
        IngestError: it isn't JSON, or a field that is needed is missing or odd.
    """
    place = f"{store.uri}/{listed.file.key}"
    try:
        content: dict[str, Any] = json.loads(store.read(listed.file.key))
    except ValueError as error:
        raise IngestError(f"{place}: the manifest isn't JSON; wait for AWS's next delivery and sync again") from error
    try:
        manifest = _parse_export(place, listed, content) if listed.is_export else _parse_legacy(place, listed, content)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise IngestError(f"{place}: not a CUR manifest, field {error} is missing or malformed") from error
    _check_files(manifest)
    return manifest


def _parse_legacy(place: str, listed: ManifestFile, content: dict[str, Any]) -> Manifest:
    start_at = _instant(content["billingPeriod"]["start"])
    return Manifest(
        place=place,
        owner_account_id=str(content.get("account") or "unknown account"),
        report_name=str(content["reportName"]),
        period=f"{start_at:%Y-%m}",
        period_start_at=start_at,
        period_end_at=_instant(content["billingPeriod"]["end"]),
        version=f"{content['assemblyId']}/{listed.file.version}",
        delivered_at=listed.file.modified_at,
        kinds={
            f"{column['category']}/{column['name']}": str(column.get("type", ""))
            for column in content.get("columns", [])
        },
        data_keys=[str(key) for key in content["reportKeys"]],
        beside=listed.beside,
    )


def _parse_export(place: str, listed: ManifestFile, content: dict[str, Any]) -> Manifest:
    """A Data Export's manifest names neither period nor report: its folder, its name and the export's ARN do."""
    found = _EXPORT_FOLDER.search(listed.file.key)
    assert found is not None  # noqa: S101 - is_export says so
    year, month = int(found[1]), int(found[2])
    return Manifest(
        place=place,
        owner_account_id=str(content["exportArn"]).split(":")[4] or "unknown account",
        report_name=listed.file.key.rpartition("/")[2].removesuffix(_MANIFEST_ENDING),
        period=f"{year:04d}-{month:02d}",
        period_start_at=datetime(year, month, 1, tzinfo=UTC),
        period_end_at=datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC),
        version=f"{content['executionId']}/{listed.file.version}",
        delivered_at=listed.file.modified_at,
        kinds={str(column["name"]): str(column.get("type", "")) for column in content.get("columns", [])},
        data_keys=[str(key) for key in content["dataFiles"]],
        beside=listed.beside,
    )


def _check_files(manifest: Manifest) -> None:
    remedy = "wait for AWS's next delivery and sync again"
    if not manifest.data_keys:
        raise IngestError(f"{manifest.place}: the manifest names no files; {remedy}")
    if len(set(manifest.data_keys)) != len(manifest.data_keys):
        raise IngestError(f"{manifest.place}: the manifest names a file twice; {remedy}")
    for key in manifest.data_keys:
        other = find_period(key)
        if other not in (None, manifest.period):
            raise IngestError(
                f"{manifest.place}: the manifest of {manifest.period} names a file of {other}, {key}; {remedy}"
            )


def find_period(key: str) -> str | None:
    """The billing period that a file's folder speaks of; None where it doesn't."""
    if found := re.search(r"(?:^|/)(\d{4})(\d{2})\d{2}-\d{8}/", key):
        return f"{found[1]}-{found[2]}"
    if found := re.search(r"(?:^|/)year=(\d{4})/month=(\d{1,2})/", key):
        return f"{found[1]}-{int(found[2]):02d}"
    if found := re.search(r"(?:^|/)BILLING_PERIOD=(\d{4}-\d{2})/", key):
        return found[1]
    return None


def _instant(text: str) -> datetime:
    """`20191201T000000.000Z` -> 2019-12-01 00:00 UTC."""
    return datetime.strptime(text, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
