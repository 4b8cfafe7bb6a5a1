"""The embedded server's configuration, sized to the machine."""

import os
from pathlib import Path

MIB = 1024**2
GIB = 1024**3

SHARED_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108  (only looked at)


def measure_memory(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of memory this process may use: the machine's, or a control group's limit where that is smaller.

    The group's and all its parents' limits count (cgroup v2 `memory.max`, v1 `memory.limit_in_bytes`).
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    try:
        groups = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        groups = []  # not Linux: the machine's memory is all there is to know
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            top, name = cgroup, "memory.max"
        elif "memory" in controllers.split(","):
            top, name = cgroup / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            if not folder.is_relative_to(top):
                break
            try:
                text = (folder / name).read_text().strip()
            except OSError:
                continue  # in a container the group's own path often doesn't exist, but its top does
            if text.isdigit():
                limits.append(int(text))
    return min(limits)


def is_shared_memory_small() -> bool:
    """Whether /dev/shm is too small for parallel queries, as in a container with Docker's default of 64 MiB."""
    try:
        size = os.statvfs(SHARED_MEMORY_FOLDER)
    except OSError:
        return True
    return size.f_blocks * size.f_frsize < GIB


def format_settings(
    folder: Path, socket_folder: Path, port: int, memory_bytes: int, cpu_count: int, has_small_shared_memory: bool
) -> str:
    """The text of postgresql.conf for a server whose configuration files stand in `folder`."""
    return f"""\
# Written by `python -m ingest database start` at every start; changes made here are lost. `ALTER SYSTEM` keeps them.
# This machine: {memory_bytes // MIB} MiB of memory, {cpu_count} processors.

# Reachable by its owner alone: no TCP, a socket in a folder that only the owner enters, and the system's word for who
# is calling (pg_hba.conf: peer).
listen_addresses = ''
port = {port}
unix_socket_directories = {_quote(_quote_name(str(socket_folder)))}
unix_socket_permissions = 0700
hba_file = {_quote(str(folder / "pg_hba.conf"))}
ident_file = {_quote(str(folder / "pg_ident.conf"))}
max_connections = 60

# Prefect, dbt, Streamlit and a browser live on the same machine, so the server takes an eighth of it for its own pages
# and counts on half of it being the system's file cache.
shared_buffers = {_mib(memory_bytes / 8, 32, 2048)}
effective_cache_size = {_mib(memory_bytes / 2, 64, 1024 * 1024)}
# A few large sorts and hashes at a time, not many small ones.
work_mem = {_mib(memory_bytes / 128, 8, 256)}
hash_mem_multiplier = 4
maintenance_work_mem = {_mib(memory_bytes / 16, 32, 1024)}
max_parallel_workers = {cpu_count}
dynamic_shared_memory_type = {"mmap  # /dev/shm is missing or small" if has_small_shared_memory else "posix"}

# No replica and no archive: a COPY into a table made in the same transaction needn't be written twice. What is
# committed is on the disk all the same (fsync and synchronous_commit stay on).
wal_level = minimal
max_wal_senders = 0
fsync = on
synchronous_commit = on
# Loading a month of line items shouldn't be interrupted by checkpoints.
max_wal_size = 4GB
checkpoint_timeout = 15min

# SSDs read anywhere at nearly the price of reading on. Compiling a query costs more than most of ours take.
random_page_cost = 1.1
jit = off

# Days begin at midnight UTC, as on the bill; messages are in one language, since some of them are read by programs.
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
lc_messages = 'C'
lc_monetary = 'C'
lc_numeric = 'C'
lc_time = 'C'
default_text_search_config = 'pg_catalog.english'
log_line_prefix = '%m [%p] %q%u@%d '
"""


def _mib(byte_count: float, least: int, most: int) -> str:
    return f"{min(max(int(byte_count / MIB), least), most)}MB"


def _quote(text: str) -> str:
    """A string of postgresql.conf, which reads both doubled quotes and backslash escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _quote_name(text: str) -> str:
    """One member of a list setting, which may hold spaces and commas."""
    return '"' + text.replace('"', '""') + '"'
