"""The end of a command by Ctrl-C or SIGTERM, and what a killed one leaves on the disk."""

import contextlib
import fcntl
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from ingest.errors import IngestError

_PREFIX = "tieout-"
_LOCK = "lock"
_made: set[Path] = set()


def end_at_signals() -> None:
    """From now on SIGINT and SIGTERM end this process at once, whatever it waits for: exit code 130.

    Threads may hang in the network or in the database driver, which a Python signal handler would wait for. What was
    under way is undone by the database, which sees the connections end.

    To be called before any thread starts. Programs that are started later would inherit the blocked signals.
    """
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)

    def wait() -> None:
        signal.sigwait(signals)
        sys.stderr.write("interrupted; what was loaded before stands whole\n")
        sys.stderr.flush()
        for folder in list(_made):
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(130)

    threading.Thread(target=wait, name="signals", daemon=True).start()


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is removed at the end; where the process is killed, by the next one that asks for such a folder."""
    remove_leftovers()
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    except OSError as error:
        raise IngestError(f"{tempfile.gettempdir()}: {error.strerror}; set TMPDIR to a folder with space") from error
    _made.add(folder)
    with (folder / "unlocked").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Path(lock.name).rename(folder / _LOCK)  # what others look for is there only when it is held
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _made.discard(folder)


def remove_leftovers() -> None:
    """Remove our folders that no living process holds."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with contextlib.suppress(OSError), lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
