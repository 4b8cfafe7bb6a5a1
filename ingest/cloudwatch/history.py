"""What the ledger says of an account and region's earlier collections, and what follows for the next one's listing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest import database
from ingest.cloudwatch.catalog import CatalogMetric
from ingest.cloudwatch.planning import DUE_AFTER

SOURCE_NAME = "cloudwatch"
# After a longer pause ListMetrics' last three hours don't tell of all that spoke since.
_LONGEST_PAUSE = timedelta(hours=2)


@dataclass(frozen=True)
class Earlier:
    """The collections before."""

    load_ids: list[int]
    data_from_at: datetime | None
    data_until_at: datetime | None
    daily_until_at: datetime | None  # metrics that are collected daily
    listed_series_count: int | None  # at the last listing of everything

    def is_whole_due(self, end_at: datetime, reread: timedelta | None) -> bool:
        """Whether the next collection lists everything, which it does once a day.

        Args:
            end_at: the last whole hour.
        """
        until = self.daily_until_at
        return reread is not None or until is None or end_at - until >= DUE_AFTER["daily"]

    def is_fresh(self, end_at: datetime) -> bool:
        """Whether listing what has spoken lately names all that spoke since."""
        return self.data_until_at is not None and end_at - self.data_until_at <= _LONGEST_PAUSE

    def choose_listed(self, catalog: Sequence[CatalogMetric], *, is_whole: bool) -> list[CatalogMetric]:
        """The metrics to list: where the last whole listing named nothing, the next whole one is waited for."""
        if not is_whole and self.listed_series_count == 0:
            return []
        return [each for each in catalog if is_whole or each.collected == "hourly"]


def read_earlier(partition_key: str) -> Earlier:
    """The collections of an account and region (`account/region`) before.

    Raises:
        IngestError: the database can't be reached.
    """
    with database.connect() as connection:
        rows = connection.execute(
            """
            select
                load_id, data_from_at, data_until_at, (statistics ->> 'daily_until_at')::timestamptz,
                (statistics ->> 'listed_series_count')::bigint
            from raw.loads where source_name = %s and partition_key = %s and is_current
            """,
            [SOURCE_NAME, partition_key],
        ).fetchall()
    return Earlier(
        [row[0] for row in rows],
        earliest(*(row[1] for row in rows)),
        latest(*(row[2] for row in rows)),
        latest(*(row[3] for row in rows)),
        max((row[4] for row in rows if row[4] is not None), default=None),
    )


def earliest(*instants: datetime | None) -> datetime | None:
    """The first of those that there are."""
    return min((each for each in instants if each is not None), default=None)


def latest(*instants: datetime | None) -> datetime | None:
    """The last of those that there are."""
    return max((each for each in instants if each is not None), default=None)
