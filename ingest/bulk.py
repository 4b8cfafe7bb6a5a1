"""Arrow batches into PostgreSQL by binary COPY, inside the transaction of their load."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from ingest import database
from ingest.errors import IngestError


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
    failure: list[Exception] = []

    def watched() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except Exception as error:
            failure.append(error)
            raise

    reader = pa.RecordBatchReader.from_batches(schema, watched())
    place: dict[str, Any] = {"temporary": True} if is_temporary else {"db_schema_name": "raw"}
    try:
        return int(cursor.adbc_ingest(table, reader, mode="append", **place))
    except Exception as error:
        if failure:
            raise failure[0] from error
        raise


def copy_table(cursor: Any, table: str, rows: pa.Table, *, is_temporary: bool = False) -> int:
    """`copy_batches` for rows that are all at hand."""
    return copy_batches(cursor, table, rows.schema, iter(rows.to_batches()), is_temporary=is_temporary)
