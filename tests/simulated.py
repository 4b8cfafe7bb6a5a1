"""The simulated account as tests use it: each request noted, some refused on demand, small reports beside its own.

The product runs as its own program (`run`), and `run_at` is the same program with its clock at the account's present:
an account that ends on a fixed day gives the same figures whenever the tests run.
"""

import contextlib
import gzip
import importlib
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
from psycopg import sql

from demo import serving
from demo.parameters import Parameters, parse_end
from demo.routing import Router
from demo.wire import Request, ServiceError
from ingest.__main__ import main
from tests.app.marts_fixture import environment
from tests.databases import CHECKOUT, Database, make_environment

PRESENT = "2026-11-23T00:00:00+00:00"
PARAMETERS = Parameters(seed=7, end_hour=parse_end(PRESENT), resources=100, months=3, hourly_days=30)
BUCKET = "example-corp-billing"
SOURCE = f"s3://{BUCKET}/cur/example-hourly"

# The modules that ask what time it is.
_CLOCKS = (
    "ingest.cost_explorer.estimating",
    "ingest.cost_explorer.loading",
    "ingest.invoices",
    "ingest.requests",
    "ingest.status",
    "ingest.cloudwatch.loading",
    "ingest.cloudwatch.estimating",
)
# `python -m ingest` with their clock held at argv[1].
_COMMAND_AT = f"""
import sys, datetime, importlib
present = datetime.datetime.fromisoformat(sys.argv[1])
class Held(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return present.astimezone(tz)
for name in {_CLOCKS}:
    importlib.import_module(name).datetime = Held
from ingest.__main__ import main
sys.exit(main(sys.argv[2:]))
"""


class _IsAnyDatetime(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


@contextmanager
def hold_clock(present: datetime) -> Iterator[None]:
    """The product's clock in the tests' own process."""

    class Held(datetime, metaclass=_IsAnyDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return present.astimezone(tz)

    with ExitStack() as stack:
        for name in _CLOCKS:
            stack.enter_context(mock.patch.object(importlib.import_module(name), "datetime", Held))
        yield


@dataclass
class Door:
    """Stands before every service: notes each request, and refuses those that `refuse` gives a reason for."""

    tokens: Any
    requests: list[Request] = field(default_factory=list)
    refuse: Callable[[Request], ServiceError | None] | None = None

    def recognise(self, request: Request) -> Any:
        self.requests.append(request)
        if self.refuse is not None and (error := self.refuse(request)) is not None:
            raise error
        return self.tokens.recognise(request)

    def answer(self, *arguments: Any) -> Any:
        return self.tokens.answer(*arguments)


@dataclass(frozen=True)
class Cloud:
    """A served account: its folder, its door, and the variables by which any AWS client of ours reaches it."""

    directory: Path
    endpoint: serving.Endpoint
    router: Router
    door: Door

    @property
    def present(self) -> datetime:
        return datetime.fromtimestamp(self.router.account.now * 3600, UTC)

    @property
    def variables(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint.endpoint,
            "AWS_ACCESS_KEY_ID": "simulated",
            "AWS_SECRET_ACCESS_KEY": "simulated",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TIEOUT_ASSUME_ROLE_ARNS": ",".join(self.endpoint.role_arns),
        }

    def bucket(self, name: str) -> Path:
        """The folder behind a bucket of the payer, made where it isn't there yet."""
        folder = self.directory / "s3" / name
        folder.mkdir(exist_ok=True)
        return folder

    @contextmanager
    def noting(self) -> Iterator[list[Request]]:
        """The requests that arrive while the block runs."""
        before = len(self.door.requests)
        noted: list[Request] = []
        yield noted
        noted += self.door.requests[before:]

    @contextmanager
    def refusing(self, decide: Callable[[Request], ServiceError | None]) -> Iterator[None]:
        self.door.refuse = decide
        try:
            yield
        finally:
            self.door.refuse = None


@contextmanager
def serve(directory: Path, **options: Any) -> Iterator[Cloud]:
    """Serve a generated folder from a thread of the tests' own process; `options` are the router's."""
    routers: list[tuple[Router, Door]] = []

    def open_router(folder: Path, **chosen: Any) -> Router:
        router = Router(folder, **chosen)
        door = Door(router.tokens)
        router.tokens = door  # type: ignore[assignment]
        routers.append((router, door))
        return router

    with mock.patch.object(serving, "Router", open_router), serving.start(directory, **options) as endpoint:
        yield Cloud(directory, endpoint, *routers[0])


def is_download(request: Request) -> bool:
    """Whether a request fetches an object's content that isn't a manifest."""
    return request.method == "GET" and request.path.endswith((".csv.gz", ".csv", ".parquet"))


@dataclass(frozen=True)
class Product:
    """The product with a database of its own, and an AWS account where `environment` names one."""

    environment: Mapping[str, str]
    server: Database

    @property
    def database(self) -> str:
        return self.environment["PGDATABASE"]

    def with_variables(self, **variables: str) -> "Product":
        return Product({**self.environment, **variables}, self.server)

    def without(self, *names: str) -> "Product":
        kept = {name: value for name, value in self.environment.items() if name not in names}
        return Product(kept, self.server)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """`python -m ingest …`, running."""
        return self._start([sys.executable, "-m", "ingest", *arguments])

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`python -m ingest …`, finished; raises nothing on a non-zero exit code."""
        return self._finish([sys.executable, "-m", "ingest", *arguments])

    def start_at(self, present: datetime, *arguments: str, prelude: str = "") -> "subprocess.Popen[str]":
        """`start` with its clock held at `present`; `prelude` is run before."""
        return self._start([sys.executable, "-c", prelude + _COMMAND_AT, present.isoformat(), *arguments])

    def run_at(self, present: datetime, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The same with its clock held at `present`."""
        return self._finish([sys.executable, "-c", _COMMAND_AT, present.isoformat(), *arguments])

    def call(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`run` within the tests' own process, which spares the seconds in which Python reads its packages."""
        with (
            environment(self.environment),
            contextlib.redirect_stdout(io.StringIO()) as output,
            contextlib.redirect_stderr(io.StringIO()) as errors,
        ):
            code = main(list(arguments))
        return subprocess.CompletedProcess(arguments, code, output.getvalue(), errors.getvalue())

    def call_at(self, present: datetime, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The same with its clock held at `present`."""
        with hold_clock(present):
            return self.call(*arguments)

    def dbt(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        dbt = str(Path(sys.executable).with_name("dbt"))
        return self._finish([dbt, "--no-use-colors", *arguments])

    def python(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._finish([sys.executable, *arguments])

    def build(self) -> None:
        """`dbt build` without unit tests, which don't depend on the data."""
        built = self.dbt("build", "--exclude-resource-type", "unit_test")
        assert built.returncode == 0, built.stdout[-6000:] + built.stderr

    def connect(self, **parameters: Any) -> "psycopg.Connection[Any]":
        return self.server.connect(dbname=self.database, **parameters)

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(statement.encode(), values or None).fetchall()

    def change(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def copy(self, name: str) -> "Product":
        """The product with a copy of this database."""
        with self.server.connect(dbname="postgres", autocommit=True) as connection:
            names = sql.Identifier(name), sql.Identifier(self.database)
            connection.execute(sql.SQL("create database {} template {}").format(*names))
        target = Path(self.environment["DBT_TARGET_PATH"]).with_name(name)
        return self.with_variables(PGDATABASE=name, DBT_TARGET_PATH=str(target))

    def drop(self) -> None:
        with self.server.connect(dbname="postgres", autocommit=True) as connection:
            # Not `with (force)`: it refuses where the server's own vacuum happens to be at work in the database.
            statement = sql.SQL("drop database if exists {}")
            connection.execute(statement.format(sql.Identifier(self.database)))

    def _start(self, command: Sequence[str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _finish(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        with self._start(command) as process:
            try:
                output, errors = process.communicate(timeout=900)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(command, process.returncode, output, errors)


def create_product(server: Database, name: str, scratch: Path, **variables: str) -> Product:
    """A new database `name` on the server, and no AWS account unless `variables` names one."""
    with server.connect(dbname="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    plain = {
        key: value for key, value in make_environment().items() if not key.startswith(("AWS_", "DBT_", "PREFECT_"))
    }
    plain |= server.environment
    # What dbt has parsed holds the database's name: each has its own, or every command would parse everything anew.
    written = {"DBT_TARGET_PATH": str(scratch / "target" / name), "DBT_LOG_PATH": str(scratch / "logs")}
    return Product({**plain, **written, "PGDATABASE": name, **variables}, server)


# --- small reports -------------------------------------------------------------------------------------------------


def line_item(**columns: str) -> dict[str, str]:
    """A line item of a dollar by its CSV headers; `columns`, by category__Name, replace or add."""
    plain = {
        "identity/LineItemId": "a",
        "identity/TimeInterval": "2026-10-01T00:00:00Z/2026-10-01T01:00:00Z",
        "bill/PayerAccountId": "012345678901",
        "bill/BillingPeriodStartDate": "2026-10-01T00:00:00Z",
        "bill/BillingPeriodEndDate": "2026-11-01T00:00:00Z",
        "lineItem/UsageAccountId": "012345678901",
        "lineItem/LineItemType": "Usage",
        "lineItem/UsageStartDate": "2026-10-01T00:00:00Z",
        "lineItem/UsageEndDate": "2026-10-01T01:00:00Z",
        "lineItem/ProductCode": "AmazonEC2",
        "lineItem/UsageType": "BoxUsage:m5.large",
        "lineItem/Operation": "RunInstances",
        "lineItem/ResourceId": "i-0123456789abcdef0",
        "lineItem/UsageAmount": "1",
        "lineItem/CurrencyCode": "USD",
        "lineItem/UnblendedCost": "1.0000000001",
        "lineItem/BlendedCost": "1.0000000001",
        "pricing/publicOnDemandCost": "1.0000000001",
        "product/region": "eu-west-1",
    }
    return plain | {name.replace("__", "/"): value for name, value in columns.items()}


def month_of(period: str) -> dict[str, str]:
    """The columns of `line_item` that place it in a month `YYYY-MM`."""
    year, month = map(int, period.split("-"))
    following = f"{year + month // 12}-{month % 12 + 1:02d}"
    return {
        "identity__TimeInterval": f"{period}-01T00:00:00Z/{period}-01T01:00:00Z",
        "bill__BillingPeriodStartDate": f"{period}-01T00:00:00Z",
        "bill__BillingPeriodEndDate": f"{following}-01T00:00:00Z",
        "lineItem__UsageStartDate": f"{period}-01T00:00:00Z",
        "lineItem__UsageEndDate": f"{period}-01T01:00:00Z",
    }


def write_csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    """The rows as a gzipped CSV; a column that a row lacks is empty."""
    headers = list(dict.fromkeys(name for row in rows for name in row))
    lines = [headers, *([row.get(name, "") for name in headers] for row in rows)]
    quoted = [",".join('"' + cell.replace('"', '""') + '"' if cell else "" for cell in line) for line in lines]
    return gzip.compress(("\n".join(quoted) + "\n").encode(), mtime=0)


@dataclass(frozen=True)
class Delivery:
    """Where one billing period of a small report lies."""

    folder: Path
    manifest: Path
    files: list[Path]


def deliver(report: Path, period: str, files: Mapping[str, bytes], assembly: str = "first") -> Delivery:
    """Write a billing period as AWS does: the files in an assembly's folder, then the manifest that names them.

    Args:
        report: the report's folder; its name is the report's.
        files: content by file name.
    """
    start = f"{period.replace('-', '')}01"
    year, month = map(int, period.split("-"))
    end = f"{year + month // 12}{month % 12 + 1:02d}01"
    folder = report / f"{start}-{end}"
    (folder / assembly).mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in files.items():
        path = folder / assembly / name
        path.write_bytes(content)
        written.append(path)
    manifest = folder / f"{report.name}-Manifest.json"
    manifest.write_text(
        json.dumps(
            {
                "assemblyId": assembly,
                "account": "012345678901",
                "reportName": report.name,
                "billingPeriod": {"start": f"{start}T000000.000Z", "end": f"{end}T000000.000Z"},
                "bucket": report.parent.name,
                "columns": [],
                "reportKeys": [f"{report.name}/{folder.name}/{assembly}/{name}" for name in files],
            }
        )
    )
    return Delivery(folder, manifest, written)


def read_state(product: Product) -> dict[str, Any]:
    """What stands in the raw schema, for comparing before with after: rows, sums and the ledger."""
    rows = product.query(
        """
        select bill_billing_period_start_date, line_item_line_item_type, count(*), sum(line_item_unblended_cost),
            sum(line_item_usage_amount), count(distinct load_id)
        from raw.cur_line_items group by 1, 2 order by 1, 2
        """
    )
    attributes = product.query("select load_id, count(*) from raw.cur_attributes group by 1 order by 1")
    loads = product.query(
        "select source_name, partition_key, source_version, row_count, is_current from raw.loads order by load_id"
    )
    return {"line_items": rows, "attributes": attributes, "loads": loads, "tables": list_tables(product)}


def list_tables(product: Product) -> list[str]:
    """Names of the raw schema's tables."""
    return [
        row[0]
        for row in product.query(
            "select relname from pg_class where relnamespace = 'raw'::regnamespace and relkind in ('r', 'p') order by 1"
        )
    ]


def sole_error(finished: "subprocess.CompletedProcess[str]") -> str:
    """The one error line of a command that failed as commands should: exit code 1, the line last, no traceback."""
    assert finished.returncode == 1, (finished.stdout, finished.stderr)
    lines = finished.stderr.splitlines()
    assert "Traceback" not in finished.stderr, finished.stderr
    errors = [line for line in lines if line.startswith("error: ")]
    assert errors == lines[-1:], finished.stderr
    return errors[0]
