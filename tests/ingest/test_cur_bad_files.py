"""Files that can't be read: one line that names file and place, and the old month stands."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from tests.ingest.damaging import FILE, FOLDER, PACKED, ROWS, UNCHANGED, check, put
from tests.ingest.deliveries import to_export, to_table, write_parquet, write_zip
from tests.simulated import Product

# --- compression -----------------------------------------------------------------------------------------------------

TEXT = gzip.decompress(PACKED)
ZIPPED = write_zip(a=TEXT)


def turn_over(content: bytes, place: float) -> bytes:
    """One byte of it changed."""
    at = int(len(content) * place)
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def encrypt(archive: bytes) -> bytes:
    """Say of its member that it is encrypted, in both headers."""
    central = archive.rindex(b"PK\x01\x02")
    return (
        archive[:6] + bytes([archive[6] | 1]) + archive[7 : central + 8] + bytes([archive[central + 8] | 1])
    ) + archive[central + 9 :]


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        pytest.param(turn_over(PACKED, 0.5), "a.csv.gz", ["not readable as csv.gz"], id="gzip, a byte turned"),
        pytest.param(TEXT, "a.csv.gz", ["not readable as csv.gz"], id="no gzip at all"),
        pytest.param(PACKED[:-4], "a.csv.gz", ["ends in the middle"], id="gzip without its last bytes"),
        pytest.param(b"", "a.parquet", ["the file is empty"], id="Parquet of zero bytes"),
        pytest.param(b"", "a.csv.zip", ["the file is empty"], id="zip of zero bytes"),
        pytest.param(ZIPPED[:-30], "a.csv.zip", ["not readable as csv.zip"], id="zip without its directory"),
        pytest.param(turn_over(ZIPPED, 0.5), "a.csv.zip", ["not readable as csv.zip"], id="zip, a byte turned"),
        pytest.param(write_zip(), "a.csv.zip", ["a zip of 0 files", "AWS puts one"], id="zip of nothing"),
        pytest.param(write_zip(a=TEXT, b=TEXT), "a.csv.zip", ["a zip of 2 files"], id="zip of two"),
        pytest.param(
            encrypt(ZIPPED),
            "a.csv.zip",
            ["not readable as csv.zip", "encrypted"],
            id="encrypted zip",
        ),
        pytest.param(PACKED, "a.csv.zip", ["not readable as csv.zip"], id="gzip called zip"),
        pytest.param(TEXT.decode().encode("utf-16"), "a.csv", ["UTF-8"], id="UTF-16"),
    ],
)
def test_unreadable(unchanged: Product, report: Path, content: bytes, name: str, words: list[str]) -> None:
    place = FILE.replace("a.csv.gz", name)
    check(put(content, name), place, words, unchanged, report)


# --- Parquet ---------------------------------------------------------------------------------------------------------

TABLE = to_table([to_export(row) for row in ROWS])
PARQUET = write_parquet(TABLE)


def replace_column(name: str, values: pa.Array) -> bytes:
    table = TABLE.slice(0, len(values))
    return write_parquet(table.set_column(table.schema.get_field_index(name), name, values))


def not_utf8(*values: bytes) -> pa.Array:
    """Text that isn't, which no builder of Arrow's would make."""
    binary = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), binary.buffers())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(PARQUET[:-8], ["arquet", "sync again"], id="footer missing"),
        pytest.param(turn_over(PARQUET[:-8], 0.99) + PARQUET[-8:], ["sync again"], id="footer corrupt"),
        pytest.param(turn_over(PARQUET, 0.02), ["sync again"], id="page corrupt"),
        pytest.param(
            replace_column("line_item_unblended_cost", pa.array([1.0, float("nan")])),
            ["row 2, column line_item_unblended_cost: 'nan' is not a number", UNCHANGED],
            id="cost that is no number",
        ),
        pytest.param(
            replace_column("line_item_unblended_cost", pa.array(["1", "", "12,5"])),
            ["row 3, column line_item_unblended_cost: '12,5' is not a number"],
            id="cost as text",
        ),
        pytest.param(
            replace_column("line_item_unblended_cost", pa.array([True])),
            ["column line_item_unblended_cost holds bool", "a number"],
            id="cost of another type",
        ),
        pytest.param(
            replace_column("line_item_usage_type", pa.array([[1, 2]])),
            ["column line_item_usage_type holds list"],
            id="nested column",
        ),
        pytest.param(
            replace_column("line_item_usage_type", not_utf8(b"good", b"caf\xe9")),
            ["column line_item_usage_type holds text that isn't UTF-8"],
            id="text that isn't UTF-8",
        ),
        pytest.param(
            replace_column("identity_time_interval", not_utf8(b"good", b"caf\xe9")),
            ["column identity_time_interval holds text that isn't UTF-8"],
            id="interval that isn't UTF-8",
        ),
        pytest.param(
            replace_column("line_item_unblended_cost", not_utf8(b"1", b"\xe9")),
            ["column line_item_unblended_cost", "UTF-8"],
            id="cost that isn't UTF-8",
        ),
        pytest.param(
            write_parquet(
                TABLE.slice(0, 1).append_column(
                    "resource_tags",
                    pa.MapArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array(["user_name"]), not_utf8(b"\xe9")),
                )
            ),
            ["column resource_tags holds text that isn't UTF-8"],
            id="tag that isn't UTF-8",
        ),
    ],
)
def test_bad_parquet(unchanged: Product, report: Path, content: bytes, words: list[str]) -> None:
    check(put(content, "a.snappy.parquet"), f"{FOLDER}/second/a.snappy.parquet", words, unchanged, report)
