"""A month is replaced whole or not at all: under kill -9 of the sync and of the server, under readers, two at once.

Each kill hits a phase on purpose, at a moment in it that the seed draws (tests/ingest/kills.py). What must stand
afterwards is what an undisturbed sync of the same delivery has put there (tests/ingest/restatement.py).
"""

import itertools
import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from demo.wire import Request
from tests.databases import Database, embedded
from tests.ingest.kills import (
    PHASES,
    Kill,
    Missed,
    Scene,
    Sync,
    draw_kills,
    find_descendants,
    holding,
    is_logged,
    started,
    wait_until,
    wait_until_gone,
    watching,
)
from tests.ingest.restatement import (
    PARTITION,
    REPORT,
    count_tables,
    make_new,
    make_newest,
    make_old,
    read_month,
    read_totals,
)
from tests.simulated import Cloud, Product, create_product, deliver, is_download, line_item, month_of, write_csv

TRIES = 3  # of one kill, where a busy machine lets its phase go by


@dataclass(frozen=True)
class Stage:
    """A server that may be killed, a database with the old month to copy, and what the new one must look like."""

    cloud: Cloud
    server: Database
    bucket: Path
    scratch: Path
    old: Product
    before: dict[str, Any]
    after: dict[str, Any]
    tables: dict[str, int]
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def opened(self) -> Iterator[Product]:
        """A database with the old month; the new delivery is there to be loaded."""
        product = self.old.copy(f"copy_{next(self.numbers)}")
        # At `wal_level = minimal` PostgreSQL 18 neither logs nor writes out the empty form of a copied unlogged table,
        # to which it goes back after a crash: a checkpoint does. Tables made in their own database don't need it.
        administer(self.server, "checkpoint")
        yield product
        product.drop()

    def started(self, product: Product) -> AbstractContextManager[Sync]:
        return started(product, self.bucket, self.scratch)

    def check_rerun(self, product: Product) -> None:
        """One more sync makes everything as if nothing had happened."""
        told = sync(product, self.bucket)
        assert told.startswith((f"{PARTITION}: loaded", f"{PARTITION}: unchanged")), told
        assert read_month(product) == self.after
        assert count_tables(product) == self.tables


def sync(product: Product, bucket: Path) -> str:
    """What a sync prints that ends well."""
    synced = product.call("cur", "--source", f"s3://{bucket.name}/{REPORT}")
    assert synced.returncode == 0, synced.stderr
    return synced.stdout


def administer(server: Database, *statements: str) -> None:
    with server.connect(user="postgres", dbname="postgres", autocommit=True) as administrator:
        for statement in statements:
            administrator.execute(statement.encode())


@pytest.fixture(scope="module")
def stage(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    scratch = tmp_path_factory.mktemp("kills")
    bucket = cloud.bucket("test-kills")
    with embedded(tmp_path_factory.mktemp("server")) as server:
        # What the system was given outlives a kill -9 without being on the disk: recovering needn't wait for that.
        administer(server, "alter system set fsync = off", "select pg_reload_conf()")
        # What a killed sync leaves in the folder for temporary files goes with the rest.
        old = create_product(server, "old", scratch, TMPDIR=str(scratch), **cloud.variables)
        make_old().put(bucket)
        sync(old, bucket)
        new = old.copy("new")
        make_new().put(bucket)
        sync(new, bucket)
        assert (read_totals(old), read_totals(new)) == (make_old().totals, make_new().totals)
        yield Stage(cloud, server, bucket, scratch, old, read_month(old), read_month(new), count_tables(new))
    shutil.rmtree(bucket)


# --- kill -9 -------------------------------------------------------------------------------------------------------


# The first seed's moments lie far apart: early and late in each phase, the sync's commit among them.
@pytest.mark.parametrize("seed", [36, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(1, 6))])
def test_killed_anywhere_and_run_again(stage: Stage, seed: int) -> None:
    """Ten kills a seed; fifty behind `full`."""
    hits: Counter[str] = Counter()
    for kill in draw_kills(seed):
        began = time.monotonic()
        try:
            where = survive(stage, kill)
        except Exception as error:
            error.add_note(f"{kill}")
            raise
        hits[kill.phase] += 1
        print(f"{kill.victim} in {kill.phase} ({where}): {time.monotonic() - began:.1f} s")
    assert hits == dict.fromkeys(PHASES, 2)


def survive(stage: Stage, kill: Kill) -> str:
    """Kill, look at the old month, run again; where it was."""
    for _ in range(TRIES):
        with stage.opened() as product:
            try:
                where = kill.strike(stage.cloud, product, stage.bucket, stage.scratch)
            except Missed as missed:
                print(missed)
                continue
            found = read_month(product)
            if kill.phase in ("listing", "download", "copy") or found != stage.after:
                assert found == stage.before, where
            stage.check_rerun(product)
            return where
    raise AssertionError(f"{kill.phase} was missed {TRIES} times")


# --- interrupted ---------------------------------------------------------------------------------------------------


@pytest.fixture
def september(stage: Stage) -> Iterator[Path]:
    """An earlier month beside the restated one, whose turn would come after it."""
    row = line_item(**month_of("2026-09"))
    delivery = deliver(stage.bucket / REPORT, "2026-09", {"a.csv.gz": write_csv([row])})
    yield delivery.folder
    shutil.rmtree(delivery.folder, ignore_errors=True)


@pytest.mark.parametrize(
    ("number", "phase"),
    [
        (signal.SIGINT, "download"),
        (signal.SIGINT, "swap"),
        (signal.SIGTERM, "download"),
        (signal.SIGTERM, "copy"),
        pytest.param(signal.SIGINT, "copy", marks=pytest.mark.full),
        pytest.param(signal.SIGTERM, "swap", marks=pytest.mark.full),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_interrupted_ends_at_once_with_one_line(
    stage: Stage, september: Path, number: signal.Signals, phase: str
) -> None:
    """Without waiting for AWS's answer or somebody's lock, and without going on to the next month."""
    with stage.opened() as product:
        with stage.started(product) as running, watching(product) as watch:
            with PHASES[phase](Scene(stage.cloud, product, watch, random.Random(1))) as moment:
                moment.wait(running)
                children = find_descendants(running.process.pid)
                moment.wait(running)
                running.interrupt(number)
                ended = running.finish(10)
                wait_until_gone(children)
            watch.wait_until_alone()
        assert ended.returncode > 0, (ended.returncode, ended.stderr)
        assert len([line for line in ended.stderr.splitlines() if not is_logged(line)]) == 1, ended.stderr
        assert ended.stdout == ""
        assert read_month(product) == stage.before
        shutil.rmtree(september)
        stage.check_rerun(product)


# --- readers -------------------------------------------------------------------------------------------------------

TOTAL = """
    select count(*), sum(line_item_unblended_cost) from raw.cur_line_items
    where bill_billing_period_start_date = '2026-10-01'
"""
LONGEST_ANSWER_SECONDS = 5


@dataclass
class Reader:
    """Asks for the month's total again and again, and keeps each answer that differs from the one before."""

    product: Product
    prepare_threshold: int | None
    answers: list[tuple[int, Decimal]] = field(default_factory=list)
    asked: int = 0
    slowest_seconds: float = 0
    failure: Exception | None = None

    def read(self, stop: threading.Event) -> None:
        try:
            with self.product.connect(autocommit=True, prepare_threshold=self.prepare_threshold) as connection:
                connection.execute("set statement_timeout = '30s'")
                while not stop.is_set():
                    began = time.monotonic()
                    answer = connection.execute(TOTAL).fetchone()
                    self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
                    self.asked += 1
                    assert answer is not None
                    if self.answers[-1:] != [answer]:
                        self.answers.append(answer)
        except Exception as error:
            self.failure = error

    def wait_for_another_answer(self) -> None:
        """Return when it has an answer to a question that it hadn't asked yet."""
        asked = self.asked
        wait_until(lambda: self.failure or self.asked > asked + 1)


@contextmanager
def reading(product: Product) -> Iterator[list[Reader]]:
    """Two readers at work: one whose statement is planned each time, one whose plan is kept by the server."""
    readers = [Reader(product, prepare_threshold=None), Reader(product, prepare_threshold=0)]
    stop = threading.Event()
    threads = [threading.Thread(target=reader.read, args=[stop]) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        yield readers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_reader_sees_one_total_or_the_next(stage: Stage) -> None:
    """Three times replaced, since what could go wrong would do so for an instant."""
    deliveries = [make_new(), make_newest(), make_new()]
    bucket = stage.cloud.bucket("test-kills-read")

    def delay(request: Request) -> None:
        if is_download(request):
            time.sleep(0.2)

    with stage.opened() as product:
        with reading(product) as readers, stage.cloud.refusing(delay):
            for delivery in deliveries:
                delivery.put(bucket)
                assert ": loaded" in sync(product, bucket)
                for reader in readers:
                    reader.wait_for_another_answer()
        for reader in readers:
            assert reader.failure is None
            assert reader.answers == [make_old().total, *(delivery.total for delivery in deliveries)]
            assert reader.slowest_seconds < LONGEST_ANSWER_SECONDS
            assert reader.asked > 20
            print(f"{reader.asked} answers, the slowest after {reader.slowest_seconds:.2f} s")
    shutil.rmtree(bucket)


# --- two at once ---------------------------------------------------------------------------------------------------


def test_two_syncs_of_one_report_at_once(stage: Stage) -> None:
    """The first is held in its download until the other waits for it, or has left."""
    with stage.opened() as product:
        with (
            watching(product) as watch,
            holding(stage.cloud, is_download) as gate,
            stage.started(product) as one,
            stage.started(product) as other,
        ):
            wait_until(gate.is_holding)
            wait_until(lambda: watch.count_blocked() > 0 or not (one.is_running() and other.is_running()))
            gate.open()
            finished = [each.finish() for each in (one, other)]
        assert [each.returncode for each in finished] == [0, 0], finished
        assert sum(f"{PARTITION}: loaded" in each.stdout for each in finished) == 1, finished
        assert read_month(product) == stage.after
        assert count_tables(product) == stage.tables


def test_two_syncs_at_once_on_a_database_without_a_schema(stage: Stage) -> None:
    """Both are let go at the instant at which neither has found a schema: a third session is just making one."""
    product = create_product(stage.server, "bare", stage.scratch, **stage.cloud.variables)
    with watching(product) as watch, stage.started(product) as one, stage.started(product) as other:
        with product.connect() as third:
            third.execute("create schema raw")
            wait_until(lambda: watch.count_blocked() > 1)
            third.rollback()
        finished = [each.finish() for each in (one, other)]
    assert [each.returncode for each in finished] == [0, 0], finished
    assert sum(f"{PARTITION}: loaded" in each.stdout for each in finished) == 1, finished
    assert read_totals(product) == make_new().totals
    assert product.query("select row_count, is_current from raw.loads") == [(make_new().total[0], True)]
    assert count_tables(product) == stage.tables | {"loads": 1}
    product.drop()
