"""A collection: every account and region, batch by batch; asking again changes nothing, killing it loses a batch."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg

from ingest import database, ledger
from ingest.aws import Account, open_accounts
from ingest.cloudwatch.catalog import read_catalog
from ingest.cloudwatch.collection import REQUESTS_AT_ONCE, RegionCollector, RegionResult
from ingest.cloudwatch.history import SOURCE_NAME
from ingest.cloudwatch.requesting import speed_up
from ingest.errors import IngestError
from ingest.regions import find_regions, refuse_unknown
from ingest.requests import open_log

REGIONS_AT_ONCE = 4


def collect_metrics(
    regions: list[str] | None = None, now: datetime | None = None, reread: timedelta | None = None
) -> list[RegionResult]:
    """Bring every account and region up to the last whole hour: what is collected hourly, and daily what is due.

    Args:
        regions: AWS regions; where None, TIEOUT_REGIONS, else the regions that the loaded CUR has charges in.
        now: default: this instant, or AWS's where its clock is behind.
        reread: ask again so far back from where the last collection ended, for all metrics, due or not.

    Returns:
        One result per account and region; one that fails leaves what was collected before and doesn't stop the others.
        An account whose role can't be assumed has one result.

    Raises:
        IngestError: no credentials, no database, a broken catalogue, or a region that isn't one.
    """
    ledger.create_raw_schema()
    ledger.refuse_other_origin()
    catalog = read_catalog()
    present = now or datetime.now(UTC)
    chosen = regions or os.environ.get("TIEOUT_REGIONS", "").replace(",", " ").split() or find_regions()
    refuse_unknown(chosen)
    accounts, failures = open_accounts()
    results = [RegionResult(place, error=error) for place, error in failures.items()]
    with (
        open_log(SOURCE_NAME, present) as log,
        ThreadPoolExecutor(REQUESTS_AT_ONCE, "request") as requests,
        ThreadPoolExecutor(REGIONS_AT_ONCE, "region") as workers,
    ):

        def collect(account: Account, region: str) -> RegionResult:
            try:
                client = account.client("cloudwatch", region, is_validating=False)
                speed_up(client)
                return RegionCollector(account, region, client, catalog, log, requests).collect(present, reread)
            except IngestError as error:
                return RegionResult(f"{account.account_id}/{region}", error=str(error))
            except psycopg.Error as error:
                told = f"{account.account_id}/{region}: {database.describe_server()}: {' '.join(str(error).split())}"
                return RegionResult(f"{account.account_id}/{region}", error=f"{told}; run again")

        running = [workers.submit(collect, account, region) for account in accounts for region in chosen]
        return results + [each.result() for each in running]
