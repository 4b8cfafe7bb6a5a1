"""Rows that can't be taken, chunks and manifests that don't fit: one line that names file and place."""

import gzip
import json
from pathlib import Path

import pytest

from ingest.cur import files
from tests.ingest.damaging import FILE, FOLDER, MANIFEST, PACKED, ROWS, UNCHANGED, Damage, check, put, put_files
from tests.ingest.deliveries import change_manifest, sync, write_zip
from tests.simulated import Product, deliver, line_item, month_of, sole_error, write_csv

# --- rows ------------------------------------------------------------------------------------------------------------


def spoil(row: int, **columns: str) -> bytes:
    """A report of more than one block of the parser's, whose row (from 1) has these values."""
    rows = [line_item(lineItem__LineItemDescription=f"{number:0200d}") for number in range(9_000)]
    rows[row - 1] = line_item(**columns)
    return write_csv(rows)


def encode(header_from: bytes = b"", header_to: bytes = b"", **columns: bytes) -> bytes:
    """A report whose third row has values of bytes, whatever they mean."""
    marked = line_item(**{name: f"MARK-{name}" for name in columns})
    text = gzip.decompress(write_csv([line_item(), line_item(identity__LineItemId="b"), marked]))
    for name, content in columns.items():
        text = text.replace(f"MARK-{name}".encode(), content)
    return gzip.compress(text.replace(header_from, header_to, 1))


# A text that describes, one of the attributes, the interval, an amount and an instant.
HEADERS_OF_ALL_KINDS = (
    "bill__InvoiceId",
    "resourceTags__user_Name",
    "identity__TimeInterval",
    "lineItem__UnblendedCost",
    "lineItem__UsageEndDate",
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            spoil(2, lineItem__UnblendedCost="12,5"),
            ["row 2, column lineItem/UnblendedCost: '12,5' is not a number", UNCHANGED],
            id="cost that is no number",
        ),
        pytest.param(
            spoil(8_998, lineItem__UsageAmount="1.2.3"),
            ["row 8,998, column lineItem/UsageAmount: '1.2.3' is not a number"],
            id="amount that is no number in a late block",
        ),
        pytest.param(
            spoil(8_997, lineItem__UsageEndDate="2026-10-32T00:00:00Z"),
            ["row 8,997, column lineItem/UsageEndDate: '2026-10-32T00:00:00Z' is not a time"],
            id="time that is none in a late block",
        ),
        pytest.param(
            write_csv([*[line_item()] * 3, line_item(bill__BillingPeriodEndDate="soon")]),
            ["row 4, column bill/BillingPeriodEndDate: 'soon' is not a time"],
            id="period that ends at no time",
        ),
        pytest.param(
            write_csv([*[line_item()] * 3, line_item(**month_of("2026-09"))]),
            ["rows of billing period 2026-09-01 in the delivery of 2026-10-01", UNCHANGED],
            id="last row of another month",
        ),
        pytest.param(
            write_csv([line_item(bill__BillingPeriodStartDate="")]),
            ["rows of no billing period in the delivery of 2026-10"],
            id="row of no month",
        ),
        *(
            pytest.param(
                encode(**{header: b"caf\xe9"}),
                [f"column {header.replace('__', '/')}"],
                id=f"{header} in Latin-1",
            )
            for header in HEADERS_OF_ALL_KINDS
        ),
        pytest.param(
            encode(b"product/region", b"product/r\xe9gion"), ["column names that aren't UTF-8"], id="header in Latin-1"
        ),
        pytest.param(
            gzip.compress(gzip.decompress(PACKED)[:-1] + b",more\n"),
            ["Expected 19 columns, got 20"],
            id="row with a value too many",
        ),
        pytest.param(
            spoil(8_999, lineItem__UnblendedCost="0.1234567890123456789"),
            ["row 8,999, column lineItem/UnblendedCost: '0.1234567890123456789'", "18 decimals"],
            id="more decimals than are kept",
        ),
        *(
            pytest.param(
                write_csv([line_item(), line_item(lineItem__UnblendedCost=text)]),
                [f"row 2, column lineItem/UnblendedCost: '{text}'", "more digits than are kept: 20 before the point"],
                id=f"{text[:8]}… of {len(text)} characters",
            )
            for text in ("1" * 21, "1" * 22, "1234567890123456789012345", "-" + "9" * 40, "3.5e21", "1" * 100, "1e300")
        ),
    ],
)
def test_bad_rows(unchanged: Product, report: Path, content: bytes, words: list[str]) -> None:
    check(put(content), FILE, words, unchanged, report)


def test_a_bad_row_of_the_second_group_of_rows(
    unchanged: Product, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are counted from the file's first one, not from where they are shaped together."""
    monkeypatch.setattr(files, "GROUP_ROWS", 100)
    monkeypatch.setattr(files, "_BLOCK_BYTES", 1 << 14)
    words = ["row 8,999, column lineItem/BlendedCost: 'x' is not a number"]
    check(put(spoil(8_999, lineItem__BlendedCost="x")), FILE, words, unchanged, report)


# --- chunks that don't fit -------------------------------------------------------------------------------------------

SOME = ROWS[:40]
COPIED = [f"{FOLDER}/second/b.csv.", "holds the same 40 rows as 20261001-20261101/second/a.csv.gz"]


@pytest.mark.parametrize(
    ("second", "name"),
    [
        pytest.param(write_csv(SOME), "b_gz", id="the same file"),
        pytest.param(write_csv(SOME[::-1]), "b_gz", id="another order"),
        pytest.param(write_zip(b=gzip.decompress(write_csv(SOME))), "b_zip", id="another compression"),
        pytest.param(
            write_csv([{name: row[name] for name in sorted(row, reverse=True)} for row in SOME]),
            "b_gz",
            id="another order of columns",
        ),
    ],
)
def test_a_chunk_that_is_a_copy(unchanged: Product, report: Path, second: bytes, name: str) -> None:
    """Its rows would be billed twice."""
    check(put_files(a_gz=write_csv(SOME), **{name: second}), FOLDER, COPIED, unchanged, report)


def declare(*headers: str) -> Damage:
    columns = [dict(zip(("category", "name"), header.split("/"), strict=True)) for header in headers]
    return lambda delivery: change_manifest(delivery, columns=columns)


def name_key(key: str) -> Damage:
    return lambda delivery: change_manifest(
        delivery, reportKeys=[*json.loads(delivery.manifest.read_text())["reportKeys"], key]
    )


@pytest.mark.parametrize(
    ("damage", "place", "words"),
    [
        pytest.param(
            declare(*line_item(), "product/vcpu"),
            FILE,
            ["column product/vcpu, which the manifest names, is missing"],
            id="column that the manifest names",
        ),
        pytest.param(
            declare(*[name for name in line_item() if name != "product/region"]),
            FILE,
            ["column product/region isn't among the manifest's columns"],
            id="column that it doesn't name",
        ),
        pytest.param(
            name_key("small/20260901-20261001/first/a.csv.gz"),
            MANIFEST,
            ["the manifest of 2026-10 names a file of 2026-09, small/20260901-20261001/first/a.csv.gz"],
            id="chunk of another month",
        ),
        pytest.param(
            name_key("small/20261001-20261101/second/b.csv.gz"),
            FILE.replace("a.csv", "b.csv"),
            ["named by the manifest but not there"],
            id="chunk that isn't there",
        ),
        pytest.param(
            name_key("large/20261001-20261101/second/b.csv.gz"),
            "s3://standing/large/20261001-20261101/second/b.csv.gz",
            ["outside s3://standing/small"],
            id="chunk of another report",
        ),
        pytest.param(
            name_key("s3://elsewhere/b.csv.gz"), "s3://elsewhere/b.csv.gz", ["outside s3://standing/small"],
            id="chunk of another bucket",
        ),
        pytest.param(
            lambda delivery: change_manifest(delivery, reportKeys=[]), MANIFEST, ["names no files"], id="no chunk"
        ),
        pytest.param(
            lambda delivery: delivery.manifest.write_text("[]"), MANIFEST, ["not a CUR manifest"], id="a list"
        ),
        pytest.param(
            lambda delivery: delivery.manifest.write_bytes(b'{"assemblyId": "\xff"}'),
            MANIFEST,
            ["isn't JSON"],
            id="manifest that isn't UTF-8",
        ),
    ],
)  # fmt: skip
def test_a_manifest_that_does_not_fit(
    unchanged: Product, report: Path, damage: Damage, place: str, words: list[str]
) -> None:
    check(damage, place, words, unchanged, report)


def test_a_local_manifest_that_leads_outside(product: Product, tmp_path: Path) -> None:
    """What a copied manifest names is looked for in its folder alone."""
    (tmp_path / "a.csv.gz").write_bytes(write_csv([line_item()]))
    made = deliver(tmp_path / "report" / "small", "2026-10", {"a.csv.gz": write_csv([line_item()])})
    change_manifest(made, reportKeys=["small/../../a.csv.gz"])
    line = sole_error(product.call("cur", "--source", str(tmp_path / "report" / "small")))
    assert "the manifest names a file outside the folder: small/../../a.csv.gz" in line


def test_a_month_without_rows_is_loaded(product: Product, tmp_path: Path) -> None:
    """On its first hours a month has a header and nothing else."""
    header = gzip.compress(gzip.decompress(write_csv([line_item()])).split(b"\n")[0] + b"\n")
    deliver(tmp_path / "small", "2026-10", {"a.csv.gz": header})
    assert sync(product, tmp_path / "small") == ["012345678901/small/2026-10: loaded, 0 rows read"]
    deliver(tmp_path / "small", "2026-10", {"a.csv.gz": write_csv([line_item()])}, assembly="second")
    assert sync(product, tmp_path / "small") == ["012345678901/small/2026-10: loaded, 1 rows read"]
