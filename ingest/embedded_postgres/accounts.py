"""The users of the machine who own and run the server."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from ingest.errors import IngestError

SYSTEM_USER = "tieout"


def find_own_account() -> pwd.struct_passwd:
    """The system user that runs this process. Raises IngestError where the system doesn't know it."""
    try:
        return pwd.getpwuid(os.geteuid())
    except KeyError:
        raise IngestError(
            f"user {os.geteuid()} has no name in /etc/passwd, and PostgreSQL needs one: "
            "add it there, or set PGHOST to use a PostgreSQL server"
        ) from None


def find_system_account() -> pwd.struct_passwd:
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
