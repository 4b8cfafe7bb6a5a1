"""What the loaded bill uses, so that no more is asked of the price list than that and its neighbours in size."""

from dataclasses import dataclass

from ingest import database
from ingest.errors import IngestError


@dataclass(frozen=True)
class Usage:
    """Distinct values of the loaded bill, sorted. Families are of instance types: `m5`, `db.m5`."""

    regions: tuple[str, ...]
    families: frozenset[str]  # of EC2
    operating_systems: tuple[str, ...]
    database_families: frozenset[str]
    database_engines: tuple[tuple[str, str], ...]  # engine, deployment option


def read_usage() -> Usage:
    """Read it from the newest delivery of every period.

    Raises:
        IngestError: the database can't be reached, or no bill is loaded.
    """
    with database.connect() as connection:
        rows = connection.execute(
            r"""
            select distinct
                coalesce(attributes ->> 'product_region', attributes ->> 'product_region_code') as region,
                attributes ->> 'product_instance_type' as instance_type,
                attributes ->> 'product_operating_system' as operating_system,
                attributes ->> 'product_database_engine' as database_engine,
                attributes ->> 'product_deployment_option' as deployment_option
            from raw.cur_attributes
            where coalesce(attributes ->> 'product_region', attributes ->> 'product_region_code')
                ~ '^[a-z]{2}(-[a-z]+)+-\d+$'
            """
        ).fetchall()
    if not rows:
        raise IngestError("no bill is loaded that prices could be asked for; run `python -m ingest cur` first")
    compute = {row[1] for row in rows if row[1] and not row[1].startswith("db.") and "." in row[1]}
    databases = {row[1] for row in rows if row[1] and row[1].startswith("db.")}
    return Usage(
        regions=tuple(sorted({row[0] for row in rows})),
        families=frozenset(find_family(each) for each in compute),
        operating_systems=tuple(sorted({row[2] for row in rows if row[2] and row[1] in compute})),
        database_families=frozenset(find_family(each) for each in databases),
        database_engines=tuple(sorted({(row[3], row[4]) for row in rows if row[3] and row[4] and row[1] in databases})),
    )


def find_family(instance_type: str) -> str:
    """`m5` of m5.large, `db.m5` of db.m5.large."""
    return instance_type.rsplit(".", 1)[0]
