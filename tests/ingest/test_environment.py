"""What a process of the venv finds in its environment before its first line."""

import json
import os
import pwd
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from ingest import environment
from tests.databases import CHECKOUT, make_environment

PRINT_ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"


def see_environment(python: Path | str = sys.executable, **variables: str) -> dict[str, str]:
    """The environment that a program of the venv sees, started from elsewhere."""
    ended = subprocess.run(
        [python, "-c", PRINT_ENVIRONMENT], env=make_environment(**variables), cwd="/", capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=word", "word"),
        ("  export NAME = two words  ", "two words"),
        ("NAME=word # why", "word"),
        ("NAME=a#b", "a#b"),
        ("NAME=", ""),
        ("NAME= # nothing", ""),
        ("NAME='a # \"b\" \\n'", 'a # "b" \\n'),
        ('NAME="say \\"so\\" \\\\ \\n"  # why', 'say "so" \\ \\n'),
        ("NAME=postgresql=x", "postgresql=x"),
    ],
)
def test_env_file_values(line: str, value: str) -> None:
    assert environment.parse_env(f"# a comment\n\n{line}\n", ".env") == ({"NAME": value}, [])


@pytest.mark.parametrize(
    "line", ["just words", "1NAME=x", "NA-ME=x", "=x", "NAME='s3cret", 'NAME="s3cret" x', "NAME=\0"]
)
def test_a_broken_line_is_left_out_and_named_without_its_value(line: str) -> None:
    values, problems = environment.parse_env(f"GOOD=1\n{line}\nALSO=2", "/some/.env")
    assert values == {"GOOD": "1", "ALSO": "2"}
    assert len(problems) == 1
    assert problems[0].startswith("/some/.env, line 2: ")
    assert "s3cret" not in problems[0]


def test_the_env_file_completes_and_never_overrides(tmp_path: Path) -> None:
    file = tmp_path / "my env"
    file.write_text("PGHOST=db.example.com\nPGUSER=from_file\nbroken line\nTIEOUT_STATE_DIR=elsewhere\n")
    seen = see_environment(TIEOUT_ENV_FILE=str(file), PGUSER="from_shell")
    assert (seen["PGHOST"], seen["PGUSER"], seen["PGDATABASE"]) == ("db.example.com", "from_shell", "tieout")
    assert seen["PREFECT_HOME"] == str(CHECKOUT / "elsewhere" / "prefect")


def test_a_missing_or_unreadable_env_file_disturbs_no_program(tmp_path: Path) -> None:
    see_environment(TIEOUT_ENV_FILE=str(tmp_path / "missing"))
    see_environment(TIEOUT_ENV_FILE=str(tmp_path))  # a folder can't be read as a file
    binary = tmp_path / "binary"
    binary.write_bytes(bytes(range(256)))
    see_environment(TIEOUT_ENV_FILE=str(binary))


def test_tools_send_nothing_home_unless_somebody_says_so() -> None:
    seen = see_environment()
    assert seen["DO_NOT_TRACK"] == "1"
    assert seen["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert seen["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"
    assert seen["STREAMLIT_BROWSER_GATHER_USAGE_STATS"] == "false"
    assert see_environment(DO_NOT_TRACK="0")["DO_NOT_TRACK"] == "0"


def test_an_external_server_keeps_libpqs_own_meaning(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    seen = see_environment(PGHOST="db.example.com", TIEOUT_STATE_DIR=state)
    assert seen["PGUSER"] == pwd.getpwuid(os.geteuid()).pw_name  # what libpq would take, and now dbt too
    assert "PGPORT" not in seen
    assert "PGREQUIREPEER" not in seen
    seen = see_environment(PGSERVICE="billing", TIEOUT_STATE_DIR=state)
    assert "PGHOST" not in seen


def write_address(state: Path, host: str, of: Path | None = None) -> None:
    state.mkdir(exist_ok=True)
    (state / "database.env").write_text(
        f"STATE_DIR={of or state}\nPGHOST={host}\nPGPORT=5432\nPGUSER=tieout\nPGREQUIREPEER=me\n"
    )


def test_the_embedded_databases_address_is_put_and_taken_back(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second one"
    write_address(first, "/sockets/a=b c")
    write_address(second, "/sockets/2")
    seen = see_environment(TIEOUT_STATE_DIR=str(first), PGPORT="6543", PGHOST="", PGDATABASE="other")
    address = [seen[name] for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGREQUIREPEER")]
    assert address == ["/sockets/a=b c", "5432", "tieout", "other", "me"]

    def see_in_child(**variables: str) -> dict[str, str]:
        ended = subprocess.run(
            [sys.executable, "-c", PRINT_ENVIRONMENT],
            env={**seen, **variables},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(ended.stdout)

    # A child with another state folder, with another server, or after the database was removed, inherits none of it.
    assert see_in_child(TIEOUT_STATE_DIR=str(second))["PGHOST"] == "/sockets/2"
    external = see_in_child(PGHOST="db.example.com")
    assert external["PGHOST"] == "db.example.com"
    assert {"PGPORT", "PGREQUIREPEER"}.isdisjoint(external)
    assert external["PGUSER"] != "tieout"
    (first / "database.env").unlink()
    assert {"PGHOST", "PGPORT", "PGUSER", "PGREQUIREPEER"}.isdisjoint(see_in_child())


def test_a_copied_checkout_does_not_use_the_originals_database(tmp_path: Path) -> None:
    write_address(tmp_path / "copy", "/sockets/original", of=tmp_path / "original")
    assert "PGHOST" not in see_environment(TIEOUT_STATE_DIR=str(tmp_path / "copy"))


def test_this_venv_has_it_installed_and_finds_the_checkout_from_anywhere() -> None:
    assert Path(sysconfig.get_path("purelib"), "tieout.pth").is_file(), "run `make setup`"
    ended = subprocess.run(
        [sys.executable, "-c", "import app, flows, ingest; print(ingest.__file__)"],
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert (ended.stdout.strip(), ended.stderr) == (str(CHECKOUT / "ingest" / "__init__.py"), "")


def test_install_into_a_venv_with_an_awkward_path(tmp_path: Path) -> None:
    venv = tmp_path / "a 'quoted' vénv $HOME"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"

    def run(*command: str | Path, **variables: str) -> str:
        ended = subprocess.run(
            command, cwd=CHECKOUT, env=make_environment(**variables), capture_output=True, text=True, check=True
        )
        assert ended.stderr == ""
        return ended.stdout

    run(python, "-m", "ingest.environment", "install")
    run(python, "-m", "ingest.environment", "install")
    (venv / "state").mkdir()
    state = str(venv / "state")
    write_address(venv / "state", "/sockets/1")
    # In the C locale too, where a .pth file with other than ASCII characters would be lost.
    for locale in ("C.UTF-8", "C"):
        assert see_environment(python, TIEOUT_STATE_DIR=state, LC_ALL=locale)["PGHOST"] == "/sockets/1"
    exports = run(python, "-m", "ingest.environment", "print", TIEOUT_STATE_DIR=state)
    shell = subprocess.run(["sh", "-c", f"{exports}\necho $PGHOST $PGUSER"], capture_output=True, text=True, check=True)
    assert shell.stdout == "/sockets/1 tieout\n"
    assert (venv / "bin" / "psql").stat().st_mode & 0o777 == 0o755
    version = run(venv / "bin" / "psql", "--version", PYTHONPATH=sysconfig.get_path("purelib"))
    assert version.startswith("psql (PostgreSQL)")


def test_install_leaves_other_peoples_python_alone() -> None:
    # Isolated from the venv, the same interpreter is the machine's.
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    ended = subprocess.run(
        [python, "-m", "ingest.environment", "install"],
        cwd=CHECKOUT,
        env=make_environment(),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "not a virtual environment" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_apply_is_light() -> None:
    # It runs in every process of the venv: beyond itself it imports only what an interpreter has loaded by then.
    code = (
        "import os, sys; old = set(sys.modules); import ingest.environment; ingest.environment.apply(); "
        "print(*set(sys.modules) - old)"
    )
    ended = subprocess.run([sys.executable, "-S", "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert set(ended.stdout.split()) == {"ingest", "ingest.environment"}
