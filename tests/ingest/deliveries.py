"""Small deliveries in the forms that `tests.simulated.deliver`, which writes legacy CSV, doesn't know."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.simulated import Delivery, Product, deliver, line_item, write_csv

ACCOUNT = "012345678901"
_NUMBERS = ("UsageAmount", "Cost", "_amount", "_cost")
_MAPS = ("product", "resource_tags", "cost_category", "discount")

OWNER = "012345678901"  # of the reports that tests.simulated.deliver makes


def sync(product: Product, *sources: Path | str, options: Sequence[str] = ()) -> list[str]:
    """`python -m ingest cur`, which must succeed; what it prints, a line a period."""
    named = [word for source in sources for word in ("--source", str(source))]
    synced = product.call("cur", *named, *options)
    assert synced.returncode == 0, synced.stderr
    return synced.stdout.splitlines()


def write_zip(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.csv", content)
    return out.getvalue()


def to_export(row: Mapping[str, str]) -> dict[str, str]:
    """A line item of `tests.simulated.line_item` by the names that CUR 2.0 has for it."""
    names = {name: "".join(f"_{each.lower()}" if each.isupper() else each for each in name) for name in row}
    return {name.replace("/", "_").replace("__", "_"): row[header] for header, name in names.items()}


def to_table(rows: Sequence[Mapping[str, Any]], **types: pa.DataType) -> pa.Table:
    """Rows as Parquet has them: doubles, milliseconds in UTC, maps where a dict is given; `types` overrule by name."""
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        if name in types:
            columns[name] = pa.array(values, types[name])
        elif name in _MAPS and any(isinstance(value, dict) for value in values):
            pairs = [None if value is None else list(value.items()) for value in values]
            columns[name] = pa.array(pairs, pa.map_(pa.string(), pa.string()))
        elif name.endswith(_NUMBERS):
            columns[name] = pa.array([None if value in (None, "") else float(value) for value in values], pa.float64())
        elif name.lower().endswith(("date", "_date")):
            instants = [datetime.fromisoformat(value) if value else None for value in values]
            columns[name] = pa.array(instants, pa.timestamp("ms", tz="UTC"))
        else:
            columns[name] = pa.array(values, pa.string())
    return pa.table(columns)


def write_parquet(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, store_schema=False, **options)
    return out.getvalue()


def change_manifest(delivery: Delivery, **fields: Any) -> None:
    """Replace or add fields of a manifest that was written."""
    content = json.loads(delivery.manifest.read_text())
    delivery.manifest.write_text(json.dumps(content | fields))


def deliver_parquet(report: Path, period: str, files: Mapping[str, bytes], assembly: str = "first") -> Delivery:
    """A billing period of a legacy Parquet report, which is always overwritten: `<report>/<report>/year=/month=/`."""
    year, month = period.split("-")
    folder = report / report.name / f"year={year}" / f"month={int(month)}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    following = f"{int(year) + int(month) // 12}{int(month) % 12 + 1:02d}01"
    manifest = folder / f"{report.name}-Manifest.json"
    manifest.write_text(
        json.dumps(
            {
                "assemblyId": assembly,
                "account": ACCOUNT,
                "reportName": report.name,
                "billingPeriod": {
                    "start": f"{year}{month}01T000000.000Z",
                    "end": f"{following}T000000.000Z",
                },
                "columns": [],
                "reportKeys": [f"{folder.relative_to(report.parent)}/{name}" for name in files],
            }
        )
    )
    return Delivery(folder, manifest, [folder / name for name in files])


def deliver_export(
    export: Path,
    period: str,
    files: Mapping[str, bytes],
    execution: str = "first",
    *,
    account: str = ACCOUNT,
    prefix: str = "",
    is_versioned: bool = False,
    has_latest: bool = True,
) -> Delivery:
    """A billing period of a Data Export.

    Args:
        export: its folder; the last part of its path is the export's name.
        prefix: where in its bucket it lies.
        is_versioned: "create new": data and manifest of each execution in a folder of its own.
        has_latest: whether the manifest of the newest execution stands beside those folders too.
    """
    inner = (f"2026-11-01T00:00:00.000Z-{execution}",) if is_versioned else ()
    data = export.joinpath("data", f"BILLING_PERIOD={period}", *inner)
    metadata = export / "metadata" / f"BILLING_PERIOD={period}"
    data.mkdir(parents=True, exist_ok=True)
    metadata.joinpath(*inner).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (data / name).write_bytes(content)
    bucket = export.parents[len(Path(prefix).parts)]
    content = json.dumps(
        {
            "executionId": execution,
            "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{account}:export/{export.name}-1234",
            "columns": [],
            "dataFiles": [f"s3://{bucket.name}/{(data / name).relative_to(bucket)}" for name in files],
        }
    )
    manifests = [metadata / f"{export.name}-Manifest.json"] if has_latest else []
    if is_versioned:
        manifests.append(metadata.joinpath(*inner, f"{export.name}-Manifest.json"))
    for manifest in manifests:
        manifest.write_text(content)
    return Delivery(metadata, manifests[0], [data / name for name in files])


def write_rows(*rows: dict[str, str]) -> dict[str, bytes]:
    """Files of a delivery that is one gzipped CSV."""
    return {"a-1.csv.gz": write_csv(rows)}


def deliver_overwriting(report: Path, period: str, files: Mapping[str, bytes], assembly: str = "first") -> Delivery:
    """A billing period of a legacy CSV report that overwrites: the files beside the manifest."""
    made = deliver(report, period, files, assembly)
    moved = [path.rename(made.folder / path.name) for path in made.files]
    change_manifest(made, reportKeys=[f"{report.name}/{made.folder.name}/{name}" for name in files])
    return Delivery(made.folder, made.manifest, moved)


def redeliver(report: Path, *rows: dict[str, str]) -> Delivery:
    return deliver(report, "2026-10", {"a.csv.gz": write_csv(rows or [line_item()])}, assembly="second")
