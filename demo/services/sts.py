"""Security Token Service: who a credential is, and credentials for the accounts' reader roles.

Signatures are not checked: the endpoint is loopback only and guards nothing. Any static credential is the payer's.
"""

from __future__ import annotations

import re
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from demo import accounts
from demo.accounts import Account
from demo.wire import Caller, Request, ServiceError

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
VERSION = "2011-06-15"
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request")
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


@dataclass(frozen=True)
class _Session:
    account: Account
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
            payer = accounts.PAYER
            arn = f"arn:aws:iam::{payer.account_id}:user/simulated"
            return Caller(payer, arn, "AIDASIMULATEDUSER0000", region, service)
        with self._lock:
            session = self._sessions.get(key)
        if session is None or request.headers.get("x-amz-security-token") != session.token:
            raise ServiceError(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        if datetime.now(UTC) >= session.expires:
            raise ServiceError(403, "ExpiredToken", "The security token included in the request is expired")
        account = session.account
        arn = f"arn:aws:sts::{account.account_id}:assumed-role/{accounts.READER_ROLE}/{session.session_name}"
        return Caller(account, arn, f"{session.role_id}:{session.session_name}", region, service)

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
        account = next((one for one in accounts.ACCOUNTS if one.role_arn == role_arn), None)
        if account is None:
            message = f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            raise ServiceError(403, "AccessDenied", message)
        key = "ASIA" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))
        session = _Session(
            account,
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
                "Arn": f"arn:aws:sts::{account.account_id}:assumed-role/{accounts.READER_ROLE}/{session_name}",
            },
        }
