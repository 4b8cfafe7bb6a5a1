"""Arrow batches into PostgreSQL by binary COPY, inside the transaction of their load."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from ingest import database
from ingest.errors import IngestError

Item = TypeVar("Item")


@contextmanager
def open_load() -> Iterator[tuple[Any, Any]]:
    """An ADBC connection and cursor in one transaction: nothing is there until its `commit()`, everything after it.

    Raises:
        IngestError: the database refuses or goes away; the transaction is rolled back.
    """
    try:
        with adbc.connect(database.uri()) as connection, connection.cursor() as cursor:
            yield connection, cursor
    except adbc_driver_manager.Error as error:
        raise IngestError(
            f"{database.describe_server()}: {' '.join(str(error).split())}; nothing was loaded"
        ) from error


def copy_batches(
    cursor: Any, table: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch], *, is_temporary: bool = False
) -> int:
    """Append batches of `schema` to a table of the raw schema (or a temporary one); returns the number of rows.

    Raises:
        Whatever the iterator itself raised, which Arrow's stream interface would reduce to its text.
    """
    place: dict[str, Any] = {"temporary": True} if is_temporary else {"db_schema_name": "raw"}
    with ReadAhead(batches) as ahead:
        reader = pa.RecordBatchReader.from_batches(schema, iter(ahead))
        try:
            return int(cursor.adbc_ingest(table, reader, mode="append", **place))
        except Exception as error:
            if ahead.failure is not None:
                raise ahead.failure from error
            raise


class ReadAhead(Generic[Item]):
    """Items made by a thread of their own, a few ahead: reading and typing go on while the database takes rows."""

    def __init__(self, items: Iterator[Item], depth: int = 3):
        self.failure: Exception | None = None
        self._items = items
        self._made: queue.Queue[Item | None] = queue.Queue(depth)
        self._is_left = threading.Event()
        self._thread = threading.Thread(target=self._make, name="read-ahead", daemon=True)

    def __enter__(self) -> "ReadAhead[Item]":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # The taker may have failed: the maker must neither wait for room for ever nor outlive the file it reads.
        self._is_left.set()
        while self._thread.is_alive():
            try:
                self._made.get(timeout=0.05)
            except queue.Empty:
                continue
        self._thread.join()

    def _make(self) -> None:
        try:
            for item in self._items:
                if self._is_left.is_set():
                    return
                self._made.put(item)
        except Exception as error:
            self.failure = error
        finally:
            self._made.put(None)

    def __iter__(self) -> Iterator[Item]:
        while (item := self._made.get()) is not None:
            yield item
        if self.failure is not None:
            raise self.failure


def copy_table(cursor: Any, table: str, rows: pa.Table, *, is_temporary: bool = False) -> int:
    """`copy_batches` for rows that are all at hand."""
    return copy_batches(cursor, table, rows.schema, iter(rows.to_batches()), is_temporary=is_temporary)
