"""How far a load is: on the terminal, and in `raw.load_progress` for other terminals."""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ingest.database import connect
from ingest.errors import IngestError

_log = logging.getLogger(__name__)

_BEAT_SECONDS = 1.0
# On a terminal the line is written over; in a log file one in so many seconds is enough.
_LOG_SECONDS = 10.0
# A load that hasn't been heard of for so long was killed.
STALE_SECONDS = 15


@dataclass
class Progress:
    """Counters of one load; threads tell, the reporter reads."""

    load_id: int
    source_name: str
    partition_key: str
    file_count: int
    byte_count: int
    phase: str = "reading"
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    row_count: int = 0
    files_done: int = 0
    _positions: dict[int, int] = field(default_factory=dict)
    _fetched: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tell_position(self, file_number: int, byte_count: int) -> None:
        """So many bytes of a file are worked up."""
        self._positions[file_number] = byte_count

    def tell_fetched(self, file_number: int, byte_count: int) -> None:
        """So many bytes of a file have arrived."""
        self._fetched[file_number] = byte_count

    def add_rows(self, row_count: int) -> None:
        """So many more rows are stored."""
        with self._lock:
            self.row_count += row_count

    def finish_file(self, file_number: int, byte_count: int) -> None:
        """A file is stored whole."""
        with self._lock:
            self._positions[file_number] = byte_count
            self.files_done += 1

    @property
    def bytes_done(self) -> int:
        """Of all files, compressed: worked up, or, as long as nothing is, arrived."""
        return sum(list(self._positions.values())) or sum(list(self._fetched.values()))

    @property
    def phase_now(self) -> str:
        """The phase, told apart from waiting for the first file."""
        return "downloading" if self._fetched and not self._positions and self.phase == "reading" else self.phase

    def describe(self) -> str:
        """Where it stands, in one line."""
        seconds = (datetime.now(UTC) - self.started_at).total_seconds()
        return describe_progress(
            self.partition_key,
            self.phase_now,
            (self.files_done, self.file_count),
            (self.bytes_done, self.byte_count),
            self.row_count,
            seconds,
        )

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Tell while the block runs, from its second second on."""
        is_done = threading.Event()
        reporter = threading.Thread(target=self._report, args=(is_done,), name="progress", daemon=True)
        reporter.start()
        try:
            yield
        finally:
            is_done.set()
            reporter.join()

    def _report(self, is_done: threading.Event) -> None:
        if is_done.wait(_BEAT_SECONDS):
            return
        is_terminal = sys.stderr.isatty()
        told_at = time.monotonic()
        try:
            with connect(autocommit=True) as connection:
                while True:
                    self._beat(connection)
                    if is_terminal:
                        sys.stderr.write(f"\r\x1b[K{self.describe()}")
                        sys.stderr.flush()
                    elif time.monotonic() - told_at >= _LOG_SECONDS:
                        _log.info("%s", self.describe())
                        told_at = time.monotonic()
                    if is_done.wait(_BEAT_SECONDS):
                        break
                if is_terminal:
                    sys.stderr.write("\r\x1b[K")
                connection.execute("delete from raw.load_progress where load_id = %s", [self.load_id])
        except (psycopg.Error, IngestError):
            return  # the load itself meets the same trouble, and tells it

    def _beat(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(
            """
            insert into raw.load_progress as kept (
                load_id, source_name, partition_key, phase, file_count, files_done, byte_count, bytes_done, row_count,
                started_at, heartbeat_at
            ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())
            on conflict (load_id) do update set
                phase = excluded.phase,
                files_done = excluded.files_done,
                bytes_done = excluded.bytes_done,
                row_count = excluded.row_count,
                heartbeat_at = excluded.heartbeat_at
            """,
            [
                self.load_id,
                self.source_name,
                self.partition_key,
                self.phase_now,
                self.file_count,
                self.files_done,
                self.byte_count,
                self.bytes_done,
                self.row_count,
                self.started_at,
            ],
        )


def describe_progress(
    partition_key: str,
    phase: str,
    files: tuple[int, int],
    byte_counts: tuple[int, int],
    row_count: int,
    seconds: float,
) -> str:
    """One line: files and bytes done of all, rows, rate, remaining time.

    Args:
        files: done, all.
        byte_counts: done, all; compressed.
        seconds: since the load began.
    """
    done, whole = byte_counts
    rate = done / seconds if seconds > 0 else 0.0
    remaining = f", {(whole - done) / rate:,.0f} s left" if rate and phase in ("downloading", "reading") else ""
    return (
        f"{partition_key}: {phase}, {files[0]} of {files[1]} files, {done / 1e6:,.0f} of {whole / 1e6:,.0f} MB, "
        f"{row_count:,} rows, {rate / 1e6:,.1f} MB/s{remaining}"
    )


def read_progress() -> list[dict[str, Any]]:
    """Loads under way on this database: the columns of raw.load_progress, `seconds` and `is_alive`; [] where none is.

    Raises:
        IngestError: the database can't be reached.
    """
    with connect(row_factory=dict_row) as connection:
        found = connection.execute("select to_regclass('raw.load_progress') as made").fetchone()
        if found is None or found["made"] is None:
            return []
        return connection.execute(
            """
            select
                *,
                extract(epoch from heartbeat_at - started_at)::float as seconds,
                heartbeat_at > clock_timestamp() - make_interval(secs => %s) as is_alive
            from raw.load_progress
            order by load_id
            """,
            [STALE_SECONDS],
        ).fetchall()
