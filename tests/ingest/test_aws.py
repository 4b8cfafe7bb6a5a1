"""The door to AWS: a role's credentials that last shorter than the run."""

import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from demo.services import sts
from demo.wire import Request, ServiceError
from ingest import aws
from ingest.errors import IngestError
from tests.app.marts_fixture import environment
from tests.ingest.metrics import ANALYTICS, ROLE, Answer, Genuine, answering, collect, variables_of
from tests.simulated import Cloud, Product


def is_assuming(request: Request) -> bool:
    return b"Action=AssumeRole" in request.body


@pytest.fixture
def _sessions_of_a_second(cloud: Cloud) -> Iterator[None]:
    """A role's credentials end after a second, and whoever uses them after that is refused."""
    with mock.patch.object(sts, "timedelta", lambda **_: timedelta(seconds=1)), environment(cloud.variables):
        yield


@pytest.mark.usefixtures("_sessions_of_a_second")
def test_a_roles_credentials_are_renewed_while_it_is_used(cloud: Cloud) -> None:
    account = aws.open_account(ROLE.format(ANALYTICS))
    assert account.account_id == ANALYTICS
    client = account.client("cloudwatch", "us-west-2")
    first = client.list_metrics(Namespace="AWS/Lambda")["Metrics"]
    time.sleep(1.1)
    with cloud.noting() as noted:
        again = client.list_metrics(Namespace="AWS/Lambda")["Metrics"]
        assert account.client("sts").get_caller_identity()["Account"] == ANALYTICS, "a client made later too"
    assert again == first
    assert any(is_assuming(request) for request in noted)


def test_credentials_that_last_are_kept(cloud: Cloud) -> None:
    with environment(cloud.variables), cloud.noting() as noted:
        account = aws.open_account(ROLE.format(ANALYTICS))
        for _ in range(3):
            account.client("cloudwatch", "us-west-2").list_metrics(Namespace="AWS/Lambda")
    assert sum(is_assuming(request) for request in noted) == 1


@pytest.mark.usefixtures("_sessions_of_a_second")
def test_a_role_that_is_taken_away_meanwhile_is_told(cloud: Cloud) -> None:
    client = aws.open_account(ROLE.format(ANALYTICS)).client("cloudwatch", "us-west-2")

    def refuse(request: Request) -> ServiceError | None:
        return ServiceError(403, "AccessDenied", "not any more") if is_assuming(request) else None

    with (
        cloud.refusing(refuse),
        pytest.raises(IngestError, match=r"here: AWS answered AccessDenied \(not any more\)"),
        aws.explained("here"),
    ):
        client.list_metrics()


@pytest.mark.usefixtures("_sessions_of_a_second")
def test_a_collection_outlasts_its_credentials(functions: Product, cloud: Cloud) -> None:
    product = functions.with_variables(**variables_of(cloud, "us-west-2", ANALYTICS))

    def dawdle(_: str, __: Mapping[str, Any], genuine: Genuine) -> Answer:
        time.sleep(0.5)
        return genuine()

    with answering(cloud, dawdle):
        collect(product, cloud)
    assert product.query("select count(*) from raw.loads where partition_key = %s", f"{ANALYTICS}/us-west-2") == [(1,)]
