"""STS through an unmodified boto3 client."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.demo.conftest import Served


def test_base_credential_is_the_payers(served: Served) -> None:
    assert served.client("sts").get_caller_identity()["Account"] == served.at.payer_account_id


def test_a_role_leads_into_its_account(served: Served) -> None:
    for role_arn in served.at.role_arns:
        who = served.assumed("sts", role_arn).get_caller_identity()
        assert who["Account"] == role_arn.split(":")[4]
        assert who["Arn"].endswith("assumed-role/TieoutReader/tests")


def test_refusals(served: Served) -> None:
    sts = served.client("sts")
    for arguments, code in (
        ({"RoleArn": "arn:aws:iam::999999999999:role/TieoutReader", "RoleSessionName": "ok"}, "AccessDenied"),
        ({"RoleArn": "arn:aws:iam::444455556666:role/Administrator", "RoleSessionName": "ok"}, "AccessDenied"),
        ({"RoleArn": served.at.role_arns[0], "RoleSessionName": "ok", "DurationSeconds": 60_000}, "ValidationError"),
        ({"RoleArn": served.at.role_arns[0], "RoleSessionName": "not ok"}, "ValidationError"),
    ):
        with pytest.raises(ClientError) as failure:
            sts.assume_role(**arguments)
        assert failure.value.response["Error"]["Code"] == code


def test_unknown_session_is_refused_by_every_service(served: Served) -> None:
    forged = {"aws_access_key_id": "ASIAFORGED", "aws_session_token": "forged"}
    for service, call, arguments in (
        ("sts", "get_caller_identity", {}),
        ("cloudwatch", "list_metrics", {}),
        ("s3", "list_buckets", {}),
        (
            "ce",
            "get_cost_and_usage",
            {
                "TimePeriod": {"Start": "2026-11-01", "End": "2026-11-02"},
                "Granularity": "DAILY",
                "Metrics": ["UnblendedCost"],
            },
        ),
    ):
        with pytest.raises(ClientError) as failure:
            getattr(served.client(service, **forged), call)(**arguments)
        assert failure.value.response["Error"]["Code"] == "InvalidClientTokenId"
