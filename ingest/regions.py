"""The regions that there is anything to read in."""

from ingest import database


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
