"""The policy that we ask an AWS administrator for grants what ingest calls, reads only, and nothing more."""

import ast
import json
import re
from typing import Any

import boto3

from tests.house.tree import ROOT, list_python, parse

READING = re.compile(r"[a-z0-9-]+:(?:Get|List|Describe|BatchGet|Lookup)[A-Za-z0-9]+|apigateway:GET|sts:AssumeRole")
# Operations whose permission has another name, or needs none.
ACTIONS: dict[str, str | None] = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "sts:GetCallerIdentity": None,
    "apigateway:GetRestApis": "apigateway:GET",
    "apigatewayv2:GetApis": "apigateway:GET",
}
# Services whose permissions go by another name.
PREFIXES = {"elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing"}


def read_statements() -> list[dict[str, Any]]:
    """The statements of docs/iam-policy.json, actions and resources as lists."""
    policy = json.loads((ROOT / "docs/iam-policy.json").read_text(encoding="utf-8"))
    assert policy["Version"] == "2012-10-17"
    statements: list[dict[str, Any]] = policy["Statement"]
    return statements


def find_actions(trees: list[ast.Module]) -> set[str]:
    """IAM actions of the boto3 calls in these files: methods called on a client, and methods named to a paginator."""
    services: set[str] = set()
    names: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "client":
                services |= {str(value.value) for value in node.args[:1] if isinstance(value, ast.Constant)}
    actions: set[str] = set()
    for service in services:
        methods = boto3.client(
            service, region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
        ).meta.method_to_api_mapping
        for name in names & set(methods):
            action = f"{PREFIXES.get(service, service)}:{methods[name]}"
            found = ACTIONS.get(action, action)
            actions |= {found} if found else set()
    return actions


def test_the_call_reader_finds_calls() -> None:
    source = """
def f(account):
    s3 = account.client("s3")
    s3.get_paginator("list_objects_v2")
    s3.put_object(Bucket="b")
    account.client("sts").get_caller_identity()
    account.client("ce").get_cost_and_usage()
    account.client("cloudwatch", region="x").get_metric_data()
"""
    assert find_actions([ast.parse(source)]) == {
        "s3:ListBucket",
        "s3:PutObject",
        "ce:GetCostAndUsage",
        "cloudwatch:GetMetricData",
    }


def test_only_reading_is_granted() -> None:
    for good in ("s3:GetObject", "ec2:DescribeVolumes", "sts:AssumeRole", "ce:GetCostAndUsage"):
        assert READING.fullmatch(good)
    for bad in ("s3:*", "s3:Get*", "*", "s3:PutObject", "iam:PassRole", "ec2:StopInstances", "sts:AssumeRoleWithSAML"):
        assert not READING.fullmatch(bad)
    statements = read_statements()
    assert statements
    for statement in statements:
        assert statement["Effect"] == "Allow" and "NotAction" not in statement and "NotResource" not in statement
        assert isinstance(statement["Action"], list) and isinstance(statement["Resource"], list)
        assert [action for action in statement["Action"] if not READING.fullmatch(action)] == []


def test_the_policy_grants_what_ingest_calls_and_nothing_else() -> None:
    granted = [action for statement in read_statements() for action in statement["Action"]]
    assert len(granted) == len(set(granted))
    assert set(granted) == find_actions([parse(path) for path in list_python("ingest")])


def test_what_can_be_bound_to_a_resource_is() -> None:
    for statement in read_statements():
        for action in statement["Action"]:
            # These services' lists know no resources to name (AWS service authorization reference).
            if action.startswith(
                ("ce:", "cloudwatch:", "ec2:", "elasticloadbalancing:", "invoicing:", "rds:", "pricing:", "savings")
            ):
                assert statement["Resource"] == ["*"], action
            elif action == "apigateway:GET":
                assert statement["Resource"] == ["arn:aws:apigateway:*::/apis", "arn:aws:apigateway:*::/restapis"]
            elif action == "sts:AssumeRole":
                assert statement["Resource"] == ["arn:aws:iam::*:role/TieoutReader"]
            else:
                assert all(
                    re.fullmatch(r"arn:aws:s3:::[A-Za-z][\w.-]+(?:/[\w./-]*\*)?", r) for r in statement["Resource"]
                )
                is_object = action == "s3:GetObject"
                assert all(("/" in resource) == is_object for resource in statement["Resource"]), action
