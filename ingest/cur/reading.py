"""The files of one delivery into the tables of its load, several side by side."""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from ingest import bulk
from ingest.cur.columns import map_columns, squash
from ingest.cur.combinations import Combinations, Fingerprints
from ingest.cur.files import find_format, read_groups
from ingest.cur.manifests import Manifest
from ingest.cur.shaping import Shaped, Shaper
from ingest.cur.storing import AmountsTable, AttributesTable
from ingest.errors import IngestError
from ingest.interruption import temporary_folder
from ingest.objects import ObjectStore, StoredObject
from ingest.progress import Progress

# More readers than that want more memory than they save time.
_MOST_READERS = 4
# Below so many bytes a second reader costs more than it brings.
_BYTES_PER_READER = 4 << 20


@dataclass
class FileRead:
    """What came of one file."""

    number: int  # place in the manifest's list, from 1
    file: StoredObject
    row_count: int = 0
    contents: tuple[int, int] = (0, 0)
    kinds: dict[str, str] = field(default_factory=dict)  # column as stored -> text, number, instant, map


@dataclass(frozen=True)
class Reading:
    """What came of a delivery's files."""

    files: list[FileRead]
    files_of_tables: dict[int, list[int]]  # reader -> numbers of the files that stand in its table


def count_readers(files: Sequence[StoredObject]) -> int:
    """How many files are read side by side."""
    byte_count = sum(file.byte_count for file in files)
    return max(1, min(os.cpu_count() or 1, len(files), _MOST_READERS, byte_count // _BYTES_PER_READER))


class DeliveryReader:
    """Reads the files of one delivery."""

    def __init__(
        self,
        store: ObjectStore,
        manifest: Manifest,
        files: Sequence[StoredObject],
        progress: Progress,
        attributes: AttributesTable,
    ):
        self._store = store
        self._manifest = manifest
        self._progress = progress
        self._attributes = attributes
        self._combinations = Combinations()
        self._waiting: Iterator[FileRead] = iter([FileRead(number, file) for number, file in enumerate(files, start=1)])
        self._taking = threading.Lock()
        self._is_stopped = threading.Event()
        self._reader_count = count_readers(files)

    def read(self) -> Reading:
        """Fill a table a reader; each is committed, and nobody reads them.

        Raises:
            IngestError: the first file that can't be read or stored; the others stop.
        """
        with (
            temporary_folder() as folder,
            ThreadPoolExecutor(self._reader_count, "fetch") as fetchers,
            ThreadPoolExecutor(self._reader_count, "read") as readers,
        ):
            running = [
                readers.submit(self._fill_table, worker, folder, fetchers) for worker in range(self._reader_count)
            ]
            try:
                filled = [self._wait(each) for each in running]
            finally:
                self._is_stopped.set()
        failures = [each for each in filled if isinstance(each, _Failure)]
        if failures:
            raise min(failures, key=lambda each: each.order).error
        tables = {worker: each for worker, each in enumerate(filled) if isinstance(each, list) and each}
        files = sorted((file for table in tables.values() for file in table), key=lambda file: file.number)
        _refuse_copies(self._store, files)
        return Reading(files, {worker: [file.number for file in table] for worker, table in tables.items()})

    @staticmethod
    def _wait(running: "Future[list[FileRead]]") -> "list[FileRead] | _Failure":
        try:
            return running.result()
        except IngestError as error:
            return _Failure(1 if isinstance(error, _Stopped) else 0, error)

    def _take(self) -> FileRead | None:
        with self._taking:
            return None if self._is_stopped.is_set() else next(self._waiting, None)

    def _fill_table(self, worker: int, folder: Path, fetchers: ThreadPoolExecutor) -> list[FileRead]:
        """Read files until none is left, the next one being fetched meanwhile."""
        done: list[FileRead] = []
        fingerprints = Fingerprints()
        try:
            waiting = self._take()
            if waiting is None:
                return done
            fetched = fetchers.submit(self._fetch, waiting, folder)
            with bulk.open_load() as (connection, cursor):
                table = AmountsTable(cursor, self._progress.load_id, worker)
                while waiting is not None:
                    current, path = waiting, fetched.result()
                    waiting = self._take()
                    if waiting is not None:
                        fetched = fetchers.submit(self._fetch, waiting, folder)
                    table.begin_file(current.number)
                    self._store_file(current, path, table, fingerprints)
                    path.unlink()
                    done.append(current)
                table.finish()
                connection.commit()
        except BaseException:
            self._is_stopped.set()
            raise
        return done

    def _fetch(self, read: FileRead, folder: Path) -> Path:
        place = self._place(read.file)
        if self._is_stopped.is_set():
            raise _Stopped(f"{place}: not read, because another file failed")
        if read.file.byte_count == 0:
            raise IngestError(f"{place}: the file is empty; sync again after AWS's next delivery")
        path = folder / str(read.number)
        self._store.fetch(read.file, path, lambda arrived: self._progress.tell_fetched(read.number, arrived))
        return path

    def _store_file(self, read: FileRead, path: Path, table: AmountsTable, fingerprints: Fingerprints) -> None:
        first = second = 0
        with bulk.ReadAhead(self._shape(read, path, fingerprints), depth=1) as groups:
            for shaped in groups:
                if shaped.attributes is not None:
                    self._attributes.append(shaped.attributes)
                table.append(shaped.amounts)
                read.row_count += shaped.amounts.num_rows
                first, second = first + shaped.contents[0], second + shaped.contents[1]
                self._progress.add_rows(shaped.amounts.num_rows)
        read.contents = (first % 2**64, second % 2**64)
        self._progress.finish_file(read.number, read.file.byte_count)

    def _shape(self, read: FileRead, path: Path, fingerprints: Fingerprints) -> Iterator[Shaped]:
        place = self._place(read.file)
        shaper = Shaper(place, self._manifest.period_start_at, self._combinations, fingerprints)
        data_format = find_format(read.file.key, place)
        for group in read_groups(
            path, place, data_format, lambda position: self._progress.tell_position(read.number, position)
        ):
            if self._is_stopped.is_set():
                raise _Stopped(f"{place}: not read to its end, because another file failed")
            if not read.kinds:
                _refuse_other_columns(place, group.schema.names, self._manifest)
                read.kinds = find_kinds(place, group.schema, self._manifest)
            yield shaper.shape(group)

    def _place(self, file: StoredObject) -> str:
        return f"{self._store.uri}/{file.key}"


class _Stopped(IngestError):
    """Another reader failed."""


@dataclass(frozen=True)
class _Failure:
    order: int  # what failed by itself before what was stopped
    error: IngestError


def _refuse_copies(store: ObjectStore, files: Sequence[FileRead]) -> None:
    """Two files with the same rows would count them twice."""
    seen: dict[tuple[int, tuple[int, int]], FileRead] = {}
    for read in files:
        if not read.row_count:
            continue
        other = seen.setdefault((read.row_count, read.contents), read)
        if other is not read:
            raise IngestError(
                f"{store.uri}/{read.file.key}: holds the same {read.row_count:,} rows as {other.file.key}; "
                "wait for AWS's next delivery and sync again"
            )


def _refuse_other_columns(place: str, headers: Sequence[str], manifest: Manifest) -> None:
    """A manifest that names its columns names those of every file."""
    if not manifest.kinds:
        return
    found, named = {squash(each): each for each in headers}, {squash(each): each for each in manifest.kinds}
    remedy = "wait for AWS's next delivery and sync again"
    for key, header in named.items():
        if key not in found:
            # Told first, because it says that this isn't a CUR at all.
            map_columns(list(headers), place)
            raise IngestError(f"{place}: column {header}, which the manifest names, is missing; {remedy}")
    for key, header in found.items():
        if key not in named:
            raise IngestError(f"{place}: column {header} isn't among the manifest's columns; {remedy}")


# --- kinds of columns ------------------------------------------------------------------------------------------------

_DECLARED_KINDS = {
    "string": "text",
    "optionalstring": "text",
    "interval": "text",
    "bigdecimal": "number",
    "optionalbigdecimal": "number",
    "double": "number",
    "datetime": "instant",
    "optionaldatetime": "instant",
    "timestamp": "instant",
}


def find_kinds(place: str, schema: pa.Schema, manifest: Manifest) -> dict[str, str]:
    """What each column holds: by a Parquet file's own types, by the manifest's of a CSV file; unknown ones left out."""
    names = map_columns(schema.names, place)
    if any(not pa.types.is_string(field.type) for field in schema):
        kinds = {names[field.name]: _kind_of(field.type) for field in schema}
    else:
        declared = {squash(header): text for header, text in manifest.kinds.items()}
        kinds = {name: _declared_kind(declared.get(squash(header), "")) for header, name in names.items()}
    return {name: kind for name, kind in kinds.items() if kind}


def _declared_kind(text: str) -> str:
    return "map" if text.startswith("map") else _DECLARED_KINDS.get(text.lower(), "")


def _kind_of(found: pa.DataType) -> str:
    inner = found.value_type if pa.types.is_dictionary(found) else found
    if pa.types.is_string(inner):
        return "text"
    if pa.types.is_integer(inner) or pa.types.is_floating(inner) or pa.types.is_decimal(inner):
        return "number"
    if pa.types.is_timestamp(inner) or pa.types.is_date(inner):
        return "instant"
    return "map" if pa.types.is_map(inner) else ""
