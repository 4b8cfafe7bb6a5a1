"""The inventory into PostgreSQL: each account, region and kind is a scope of its own, behind its own permission."""

import json
import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa

from ingest import database, ledger
from ingest.aws import Account, explained, open_accounts
from ingest.errors import IngestError
from ingest.inventory import compute, serving
from ingest.inventory.listing import Found, Listing
from ingest.regions import find_regions
from ingest.snapshots import replace_partition

SOURCE_NAME = "inventory"
_REGIONS_AT_ONCE = 4
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("account_id", "region", "resource_type", "resource_id")),
        *((name, pa.string()) for name in ("resource_name", "state", "attributes")),
        ("first_seen_at", pa.timestamp("us", tz="UTC")),
    ]
)
LISTINGS: Mapping[str, Callable[[Account, str], Listing]] = {
    "ec2_instance": compute.list_instances,
    "ebs_volume": compute.list_volumes,
    "elastic_ip": compute.list_addresses,
    "nat_gateway": compute.list_nat_gateways,
    "rds_instance": serving.list_databases,
    "application_load_balancer": partial(serving.list_modern_balancers, kind="application"),
    "network_load_balancer": partial(serving.list_modern_balancers, kind="network"),
    "classic_load_balancer": serving.list_classic_balancers,
    "api_gateway_api": serving.list_apis,
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScopeResult:
    """What a run did with one account, region and kind of resource."""

    partition_key: str  # account/region/kind
    row_count: int = 0
    request_count: int = 0
    error: str = ""


def sync_inventory(regions: list[str] | None = None) -> list[ScopeResult]:
    """Read what exists in every account and region.

    Args:
        regions: AWS regions; where None, TIEOUT_REGIONS, else the regions that the loaded CUR has charges in.

    Returns:
        One result a scope; one that AWS refuses keeps its earlier rows, says so and doesn't stop the others. An account
        whose role can't be assumed has one result.

    Raises:
        IngestError: no credentials or no database.
    """
    ledger.create_raw_schema()
    ledger.refuse_other_origin()
    chosen = regions or os.environ.get("TIEOUT_REGIONS", "").replace(",", " ").split() or find_regions()

    def sync_region(place: tuple[Account, str]) -> list[ScopeResult]:
        account, region = place
        of_region = [_sync_scope(account, region, kind, listing) for kind, listing in LISTINGS.items()]
        count = sum(each.row_count for each in of_region)
        _log.info("%s/%s: %d resources", account.account_id, region, count)
        return of_region

    accounts, failures = open_accounts()
    results = [ScopeResult(role_arn, error=error) for role_arn, error in failures.items()]
    places = [(account, region) for account in accounts for region in chosen]
    with ThreadPoolExecutor(_REGIONS_AT_ONCE, "region") as workers:
        return results + [each for of_region in workers.map(sync_region, places) for each in of_region]


def _sync_scope(
    account: Account, region: str, resource_type: str, listing: Callable[[Account, str], Listing]
) -> ScopeResult:
    partition_key = f"{account.account_id}/{region}/{resource_type}"
    asked_at = datetime.now(UTC)
    try:
        with explained(f"inventory {partition_key}"):
            found, request_count = listing(account, region)
        known = _find_known(account.account_id, region, resource_type)
        rows = [
            {
                **_describe(each, account.account_id, region, resource_type),
                "first_seen_at": known.get(each.resource_id, asked_at),
            }
            for each in found
        ]
        row_count = replace_partition(
            SOURCE_NAME,
            partition_key,
            f"inventory://{partition_key}",
            asked_at.isoformat(),
            {"inventory_resources": (_SCHEMA, rows)},
            request_count,
        )
    except IngestError as error:
        _note_scope(account.account_id, region, resource_type, asked_at, str(error))
        return ScopeResult(partition_key, error=str(error))
    _note_scope(account.account_id, region, resource_type, asked_at, None)
    return ScopeResult(partition_key, row_count, request_count)


def _describe(found: Found, account_id: str, region: str, resource_type: str) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "region": region,
        "resource_type": resource_type,
        "resource_id": found.resource_id,
        "resource_name": found.resource_name,
        "state": found.state,
        "attributes": json.dumps(found.attributes, default=_spell),
    }


def _find_known(account_id: str, region: str, resource_type: str) -> dict[str, datetime]:
    """Since when each resource of a scope is known, as far as it was there at the last look."""
    with database.connect() as connection:
        rows = connection.execute(
            """
            select resource_id, first_seen_at from raw.inventory_resources
            where account_id = %s and region = %s and resource_type = %s
            """,
            (account_id, region, resource_type),
        ).fetchall()
    return {str(resource_id): first_seen_at for resource_id, first_seen_at in rows}


def _spell(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _note_scope(account_id: str, region: str, resource_type: str, asked_at: datetime, error: str | None) -> None:
    """Say how far a scope is known. An error keeps the instant of the last good answer."""
    with database.connect() as connection:
        connection.execute(
            """
            insert into raw.inventory_scopes (account_id, region, resource_type, collected_at, asked_at, error)
            values (%(account_id)s, %(region)s, %(resource_type)s, %(collected_at)s, %(asked_at)s, %(error)s)
            on conflict (account_id, region, resource_type) do update set
                collected_at = coalesce(excluded.collected_at, inventory_scopes.collected_at),
                asked_at = excluded.asked_at,
                error = excluded.error
            """,
            {
                "account_id": account_id,
                "region": region,
                "resource_type": resource_type,
                "collected_at": None if error else asked_at,
                "asked_at": asked_at,
                "error": error,
            },
        )
