"""`python -m ingest database …`: the database's own commands."""

import argparse

from ingest import database, embedded_postgres, environment, ledger
from ingest.errors import IngestError


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `database` to a program's commands. Each sets `run`, which takes the arguments and returns an exit code."""
    parser = subparsers.add_parser("database", help="the database: where it is, start, stop, remove")
    commands = parser.add_subparsers(dest="database_command", required=True)
    for name, run, text in (
        ("url", print_url, "print the database's URI (without a password)"),
        ("start", start, "have a database ready: create and start the embedded one, or check the one PGHOST names"),
        ("stop", stop, "stop the embedded database"),
        ("status", print_status, "one line about the database; exit code 1 unless it takes connections"),
        ("destroy", destroy, "stop the embedded database and remove it with all its data"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        if name == "destroy":
            command.add_argument("--yes", action="store_true", help="really remove the data")


def print_url(arguments: argparse.Namespace) -> int:
    """Print the URI, without a password."""
    _check_env_file()
    print(database.uri())
    return 0


def start(arguments: argparse.Namespace) -> int:
    """Have a database ready, and say which."""
    _check_env_file()
    database.prepare()
    ledger.create_raw_schema()  # so that `dbt build` works before the first load
    print(_describe())
    return 0


def print_status(arguments: argparse.Namespace) -> int:
    """One line about the database that answers; an error line where none does."""
    _check_env_file()
    print(_describe())
    return 0


def stop(arguments: argparse.Namespace) -> int:
    """Stop the embedded database; fine where it isn't running."""
    if embedded_postgres.stop():
        print("the embedded database is stopped")
    elif environment.is_external():
        print(f"the embedded database isn't running; {database.describe_server()} is not ours to stop")
    else:
        print("the embedded database isn't running")
    return 0


def destroy(arguments: argparse.Namespace) -> int:
    """Remove the embedded database with its data, once `--yes` says so."""
    place = embedded_postgres.find_place()
    if place is None:
        print("there is no embedded database to remove")
        return 0
    if not arguments.yes:
        raise IngestError(f"all data in {place.data} would be removed; say so with --yes")
    embedded_postgres.destroy()
    print(f"removed {place.folder}")
    return 0


def _check_env_file() -> None:
    """A line of `.env` that was left out may be the very one that names the database."""
    for problem in environment.list_problems():
        raise IngestError(problem)


def _describe() -> str:
    with database.connect() as connection:
        row = connection.execute(
            "select current_setting('server_version'), current_user, current_database(), "
            "pg_size_pretty(pg_database_size(current_database()))"
        ).fetchone()
    assert row is not None
    version, user, name, size = row
    place = embedded_postgres.find_place() if not environment.is_external() else None
    where = f"data in {place.data}" if place else database.describe_server()
    return f"PostgreSQL {version} takes connections: database {name} ({size}) as {user}, {where}"
