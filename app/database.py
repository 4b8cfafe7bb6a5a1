"""The door to PostgreSQL for all that reads for people: one small read-only pool, and errors that say what to do.

libpq's own variables (`PGHOST`, `PGDATABASE`, ...) name the server; nothing here reads any other setting.
"""

import atexit
import json
import os
import threading
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import errors
from psycopg.rows import class_row
from psycopg.types.json import set_json_loads
from psycopg_pool import ConnectionPool
from pydantic import BaseModel, ValidationError

from ingest.environment import apply as apply_environment

Row = TypeVar("Row", bound=BaseModel)

CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 30
MAXIMUM_CONNECTIONS = 8  # each is a server process; a page needs one at a time

START_THE_DATABASE = "start it with `make up`, or name your own server with PGHOST, PGDATABASE, PGUSER and PGPASSWORD"
BUILD_THE_MARTS = "run `make demo`, or load your account with `python -m ingest …` and then `dbt build`"
GRANT_READING = "`python -m ingest database roles` shows which role may read the marts"
ASK_FOR_LESS = "ask for less with the filters, or try again when the database is less busy"


class ReadError(Exception):
    """The figures can't be read now. `reason` says why in one line, `remedy` what a person can do about it."""

    title = "The figures can't be read"

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = " ".join(reason.split())
        self.remedy = remedy
        super().__init__(f"{self.reason}: {remedy}")


class DatabaseUnreachable(ReadError):
    """No connection: server down, wrong address, wrong credentials."""

    title = "The database can't be reached"


class DataNotReady(ReadError):
    """The server answers, but the marts aren't there, aren't readable, or aren't what their contract says."""

    title = "The data isn't ready"


class DatabaseBusy(ReadError):
    """A statement ran longer than `STATEMENT_TIMEOUT_SECONDS` or no connection of the pool came free."""

    title = "The database is busy"


_lock = threading.Lock()
_pool: ConnectionPool | None = None


def fetch_rows(
    statement: LiteralString, parameters: Mapping[str, object] | None = None, *, row_type: type[Row]
) -> list[Row]:
    """Run one SELECT and return its rows as `row_type`, whose fields are the statement's columns.

    One statement sees one snapshot, so a `dbt build` that swaps tables meanwhile can't mix two builds in one answer.

    Raises: `DatabaseUnreachable`, `DataNotReady`, `DatabaseBusy`.
    """
    pool = _open_pool()
    try:
        with pool.connection() as connection, connection.cursor(row_factory=class_row(row_type)) as cursor:
            return cursor.execute(statement, parameters).fetchall()
    except (errors.UndefinedTable, errors.InvalidSchemaName, errors.UndefinedColumn) as error:
        raise DataNotReady(f"the marts aren't built here ({_first_line(error)})", BUILD_THE_MARTS) from error
    except errors.InsufficientPrivilege as error:
        raise DataNotReady(_first_line(error), GRANT_READING) from error
    except errors.QueryCanceled as error:
        reason = f"a query took longer than {STATEMENT_TIMEOUT_SECONDS} s"
        raise DatabaseBusy(reason, ASK_FOR_LESS) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:  # a pool's timeout is one of these
        try:
            _probe()
        except DatabaseUnreachable:
            close_pool()
            raise
        raise DatabaseBusy(
            f"a database connection was lost or none came free ({_first_line(error)})", ASK_FOR_LESS
        ) from error
    except ValidationError as error:
        raise _broken_contract(error) from error


def read_documents(documents: Sequence[Mapping[str, object]], row_type: type[Row]) -> list[Row]:
    """Rows that a statement brought as JSON objects, as `row_type`. Raises `DataNotReady` where they don't fit."""
    try:
        return [row_type.model_validate(document) for document in documents]
    except ValidationError as error:
        raise _broken_contract(error) from error


def _broken_contract(error: ValidationError) -> DataNotReady:
    found = error.errors(include_url=False, include_input=False)[0]
    column = ".".join(str(part) for part in found["loc"])
    return DataNotReady(f"a mart isn't what its contract says (column {column}: {found['msg']})", BUILD_THE_MARTS)


def close_pool() -> None:
    """Close every connection; the next read opens a new pool from the environment as it is then."""
    global _pool
    with _lock:
        pool, _pool = _pool, None
    if pool is not None:
        pool.close(timeout=1)


def _open_pool() -> ConnectionPool:
    global _pool
    with _lock:
        if _pool is None:
            _probe()
            _pool = ConnectionPool(
                conninfo="",
                kwargs=_connection_settings(),
                min_size=0,
                max_size=MAXIMUM_CONNECTIONS,
                open=True,
                configure=_read_json_exactly,
                check=ConnectionPool.check_connection,  # the server may have been restarted since the last page
                timeout=CONNECT_TIMEOUT_SECONDS,
                reconnect_timeout=CONNECT_TIMEOUT_SECONDS,
                name="tieout-app",
            )
        return _pool


def _probe() -> None:
    """Connect once outside the pool, which would say only that time ran out, never why."""
    apply_environment()  # a database created after this process began has an address now
    try:
        psycopg.connect("", **_connection_settings()).close()
    except psycopg.OperationalError as error:
        raise DatabaseUnreachable(_first_line(error), START_THE_DATABASE) from error


def _connection_settings() -> dict[str, Any]:
    settings = (
        "-c default_transaction_read_only=on",
        f"-c statement_timeout={STATEMENT_TIMEOUT_SECONDS}s",
        "-c timezone=UTC",
    )
    return {
        "autocommit": True,
        "application_name": "tieout app",
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "options": " ".join((os.environ.get("PGOPTIONS", ""), *settings)).strip(),
        "prepare_threshold": None,  # a prepared plan breaks when a build changes the columns of a mart
    }


def _read_json_exactly(connection: psycopg.Connection[Any]) -> None:
    set_json_loads(partial(json.loads, parse_float=Decimal), connection)


def _first_line(error: psycopg.Error) -> str:
    message = (error.diag.message_primary or str(error)).strip().removeprefix("connection is bad: ")
    return message.splitlines()[0] if message else type(error).__name__


atexit.register(close_pool)
