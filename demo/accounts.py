"""The organisation: a payer, two linked accounts, and where they run."""

from __future__ import annotations

from dataclasses import dataclass

from demo.errors import DemoError

READER_ROLE = "TieoutReader"


@dataclass(frozen=True)
class Account:
    """An AWS account."""

    account_id: str
    name: str

    @property
    def role_arn(self) -> str:
        """The role that a reader assumes in this account."""
        return f"arn:aws:iam::{self.account_id}:role/{READER_ROLE}"


@dataclass(frozen=True)
class Region:
    """A region: its code, its name in product/location, the prefix of its usage types, and its users' time zone."""

    code: str
    location: str
    prefix: str
    time_zone: str


PAYER = Account("111122223333", "Example Corp payer")
PRODUCTION = Account("444455556666", "Example Corp production")
# The leading zero is real life: an account id is text, and a reader that takes it for a number loses the account.
DEVELOPMENT = Account("012345678901", "Example Corp development")
LINKED = (PRODUCTION, DEVELOPMENT)
ACCOUNTS = (PAYER, PRODUCTION, DEVELOPMENT)

REGIONS = (
    Region("us-east-1", "US East (N. Virginia)", "", "America/New_York"),
    Region("us-west-2", "US West (Oregon)", "USW2-", "America/Los_Angeles"),
    Region("eu-west-1", "EU (Ireland)", "EU-", "Europe/Dublin"),
)
HOME_REGION = REGIONS[0]


def region_of(code: str) -> Region:
    """The region of a code. Raises DemoError for one that the account doesn't use."""
    for region in REGIONS:
        if region.code == code:
            return region
    raise DemoError(f"region {code!r} is not one of the simulated account's regions")
