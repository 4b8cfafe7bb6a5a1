"""`make demo`'s own command in a fresh copy of the checkout, Prefect and all."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.databases import CHECKOUT, Runner, embedded, make_environment


@pytest.mark.full
def test_demonstration(tmp_path: Path) -> None:
    copy = tmp_path / "a checkout"
    copy.mkdir()
    for name in ("app", "demo", "flows", "ingest", "macros", "models", "notebooks", "seeds", "tests/dbt"):
        shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(CHECKOUT / name, copy / name)
    # A real account's names must not reach the demo.
    variables = make_environment(PYTHONPATH=str(copy), AWS_PROFILE="a-real-one", AWS_REGION="ap-south-1")
    runner = Runner(Path(sys.executable), copy, variables)
    with embedded(tmp_path / "state", runner) as database:
        with database.runner.popen("flows/demonstration.py") as process:
            output, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors[-4000:]
        assert "Traceback" not in errors
        assert "Five answers" in output
        assert re.search(r"^1\. \d+ idle resources cost \$[\d,]+\.\d\d a month", output, re.MULTILINE), output
        assert re.search(r"^2\. Resize .+ a year", output, re.MULTILINE), output
        assert re.search(r"^3\. Buy .+ saves \$[\d,.]+ a year\.$", output, re.MULTILINE), output
        assert re.search(r"^4\. All \d+ findings together.+ % of the", output, re.MULTILINE), output
        assert re.search(r"^5\. \d+ non-production machine", output, re.MULTILINE), output
        assert len(re.findall(r"^   → Precision \d+ %, recall \d+ %; claims \$", output, re.MULTILINE)) == 3, output
        assert re.search(
            r"^   → Bought after all other changes it truly saves \$[\d,.]+ a month\. As the account is",
            output,
            re.MULTILINE,
        ), output
        assert re.search(r"^   → All \d+ changes? and \d+ purchases? replayed", output, re.MULTILINE), output
        assert len(re.findall(r"^Spend in ", output, re.MULTILINE)) == 3
        assert re.search(r"idle_ec2_instances: precision \d+\.\d %, recall \d+\.\d %", output), output
        assert re.search(r"^Done in \d+ s\.$", output, re.MULTILINE)
        assert (copy / "reports" / "monthly_report.html").stat().st_size > 10_000
        with database.connect() as connection:
            sources = connection.execute("select source_name, is_fresh from marts.data_quality order by 1").fetchall()
        loaded = ("cloudwatch", "cost_explorer", "cur", "inventory", "invoices", "prices")
        assert sources == [(name, True) for name in loaded]
