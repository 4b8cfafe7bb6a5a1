"""The forms in which AWS delivers the bill, and where each of them lies in the payer's bucket."""

from __future__ import annotations

from dataclasses import dataclass

BUCKET = "example-corp-billing"


@dataclass(frozen=True)
class Form:
    """One report definition (legacy) or one export (Data Exports).

    ``prefix`` and ``name``: its place in the bucket. ``is_export``: CUR 2.0 by Data Exports, else a legacy report.
    ``is_parquet``: Parquet, else gzipped CSV. ``keeps_versions``: every delivery in a folder of its own ("create new"),
    else each delivery takes the place of the one before ("overwrite").
    """

    key: str
    prefix: str
    name: str
    is_export: bool
    is_parquet: bool
    keeps_versions: bool

    @property
    def source(self) -> str:
        """The S3 address of the report's own folder."""
        return f"s3://{BUCKET}/{self.prefix}/{self.name}"

    @property
    def folder(self) -> str:
        """The report's own folder, a key prefix without a slash at its end."""
        return f"{self.prefix}/{self.name}"

    @property
    def extension(self) -> str:
        """How the names of its data files end."""
        return "snappy.parquet" if self.is_parquet else "csv.gz"


# Legacy Parquet is always overwritten (AWS offers no versions with the Athena integration).
FORMS = {
    form.key: form
    for form in (
        Form("legacy-csv", "cur", "example-hourly", False, False, True),
        Form("legacy-csv-overwrite", "cur", "example-overwrite", False, False, False),
        Form("legacy-parquet", "cur", "example-athena", False, True, False),
        Form("exports-csv", "exports", "example-cur2-csv", True, False, True),
        Form("exports-csv-overwrite", "exports", "example-cur2-csv-latest", True, False, False),
        Form("exports-parquet", "exports", "example-cur2", True, True, True),
        Form("exports-parquet-overwrite", "exports", "example-cur2-latest", True, True, False),
    )
}
