"""Every form in which AWS delivers the bill: rows, totals and values equal those of the files, by another engine."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.generation import generate
from demo.parameters import REPORT_FORMS, Parameters, parse_end
from demo.reports.forms import FORMS
from tests import simulated
from tests.ingest.delivered import find_differences, open_files, read_delivered, read_stored, sum_delivered, sum_stored
from tests.simulated import Cloud, Product

# October is daily and closed, November hourly and open; a discount is negotiated, so that net columns are filled.
PARAMETERS = Parameters(
    seed=7,
    end_hour=parse_end("2026-11-06T00:00:00+00:00"),
    resources=100,
    months=2,
    hourly_days=3,
    negotiated_discount_pct=8,
    reports=REPORT_FORMS,
)
PERIODS = ("2026-11", "2026-10")


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One account that has its bill delivered in all forms."""
    directory = tmp_path_factory.mktemp("forms") / "account"
    assert generate(directory, PARAMETERS)
    with simulated.serve(directory) as served:
        yield served


@pytest.fixture(scope="module")
def product(create_product: Callable[..., Product], forms: Cloud) -> Iterator[Product]:
    made = create_product(**forms.variables)
    yield made
    made.drop()


def find_files(cloud: Cloud, form: str, period: str) -> list[Path]:
    """The files of the newest delivery of a period: those that its manifest names."""
    bucket = cloud.bucket("example-corp-billing")
    report = bucket / FORMS[form].folder
    year, month = period.split("-")
    (manifest,) = [
        path
        for folder in (f"{year}{month}01-*", f"*/year={year}/month={int(month)}", f"metadata/BILLING_PERIOD={period}")
        for path in report.glob(f"{folder}/*-Manifest.json")
    ]
    content = json.loads(manifest.read_text())
    keys = content["dataFiles"] if FORMS[form].is_export else content["reportKeys"]
    return [bucket / key.removeprefix("s3://example-corp-billing/") for key in keys]


@pytest.mark.parametrize("form", REPORT_FORMS)
def test_totals_and_values_equal_those_of_the_files(product: Product, forms: Cloud, form: str) -> None:
    """Each form takes the place of the one before it, as one payer's bill can stand there once only."""
    loaded = product.call("cur", "--source", FORMS[form].source, "--replace")
    assert loaded.returncode == 0, loaded.stderr
    assert [line.split(",")[0] for line in loaded.stdout.splitlines()] == [
        f"111122223333/{FORMS[form].name}/{period}: loaded" for period in PERIODS
    ]
    for period in PERIODS:
        delivered = open_files(find_files(forms, form, period))
        totals = sum_delivered(delivered)
        assert len(totals) >= 8, "the account should have most kinds of line items"
        assert sum_stored(product, period) == totals
        if period == "2026-10" and not form.endswith("overwrite"):  # the same files, in another place
            stored, types = read_stored(product, period)
            expected = read_delivered(delivered, types)
            assert len(expected) == sum(total[0] for total in totals.values()) > 5_000
            assert find_differences(stored, expected)[:3] == []
