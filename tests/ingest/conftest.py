"""What tests of ingest share: a month that stands, whose next sync meets something bad."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Estate
from tests.ingest.metrics import ANALYTICS, collect, variables_of
from tests.simulated import Cloud, Product, deliver, line_item, read_state, serve, write_csv


@pytest.fixture(scope="module")
def shared(create_product: Callable[..., Product], cloud: Cloud) -> Iterator[Product]:
    """A product for all tests of a module, each of which loads another payer's bill or replaces the one before."""
    made = create_product(**cloud.variables)
    made.call("cur", "--source", "nowhere")  # makes the schema
    yield made
    made.drop()


@pytest.fixture(scope="module")
def standing(create_product: Callable[..., Product], cloud: Cloud) -> Product:
    """A product that has loaded October of a small report from a bucket, and whose next sync meets something bad."""
    product = create_product(**cloud.variables)
    report = cloud.bucket("standing") / "small"
    deliver(report, "2026-10", {"a.csv.gz": write_csv([line_item()] * 3)})
    loaded = product.call("cur", "--source", "s3://standing/small")
    assert loaded.returncode == 0, loaded.stderr
    return product


@pytest.fixture
def report(cloud: Cloud, standing: Product) -> Iterator[Path]:
    """The report of `standing`, put back as it was at the end."""
    folder = cloud.bucket("standing") / "small"
    kept = folder.parent / "kept"
    shutil.copytree(folder, kept)
    yield folder
    shutil.rmtree(folder)
    kept.rename(folder)


@pytest.fixture
def unchanged(standing: Product) -> Iterator[Product]:
    """`standing`, and at the end the certainty that its rows, sums, tables and ledger are what they were."""
    before = read_state(standing)
    yield standing
    assert read_state(standing) == before


@pytest.fixture
def own_cloud(account: Path, tmp_path: Path) -> Iterator[Cloud]:
    """A copy of the account whose clock may be advanced; its reports stay as they are."""
    folder = Path(shutil.copytree(account, tmp_path / "account"))
    with serve(folder, metrics_per_page=25, refresh=lambda _: None) as served:
        yield served


@pytest.fixture(scope="session")
def small_estate(create_product: Callable[..., Product], cloud: Cloud) -> Estate:
    """A product that has collected a small place of the account: 71 series. To be read, never changed: `copy` it."""
    made = create_product(**variables_of(cloud, "us-west-2", ANALYTICS))
    collect(made, cloud)
    return Estate(made, cloud)


@pytest.fixture
def functions(create_product: Callable[..., Product], cloud: Cloud) -> Iterator[Product]:
    """A product with an empty database that collects the payer's few Lambda metrics."""
    made = create_product(**variables_of(cloud, "us-west-2"))
    yield made
    made.drop()
