"""One small simulated account for all tests of this folder, made and served once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.loaders import create_loader

from demo import serving
from demo.generation import generate
from demo.parameters import Parameters, parse_end
from demo.serving import Endpoint

# Reading the service models is most of a new client's time; every session shares what was read.
_MODELS = create_loader()

END = parse_end("2026-11-23T00:00:00+00:00")
PARAMETERS = Parameters(seed=7, end_hour=END, resources=100, months=3, hourly_days=30)


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a generated account."""
    directory = tmp_path_factory.mktemp("demo") / "account with a space"
    assert generate(directory, PARAMETERS)
    return directory


@dataclass(frozen=True)
class Served:
    """A served account and unmodified clients for it."""

    at: Endpoint
    directory: Path

    @property
    def end(self) -> datetime:
        return datetime.fromisoformat(self.at.end)

    def client(self, service: str, region: str = "us-east-1", **credentials: str) -> Any:
        keys = {"aws_access_key_id": "AKIAANYTHING", "aws_secret_access_key": "anything"} | credentials
        core = botocore.session.Session()
        core.register_component("data_loader", _MODELS)
        return boto3.session.Session(**keys, botocore_session=core).client(
            service, region_name=region, endpoint_url=self.at.endpoint, config=Config(retries={"total_max_attempts": 1})
        )

    def assumed(self, service: str, role_arn: str, region: str = "us-east-1") -> Any:
        issued = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="tests")["Credentials"]
        return self.client(
            service,
            region,
            aws_access_key_id=issued["AccessKeyId"],
            aws_secret_access_key=issued["SecretAccessKey"],
            aws_session_token=issued["SessionToken"],
        )


@pytest.fixture(scope="session")
def served(account: Path) -> Iterator[Served]:
    """The account, served with small pages so that paging happens."""
    with serving.start(account, metrics_per_page=25, groups_per_page=100) as endpoint:
        yield Served(endpoint, account)
