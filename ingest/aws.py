"""The one door to AWS: sessions by boto3's ordinary chain, clients, and AWS's errors in one clear line."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.session import get_session

from ingest.errors import IngestError

# Adaptive: slows down by itself under throttling. Timeouts bound a hung connection; retries cover dropped ones.
_CONFIG = Config(
    retries={"mode": "adaptive", "max_attempts": 8},
    connect_timeout=10,
    read_timeout=60,
    user_agent_appid="tieout",
    max_pool_connections=16,
)
# What a connection that breaks while a body is read raises: boto3 repeats requests, not bodies.
CONNECTION_ERRORS = (BotoCoreError, OSError)
_DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True)
class Account:
    """An AWS account we have credentials for. Several threads may ask for clients, and share them."""

    account_id: str
    session: Any  # boto3.Session, which has no types of its own
    _clients: dict[tuple[str, str, bool], Any] = field(default_factory=dict, repr=False, compare=False)
    _making: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def client(self, service: str, region: str | None = None, *, is_validating: bool = True) -> Any:
        """The boto3 client of this account for a service; `region` defaults to the session's.

        Args:
            is_validating: have boto3 check each request's parameters, which takes longer than making the request.
        """
        key = (service, region or self.session.region_name, is_validating)
        with self._making:  # sessions are not for several threads, and a client takes a while to make
            if key not in self._clients:
                config = _CONFIG if is_validating else _CONFIG.merge(Config(parameter_validation=False))
                self._clients[key] = self.session.client(service, region_name=key[1], config=config)
            return self._clients[key]


def open_account(role_arn: str | None = None) -> Account:
    """The account of the ordinary credential chain, or that of a role assumed from it.

    Raises:
        IngestError: no credentials, or the role can't be assumed.
    """
    with explained("AWS (sts:GetCallerIdentity)"):
        session = boto3.Session()
        if session.region_name is None:
            session = boto3.Session(region_name=_DEFAULT_REGION)
        if role_arn is not None:
            session = _assume_role(session, role_arn)
        identity = session.client("sts", config=_CONFIG).get_caller_identity()
    return Account(account_id=identity["Account"], session=session)


def open_accounts() -> tuple[list[Account], dict[str, str]]:
    """The caller's account and one for each role in TIEOUT_ASSUME_ROLE_ARNS (separated by commas or spaces).

    Returns:
        The accounts, and for each role that can't be assumed why.

    Raises:
        IngestError: no credentials.
    """
    role_arns = os.environ.get("TIEOUT_ASSUME_ROLE_ARNS", "").replace(",", " ").split()
    accounts = [open_account()]
    failures = {}
    for role_arn in role_arns:
        try:
            accounts.append(open_account(role_arn))
        except IngestError as error:
            failures[role_arn] = str(error)
    return list({account.account_id: account for account in accounts}.values()), failures


def _assume_role(session: Any, role_arn: str) -> Any:
    """A session of the role. AWS gives its credentials an hour; a longer run renews them a quarter of one before."""
    # Made once: whichever thread signs a request when it is time renews, and sessions are not for several threads.
    tokens = session.client("sts", config=_CONFIG)

    def renew() -> dict[str, str]:
        credentials = tokens.assume_role(RoleArn=role_arn, RoleSessionName="tieout")["Credentials"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }

    with explained(f"role {role_arn}"):
        credentials = RefreshableCredentials.create_from_metadata(renew(), renew, method="assume-role")
    own = get_session()
    own.register_component("credential_provider", CredentialResolver([_Given(credentials)]))
    return boto3.Session(botocore_session=own, region_name=session.region_name)


class _Given(CredentialProvider):  # type: ignore[misc]  # botocore has no types of its own
    """A botocore provider of credentials that are there already."""

    METHOD = "assume-role"

    def __init__(self, credentials: Any):
        super().__init__()
        self._credentials = credentials

    def load(self) -> Any:
        return self._credentials


def list_regions() -> set[str]:
    """The regions of all of AWS's partitions, as boto3 knows them; AWS isn't asked."""
    session = get_session()
    return {
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition)
    }


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Turn boto3's errors into one IngestError that names the place and the remedy.

    Args:
        place: what was being read, for people: `s3://bucket/key`, `CloudWatch us-east-1`.
    """
    try:
        yield
    except NoCredentialsError as error:
        raise IngestError(f"{place}: no AWS credentials found; set AWS_PROFILE or the AWS_* variables") from error
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown error")
        message = " ".join(error.response.get("Error", {}).get("Message", "").split())
        raise IngestError(f"{place}: AWS answered {code} ({message}){_remedy(code)}") from error
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no URL
        raise IngestError(f"{place}: {' '.join(str(error).split())}") from error


def is_about_content(error: IngestError) -> bool:
    """Whether AWS refused a request for what stands in it: a part of it alone may be accepted."""
    cause = error.__cause__
    if not isinstance(cause, ClientError):
        return False
    code = str(cause.response.get("Error", {}).get("Code", ""))
    return code.startswith(("Validation", "InvalidParameter", "MissingParameter", "MissingRequiredParameter"))


def _remedy(code: str) -> str:
    if code in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}:
        return "; grant the actions of docs/iam-policy.json"
    if code in {"NoSuchBucket", "404"}:
        return "; check the bucket's name in --source"
    if code in {"RequestExpired", "RequestTimeTooSkewed", "InvalidSignatureException"}:
        return "; set this machine's clock right, and check the secret key"
    if code in {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch"}:
        return "; renew the AWS credentials"
    return ""
