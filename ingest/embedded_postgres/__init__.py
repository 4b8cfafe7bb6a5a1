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

import shutil
import signal

from ingest import environment
from ingest.embedded_postgres.connections import ROLE, answers, provide_database
from ingest.embedded_postgres.creation import create_data
from ingest.embedded_postgres.files import locked, telling_refusals, write_file
from ingest.embedded_postgres.places import PORT, Place, claim_place, find_place, make_state_dir
from ingest.embedded_postgres.programs import find_usable_binaries
from ingest.embedded_postgres.running import launch, settle, stop_predecessors, stop_processes

__all__ = ["ROLE", "Place", "destroy", "find_place", "start", "stop"]


def start() -> Place:
    """Create the server where there is none, start it where it doesn't run, and return when it takes connections.

    The server lives on when the caller ends. Any number of callers may do this at once.

    Raises:
        IngestError: it can't be created or started; the line says why and what to do.
    """
    state_dir = make_state_dir()
    with telling_refusals(state_dir), locked(state_dir) as lock:
        place = claim_place(state_dir)
        if place.is_dropped:
            stop_predecessors(place)
        if not answers(place):
            settle(place)
        if not answers(place):
            binaries = find_usable_binaries(place)
            create_data(place, binaries, lock)
            launch(place, binaries)
        provide_database(place)
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
    with telling_refusals(place.state_dir), locked(place.state_dir):
        return stop_processes(place)


def destroy() -> Place | None:
    """Stop the server and remove it with all its data; None where there is none.

    Raises:
        IngestError: it doesn't stop.
    """
    place = find_place()
    if place is None:
        return None
    with telling_refusals(place.state_dir), locked(place.state_dir):
        stop_processes(place, signal.SIGQUIT)  # at once: there is nothing to write out any more
        (place.state_dir / "database.env").unlink(missing_ok=True)
        for folder in (place.folder, place.socket_folder):
            if folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder)
        (place.state_dir / "id").unlink(missing_ok=True)
    return place


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
        write_file(file, text, 0o600)
