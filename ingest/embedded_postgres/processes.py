"""Which of the machine's processes are the server's, and whether they live."""

import contextlib
import errno
import fcntl
import os
import subprocess
import time
from pathlib import Path

from ingest.embedded_postgres.places import Place
from ingest.errors import IngestError


def is_alive(place: Place) -> bool:
    """Whether any process of the server lives, taking connections or not."""
    try:
        descriptor = os.open(place.folder / "alive", os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def hold_alive(place: Place) -> int:
    """Take the lock that the server's processes will inherit; its descriptor."""
    descriptor = os.open(place.folder / "alive", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + 5
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:  # somebody is just asking whether the server lives
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise IngestError(f"{place.folder}: a server is running there already; run `make down` first") from None
            time.sleep(0.01)


def find_processes(place: Place) -> tuple[int | None, list[int]]:
    """The living server's first process and its children, known by their owner and the mark they carry."""
    postmaster, others = None, []
    for pid, (uid, command) in list_commands().items():
        if uid != place.uid:
            continue
        words = command.split("\0")
        if Path(words[0]).name == "postgres" and f"cluster_name={place.mark}" in words:
            postmaster = pid if postmaster is None else min(pid, postmaster)
        elif command.startswith(f"postgres: {place.mark}: "):
            others.append(pid)
    return postmaster, others


def list_commands() -> dict[int, tuple[int, str]]:
    """Owner and command line (words ended by NUL) by process.

    `/proc/<pid>/cmdline` is readable for everybody; `cwd` and `exe` are not, even for root in an ordinary container.
    """
    commands = {}
    if not Path("/proc/self/cmdline").exists():  # macOS
        listing = subprocess.run(["ps", "-axwwo", "pid=,uid=,command="], capture_output=True, text=True, check=True)
        for line in listing.stdout.splitlines():
            pid, uid, command = line.split(None, 2)
            is_server = not command.startswith("postgres: ")
            commands[int(pid)] = (int(uid), command.replace(" ", "\0") if is_server else command)
        return commands
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(
                FileNotFoundError, ProcessLookupError, PermissionError
            ):  # ended, or hidden from us
                commands[int(entry.name)] = (
                    entry.stat().st_uid,
                    (entry / "cmdline").read_bytes().decode(errors="surrogateescape"),
                )
    return commands


def send_signal(pids: list[int], number: int) -> None:
    """Signal each process that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError as error:
            if error.errno != errno.ESRCH:
                raise
