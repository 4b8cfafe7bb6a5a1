"""Connecting to PostgreSQL: the server that libpq's variables name, else this checkout's embedded one."""

import os
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import errors, sql

from ingest import embedded_postgres, environment
from ingest.errors import IngestError

OLDEST_VERSION = 14
CONNECT_SECONDS = 10


class DatabaseError(IngestError):
    """The database can't be used as it is set up: credentials, rights, version, encoding."""


class DatabaseUnavailable(DatabaseError):
    """No database answers."""


def connect(**parameters: Any) -> psycopg.Connection[Any]:
    """A new connection, in a transaction from its first statement on (`autocommit=True` for none).

    `parameters` are psycopg's, and go before libpq's variables.

    Raises:
        DatabaseUnavailable: nothing answers, or there is nothing to ask.
        DatabaseError: it answers and refuses, or is too old.
    """
    _check_variables()
    if not os.environ.get("PGCONNECT_TIMEOUT"):
        parameters.setdefault("connect_timeout", CONNECT_SECONDS)
    try:
        connection = psycopg.connect(**parameters)
    except psycopg.OperationalError as error:
        raise _explain(error) from error
    version = connection.info.server_version // 10000
    if version < OLDEST_VERSION:
        connection.close()
        raise DatabaseError(
            f"{describe_server()} is PostgreSQL {version}, and Tieout needs {OLDEST_VERSION} or newer: "
            "set PGHOST to a newer server, or unset it to use the embedded one"
        )
    return connection


def uri() -> str:
    """The same database as a URI, for drivers that take one. It never holds a password: libpq reads PGPASSWORD itself.

    Raises:
        DatabaseUnavailable: no server is named and the embedded one hasn't been created.
    """
    _check_variables()
    named = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER"}
    parameters = {name: os.environ[variable] for name, variable in named.items() if os.environ.get(variable)}
    if not os.environ.get("PGCONNECT_TIMEOUT"):
        parameters["connect_timeout"] = str(CONNECT_SECONDS)
    database = quote(os.environ.get("PGDATABASE", environment.DEFAULT_DATABASE), safe="", errors="surrogateescape")
    return f"postgresql:///{database}?{urlencode(parameters, quote_via=quote, safe='', errors='surrogateescape')}"


def describe_server() -> str:
    """The server in a few words, for messages."""
    if not environment.is_external():
        return "the embedded database"
    host, port = os.environ.get("PGHOST", ""), os.environ.get("PGPORT") or "5432"
    return f"PostgreSQL in {host}" if host.startswith("/") else f"PostgreSQL at {host}:{port}"


def prepare() -> None:
    """Have a database ready: create and start the embedded one, or create PGDATABASE on the server that is named.

    Raises:
        DatabaseError: it can't be had; the line says why and what to do.
    """
    environment.apply()
    if not environment.is_external():
        embedded_postgres.start()
    try:
        connection = connect(autocommit=True)
    except DatabaseError as error:
        if not _is_missing_database(error.__cause__):
            raise
        _create_database()
        connection = connect(autocommit=True)
    with connection:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise DatabaseError(
                f"the database {connection.info.dbname} has the encoding {encoding}, and names from AWS need UTF8: "
                "set PGDATABASE to another one"
            )


def _create_database() -> None:
    name = os.environ["PGDATABASE"]
    try:
        with connect(dbname="postgres", autocommit=True) as connection:
            statement = sql.SQL("create database {} encoding 'UTF8' template template0")
            connection.execute(statement.format(sql.Identifier(name)))
    except (errors.DuplicateDatabase, errors.UniqueViolation):
        return  # somebody else made it meanwhile
    except (DatabaseError, psycopg.Error) as error:
        raise DatabaseError(
            f"{describe_server()} has no database {name}, and {os.environ.get('PGUSER', 'this user')} may not create "
            f"it: have it created there (encoding UTF8), or set PGDATABASE"
        ) from error


def _check_variables() -> None:
    environment.apply()
    host, database = os.environ.get("PGHOST", ""), os.environ.get("PGDATABASE", "")
    for name, value in (("PGHOST", host), ("PGDATABASE", database)):
        if "://" in value or "password=" in value:
            # Not repeated in the message: such text often holds a password.
            raise DatabaseError(
                f"{name} holds a connection string, and libpq takes a plain name there: "
                "set PGHOST, PGPORT, PGUSER, PGDATABASE and PGPASSWORD"
            )
    if host:
        return
    if environment.is_external():
        raise DatabaseError(
            "PGSERVICE or PGHOSTADDR is set without PGHOST, and dbt reads neither: set PGHOST, PGPORT, PGUSER and "
            "PGDATABASE instead"
        )
    raise DatabaseUnavailable(
        "no database: this checkout's embedded one hasn't been created; run `make up`, or set PGHOST to use a "
        "PostgreSQL server"
    )


def _is_missing_database(cause: BaseException | None) -> bool:
    # libpq hands over no error code for a connection that was refused, only the server's words.
    text = str(cause)
    return f'database "{os.environ.get("PGDATABASE")}"' in text and "FATAL" in text


def _explain(error: psycopg.OperationalError) -> DatabaseError:
    """One line with the remedy.

    libpq has no codes for a connection that fails, only words: those told apart here are the ones that have another
    remedy than the rest, and in another language they get the rest's.
    """
    text = " ".join(str(error).split())
    is_answer = "FATAL: " in text
    reason = text.rpartition("FATAL: ")[2].strip()
    server = describe_server()
    user, database = os.environ.get("PGUSER", ""), os.environ.get("PGDATABASE", "")
    if _is_missing_database(error):
        return DatabaseError(f"{server} has no database {database}; run `make up` to create it, or set PGDATABASE")
    if "starting up" in reason or "shutting down" in reason or "recovery mode" in reason:
        return DatabaseUnavailable(f"{server} isn't ready: {reason}; try again in a moment")
    if "too many" in reason or "connection slots" in reason:
        return DatabaseError(f"{server} has no connection left: {reason}; end programs that use it and try again")
    if not environment.is_external():
        if not is_answer:
            return DatabaseUnavailable(f"{server} isn't running; run `make up`")
        return DatabaseError(f"{server} refuses {user}: {reason}; unset PGUSER, or set it to {embedded_postgres.ROLE}")
    if any(word in reason for word in ("password", "authentication", "pg_hba.conf", f'role "{user}"')):
        return DatabaseError(
            f"{server} refuses {user}: {reason}; correct PGUSER and PGPASSWORD (or the file that PGPASSFILE names)"
        )
    if is_answer:
        return DatabaseError(f"{server} refuses the connection: {reason}; correct PGHOST, PGUSER and PGDATABASE")
    return DatabaseUnavailable(
        f"{server} doesn't answer: {reason}; start it, correct PGHOST and PGPORT, or unset PGHOST to use the embedded "
        "database"
    )
