"""Killing a sync, or the server beneath it, at a moment that is random within a phase that is not.

Nothing in the product helps: what holds a phase open stands around it, where AWS and other users of the database are.

    listing    the account doesn't answer one of the requests that ask what there is
    download   the account doesn't answer the request for one of the files
    copy       seen in pg_stat_progress_copy, at a random number of rows
    swap       somebody reads the old month in a transaction that stays open
    ledger     a trigger on raw.loads waits, as rows are written or as the transaction commits
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psycopg

from demo.wire import Request, ServiceError
from tests.databases import CHECKOUT
from tests.ingest.restatement import REPORT, make_new
from tests.simulated import Cloud, Product, is_download, sole_error

Victim = Literal["sync", "server"]
# Within a phase that is held open.
LONGEST_LINGER_SECONDS = 0.3
# Long enough for what a sync does once a second to have happened, or not.
LONGEST_DOWNLOAD_SECONDS = 1.6


class Missed(Exception):
    """The phase went by before the kill."""


# --- processes -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Process:
    """A process of the machine, told from a later one with the same number by when it began."""

    pid: int
    began: int

    def is_alive(self) -> bool:
        found = _read_stat(self.pid)
        return found is not None and found[1:] == (self.began, True)

    def kill(self) -> None:
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def _read_stat(pid: int) -> tuple[int, int, bool] | None:
    """Parent, when it began, and whether it still runs (a dead one that nobody has waited for doesn't)."""
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(parts[1]), int(parts[19]), parts[0] not in "ZX"


def find_process(pid: int) -> Process:
    found = _read_stat(pid)
    assert found is not None, f"process {pid} is gone"
    return Process(pid, found[1])


def find_parent(pid: int) -> int:
    found = _read_stat(pid)
    assert found is not None, f"process {pid} is gone"
    return found[0]


def find_descendants(pid: int) -> list[Process]:
    """The living children of a process, theirs, and so on."""
    children: dict[int, list[Process]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (found := _read_stat(int(entry.name))) is not None and found[2]:
            children.setdefault(found[0], []).append(Process(int(entry.name), found[1]))
    descendants = list(children.get(pid, []))
    for process in descendants:  # grows as it is walked
        descendants += children.get(process.pid, [])
    return descendants


def wait_until(has_come: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not has_come():
        assert time.monotonic() < deadline, f"nothing came within {seconds} s"
        time.sleep(0.02)


def wait_until_gone(processes: list[Process], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while alive := [process for process in processes if process.is_alive()]:
        commands = [_read_command(process.pid) for process in alive]
        assert time.monotonic() < deadline, f"still alive after {seconds} s: {commands}"
        time.sleep(0.02)


def _read_command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


@dataclass(frozen=True)
class Sync:
    """`python -m ingest cur` at work. It writes to files, not pipes: a child that lives on must not hold the tests."""

    process: "subprocess.Popen[str]"
    output: Path
    errors: Path

    def is_running(self) -> bool:
        return self.process.poll() is None

    def finish(self, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
        """How it ended; fails where it doesn't."""
        code = self.process.wait(seconds)
        return subprocess.CompletedProcess(self.process.args, code, self.output.read_text(), self.errors.read_text())

    def kill(self) -> None:
        """SIGKILL to the one process: what it started must notice by itself."""
        started = find_descendants(self.process.pid)
        self.process.kill()
        self.process.wait()
        wait_until_gone(started)

    def interrupt(self, number: signal.Signals) -> None:
        """As people and init systems do: a terminal's Ctrl-C reaches the children too, SIGTERM only the process."""
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)


@contextmanager
def started(product: Product, bucket: Path, scratch: Path) -> Iterator[Sync]:
    """A sync of the restated report, in a process group of its own; dead at the end, whatever happens."""
    number = len(list(scratch.glob("sync-*.out")))
    output, errors = scratch / f"sync-{number}.out", scratch / f"sync-{number}.err"
    with output.open("w") as out, errors.open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest", "cur", "--source", f"s3://{bucket.name}/{REPORT}"],
            cwd=CHECKOUT,
            env=dict(product.environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
            start_new_session=True,
        )
    try:
        yield Sync(process, output, errors)
    finally:
        for each in find_descendants(process.pid):
            each.kill()
        process.kill()
        process.wait()


# --- looking on ----------------------------------------------------------------------------------------------------


@dataclass
class Gate:
    """Stands in the account's door and keeps one request waiting: of those that `matches`, the one after `skipped`."""

    matches: Callable[[Request], bool]
    skipped: int = 0
    _reached: threading.Event = field(default_factory=threading.Event)
    _opened: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: int = 0

    def decide(self, request: Request) -> ServiceError | None:
        if self.matches(request):
            with self._lock:
                self._seen += 1
                is_ours = self._seen == self.skipped + 1
            if is_ours:
                self._reached.set()
                self._opened.wait(120)
        return None

    def is_holding(self) -> bool:
        return self._reached.is_set() and not self._opened.is_set()

    def is_open(self) -> bool:
        return self._opened.is_set()

    def open(self) -> None:
        self._opened.set()


@contextmanager
def holding(cloud: Cloud, matches: Callable[[Request], bool], skipped: int = 0) -> Iterator[Gate]:
    """A gate in the account's door; open at the end."""
    gate = Gate(matches, skipped)
    with cloud.refusing(gate.decide):
        try:
            yield gate
        finally:
            gate.open()


def is_listing(request: Request) -> bool:
    """Whether a request asks what there is: the report's folders, a month's files, a manifest."""
    return request.method == "GET" and not is_download(request)


@dataclass
class Watch:
    """Looks at a database's sessions from outside of it."""

    product: Product
    connection: "psycopg.Connection[Any]"
    _copied: dict[tuple[int, int], int] = field(default_factory=dict)
    _finished: int = 0

    def _ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement.encode(), [self.product.database, *values]).fetchall()

    def count_blocked(self, blocker: int | None = None) -> int:
        """Sessions that wait for a lock: of the session `blocker`, or of anybody."""
        rows = self._ask("select pg_blocking_pids(pid) from pg_stat_activity where datname = %s")
        return sum(bool(pids) and (blocker is None or blocker in pids) for (pids,) in rows)

    def is_copying(self, least: int) -> bool:
        """Whether rows are flowing right now, `least` or more of them since this was first asked."""
        rows = self._ask("select pid, relid, tuples_processed from pg_stat_progress_copy where datname = %s")
        for pid, relation, tuples in rows:
            before = self._copied.get((pid, relation), 0)
            if tuples < before:  # the next COPY of the same session
                self._finished += before
            self._copied[pid, relation] = tuples
        copied = self._finished + sum(self._copied.values())
        return any(tuples for _, _, tuples in rows) and copied >= least

    def wait_until_alone(self, seconds: float = 30) -> None:
        """The server notices a client's death when it next reads from it; until then its transaction is open."""
        deadline = time.monotonic() + seconds
        while rows := self._ask(
            "select query from pg_stat_activity where datname = %s and backend_type = 'client backend'"
        ):
            assert time.monotonic() < deadline, f"sessions of a dead sync after {seconds} s: {rows}"
            time.sleep(0.02)


@contextmanager
def watching(product: Product) -> Iterator[Watch]:
    """A watch, from a session in another database so that it is in nobody's way."""
    connection = product.server.connect(dbname="postgres", autocommit=True)
    try:
        yield Watch(product, connection)
    finally:
        connection.close()


# --- phases --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """What a phase is made of."""

    cloud: Cloud
    product: Product
    watch: Watch
    draw: random.Random

    def linger(self) -> float:
        return self.draw.uniform(0, LONGEST_LINGER_SECONDS)


@dataclass(frozen=True)
class Moment:
    """Whether the phase is on right now, how long to stay in it before the kill, and where in it that is."""

    is_now: Callable[[], bool]
    where: str
    linger_seconds: float = 0

    def wait(self, sync: Sync, seconds: float = 60) -> None:
        """Return within the phase. Raises Missed where the sync has passed or never reached it."""
        deadline = time.monotonic() + seconds
        while not self.is_now():
            if not sync.is_running():
                raise Missed(f"{self.where}: the sync ended before: {sync.finish()}")
            assert time.monotonic() < deadline, f"{self.where}: not reached in {seconds} s"
            time.sleep(0.002)


@contextmanager
def _listing(scene: Scene) -> Iterator[Moment]:
    skipped = scene.draw.randrange(3)
    with holding(scene.cloud, is_listing, skipped) as gate:
        yield Moment(gate.is_holding, f"request {skipped + 1} of the listing", scene.linger())


@contextmanager
def _download(scene: Scene) -> Iterator[Moment]:
    skipped = scene.draw.randrange(len(make_new().files))
    with holding(scene.cloud, is_download, skipped) as gate:
        yield Moment(gate.is_holding, f"download {skipped + 1}", scene.draw.uniform(0, LONGEST_DOWNLOAD_SECONDS))


@contextmanager
def _copy(scene: Scene) -> Iterator[Moment]:
    least = int(make_new().total[0] * scene.draw.uniform(0, 0.7))
    yield Moment(lambda: scene.watch.is_copying(least), f"COPY after {least} rows")


@contextmanager
def _swap(scene: Scene) -> Iterator[Moment]:
    """The reader comes once the downloads have begun, so that what waits for it isn't the sync's beginning."""
    with _session(scene.product) as (reader, pid), holding(scene.cloud, is_download) as gate:

        def is_now() -> bool:
            if gate.is_holding():
                reader.execute("begin")
                reader.execute("select 1 from raw.cur_line_items limit 1")
                gate.open()
            return gate.is_open() and scene.watch.count_blocked(pid) > 0

        yield Moment(is_now, "the old month's lock", scene.linger())


_TRIGGERS = {
    "the ledger's new row": "create trigger held before insert on raw.loads",
    "the ledger's old row": "create trigger held before update on raw.loads",
    "the commit": "create constraint trigger held after insert on raw.loads deferrable initially deferred",
}


@contextmanager
def _ledger(scene: Scene) -> Iterator[Moment]:
    where = scene.draw.choice(sorted(_TRIGGERS))
    scene.product.change(
        """
        create function public.wait_to_be_let_in() returns trigger language plpgsql as
        'begin perform pg_advisory_xact_lock(4711); return new; end'
        """,
        f"{_TRIGGERS[where]} for each row execute function public.wait_to_be_let_in()",
    )
    with _session(scene.product) as (holder, pid):
        holder.execute("select pg_advisory_lock(4711)")
        yield Moment(lambda: scene.watch.count_blocked(pid) > 0, where, scene.linger())


@contextmanager
def _session(product: Product) -> "Iterator[tuple[psycopg.Connection[Any], int]]":
    """A session in the product's database, and its number; closed at the end, if the server still lives."""
    connection = product.connect(autocommit=True)
    try:
        yield connection, connection.info.backend_pid
    finally:
        connection.close()


PHASES = {"listing": _listing, "download": _download, "copy": _copy, "swap": _swap, "ledger": _ledger}


# --- the kill ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kill:
    """Who is killed in which phase; the moment within it follows from the seed."""

    seed: int
    phase: str
    victim: Victim

    def strike(self, cloud: Cloud, product: Product, bucket: Path, scratch: Path) -> str:
        """Start a sync, kill, and return where, when everything that the victim takes with it is gone.

        A killed server is up again then.

        Raises:
            Missed: the sync was elsewhere by then.
        """
        with started(product, bucket, scratch) as sync:
            with watching(product) as watch:
                with PHASES[self.phase](Scene(cloud, product, watch, random.Random(str(self)))) as moment:
                    moment.wait(sync)
                    time.sleep(moment.linger_seconds)
                    # The phase is still held open when the victim dies: nobody may need its end to notice theirs.
                    if self.victim == "sync":
                        moment.wait(sync)
                        sync.kill()
                    else:
                        server = find_server(watch)
                        moment.wait(sync)
                        kill_server(server)
                if self.victim == "sync":
                    watch.wait_until_alone()
            if self.victim == "server":
                sole_error(sync.finish())
                up = product.run("database", "start")
                assert up.returncode == 0, up.stderr
        return moment.where


def find_server(watch: Watch) -> list[Process]:
    """The embedded server's processes, the first of them first."""
    postmaster = find_parent(watch.connection.info.backend_pid)
    return [find_process(postmaster), *find_descendants(postmaster)]


def kill_server(processes: list[Process]) -> None:
    """The postmaster first, which would otherwise start anew by itself."""
    for process in processes:
        process.kill()
    wait_until_gone(processes)


def draw_kills(seed: int) -> list[Kill]:
    """Ten: each phase with each victim, in random order."""
    victims: tuple[Victim, ...] = ("sync", "server")
    kills = [Kill(seed, phase, victim) for phase in PHASES for victim in victims]
    random.Random(seed).shuffle(kills)
    return kills


def is_logged(line: str) -> bool:
    """Whether a line of the product's standard error is one of its log, not a word about the end."""
    return re.match(r"\d\d:\d\d:\d\d ", line) is not None
