"""Single resources: found by name, their hours of the week, and what a model may know of them."""

from app.database import fetch_rows
from app.rows import Context, FoundResource, OccupancyHour

MAXIMUM_FOUND = 100


def find_resources(text: str, limit: int = 20) -> list[FoundResource]:
    """Resources whose id, name, type, description or account holds `text`, those billed last first.

    Raises: `ValueError` for a limit outside 1..100.
    """
    if not 1 <= limit <= MAXIMUM_FOUND:
        raise ValueError(f"limit is {limit}: it must be between 1 and {MAXIMUM_FOUND}")
    return fetch_rows(
        """
        select
            resources.resource_key, resources.resource_id, resources.resource_name, resources.resource_type,
            resources.resource_description, resources.service_name, resources.account_id, accounts.account_name,
            resources.region, resources.environment, resources.last_billed_at
        from marts.dim_resources as resources
        left join marts.dim_accounts as accounts on resources.account_id = accounts.account_id
        where strpos(
            lower(
                concat_ws(
                    ' ', resources.resource_id, resources.resource_name, resources.resource_type,
                    resources.resource_description, resources.account_id, accounts.account_name
                )
            ),
            lower(%(text)s)
        ) > 0
        order by resources.last_billed_at desc nulls last, resources.resource_key
        limit %(limit)s
        """,
        {"text": text.replace("\x00", ""), "limit": limit},
        row_type=FoundResource,
    )


def get_occupancy(resource_key: str) -> list[OccupancyHour]:
    """How often a machine was at work in each hour of its users' week; [] where nothing was seen."""
    return fetch_rows(
        """
        select hour_of_week, time_zone, weeks_observed_count, weeks_active_count, occupancy_ratio
        from marts.fct_resource_occupancy
        where resource_key = %(resource_key)s
        order by hour_of_week
        """,
        {"resource_key": resource_key.replace("\x00", "")},
        row_type=OccupancyHour,
    )


def get_resource_context(resource: str) -> Context | None:
    """What a model may know of one resource, named by its `resource_key` or by an id that only one has."""
    found = fetch_rows(
        """
        select contexts.ai_context_id, contexts.document
        from marts.ai_context as contexts
        inner join marts.dim_resources as resources on contexts.resource_key = resources.resource_key
        where resources.resource_key = %(resource)s or resources.resource_id = %(resource)s
        limit 2
        """,
        {"resource": resource.replace("\x00", "")},
        row_type=Context,
    )
    return found[0] if len(found) == 1 else None


def get_portfolio_context() -> Context | None:
    """What a model may know of everything together; None before the first build with data."""
    found = fetch_rows(
        """
        select ai_context_id, document
        from marts.ai_context
        where context_type = 'portfolio'
        """,
        row_type=Context,
    )
    return found[0] if found else None
