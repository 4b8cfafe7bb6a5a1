-- Every resource that any source has seen, which sources, and since when.
with billed as (
    select * from {{ ref('int_billed_resources_identified') }}
),

reporting as (
    select
        account_id,
        region,
        resource_type,
        resource_id,
        min(first_seen_at) as first_reported_at,
        max(last_seen_at) as last_reported_at
    from {{ ref('int_reporting_series_identified') }}
    group by account_id, region, resource_type, resource_id
),

inventory as (
    select * from {{ ref('stg_inventory__resources') }}
),

inventory_scopes as (
    select * from {{ ref('stg_inventory__scopes') }}
),

instance_types as (
    select * from {{ ref('stg_prices__instance_types') }}
),

resource_types as (
    select * from {{ ref('resource_types') }}
),

-- A bill that names no region for a resource is of the one region that the resource is seen in elsewhere.
elsewhere as (
    select
        account_id,
        region,
        resource_type,
        resource_id
    from reporting
    union
    select
        account_id,
        region,
        resource_type,
        resource_id
    from inventory
),

only_regions as (
    select
        account_id,
        resource_type,
        resource_id,
        min(region) as region
    from elsewhere
    group by account_id, resource_type, resource_id
    having count(*) = 1
),

placed as (
    select
        billed.*,
        coalesce(billed.region, only_regions.region, '') as placed_region
    from billed
    left join only_regions
        on
            billed.account_id = only_regions.account_id
            and billed.resource_type = only_regions.resource_type
            and billed.resource_id = only_regions.resource_id
),

seen as (
    select
        account_id,
        placed_region as region,
        resource_type,
        resource_id
    from placed
    union
    select
        account_id,
        region,
        resource_type,
        resource_id
    from elsewhere
),

joined as (
    select
        seen.account_id,
        seen.resource_id,
        seen.resource_type,
        nullif(seen.region, '') as region,
        placed.billed_resource_id,
        coalesce(nullif(btrim(inventory.resource_name), ''), placed.resource_name) as resource_name,
        -- What the service says of its machine today is newer than what the bill saw last.
        coalesce(
            inventory.attributes ->> 'instance_type', inventory.attributes ->> 'database_class', placed.instance_type
        ) as instance_type,
        placed.operating_system,
        placed.database_engine,
        placed.deployment_option,
        placed.environment,
        placed.protected_reason,
        coalesce(placed.is_spot, false)
        or coalesce(inventory.attributes ->> 'instance_lifecycle' = 'spot', false) as is_spot,
        placed.service_name as billed_service_name,
        placed.first_billed_at,
        placed.last_billed_at,
        placed.first_instance_hour_at,
        placed.last_instance_hour_at,
        reporting.first_reported_at,
        reporting.last_reported_at,
        inventory.state as inventory_state,
        inventory.attributes as inventory_attributes,
        inventory.resource_id is not null as is_in_inventory,
        inventory.first_seen_at as first_inventoried_at,
        inventory_scopes.collected_at as inventory_as_of_at
    from seen
    left join placed
        on
            seen.account_id = placed.account_id
            and seen.region = placed.placed_region
            and seen.resource_type = placed.resource_type
            and seen.resource_id = placed.resource_id
    left join reporting
        on
            seen.account_id = reporting.account_id
            and seen.region = reporting.region
            and seen.resource_type = reporting.resource_type
            and seen.resource_id = reporting.resource_id
    left join inventory
        on
            seen.account_id = inventory.account_id
            and seen.region = inventory.region
            and seen.resource_type = inventory.resource_type
            and seen.resource_id = inventory.resource_id
    left join inventory_scopes
        on
            seen.account_id = inventory_scopes.account_id
            and seen.region = inventory_scopes.region
            and seen.resource_type = inventory_scopes.resource_type
)

select
    md5(concat_ws('|', joined.account_id, coalesce(joined.region, ''), joined.resource_type, joined.resource_id))
        as resource_key,
    joined.resource_id,
    joined.billed_resource_id,
    joined.resource_type,
    -- Some kinds' ids are their names: a load balancer's, a function's.
    coalesce(joined.resource_name, substring(joined.resource_id from resource_types.own_name_pattern))
        as resource_name,
    nullif(
        concat_ws(
            ', ',
            joined.instance_type,
            coalesce(
                joined.operating_system,
                joined.database_engine,
                joined.inventory_attributes ->> 'platform_details',
                joined.inventory_attributes ->> 'engine'
            ),
            joined.deployment_option,
            case
                when joined.resource_type = 'ebs_volume'
                    then
                        (joined.inventory_attributes ->> 'volume_type') || ', '
                        || (joined.inventory_attributes ->> 'size_gib') || ' GiB'
            end,
            joined.inventory_attributes ->> 'public_ip'
        ),
        ''
    ) as resource_description,
    coalesce(joined.billed_service_name, resource_types.service_name) as service_name,
    joined.account_id,
    joined.region,
    joined.environment,
    joined.instance_type,
    instance_types.vcpu_count,
    instance_types.memory_gib,
    joined.operating_system,
    joined.database_engine,
    joined.deployment_option,
    joined.protected_reason,
    joined.inventory_state,
    joined.inventory_attributes,
    joined.first_billed_at,
    joined.last_billed_at,
    joined.first_instance_hour_at,
    joined.last_instance_hour_at,
    joined.first_reported_at,
    joined.last_reported_at,
    joined.first_inventoried_at,
    case when joined.is_in_inventory then joined.inventory_as_of_at end as last_inventoried_at,
    joined.inventory_as_of_at,
    least(joined.first_billed_at, joined.first_reported_at, joined.first_inventoried_at) as first_seen_at,
    concat_ws(
        ', ',
        case when joined.first_billed_at is not null then 'bill' end,
        case when joined.first_reported_at is not null then 'metrics' end,
        case when joined.is_in_inventory then 'inventory' end
    ) as seen_by,
    joined.is_spot,
    joined.inventory_attributes ->> 'auto_scaling_group_name' is not null as is_in_auto_scaling_group,
    joined.first_billed_at is not null as is_billed,
    joined.first_reported_at is not null as is_reporting,
    joined.is_in_inventory
from joined
left join resource_types on joined.resource_type = resource_types.resource_type
left join instance_types on joined.instance_type = instance_types.instance_type
