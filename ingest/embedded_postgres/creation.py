"""Making the data folder and its configuration."""

import os
import shutil
import sys
from pathlib import Path

from ingest.embedded_postgres.files import sync_folder, write_file
from ingest.embedded_postgres.places import PORT, Place
from ingest.embedded_postgres.programs import find_reason, run_program
from ingest.embedded_postgres.settings import format_settings, is_shared_memory_small, measure_memory
from ingest.errors import IngestError

ADMINISTRATOR = "postgres"  # sets the server up, and is nobody's role at work


def create_data(place: Place, binaries: Path, lock: int) -> None:
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
        result = run_program(
            place,
            [str(binaries / "initdb"), "--pgdata", str(unfinished), "--username", ADMINISTRATOR]
            + ["--auth-local", "peer", "--auth-host", "reject", "--encoding", "UTF8", "--locale", "C"]
            + ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-instructions"]
            + (["--sync-method", "syncfs"] if sys.platform == "linux" else []),
            keep=(lock,),
        )
        if result.returncode != 0:
            reason = find_reason(result.stderr) or f"initdb ended with {result.returncode}"
            shutil.rmtree(unfinished)
            raise IngestError(f"{place.data}: the embedded database can't be created: {reason}")
        unfinished.rename(place.data)
        sync_folder(place.folder)

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
        write_file(
            place.folder / name, text, 0o640 if place.is_dropped else 0o600, place.gid if place.is_dropped else None
        )


def _check_version(place: Place, binaries: Path) -> None:
    found = (place.data / "PG_VERSION").read_text().strip()
    program = run_program(place, [str(binaries / "postgres"), "--version"]).stdout
    if program.split()[-1].partition(".")[0] != found:
        raise IngestError(
            f"{place.data} was made by PostgreSQL {found}, and this environment has "
            f"{program.split()[-1]}: go back to the earlier requirements, or run `python -m ingest database destroy "
            "--yes` and load again"
        )
