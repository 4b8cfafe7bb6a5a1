"""What every process of this checkout's `.venv` finds in its environment before its first line runs.

`python -m ingest.environment install` puts a `.pth` file into the venv that calls `apply`. So `dbt`, `streamlit`,
`uvicorn`, `papermill`, a notebook's kernel and `psql` all find the checkout's modules and the same database, however
and wherever they are started. It runs in programs that have nothing to do with Tieout too (pip, for one): it imports
nothing that the interpreter hasn't loaded already, never prints and never raises; a broken `.env` line is left out
here and told by `list_problems`.
"""
# pathlib would cost each process milliseconds that it may not have a use for.
# ruff: noqa: PTH111, PTH118, PTH120, PTH123

import os

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

# The variables that `apply` itself has put, one `NAME=value` a line. A child inherits them, and takes them back
# before it looks for itself: what a person has set stays, what we have set never outlives its reason.
OWN_VARIABLES = "TIEOUT_OWN_VARIABLES"

# Each of these names an external server by itself.
SERVER_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGSERVICE")

DEFAULT_DATABASE = "tieout"


def apply() -> None:
    """Complete `os.environ`: the checkout's `.env`, then the database's address, then quiet tools.

    What is set already is never changed. Where no variable names a server and the embedded database has been created,
    PGHOST, PGPORT, PGUSER and PGREQUIREPEER become its address. May be called again: a long-lived process sees a
    database that was created after it began.
    """
    environ = dict(os.environ)
    for line in environ.pop(OWN_VARIABLES, "").splitlines():
        name, _, value = line.partition("=")
        if environ.get(name) == value:
            del environ[name]
    for name, value in read_env_file()[0].items():
        environ.setdefault(name, value)

    state_dir = _find_state_dir(environ)
    own = {
        "PGDATABASE": DEFAULT_DATABASE,
        "PREFECT_HOME": os.path.join(state_dir, "prefect"),
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # A flow without a server starts a temporary one: 20 to 30 s on two cores, and Prefect would give up after 20.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    }
    if any(environ.get(name) for name in SERVER_VARIABLES):
        user = _find_user()
        if user:
            own["PGUSER"] = user  # libpq's own default, written out so that dbt's profile has the same
    else:
        own.update(_read_embedded_address(state_dir))
    # A port that a person set for some other server can't be meant for a socket whose name we chose.
    own = {name: value for name, value in own.items() if not environ.get(name) or name == "PGPORT" and "PGHOST" in own}
    environ.update(own)
    environ[OWN_VARIABLES] = "\n".join(f"{name}={value}" for name, value in own.items())

    # Only what differs is touched: another thread may be connecting by these very variables.
    for name in os.environ.keys() - environ.keys():
        del os.environ[name]
    for name, value in environ.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def is_external() -> bool:
    """Whether a person's variables name the server. To be asked after `apply`."""
    own = os.environ.get(OWN_VARIABLES, "").splitlines()
    return any(os.environ.get(name) and f"{name}={os.environ[name]}" not in own for name in SERVER_VARIABLES)


def find_state_dir() -> str:
    """The folder for everything that this checkout keeps between commands: `.tieout`, or TIEOUT_STATE_DIR."""
    return _find_state_dir(os.environ)


def find_env_file() -> str:
    """The file with the checkout's variables: `.env`, or TIEOUT_ENV_FILE."""
    return os.path.join(CHECKOUT, os.environ.get("TIEOUT_ENV_FILE") or ".env")


def read_env_file() -> tuple[dict[str, str], list[str]]:
    """The checkout's `.env` as (values by name, one line per problem); both empty where there is no such file."""
    path = find_env_file()
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return parse_env(file.read(), path)
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        return {}, [f"{path}: can't be read ({error.strerror}); make it readable or remove it"]


def list_problems() -> list[str]:
    """One line for each thing in `.env` that `apply` had to leave out."""
    return read_env_file()[1]


def parse_env(text: str, path: str) -> tuple[dict[str, str], list[str]]:
    """Read `NAME=value` lines, as (values by name, one line per problem).

    Comments begin with `#` at a line's start or after a space. A value may stand in single quotes (taken as it is) or
    double quotes (where `\\"` and `\\\\` stand for `"` and `\\`). `export` before the name is allowed. Problems name
    the file and the line's number, never the value: it may be a secret.
    """
    values: dict[str, str] = {}
    problems: list[str] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, rest = line.removeprefix("export ").partition("=")
        name = name.strip()
        value = _parse_value(rest.strip())
        if not equals or not (name.isascii() and name.isidentifier()):
            problems.append(f"{path}, line {number}: not a NAME=value line; correct it or put # before it")
        elif value is None:
            problems.append(f"{path}, line {number}: {name}'s value isn't a whole word or quoted text; correct it")
        else:
            values[name] = value
    return values, problems


def _find_state_dir(environ: "os._Environ[str] | dict[str, str]") -> str:
    named = environ.get("TIEOUT_STATE_DIR") or ".tieout"
    return os.path.normpath(os.path.join(CHECKOUT, os.path.expanduser(named)))


def _read_embedded_address(state_dir: str) -> dict[str, str]:
    """The libpq variables of the embedded database; empty where it was never created.

    The file says which folder it was written for: in a copy of the checkout it names the original's database, and is
    left aside until the copy has its own.
    """
    try:
        with open(os.path.join(state_dir, "database.env"), encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return {}
    address = dict(line.split("=", 1) for line in lines if "=" in line)
    return address if address.pop("STATE_DIR", None) == state_dir else {}


def _parse_value(text: str) -> str | None:
    if "\0" in text:
        return None
    if not text.startswith(("'", '"')):
        return text.partition(" #")[0].rstrip() if not text.startswith("#") else ""
    quote, value, position = text[0], "", 1
    while position < len(text) and text[position] != quote:
        if quote == '"' and text[position] == "\\" and text[position + 1 : position + 2] in ('"', "\\"):
            position += 1
        value += text[position]
        position += 1
    after = text[position + 1 :].strip()
    is_closed = position < len(text)
    return value if is_closed and (not after or after.startswith("#")) else None


def _find_user() -> str | None:
    import pwd  # compiled into the interpreter

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return None
