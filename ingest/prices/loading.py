"""Prices into PostgreSQL: four partitions, each replaced whole; one that AWS refuses keeps what it held."""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from ingest import ledger
from ingest.aws import Account, open_account
from ingest.errors import IngestError
from ingest.prices import commitments, instance_types, on_demand
from ingest.prices.usage import Usage, read_usage
from ingest.snapshots import Rows, replace_partition

SOURCE_NAME = "prices"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PriceResult:
    """What a run did with one kind of price."""

    partition_key: str
    row_count: int = 0
    request_count: int = 0
    error: str = ""


def sync_prices() -> list[PriceResult]:
    """Read what the loaded bill's families, systems and regions cost today.

    Returns:
        One result a kind; one that fails leaves its earlier rows whole and doesn't stop the others.

    Raises:
        IngestError: no credentials, no database, or no bill to ask prices for.
    """
    ledger.create_raw_schema()
    ledger.refuse_other_origin()
    usage = read_usage()
    account = open_account()
    sizes: Rows = []

    def read_sizes(account: Account, usage: Usage) -> tuple[Rows, int]:
        found, count = instance_types.read_instance_types(account, usage)
        sizes.extend(found)
        return found, count

    def read_reservations(account: Account, usage: Usage) -> tuple[Rows, int]:
        if not sizes:
            raise IngestError("reservations: which sizes the families have isn't known; instance types come first")
        return commitments.read_reservations(account, usage, [str(each["instance_type"]) for each in sizes])

    return [
        _sync("instance_types", "price_instance_types", instance_types.SCHEMA, read_sizes, account, usage),
        _sync("on_demand", "price_on_demand", on_demand.SCHEMA, on_demand.read_prices, account, usage),
        _sync(
            "savings_plans",
            "price_savings_plan_rates",
            commitments.RATES_SCHEMA,
            commitments.read_plan_rates,
            account,
            usage,
        ),
        _sync(
            "reservations",
            "price_reservation_offerings",
            commitments.RESERVATIONS_SCHEMA,
            read_reservations,
            account,
            usage,
        ),
    ]


def _sync(
    partition_key: str,
    table: str,
    schema: pa.Schema,
    read: Callable[[Account, Usage], tuple[Rows, int]],
    account: Account,
    usage: Usage,
) -> PriceResult:
    try:
        rows, request_count = read(account, usage)
        version = hashlib.sha256(json.dumps(rows, default=str, sort_keys=True).encode()).hexdigest()[:16]
        uri = f"prices://{partition_key}"
        row_count = replace_partition(SOURCE_NAME, partition_key, uri, version, {table: (schema, rows)}, request_count)
    except IngestError as error:
        return PriceResult(partition_key, error=str(error))
    _log.info("%s: %s prices, %d calls", partition_key, f"{row_count:,}", request_count)
    return PriceResult(partition_key, row_count, request_count)
