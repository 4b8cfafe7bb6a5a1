"""Writing files, the lock, and what the system refuses."""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ingest.embedded_postgres.accounts import SYSTEM_USER
from ingest.errors import IngestError

LOCK_SECONDS = 600  # a start may take that long


@contextlib.contextmanager
def telling_refusals(state_dir: Path) -> Iterator[None]:
    """What the system refuses (a full disk, a root without root's powers), in one line."""
    try:
        yield
    except OSError as error:
        if os.geteuid() == 0 and error.errno == errno.EPERM:
            raise IngestError(
                f"PostgreSQL refuses to run as root, and root may not act as the user {SYSTEM_USER} here (a container "
                "without the capabilities CHOWN, SETUID, SETGID, KILL?): run this as an ordinary user, or set PGHOST "
                "to use a PostgreSQL server"
            ) from error
        raise IngestError(
            f"{error.filename or state_dir}: the system refuses what the embedded database needs ({error.strerror}); "
            "put that right, or set PGHOST to use a PostgreSQL server"
        ) from error


@contextlib.contextmanager
def locked(state_dir: Path) -> Iterator[int]:
    """Be the only one who starts or stops this checkout's server; the lock's descriptor."""
    descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise IngestError(
                        f"{state_dir / 'lock'}: another command has been starting or stopping the database for "
                        f"{LOCK_SECONDS} s; end it and try again"
                    ) from None
                time.sleep(0.05)
            except OSError as error:
                raise IngestError(
                    f"{state_dir}: this file system has no locks ({error.strerror}), so a database can't be kept "
                    "safe there; set TIEOUT_STATE_DIR to a local folder"
                ) from error
        yield descriptor
    finally:
        os.close(descriptor)


def write_file(path: Path, text: str, mode: int, gid: int | None = None, is_lasting: bool = False) -> None:
    """Replace a file at once, its mode never wider than asked.

    Only what isn't written anew at every start (`is_lasting`) must be on the disk when this returns.
    """
    fresh = path.with_name(f"{path.name}.unfinished")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", errors="surrogateescape") as file:
        file.write(text)
        if gid is not None:
            os.fchown(descriptor, -1, gid)
        os.fchmod(descriptor, mode)
        if is_lasting:
            file.flush()
            os.fsync(descriptor)
    fresh.replace(path)
    if is_lasting:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the folder's entries on disk: a renamed file is only then sure to be found after a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
