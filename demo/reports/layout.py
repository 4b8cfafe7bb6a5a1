"""Where the files of a delivery lie in the bucket, and the manifests that name them.

Legacy reports: CUR guide, "Understanding report versions" (access-cur-s3); Data Exports: "Understanding export
delivery".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from demo.randomness import uuid_like
from demo.reports.columns import INTERVAL, Column
from demo.reports.forms import BUCKET, Form
from demo.timeline import BillingPeriod, moment
from demo.world.accounts import HOME_REGION, PAYER

_EXPORT_KINDS = {"text": "string", "number": "double", "instant": "timestamp", "map": "string"}
# The types of newer legacy manifests; what every row fills is String, Interval or DateTime.
_LEGACY_KINDS = {"text": "OptionalString", "number": "OptionalBigDecimal", "instant": "DateTime", "map": "String"}
_ALWAYS_TEXT = frozenset({"identity/LineItemId", "bill/PayerAccountId", "lineItem/UsageAccountId"})
_SQL_KINDS = {"text": "STRING", "number": "DOUBLE", "instant": "TIMESTAMP"}


@dataclass(frozen=True)
class Placement:
    """The keys of one delivery of one period in one form.

    ``assembly``: its id. ``period_folder``: what doesn't change from delivery to delivery; ``data_folder``: where its
    chunks go; ``manifests``: in the order in which they are written, the one that readers follow last.
    """

    form: Form
    period: BillingPeriod
    assembly: str
    period_folder: str
    data_folder: str
    manifests: tuple[str, ...]

    def chunk(self, number: int) -> str:
        """The key of a data file, counted from 1."""
        name = f"{self.form.name}-{number}" if self._counts_plainly else f"{self.form.name}-{number:05d}"
        return f"{self.data_folder}/{name}.{self.form.extension}"

    @property
    def _counts_plainly(self) -> bool:
        return not self.form.is_export and not self.form.is_parquet


def place_delivery(form: Form, period: BillingPeriod, assembly: str, written: int) -> Placement:
    """Where a delivery goes that is written at an hour."""
    manifest = f"{form.name}-Manifest.json"
    if form.is_export:
        partition = f"BILLING_PERIOD={period.label}"
        data, metadata = f"{form.folder}/data/{partition}", f"{form.folder}/metadata/{partition}"
        if not form.keeps_versions:
            return Placement(form, period, assembly, data, data, (f"{metadata}/{manifest}",))
        execution = f"{_execution_time(assembly, written)}-{assembly}"
        manifests = (f"{metadata}/{execution}/{manifest}", f"{metadata}/{manifest}")
        return Placement(form, period, assembly, data, f"{data}/{execution}", manifests)
    if form.is_parquet:
        first = moment(period.start)
        folder = f"{form.folder}/{form.name}/year={first.year}/month={first.month}"
        return Placement(form, period, assembly, folder, folder, (f"{folder}/{manifest}",))
    folder = f"{form.folder}/{period.folder}"
    if not form.keeps_versions:
        return Placement(form, period, assembly, folder, folder, (f"{folder}/{manifest}",))
    inner = f"{folder}/{assembly}"
    return Placement(form, period, assembly, folder, inner, (f"{inner}/{manifest}", f"{folder}/{manifest}"))


def _execution_time(assembly: str, written: int) -> str:
    # An execution doesn't start on the full hour: minutes and milliseconds come from its id.
    seconds = written * 3600 - 1800 + int(assembly[:8], 16) % 1500
    started = datetime.fromtimestamp(seconds, UTC)
    return f"{started:%Y-%m-%dT%H:%M:%S}.{int(assembly[-3:], 16) % 1000:03d}Z"


def write_manifest(placement: Placement, columns: Sequence[Column], keys: Sequence[str], seed: int) -> bytes:
    """The manifest of a delivery, whose data files are ``keys``."""
    form = placement.form
    if form.is_export:
        content = _export_manifest(placement, columns, keys, seed)
    else:
        content = _legacy_manifest(placement, columns, keys, seed)
    return (json.dumps(content, indent=2) + "\n").encode()


def _legacy_manifest(
    placement: Placement, columns: Sequence[Column], keys: Sequence[str], seed: int
) -> dict[str, object]:
    form, period = placement.form, placement.period
    described = []
    for column in columns:
        header = column.entries[0][1]
        category, _, name = header.partition("/")
        kind = "String" if header in _ALWAYS_TEXT else _LEGACY_KINDS[column.kind]
        described.append({"category": category, "name": name, "type": "Interval" if header == INTERVAL else kind})
    stamp = "%Y%m%dT%H%M%S.000Z"
    return {
        "assemblyId": placement.assembly,
        "account": PAYER.account_id,
        "columns": described,
        "charset": "UTF-8",
        "compression": "Parquet" if form.is_parquet else "GZIP",
        "contentType": "Parquet" if form.is_parquet else "text/csv",
        "reportId": uuid_like(seed, "report", form.key),
        "reportName": form.name,
        "billingPeriod": {"start": moment(period.start).strftime(stamp), "end": moment(period.end).strftime(stamp)},
        "bucket": BUCKET,
        "reportKeys": list(keys),
        "additionalArtifactKeys": [],
    }


def _export_manifest(
    placement: Placement, columns: Sequence[Column], keys: Sequence[str], seed: int
) -> dict[str, object]:
    form = placement.form
    return {
        "executionId": placement.assembly,
        "exportArn": (
            f"arn:aws:bcm-data-exports:{HOME_REGION.code}:{PAYER.account_id}:export/"
            f"{form.name}-{uuid_like(seed, 'export', form.key)}"
        ),
        "columns": [{"name": column.name, "type": _export_kind(form, column)} for column in columns],
        "dataFiles": [f"s3://{BUCKET}/{key}" for key in keys],
    }


def _export_kind(form: Form, column: Column) -> str:
    if column.kind == "map" and form.is_parquet:
        return "map<string,double>" if column.name == "discount" else "map<string,string>"
    return _EXPORT_KINDS[column.kind]


def write_create_table(placement: Placement, columns: Sequence[Column]) -> bytes:
    """The SQL that AWS puts beside a legacy Parquet report, for Athena."""
    form = placement.form
    table = form.name.replace("-", "_")
    fields = ",\n".join(f"{column.name} {_SQL_KINDS[column.kind]}" for column in columns)
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS {table}.{table}(\n{fields}\n)\n"
        "PARTITIONED BY (\nyear STRING,\nmonth STRING\n)\n"
        "ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'\n"
        f"LOCATION 's3://{BUCKET}/{form.folder}/{form.name}/'\n"
    ).encode()


def write_crawler_template(form: Form) -> bytes:
    """The start of the CloudFormation template that AWS puts beside a legacy Parquet report: its Glue database."""
    table = form.name.replace("-", "_")
    lines = (
        "AWSTemplateFormatVersion: 2010-09-09",
        "Resources:",
        "  AWSCURDatabase:",
        "    Type: 'AWS::Glue::Database'",
        "    Properties:",
        "      DatabaseInput:",
        f"        Name: 'athenacurcfn_{table}'",
        "      CatalogId: !Ref AWS::AccountId",
    )
    return ("\n".join(lines) + "\n").encode()
