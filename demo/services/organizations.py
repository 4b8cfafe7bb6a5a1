"""Organizations: the accounts and their names, for the payer."""

from __future__ import annotations

from typing import Any

from demo.services.context import Action, Context, Parsed, page
from demo.timeline import hour_of
from demo.wire import ServiceError
from demo.world import accounts
from demo.world.accounts import Account

_ARN = f"arn:aws:organizations::{accounts.PAYER.account_id}"
_JOINED = hour_of(2021, 3) * 3600


def _require_payer(context: Context) -> None:
    if context.account_id != accounts.PAYER.account_id:
        message = "You don't have permissions to access this resource."
        raise ServiceError(400, "AccessDeniedException", message)


def _account(account: Account) -> dict[str, Any]:
    return {
        "Id": account.account_id,
        "Arn": f"{_ARN}:account/{accounts.ORGANIZATION_ID}/{account.account_id}",
        "Email": f"aws+{account.account_id}@example.com",
        "Name": account.name,
        "Status": "ACTIVE",
        "State": "ACTIVE",
        "JoinedMethod": "INVITED" if account == accounts.PAYER else "CREATED",
        "JoinedTimestamp": _JOINED,
    }


def list_accounts(context: Context, parameters: Parsed) -> dict[str, Any]:
    """ListAccounts, for the payer alone."""
    _require_payer(context)
    found, token = page(
        [_account(each) for each in accounts.ACCOUNTS],
        parameters,
        token="NextToken",  # noqa: S106 - a parameter's name
        size="MaxResults",
        most=20,
        bad_token="InvalidInputException",  # noqa: S106 - an error code
    )
    return {"Accounts": found} | ({"NextToken": token} if token else {})


def describe_account(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeAccount, for the payer alone."""
    _require_payer(context)
    for each in accounts.ACCOUNTS:
        if each.account_id == parameters.get("AccountId"):
            return {"Account": _account(each)}
    raise ServiceError(400, "AccountNotFoundException", "You specified an account that doesn't exist.")


def describe_organization(context: Context, parameters: Parsed) -> dict[str, Any]:
    """DescribeOrganization, for any of its accounts."""
    payer = accounts.PAYER
    described = {
        "Id": accounts.ORGANIZATION_ID,
        "Arn": f"{_ARN}:organization/{accounts.ORGANIZATION_ID}",
        "FeatureSet": "ALL",
        "MasterAccountArn": f"{_ARN}:account/{accounts.ORGANIZATION_ID}/{payer.account_id}",
        "MasterAccountId": payer.account_id,
        "MasterAccountEmail": f"aws+{payer.account_id}@example.com",
        "AvailablePolicyTypes": [],
    }
    return {"Organization": described}


ACTIONS: dict[str, Action] = {
    "ListAccounts": list_accounts,
    "DescribeAccount": describe_account,
    "DescribeOrganization": describe_organization,
}
