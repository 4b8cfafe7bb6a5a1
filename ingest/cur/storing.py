"""The tables of one load: filled where nobody reads, put in place in one transaction, dropped where a load was killed.

`raw.cur_amounts_<load_id>_<worker>` holds the rows of one reader, so that readers don't wait for one another; a COPY
into a table made in the same transaction writes no log at `wal_level = minimal`. `raw.cur_attributes_<load_id>` holds
what describes them.
"""

import threading
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ingest import ledger
from ingest.cur.columns import ATTRIBUTES, ATTRIBUTES_ID

if TYPE_CHECKING:
    import pyarrow as pa

# Bytes of combinations gathered before they are sent to the database.
_MOST_PENDING_BYTES = 16 << 20


def name_amounts(load_id: int, worker: int | None = None) -> str:
    """The table of a load's amounts, or of what one of its readers reads of them."""
    return f"cur_amounts_{load_id}" if worker is None else f"cur_amounts_{load_id}_{worker}"


def name_attributes(load_id: int) -> str:
    """The table of what describes a load's rows."""
    return f"cur_attributes_{load_id}"


class AmountsTable:
    """One reader's table, in the transaction of `cursor` until that commits."""

    def __init__(self, cursor: Any, load_id: int, worker: int):
        self.name = name_amounts(load_id, worker)
        self._cursor = cursor
        # The load's number is every row's default, so that it needn't be sent; the check spares ATTACH a reading.
        cursor.execute(
            f"create table raw.{self.name} (like raw.cur_line_item_amounts including defaults, "
            f"constraint its_load check (load_id = {load_id}))"
        )
        cursor.execute(f"alter table raw.{self.name} alter column load_id set default {load_id}")

    def begin_file(self, file_number: int) -> None:
        """The rows appended from now on are of this file."""
        self._cursor.execute(f"alter table raw.{self.name} alter column file_number set default {file_number}")

    def append(self, amounts: "pa.Table") -> None:
        """Columns that are absent are null."""
        self._cursor.copy(self.name, amounts)

    def finish(self) -> None:
        """Index and measure, while the pages are in memory."""
        # Rows stand nearly by the hour: a block range index finds a day as fast as a B-tree of 350 times its size, and
        # takes a third of the time to build (docs/benchmarks.md).
        self._cursor.execute(
            f"create index on raw.{self.name} using brin (line_item_usage_start_date) with (pages_per_range = 32)"
        )
        self._cursor.execute(f"analyze raw.{self.name}")


class AttributesTable:
    """What describes the rows of a load; all its readers add to it."""

    def __init__(self, cursor: Any, load_id: int):
        self.name = name_attributes(load_id)
        self._load_id = load_id
        self._cursor = cursor
        self._lock = threading.Lock()
        self._pending: list[pa.Table] = []
        self._pending_bytes = 0
        cursor.execute("create temporary table new_attributes (like raw.cur_attributes) on commit drop")
        cursor.execute(
            "alter table new_attributes alter column attributes type text, alter column load_id drop not null"
        )

    def append(self, attributes: "pa.Table") -> None:
        """Columns ATTRIBUTES_ID, DESCRIBING_COLUMNS and ATTRIBUTES (JSON text)."""
        with self._lock:
            self._pending.append(attributes)
            self._pending_bytes += attributes.nbytes
            if self._pending_bytes > _MOST_PENDING_BYTES:
                self._send()

    def _send(self) -> None:
        import pyarrow as pa  # takes a second: a sync with nothing to do needn't pay it

        if self._pending:
            self._cursor.copy("new_attributes", pa.concat_tables(self._pending), is_temporary=True)
            self._pending, self._pending_bytes = [], 0

    def finish(self) -> None:
        """Type the JSON, index, measure."""
        with self._lock:
            self._send()
        self._cursor.execute(
            f"create table raw.{self.name} (like raw.cur_attributes including defaults, "
            f"constraint its_load check (load_id = {self._load_id}))"
        )
        self._cursor.execute(
            "select column_name from information_schema.columns where table_schema = 'raw' "
            "and table_name = 'cur_attributes' order by ordinal_position"
        )
        names = [str(row[0]) for row in self._cursor.fetchall()]
        spelled = {"load_id": str(self._load_id), ATTRIBUTES: f"{ATTRIBUTES}::jsonb"}
        values = ", ".join(spelled.get(name, name) for name in names)
        self._cursor.execute(
            f"insert into raw.{self.name} ({', '.join(names)}) select {values} from new_attributes "  # noqa: S608
            f"order by {ATTRIBUTES_ID}"
        )
        self._cursor.execute(f"alter table raw.{self.name} add primary key (load_id, {ATTRIBUTES_ID})")
        self._cursor.execute(f"analyze raw.{self.name}")


def put_in_place(
    connection: psycopg.Connection[Any], load_id: int, files_of_tables: dict[int, list[int]], replaced: list[int]
) -> None:
    """In the connection's transaction: the load's tables become partitions, those of the replaced loads go.

    Args:
        files_of_tables: of each reader that has read any, the numbers of its files.

    Raises:
        psycopg.errors.LockNotAvailable: somebody reads what is replaced, and has done so for longer than is waited.
    """
    if replaced:
        # Who waits for a table makes all later readers wait, and readers that hold one table and want the other would
        # be a deadlock: so the wait is shorter than deadlock_timeout, both tables are had at once or neither.
        connection.execute("set local lock_timeout = '500ms'")
        connection.execute(
            "lock table only raw.cur_line_item_amounts, only raw.cur_attributes in access exclusive mode"
        )
        for old in replaced:
            connection.execute(
                sql.SQL("lock table {}, {} in access exclusive mode").format(
                    sql.Identifier("raw", name_amounts(old)), sql.Identifier("raw", name_attributes(old))
                )
            )
        connection.execute("set local lock_timeout = 0")
    for old in replaced:
        connection.execute(_statement("drop table if exists {}", name_amounts(old)))
        connection.execute(_statement("drop table if exists {}", name_attributes(old)))
    whole = name_amounts(load_id)
    if len(files_of_tables) == 1:
        (worker,) = files_of_tables
        connection.execute(
            sql.SQL("alter table {} rename to {}").format(
                sql.Identifier("raw", name_amounts(load_id, worker)), sql.Identifier(whole)
            )
        )
    else:
        connection.execute(
            sql.SQL(
                "create table {} (like raw.cur_line_item_amounts including defaults, "
                "constraint its_load check (load_id = {})) partition by list (file_number)"
            ).format(sql.Identifier("raw", whole), sql.Literal(load_id))
        )
        for worker, numbers in files_of_tables.items():
            connection.execute(
                sql.SQL("alter table {} attach partition {} for values in ({})").format(
                    sql.Identifier("raw", whole),
                    sql.Identifier("raw", name_amounts(load_id, worker)),
                    sql.SQL(", ").join(map(sql.Literal, numbers)),
                )
            )
    for parent, table in (("cur_line_item_amounts", whole), ("cur_attributes", name_attributes(load_id))):
        connection.execute(
            sql.SQL("alter table {} attach partition {} for values in ({})").format(
                sql.Identifier("raw", parent), sql.Identifier("raw", table), sql.Literal(load_id)
            )
        )


def drop_tables(connection: psycopg.Connection[Any], load_id: int, worker_count: int) -> None:
    """Take back the tables of a load that isn't put in place."""
    for worker in range(worker_count):
        connection.execute(_statement("drop table if exists {}", name_amounts(load_id, worker)))
    connection.execute(_statement("drop table if exists {}", name_attributes(load_id)))


def drop_leftovers(connection: psycopg.Connection[Any]) -> list[int]:
    """Drop the tables of loads that were killed: nobody holds their lock. Returns their numbers.

    `connection` commits each statement.
    """
    dropped: list[int] = []
    for load_id in sorted(_list_loose_tables(connection)):
        if not ledger.try_hold_load(connection, load_id):
            continue  # its sync is alive
        # Asked again under the lock: it may have been put in place meanwhile.
        for name in _list_loose_tables(connection).get(load_id, []):
            connection.execute(_statement("drop table if exists {}", name))
        ledger.release_load(connection, load_id)
        dropped.append(load_id)
    for (load_id,) in connection.execute("select load_id from raw.load_progress").fetchall():
        if ledger.try_hold_load(connection, load_id):
            connection.execute("delete from raw.load_progress where load_id = %s", [load_id])
            ledger.release_load(connection, load_id)
    return dropped


def _list_loose_tables(connection: psycopg.Connection[Any]) -> dict[int, list[str]]:
    """Tables of loads that are no partition of what people read, by load."""
    rows = connection.execute(
        r"""
        select substring(class.relname from '^cur_(?:amounts|attributes)_(\d+)')::bigint, class.relname
        from pg_class as class
        where
            class.relnamespace = 'raw'::regnamespace
            and class.relname ~ '^cur_(amounts|attributes)_\d+(_\d+)?$'
            and class.relkind in ('r', 'p')
            and not class.relispartition
        """
    ).fetchall()
    loose: dict[int, list[str]] = {}
    for load_id, name in rows:
        loose.setdefault(int(load_id), []).append(str(name))
    return loose


def _statement(text: str, table: str) -> sql.Composed:
    return sql.SQL(text).format(sql.Identifier("raw", table))
