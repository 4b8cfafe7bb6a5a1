"""A real aws-cli against the endpoint, with no flag but the endpoint's address."""

from __future__ import annotations

import filecmp
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo.world import accounts
from demo.world.accounts import HOME_REGION, PRODUCTION
from demo.world.resources import Database, Instance
from tests.demo.conftest import Served
from tests.demo.endpoint_account import NOW, estate, original, serve

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """aws-cli in an environment of its own: its botocore is not ours."""
    place = tmp_path_factory.mktemp("cli") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, timeout=120)
    installed = subprocess.run(
        [str(place / "bin" / "pip"), "install", "-q", "awscli"],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    if installed.returncode and os.environ.get("CI") != "true":
        pytest.skip(f"aws-cli can't be installed: {installed.stderr.strip()[-200:]}")
    assert installed.returncode == 0, installed.stderr
    return place / "bin" / "aws"


def test_lists_copies_and_queries(aws: Path, tmp_path: Path) -> None:
    def run(served: Served, *arguments: str, key: str = "any") -> Any:
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": HOME_REGION.code,
        }
        # Not by AWS_ENDPOINT_URL: aws-cli 1 overlooks it for RDS in us-east-1, whose name it spells itself.
        command = [str(aws), *arguments, "--endpoint-url", served.at.endpoint]
        finished = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)
        assert finished.returncode == 0, (arguments, finished.stderr)
        return json.loads(finished.stdout) if finished.stdout.startswith(("{", "[")) else finished.stdout

    own = f"AKIA{PRODUCTION.account_id}"
    with serve(original()) as served:
        assert "example-corp-billing" in run(served, "s3", "ls")
        listed = run(served, "s3", "ls", "s3://example-corp-billing/cur/", "--recursive").splitlines()
        run(served, "s3", "sync", "s3://example-corp-billing/cur", str(tmp_path / "cur"))
        copied = sorted(path for path in (tmp_path / "cur").rglob("*") if path.is_file())
        assert len(copied) == len(listed) > 5
        bucket = original() / "s3" / "example-corp-billing" / "cur"
        for path in copied:
            assert filecmp.cmp(path, bucket / path.relative_to(tmp_path / "cur"), shallow=False)
        key = copied[0].relative_to(tmp_path).as_posix()
        run(served, "s3", "cp", f"s3://example-corp-billing/{key}", str(tmp_path / "one"))
        assert filecmp.cmp(tmp_path / "one", copied[0], shallow=False)

        names = run(served, "organizations", "list-accounts", "--query", "Accounts[].Name")
        assert names == [each.name for each in accounts.ACCOUNTS]
        here = [
            each
            for each in estate().resources
            if each.account == PRODUCTION and each.region == HOME_REGION and each.is_current(NOW)
        ]
        found = run(served, "ec2", "describe-instances", "--query", "Reservations[].Instances[].InstanceId", key=own)
        assert set(found) == {each.resource_id for each in here if isinstance(each, Instance)}
        found = run(served, "rds", "describe-db-instances", "--query", "DBInstances[].DBInstanceArn", key=own)
        assert set(found) == {each.resource_id for each in here if isinstance(each, Database)}
        metrics = run(served, "cloudwatch", "list-metrics", "--namespace", "AWS/RDS", key=own)["Metrics"]
        assert {"AWS/RDS"} == {each["Namespace"] for each in metrics}
        query = {"Metric": metrics[0], "Period": 3600, "Stat": "Maximum"}
        window = ["--start-time", "2026-11-20T00:00:00Z", "--end-time", "2026-11-21T00:00:00Z"]
        asked = json.dumps([{"Id": "m", "MetricStat": query}])
        points = run(served, "cloudwatch", "get-metric-data", "--metric-data-queries", asked, *window, key=own)
        assert points["MetricDataResults"][0]["Id"] == "m"
        months = ["--time-period", "Start=2026-10-01,End=2026-11-23", "--granularity", "MONTHLY"]
        costs = run(served, "ce", "get-cost-and-usage", *months, "--metrics", "UnblendedCost", "AmortizedCost")
        assert [each["Estimated"] for each in costs["ResultsByTime"]] == [False, True]
        filters = [
            "Type=TERM_MATCH,Field=instanceType,Value=m5.large",
            "Type=TERM_MATCH,Field=regionCode,Value=us-east-1",
        ]
        products = run(served, "pricing", "get-products", "--service-code", "AmazonEC2", "--filters", *filters)
        assert len(products["PriceList"]) == 2
