"""The regions that there is anything to read in."""

from collections.abc import Sequence

from ingest import database
from ingest.aws import list_regions
from ingest.errors import IngestError


def find_regions() -> list[str]:
    """Regions the loaded CUR names; us-east-1 always, because the global services report there."""
    with database.connect() as connection:
        rows = connection.execute(
            r"""
            select distinct region
            from (
                select coalesce(attributes ->> 'product_region', attributes ->> 'product_region_code') as region
                from raw.cur_attributes
            ) as regions
            where region ~ '^[a-z]{2}(-[a-z]+)+-\d+$'
            """
        ).fetchall()
    return sorted({"us-east-1", *(str(row[0]) for row in rows)})


def refuse_unknown(regions: Sequence[str]) -> None:
    """Stop before a misspelled region is taken for one where there is nothing.

    Raises:
        IngestError: neither AWS nor the loaded CUR knows one of them.
    """
    billed = find_regions()
    for region in regions:
        if region not in billed and region not in list_regions():
            raise IngestError(
                f"{region} is none of AWS's regions; set --region, or TIEOUT_REGIONS, to such as {', '.join(billed)}"
            )
