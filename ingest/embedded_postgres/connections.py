"""The administrator's own way in, and what is set up through it."""

import os
from typing import Any

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from ingest import environment
from ingest.embedded_postgres.creation import ADMINISTRATOR
from ingest.embedded_postgres.places import PORT, Place
from ingest.errors import IngestError

ROLE = "tieout"  # what everybody works as; it owns the database and is no superuser, like on an external server


def answers(place: Place) -> bool:
    """Whether the server takes connections."""
    # A ping is answered whoever asks, and whatever else the person's libpq variables would ask for.
    return pq.PGconn.ping(make_conninfo(**_find_address(place)).encode()) == pq.Ping.OK


def connect(place: Place) -> psycopg.Connection[Any]:
    """A connection of the administrator's."""
    try:
        return psycopg.connect(**_find_address(place), autocommit=True)
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split()).rpartition("FATAL: ")[2].strip()
        raise IngestError(
            f"the embedded database runs and can't be set up: {reason}; see {place.log}, and the variables that begin "
            "with PG"
        ) from error


def _find_address(place: Place) -> dict[str, Any]:
    return {
        "host": str(place.socket_folder),
        "port": PORT,
        "user": ADMINISTRATOR,
        "dbname": ADMINISTRATOR,
        "requirepeer": place.user,
        "options": "",
        "connect_timeout": 10,
    }


def provide_database(place: Place) -> None:
    """Make the role and the database that libpq's variables name, where they aren't there yet."""
    name = os.environ.get("PGDATABASE") or environment.DEFAULT_DATABASE
    with connect(place) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = %s", [ROLE]).fetchone():
            role = sql.Identifier(ROLE)
            connection.execute(sql.SQL("create role {} login createdb createrole").format(role))
            # Sizes, running queries and settings: what an operator looks at.
            connection.execute(sql.SQL("grant pg_monitor to {} with admin option").format(role))
        if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
            connection.execute(
                sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(ROLE))
            )
