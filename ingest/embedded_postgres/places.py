"""Where the checkout's server lives, and as which user of the machine."""

import os
import pwd
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from ingest import environment
from ingest.embedded_postgres.accounts import SYSTEM_USER, find_own_account, find_system_account
from ingest.embedded_postgres.files import write_file
from ingest.errors import IngestError

PORT = 5432  # of no network: it only names the socket's file
SYSTEM_FOLDER = Path("/var/lib/tieout")
LONGEST_SOCKET = 107  # bytes of sockaddr_un.sun_path on Linux, less its end mark; macOS has 103, and the folder below
LONGEST_SOCKET_FOLDER = LONGEST_SOCKET - 4 - len(f"/.s.PGSQL.{PORT}")


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
        """PostgreSQL's data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server writes."""
        return self.folder / "server.log"

    @property
    def mark(self) -> str:
        """What `ps` shows of each of the server's processes."""
        return f"tieout-{self.id}"


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
    return _describe_place(state_dir, known[0], find_own_account())


def claim_place(state_dir: Path) -> Place:
    """The place of this checkout's server, its folders made.

    A copied checkout gets an id of its own: two must never take each other's server for theirs. A moved one keeps it.
    """
    known = _read_id(state_dir)
    if known is not None and _is_copy(known, state_dir):
        known = None
    identifier = known[0] if known else secrets.token_hex(8)
    if known is None or known[1] != state_dir:
        write_file(state_dir / "id", f"{identifier}\n{state_dir}\n", 0o600, is_lasting=True)

    if os.geteuid() != 0:
        place = _describe_place(state_dir, identifier, find_own_account())
        place.folder.mkdir(mode=0o700, exist_ok=True)
    else:
        place = _describe_place(state_dir, identifier, find_system_account())
        # Root owns what root writes into; the server owns its data and its socket alone.
        SYSTEM_FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)
        place.folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(place.folder, 0, place.gid)
        place.folder.chmod(0o710)
        write_file(place.folder / "owner", f"{state_dir}\n", 0o600)
    _make_socket_folder(place)
    return place


def make_state_dir() -> Path:
    """The folder for all that this checkout keeps, made if missing, closed to others."""
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
