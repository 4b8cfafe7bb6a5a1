"""Bringing the server up and down."""

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from ingest.embedded_postgres.connections import answers
from ingest.embedded_postgres.places import PORT, SYSTEM_FOLDER, Place
from ingest.embedded_postgres.processes import find_processes, hold_alive, is_alive, list_commands, send_signal
from ingest.embedded_postgres.programs import find_reason, make_server_environment
from ingest.errors import IngestError

START_SECONDS = 600  # recovering after a crash replays up to max_wal_size
STOP_SECONDS = 120
ORPHAN_SECONDS = 10
LOG_BYTES = 16 * 1024**2


def launch(place: Place, binaries: Path) -> None:
    """Start the server so that it outlives us, and wait until it takes connections."""
    if place.log.exists() and place.log.stat().st_size > LOG_BYTES:
        place.log.replace(place.log.with_suffix(".log.1"))
    alive = hold_alive(place)
    log = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    account = {"user": place.uid, "group": place.gid, "extra_groups": []} if place.is_dropped else {}
    try:
        beginning = os.fstat(log).st_size
        process = subprocess.Popen(
            [str(binaries / "postgres"), "-D", str(place.data)]
            + ["-c", f"config_file={place.folder / 'postgresql.conf'}", "-c", f"cluster_name={place.mark}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=make_server_environment(),
            cwd="/",
            umask=0o077,
            pass_fds=(alive,),
            start_new_session=True,
            **account,  # type: ignore[call-overload]
        )
    finally:
        os.close(log)
        os.close(alive)
    deadline = time.monotonic() + START_SECONDS
    while not answers(place):
        if process.poll() is not None:
            with place.log.open(errors="replace") as file:
                file.seek(beginning)
                reason = find_reason(file.read()) or f"it ended with {process.returncode}"
            raise IngestError(f"the embedded database can't start: {reason}; see {place.log}")
        if time.monotonic() > deadline:
            raise IngestError(
                f"the embedded database isn't ready after {START_SECONDS} s and goes on starting; see {place.log}"
            )
        time.sleep(0.02)
    process.returncode = 0  # not ours to wait for: without this Python warns that it is still running


def settle(place: Place) -> None:
    """Wait for a server that is coming up or going down, end what a killed one left behind, and clear its traces.

    Returns with a server that answers, or with none at all and nothing in the way of the next.
    """
    deadline = time.monotonic() + START_SECONDS
    orphaned_since = lost_since = None
    while is_alive(place):
        if answers(place):
            return
        now = time.monotonic()
        if now > deadline:
            raise IngestError(
                f"the embedded database has been neither up nor down for {START_SECONDS} s; see {place.log}"
            )
        postmaster, others = find_processes(place)
        if postmaster is None and others:
            # The first process was killed. The rest end by themselves when they look up, which a long query doesn't.
            orphaned_since = orphaned_since or now
            is_late = now - orphaned_since > ORPHAN_SECONDS
            send_signal(others, signal.SIGKILL if is_late else signal.SIGTERM)
        elif postmaster is not None and not (place.socket_folder / f".s.PGSQL.{PORT}").exists():
            # Up without a door: its folder in /tmp was cleaned away.
            lost_since = lost_since or now
            if now - lost_since > ORPHAN_SECONDS:
                send_signal([postmaster], signal.SIGINT)
        time.sleep(0.1)
    _clear_traces(place)


def _clear_traces(place: Place) -> None:
    """Remove a dead server's pid file and socket: PostgreSQL would wait for whoever has its pid now."""
    pid_file = place.data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().partition("\n")[0])
    except FileNotFoundError:
        pid = None
    except ValueError:
        pid = None
        pid_file.unlink()
    if pid is not None:
        # Not started by us, for it doesn't hold our lock; perhaps by hand, with pg_ctl.
        _, command = list_commands().get(pid, (0, ""))
        if Path(command.partition("\0")[0]).name == "postgres" and str(place.data) in command.split("\0"):
            raise IngestError(
                f"{place.data}: a server that `make up` didn't start is running there (process {pid}); stop it"
            )
        pid_file.unlink(missing_ok=True)
    for leftover in place.socket_folder.glob(f".s.PGSQL.{PORT}*"):
        leftover.unlink(missing_ok=True)


def stop_processes(place: Place, order: signal.Signals = signal.SIGINT) -> bool:
    """End all of the server's processes. SIGINT is PostgreSQL's fast shutdown: running statements are ended, what is
    committed is written out."""
    if not is_alive(place):
        return False
    deadline = time.monotonic() + STOP_SECONDS
    asked: set[int] = set()
    while is_alive(place):
        postmaster, others = find_processes(place)
        targets = [postmaster] if postmaster else others
        if time.monotonic() > deadline:
            raise IngestError(f"the embedded database doesn't stop after {STOP_SECONDS} s; see {place.log}")
        send_signal([pid for pid in targets if pid not in asked], order if postmaster else signal.SIGTERM)
        asked.update(targets)
        time.sleep(0.05)
    return True


def stop_predecessors(place: Place) -> None:
    """Stop servers that an earlier state folder in this place left running when it was removed with its id.

    Their data stays: the folder may have been moved away, and then it starts its server again.
    """
    for folder in SYSTEM_FOLDER.iterdir():
        try:
            owner = Path((folder / "owner").read_text(errors="surrogateescape").removesuffix("\n"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        if folder.name != place.id and owner == place.state_dir:
            stop_processes(replace(place, id=folder.name, folder=folder))
