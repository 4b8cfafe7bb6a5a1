"""Which billing periods a report holds, and which files make up each of them.

Layouts (CUR user guide, "Understanding report versions"): CSV in `<yyyymmdd-yyyymmdd>/`, Parquet for Athena in
`<report>/year=YYYY/month=M/`. The manifest in the period's own folder names the files of the newest complete delivery:
an assembly folder is filled before its manifest is written, so folders are never listed for data.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingest.errors import IngestError
from ingest.objects import ObjectStore, StoredObject

_PERIOD_FOLDER = re.compile(r"(?:^|/)\d{8}-\d{8}/$")
_YEAR_FOLDER = re.compile(r"(?:^|/)year=\d{4}/$")
_MONTH_FOLDER = re.compile(r"(?:^|/)month=\d{1,2}/$")


@dataclass(frozen=True)
class Manifest:
    """One delivery of one billing period."""

    place: str  # where it was read, for people
    owner_account_id: str  # whose report it is; "unknown account" in a manifest too old to say
    report_name: str
    period: str  # YYYY-MM
    period_start_at: datetime
    period_end_at: datetime  # exclusive
    version: str  # assembly id and the manifest file's own version
    headers: list[str]  # `category/name` as in the CSV header; empty where the manifest has none
    data_keys: list[str]  # full keys in the bucket


def list_manifests(store: ObjectStore) -> list[StoredObject]:
    """The manifest file of each billing period under the report's root, in the order of their folders.

    Raises:
        IngestError: there is none.
    """
    roots = store.list_folders("")
    period_folders = [folder for folder in roots if _PERIOD_FOLDER.search(folder)]
    year_folders = [folder for folder in roots if _YEAR_FOLDER.search(folder)]
    for folder in roots:
        if folder not in period_folders and folder not in year_folders:
            year_folders += [inner for inner in store.list_folders(folder) if _YEAR_FOLDER.search(inner)]
    for folder in year_folders:
        period_folders += [inner for inner in store.list_folders(folder) if _MONTH_FOLDER.search(inner)]
    manifests = [
        file for folder in period_folders for file in store.list_files(folder) if file.key.endswith("-Manifest.json")
    ]
    if not manifests:
        raise IngestError(
            f"{store.uri}: no CUR manifest found; name the report's own folder (s3://bucket/prefix/report-name), "
            "and mind that AWS delivers a new report within 24 hours"
        )
    return manifests


def read_manifest(store: ObjectStore, file: StoredObject) -> Manifest:
    """Parse a legacy CUR manifest.

    Raises:
        IngestError: it isn't JSON, or a field that is needed is missing or odd.
    """
    place = f"{store.uri}/{file.key}"
    try:
        content: dict[str, Any] = json.loads(store.read(file.key))
    except ValueError as error:
        raise IngestError(f"{place}: the manifest isn't JSON; wait for AWS's next delivery and sync again") from error
    try:
        start_at = _instant(content["billingPeriod"]["start"])
        end_at = _instant(content["billingPeriod"]["end"])
        data_keys = [str(key) for key in content["reportKeys"]]
        headers = [f"{column['category']}/{column['name']}" for column in content.get("columns", [])]
        report_name = str(content["reportName"])
        assembly_id = str(content["assemblyId"])
    except (KeyError, TypeError, ValueError) as error:
        raise IngestError(f"{place}: not a CUR manifest, field {error} is missing or malformed") from error
    if len(set(data_keys)) != len(data_keys):
        raise IngestError(f"{place}: the manifest names a file twice; wait for AWS's next delivery and sync again")
    return Manifest(
        place=place,
        owner_account_id=str(content.get("account") or "unknown account"),
        report_name=report_name,
        period=f"{start_at:%Y-%m}",
        period_start_at=start_at,
        period_end_at=end_at,
        version=f"{assembly_id}/{file.version}",
        headers=headers,
        data_keys=data_keys,
    )


def _instant(text: str) -> datetime:
    """`20191201T000000.000Z` -> 2019-12-01 00:00 UTC."""
    return datetime.strptime(text, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
