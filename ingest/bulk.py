"""Arrow batches into PostgreSQL by binary COPY, inside the transaction of their load."""

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Generic, TypeVar

import adbc_driver_manager
import adbc_driver_postgresql
import pyarrow as pa
from adbc_driver_manager import StatementOptions

from ingest import database
from ingest.errors import IngestError

Item = TypeVar("Item")


class Cursor:
    """Statements of one ADBC connection. The driver's own DB-API does the same and imports pandas for it: a second."""

    def __init__(self, connection: adbc_driver_manager.AdbcConnection):
        self._connection = connection
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, query: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement, its parameters `$1`, `$2` …"""
        with adbc_driver_manager.AdbcStatement(self._connection) as statement:
            statement.set_sql_query(query)
            statement.prepare()
            if parameters:
                names = [str(number) for number, _ in enumerate(parameters)]
                statement.bind(pa.record_batch([pa.array([each]) for each in parameters], names=names))
            handle, _ = statement.execute_query()
            found = pa.RecordBatchReader.from_stream(handle).read_all()
            self._rows = list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rows of the last statement that are left."""
        rows, self._rows = self._rows, []
        return rows

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first of them."""
        return self._rows.pop(0) if self._rows else None

    def copy(self, table: str, rows: pa.Table | pa.RecordBatchReader, *, is_temporary: bool = False) -> int:
        """Append rows to a table of the raw schema, or to a temporary one; columns that are absent take their default.

        Returns:
            How many.
        """
        place = (
            {StatementOptions.INGEST_TEMPORARY.value: "true"}
            if is_temporary
            else {StatementOptions.INGEST_TARGET_DB_SCHEMA.value: "raw"}
        )
        with adbc_driver_manager.AdbcStatement(self._connection) as statement:
            statement.set_options(
                **{
                    adbc_driver_manager.INGEST_OPTION_TARGET_TABLE: table,
                    adbc_driver_manager.INGEST_OPTION_MODE: adbc_driver_manager.INGEST_OPTION_MODE_APPEND,
                    **place,
                }
            )
            statement.bind_stream(rows)
            return int(statement.execute_update())


@contextmanager
def open_load() -> Iterator[tuple[adbc_driver_manager.AdbcConnection, Cursor]]:
    """An ADBC connection and cursor in one transaction: nothing is there until its `commit()`, everything after it.

    Raises:
        IngestError: the database refuses or goes away; the transaction is rolled back.
    """
    try:
        with ExitStack() as stack:
            opened = stack.enter_context(adbc_driver_postgresql.connect(database.uri()))
            connection = stack.enter_context(adbc_driver_manager.AdbcConnection(opened))
            connection.set_autocommit(False)
            yield connection, Cursor(connection)
    except adbc_driver_manager.Error as error:
        raise IngestError(
            f"{database.describe_server()}: {' '.join(str(error).split())}; nothing was loaded"
        ) from error


def copy_batches(
    cursor: Cursor, table: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch], *, is_temporary: bool = False
) -> int:
    """Append batches of `schema` to a table of the raw schema (or a temporary one); returns the number of rows.

    Raises:
        Whatever the iterator itself raised, which Arrow's stream interface would reduce to its text.
    """
    with ReadAhead(batches) as ahead:
        reader = pa.RecordBatchReader.from_batches(schema, iter(ahead))
        try:
            return cursor.copy(table, reader, is_temporary=is_temporary)
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


def copy_table(cursor: Cursor, table: str, rows: pa.Table, *, is_temporary: bool = False) -> int:
    """`copy_batches` for rows that are all at hand."""
    return copy_batches(cursor, table, rows.schema, iter(rows.to_batches()), is_temporary=is_temporary)
