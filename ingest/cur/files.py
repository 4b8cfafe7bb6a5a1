"""CUR files as Arrow tables, their columns as delivered. No row becomes a Python object."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from zlib_ng import gzip_ng

from ingest.cur.columns import map_columns
from ingest.errors import IngestError

DataFormat = Literal["csv.gz", "csv.zip", "csv", "parquet"]
_FORMATS: tuple[DataFormat, ...] = ("csv.gz", "csv.zip", "csv", "parquet")

# Blocks that stay in the processor's cache are parsed twice as fast as ones of 64 MiB (docs/benchmarks.md).
_BLOCK_BYTES = 2 << 20
# Rows that are shaped together: more of them repeat the same attributes, fewer of them take less memory.
GROUP_ROWS = 64_000
_GROUP_BYTES = 64 << 20
# Parquet of long text is decoded a row group at a time: what comes after that takes the less.
_PARQUET_GROUP_BYTES = 32 << 20
# Text of Parquet that takes no more than this a row, repeats.
_REPEATING_BYTES = 16


def find_format(key: str, place: str) -> DataFormat:
    """What kind of file a key names, by its ending.

    Raises:
        IngestError: none that a report is made of.
    """
    for data_format in _FORMATS:
        if key.endswith(f".{data_format}"):
            return data_format
    raise IngestError(f"{place}: neither .csv.gz, .csv.zip, .csv nor .parquet; export the report as one of these")


def read_groups(
    path: Path, place: str, data_format: DataFormat, tell_position: Callable[[int], object] = lambda _: None
) -> Iterator[pa.Table]:
    """Stream one CUR file.

    Args:
        path: the file on this machine.
        place: where it came from, for errors.
        data_format: by `find_format`.
        tell_position: called with the bytes of the file that are read so far.

    Yields:
        Tables of about GROUP_ROWS rows. CSV: every column a string, null where the field is empty, not yet known to be
        UTF-8. Parquet: types as in the file, text as dictionaries.

    Raises:
        IngestError: the file can't be read to its end.
    """
    remedy = "sync again after AWS's next delivery"
    try:
        if data_format == "parquet":
            yield from _read_parquet(path, tell_position)
        else:
            yield from _gather(_read_csv(path, place, data_format, tell_position))
    except EOFError as error:
        raise IngestError(f"{place}: the file ends in the middle of its compressed data; {remedy}") from error
    except (zlib.error, gzip_ng.BadGzipFile, zipfile.BadZipFile, NotImplementedError) as error:
        raise IngestError(f"{place}: not readable as {data_format} ({_flatten(error)}); {remedy}") from error
    except UnicodeDecodeError as error:
        raise IngestError(f"{place}: column names that aren't UTF-8; {remedy}") from error
    except (pa.ArrowException, OSError) as error:
        raise IngestError(f"{place}: {_flatten(error)}; {remedy}") from error


def _flatten(error: Exception) -> str:
    return " ".join(str(error).split())


def _gather(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The many small batches of the parser as few tables, without copying them."""
    gathered: list[pa.RecordBatch] = []
    rows = byte_count = 0
    for batch in batches:
        gathered.append(batch)
        rows += batch.num_rows
        byte_count += batch.nbytes
        if rows >= GROUP_ROWS or byte_count >= _GROUP_BYTES:
            yield pa.Table.from_batches(gathered)
            gathered, rows, byte_count = [], 0, 0
    if gathered:
        yield pa.Table.from_batches(gathered)


# --- CSV -------------------------------------------------------------------------------------------------------------


def _read_csv(
    path: Path, place: str, data_format: DataFormat, tell_position: Callable[[int], object]
) -> Iterator[pa.RecordBatch]:
    headers = _read_csv_headers(path, place, data_format)
    map_columns(headers, place)  # whether it is a CUR at all, before its rows are judged
    text = {header: pa.string() for header in headers}
    with ExitStack() as stack:
        file, stream = _open_csv(path, place, data_format, stack)
        try:
            reader = pa.csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                # Files are read side by side: threads within one would only get in each other's way.
                read_options=pa.csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
                parse_options=pa.csv.ParseOptions(newlines_in_values=True),
                convert_options=pa.csv.ConvertOptions(
                    column_types=text,
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                    check_utf8=False,  # of distinct values alone, by who takes them over
                ),
            )
            for batch in reader:
                tell_position(file.tell())
                yield batch
        except pa.ArrowInvalid as error:
            raise IngestError(
                f"{place}: {_count_from_the_first(_name_column(str(error), headers))}; nothing of this month was loaded"
            ) from error


def _open_csv(path: Path, place: str, data_format: DataFormat, stack: ExitStack) -> tuple[IO[bytes], Any]:
    """The file as it lies on the disk, and the stream of its text."""
    file = stack.enter_context(path.open("rb"))
    if data_format == "csv":
        return file, file
    if data_format == "csv.gz":
        return file, stack.enter_context(gzip_ng.open(file))
    archive = stack.enter_context(zipfile.ZipFile(file))
    members = [member for member in archive.namelist() if not member.endswith("/")]
    if len(members) != 1:
        raise IngestError(
            f"{place}: a zip of {len(members)} files, and AWS puts one into each; export the report again"
        )
    if archive.getinfo(members[0]).flag_bits & 1:
        raise IngestError(f"{place}: not readable as {data_format} (it is encrypted); export the report again")
    return file, stack.enter_context(archive.open(members[0]))


def _read_csv_headers(path: Path, place: str, data_format: DataFormat) -> list[str]:
    """The header row alone."""
    # A row that doesn't fit is told when the rows are read: first it must be clear whether this is a CUR at all.
    options = pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=lambda row: "skip")
    # Whatever stands in the first rows, their types are of no interest here.
    convert = pa.csv.ConvertOptions(check_utf8=False)
    with ExitStack() as stack:
        _, stream = _open_csv(path, place, data_format, stack)
        try:
            reader = pa.csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=pa.csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
                parse_options=options,
                convert_options=convert,
            )
        except pa.ArrowInvalid as error:
            raise IngestError(f"{place}: {_flatten(error)}; sync again after AWS's next delivery") from error
        names: list[str] = reader.schema.names
        return names


def _name_column(message: str, headers: Sequence[str]) -> str:
    """Arrow counts columns (`In CSV column #3: ...`); people know them by name."""
    found = re.match(r"In CSV column #(\d+): (.*)", " ".join(message.split()))
    if found is None:
        return " ".join(message.split())
    return f"column {headers[int(found[1])]}: {found[2]}"


def _count_from_the_first(message: str) -> str:
    """Arrow counts the header as a row; people count rows, as every other message here does."""
    return re.sub(r"Row #(\d+)", lambda found: f"row {int(found[1]) - 1}", message)


# --- Parquet ---------------------------------------------------------------------------------------------------------


def _find_repeating(file: pa.parquet.ParquetFile) -> list[str]:
    """Columns of text that are worth a dictionary: few bytes a row. Where nothing repeats, it would be all there is."""
    byte_counts: dict[str, int] = {}
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        for column in (group.column(place) for place in range(group.num_columns)):
            name = column.path_in_schema
            byte_counts[name] = byte_counts.get(name, 0) + column.total_uncompressed_size
    most = _REPEATING_BYTES * file.metadata.num_rows
    return [
        field.name
        for field in file.schema_arrow
        if pa.types.is_string(field.type) and byte_counts.get(field.name, 0) <= most
    ]


def _read_parquet(path: Path, tell_position: Callable[[int], object]) -> Iterator[pa.Table]:
    byte_count = path.stat().st_size
    with pa.parquet.ParquetFile(path) as file:
        texts = _find_repeating(file)
    with pa.parquet.ParquetFile(path, read_dictionary=texts) as file:
        row_count = file.metadata.num_rows
        done = 0
        row_groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        row_bytes = sum(group.total_byte_size for group in row_groups) / max(row_count, 1)
        rows = max(1, min(GROUP_ROWS, int(_PARQUET_GROUP_BYTES / max(row_bytes, 1.0))))
        for batch in file.iter_batches(batch_size=rows):
            done += batch.num_rows
            tell_position(byte_count * done // max(row_count, 1))
            yield pa.Table.from_batches([batch])
