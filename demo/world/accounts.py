"""The organisation: a payer, three linked accounts, and where they run."""

from __future__ import annotations

from dataclasses import dataclass

from demo.errors import DemoError

READER_ROLE = "TieoutReader"
ORGANIZATION_ID = "o-exampleorg01"


@dataclass(frozen=True, order=True)
class Account:
    """An AWS account; ``time_zone`` is where its users work."""

    account_id: str
    name: str
    time_zone: str

    @property
    def role_arn(self) -> str:
        """The role that a reader assumes in this account."""
        return f"arn:aws:iam::{self.account_id}:role/{READER_ROLE}"


@dataclass(frozen=True, order=True)
class Region:
    """A region: its code, its name in product/location, and the prefix of its usage types."""

    code: str
    location: str
    prefix: str


PAYER = Account("111122223333", "Example Corp payer", "America/New_York")
PRODUCTION = Account("444455556666", "Example Corp production", "America/New_York")
# The leading zero is real life: an account id is text, and a reader that takes it for a number loses the account.
DEVELOPMENT = Account("012345678901", "Example Corp development", "Europe/Dublin")
ANALYTICS = Account("777788889999", "Example Corp analytics", "Asia/Kolkata")
LINKED = (PRODUCTION, DEVELOPMENT, ANALYTICS)
ACCOUNTS = (PAYER, *LINKED)

REGIONS = (
    Region("us-east-1", "US East (N. Virginia)", ""),
    Region("us-west-2", "US West (Oregon)", "USW2-"),
    Region("eu-west-1", "EU (Ireland)", "EU-"),
)
HOME_REGION = REGIONS[0]
# CloudFront has no region: its usage types carry the edge's prefix, its metrics live in the home region.
EDGES = {"US": "United States", "EU": "Europe", "AP": "Asia Pacific"}


def region_of(code: str) -> Region:
    """The region of a code. Raises DemoError for one that the account doesn't use."""
    for region in REGIONS:
        if region.code == code:
            return region
    raise DemoError(f"region {code!r} is not one of the simulated account's regions")


def account_of(account_id: str) -> Account:
    """The account of an id. Raises DemoError for one outside the organisation."""
    for account in ACCOUNTS:
        if account.account_id == account_id:
            return account
    raise DemoError(f"account {account_id!r} is not in the simulated organisation")
