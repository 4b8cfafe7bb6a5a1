"""What tests of several folders share: one embedded server, databases on it, a simulated account loaded and built."""

import functools
import itertools
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
from botocore.loaders import JSONFileLoader
from psycopg.conninfo import conninfo_to_dict

from demo.generation import generate
from tests import simulated
from tests.databases import Database, embedded
from tests.simulated import Cloud, Product

BUILT = {"accuracy", "app", "browser", "flows", "notebooks"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two workers (`-n 2 --dist loadgroup`): what reads a built account shares one, everything else has the other."""
    for item in items:
        room = item.path.relative_to(Path(__file__).parent).parts[0]
        item.add_marker(pytest.mark.xdist_group("built" if room in BUILT else "raw"))


@pytest.fixture(scope="session", autouse=True)
def _botocore_reads_its_files_once() -> Iterator[None]:
    """Each sync opens a session of its own, and botocore's descriptions of AWS take half of a small one's time."""
    real = JSONFileLoader.load_file

    @functools.cache
    def load(path: str) -> object:
        return real(JSONFileLoader(), path)

    with mock.patch.object(JSONFileLoader, "load_file", lambda _, path: load(path)):
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An embedded server for the whole session, which doesn't wait for the disk: nobody needs it after a power cut."""
    with embedded(tmp_path_factory.mktemp("server")) as database:
        data = Path(conninfo_to_dict(database.uri)["host"]).with_name("data")
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.writelines(f"{name} = off\n" for name in ("fsync", "synchronous_commit", "full_page_writes"))
        os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGHUP)
        yield database


@pytest.fixture(scope="session")
def create_product(server: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Product]]:
    """Makes products, each with a new database on the session's server."""
    scratch = tmp_path_factory.mktemp("dbt")
    numbers = itertools.count(1)
    yield lambda **variables: simulated.create_product(server, f"test_{next(numbers)}", scratch, **variables)


@pytest.fixture
def product(create_product: Callable[..., Product]) -> Iterator[Product]:
    """A product with an empty database and no AWS account."""
    made = create_product()
    yield made
    made.drop()


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a generated account; tests may add buckets of their own to it and change nothing else."""
    directory = tmp_path_factory.mktemp("simulated") / "account"
    assert generate(directory, simulated.PARAMETERS)
    return directory


@pytest.fixture(scope="session")
def cloud(account: Path) -> Iterator[Cloud]:
    """The account, served with small pages so that paging happens."""
    with simulated.serve(account, metrics_per_page=25, groups_per_page=100) as served:
        yield served


@dataclass(frozen=True)
class Estate:
    """A product that has loaded the whole account. To be read, never changed: `copy` it."""

    product: Product
    cloud: Cloud


@pytest.fixture(scope="session")
def loaded(create_product: Callable[..., Product], cloud: Cloud) -> Estate:
    """The simulated account loaded by the commands that people use; whether its marts are built is open."""
    product = create_product(**cloud.variables)
    for command in (
        ["cur", "--source", simulated.SOURCE],
        ["cost-explorer"],
        ["invoices"],
        ["inventory"],
        ["prices"],
        ["cloudwatch"],
    ):
        finished = product.call_at(cloud.present, *command)
        assert finished.returncode == 0, finished.stderr
    return Estate(product, cloud)


@pytest.fixture(scope="session")
def estate(loaded: Estate) -> Estate:
    """The simulated account loaded, and its marts."""
    loaded.product.build()
    return loaded
