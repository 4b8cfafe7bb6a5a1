"""Security Token Service: who a credential is, and credentials for the accounts' reader roles.

Signatures are not checked: the endpoint is loopback only and guards nothing. A static key ``AKIA<account id>`` is an
administrator's of that account; any other one is the payer's. The payer may also assume each account's reader role,
which changes nothing, and ``OrganizationAccountAccessRole``, which may.
"""

from __future__ import annotations

import re
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.wire import Caller, Request, ServiceError
from demo.world import accounts
from demo.world.accounts import Account

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
VERSION = "2011-06-15"
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request")
_STATIC = re.compile(r"AKIA(\d{12})")
_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/([\w+=,.@-]+)", re.ASCII)
ADMIN_ROLE = "OrganizationAccountAccessRole"
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


@dataclass(frozen=True)
class _Session:
    account: Account
    role: str
    session_name: str
    role_id: str
    token: str
    expires: datetime


class TokenService:
    """Issues sessions and recognises callers."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def recognise(self, request: Request) -> Caller:
        """The caller of a signed request. Raises ServiceError without a signature or for a session that isn't valid."""
        found = _CREDENTIAL.search(request.headers.get("authorization", ""))
        if found is None:
            raise ServiceError(403, "MissingAuthenticationToken", "Missing Authentication Token")
        key, _, region, service = found.groups()
        if not key.startswith("ASIA"):
            static = _STATIC.fullmatch(key)
            owner = next(
                (one for one in accounts.ACCOUNTS if static and one.account_id == static.group(1)), accounts.PAYER
            )
            arn = f"arn:aws:iam::{owner.account_id}:user/simulated"
            return Caller(owner, arn, "AIDASIMULATEDUSER0000", region, service)
        with self._lock:
            session = self._sessions.get(key)
        if session is None or request.headers.get("x-amz-security-token") != session.token:
            raise ServiceError(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        if datetime.now(UTC) >= session.expires:
            raise ServiceError(403, "ExpiredToken", "The security token included in the request is expired")
        account = session.account
        arn = f"arn:aws:sts::{account.account_id}:assumed-role/{session.role}/{session.session_name}"
        user_id = f"{session.role_id}:{session.session_name}"
        return Caller(account, arn, user_id, region, service, session.role != accounts.READER_ROLE)

    def answer(self, action: str, parameters: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """GetCallerIdentity and AssumeRole."""
        if action == "GetCallerIdentity":
            return {"Arn": caller.arn, "UserId": caller.user_id, "Account": caller.account.account_id}
        if action == "AssumeRole":
            return self._assume(parameters, caller)
        raise ServiceError(400, "InvalidAction", f"Could not find operation {action} for version {VERSION}")

    def _assume(self, parameters: dict[str, Any], caller: Caller) -> dict[str, Any]:
        role_arn = str(parameters.get("RoleArn", ""))
        session_name = str(parameters.get("RoleSessionName", ""))
        if not _SESSION_NAME.fullmatch(session_name):
            raise ServiceError(400, "ValidationError", "The RoleSessionName must be 2 to 64 of [A-Za-z0-9_+=,.@-].")
        duration = str(parameters.get("DurationSeconds", "3600"))
        if not duration.isdigit() or not 900 <= int(duration) <= 43_200:
            raise ServiceError(400, "ValidationError", "DurationSeconds must be between 900 and 43200.")
        asked = _ROLE.fullmatch(role_arn)
        role = asked.group(2) if asked else ""
        account = next((one for one in accounts.ACCOUNTS if asked and one.account_id == asked.group(1)), None)
        is_payers = caller.account.account_id == accounts.PAYER.account_id and caller.may_write
        if account is None or role not in (
            (accounts.READER_ROLE, ADMIN_ROLE) if is_payers else (accounts.READER_ROLE,)
        ):
            message = f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            raise ServiceError(403, "AccessDenied", message)
        key = "ASIA" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))
        session = _Session(
            account,
            role,
            session_name,
            "AROASIMULATEDROLE0000",
            secrets.token_urlsafe(96),
            datetime.now(UTC) + timedelta(seconds=int(duration)),
        )
        with self._lock:
            self._sessions[key] = session
        return {
            "Credentials": {
                "AccessKeyId": key,
                "SecretAccessKey": secrets.token_urlsafe(30),
                "SessionToken": session.token,
                "Expiration": session.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            "AssumedRoleUser": {
                "AssumedRoleId": f"{session.role_id}:{session_name}",
                "Arn": f"arn:aws:sts::{account.account_id}:assumed-role/{role}/{session_name}",
            },
        }
