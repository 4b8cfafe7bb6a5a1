"""What a command costs on a shared machine: seconds, memory and processor time of its processes, and what else ran."""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_SAMPLE_SECONDS = 0.25
_TICKS = os.sysconf("SC_CLK_TCK")
_DROP_CACHES = Path("/proc/sys/vm/drop_caches")


@dataclass(frozen=True)
class Run:
    """One finished command.

    `seconds`: until what it wrote is on the disk. Memory is the most at one instant, in bytes, summed over the
    processes, with pages that several share counted once (PSS); the server's is told without its shared buffers.
    Processor seconds of others: everything on the machine that is neither the command nor the server.
    """

    seconds: float
    output: str
    memory: int
    server_memory: int
    processor_seconds: float
    server_processor_seconds: float
    other_processor_seconds: float
    load_average: float  # of the minute before


@dataclass
class _Peaks:
    command: int = 0
    server: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)


def drop_caches() -> bool:
    """Write out what the system holds and make it forget the files it has read; False where only root may."""
    os.sync()
    if not os.access(_DROP_CACHES, os.W_OK):
        return False
    with suppress(OSError):  # a container's root may not either
        _DROP_CACHES.write_text("3")
        return True
    return False


def watch(start: Callable[[], "subprocess.Popen[str]"], server: int | None = None) -> Run:
    """Run a command to its end, and to the end of the writing that it caused.

    Args:
        start: starts it, with pipes for its output.
        server: process id of the database server that works for it.

    Raises:
        AssertionError: the command failed.
    """
    load_average = os.getloadavg()[0]
    peaks = _Peaks()
    before = _read_processor_seconds(server)
    started = time.perf_counter()
    process = start()
    sampler = threading.Thread(target=_sample, args=(process.pid, server, peaks), daemon=True)
    sampler.start()
    try:
        output, errors = process.communicate()
    except BaseException:
        process.kill()
        raise
    finally:
        peaks.is_over.set()
        sampler.join()
    os.sync()
    seconds = time.perf_counter() - started
    assert process.returncode == 0, errors[-4000:]
    command, served, machine = (
        after - earlier for after, earlier in zip(_read_processor_seconds(server), before, strict=True)
    )
    others = max(0.0, machine - command - served)
    return Run(seconds, output, peaks.command, peaks.server, command, served, others, load_average)


def _sample(command: int, server: int | None, peaks: _Peaks) -> None:
    while not peaks.is_over.wait(_SAMPLE_SECONDS):
        parents = _read_parents()
        peaks.command = max(peaks.command, sum(_read_memory(pid) for pid in _find_tree(command, parents)))
        if server is not None:
            own = sum(_read_memory(pid, is_shared_left_out=True) for pid in _find_tree(server, parents))
            peaks.server = max(peaks.server, own)


def _read_parents() -> dict[int, int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _read_stat(int(entry.name))):
            parents[int(entry.name)] = int(fields[1])
    return parents


def _find_tree(root: int, parents: Mapping[int, int]) -> set[int]:
    """A process and those below it."""
    tree = {root}
    while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return tree


def _read_stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none where the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def _read_memory(pid: int, *, is_shared_left_out: bool = False) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # gone, or another user's
        return 0
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    return 1024 * (sizes.get("Pss", 0) - (sizes.get("Pss_Shmem", 0) if is_shared_left_out else 0))


def _read_processor_seconds(server: int | None) -> tuple[float, float, float]:
    """So far of commands that have ended, of the server and its processes, and of the machine."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    served = 0
    if server is not None:
        for pid in _find_tree(server, _read_parents()):
            # Own, and of children that have ended: a connection's process is the server's child.
            served += sum(map(int, _read_stat(pid)[11:15]))
    # user nice system idle iowait irq softirq steal
    machine = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    return ended.ru_utime + ended.ru_stime, served / _TICKS, (sum(machine) - sum(machine[3:5])) / _TICKS
