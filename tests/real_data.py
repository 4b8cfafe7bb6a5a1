"""The real billing files of REAL_DATA_DIR, laid out as AWS delivers them."""

import csv
import json
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

_DEFAULT = Path(__file__).parents[1] / ".." / "shared" / "data"


def find_real_data() -> Path:
    """The folder of real files. In CI their absence is a failure; elsewhere the test says why it is skipped."""
    folder = Path(os.environ.get("REAL_DATA_DIR", _DEFAULT)).resolve()
    if folder.is_dir():
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"REAL_DATA_DIR: {folder} is not there, and CI must test with the real files")
    pytest.skip(f"REAL_DATA_DIR: {folder} is not there")


def _manifest(report: str, period: tuple[str, str], headers: list[str], keys: list[str]) -> str:
    columns = [dict(zip(("category", "name"), header.split("/", 1), strict=True)) for header in headers]
    return json.dumps(
        {
            "assemblyId": f"assembly-of-{period[0]}",
            "reportName": report,
            "billingPeriod": {"start": f"{period[0]}T000000.000Z", "end": f"{period[1]}T000000.000Z"},
            "bucket": "bucket",
            "columns": columns,
            "contentType": "text/csv",
            "reportKeys": keys,
        }
    )


def lay_out_parquet_report(target: Path, months: tuple[str, ...] = ("Oct", "Nov")) -> Path:
    """The workshop's Parquet files as `<report>/year=2018/month=M/`, with a manifest beside each."""
    source = find_real_data() / "cur-legacy-parquet"
    report = target / "workshop"
    periods = {"Oct": ("10", "20181001", "20181101"), "Nov": ("11", "20181101", "20181201")}
    for month in months:
        number, start, end = periods[month]
        folder = report / "workshop" / "year=2018" / f"month={number}"
        folder.mkdir(parents=True)
        file = source / f"{month}2018-WorkshopCUR-00001.snappy.parquet"
        shutil.copy(file, folder / "workshop-00001.snappy.parquet")
        headers = [name.replace("_", "/", 1) for name in pq.ParquetFile(file).schema_arrow.names]
        key = f"prefix/workshop/workshop/year=2018/month={number}/workshop-00001.snappy.parquet"
        (folder / "workshop-Manifest.json").write_text(_manifest("workshop", (start, end), headers, [key]))
    return report


def lay_out_csv_report(target: Path) -> Path:
    """The converters' sample as `<report>/20231101-20231201/<assembly>/`, with a manifest in the period's folder."""
    source = find_real_data() / "cur-legacy-csv" / "sample-anonymous-aws-export-dataset.csv"
    report = target / "sample"
    folder = report / "20231101-20231201"
    (folder / "assembly").mkdir(parents=True)
    shutil.copy(source, folder / "assembly" / "sample-1.csv")
    with source.open(newline="") as file:
        headers = next(csv.reader(file))
    key = "prefix/sample/20231101-20231201/assembly/sample-1.csv"
    (folder / "sample-Manifest.json").write_text(_manifest("sample", ("20231101", "20231201"), headers, [key]))
    return report
