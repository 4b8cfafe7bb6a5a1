-- Every resource that any source has seen, and which.
with billed as (
    select * from {{ ref('int_billed_resources_identified') }}
),

series as (
    select * from {{ ref('stg_cloudwatch__series') }}
),

metric_catalog as (
    select distinct
        namespace,
        resource_type
    from {{ ref('metric_catalog') }}
),

resource_types as (
    select * from {{ ref('resource_types') }}
),

reporting as (
    select
        series.account_id,
        series.region,
        series.resource_id,
        metric_catalog.resource_type,
        min(series.first_seen_at) as first_reported_at,
        max(series.last_seen_at) as last_reported_at
    from series
    inner join metric_catalog on series.namespace = metric_catalog.namespace
    group by series.account_id, series.region, series.resource_id, metric_catalog.resource_type
),

-- A bill that names no region for a resource is of the one region that the resource reports in.
only_regions as (
    select
        account_id,
        resource_type,
        resource_id,
        min(region) as region
    from reporting
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

joined as (
    select
        coalesce(placed.account_id, reporting.account_id) as account_id,
        coalesce(placed.resource_id, reporting.resource_id) as resource_id,
        coalesce(placed.resource_type, reporting.resource_type) as resource_type,
        nullif(coalesce(placed.placed_region, reporting.region), '') as region,
        placed.billed_resource_id,
        placed.resource_name,
        placed.instance_type,
        placed.operating_system,
        placed.service_name as billed_service_name,
        placed.first_billed_at,
        placed.last_billed_at,
        placed.first_instance_hour_at,
        placed.last_instance_hour_at,
        reporting.first_reported_at,
        reporting.last_reported_at
    from placed
    full outer join reporting
        on
            placed.account_id = reporting.account_id
            and placed.placed_region = reporting.region
            and placed.resource_type = reporting.resource_type
            and placed.resource_id = reporting.resource_id
)

select
    md5(concat_ws('|', joined.account_id, coalesce(joined.region, ''), joined.resource_type, joined.resource_id))
        as resource_key,
    joined.resource_id,
    joined.billed_resource_id,
    joined.resource_type,
    joined.resource_name,
    nullif(concat_ws(', ', joined.instance_type, joined.operating_system), '') as resource_description,
    coalesce(joined.billed_service_name, resource_types.service_name) as service_name,
    joined.account_id,
    joined.region,
    joined.instance_type,
    joined.operating_system,
    joined.first_billed_at,
    joined.last_billed_at,
    joined.first_instance_hour_at,
    joined.last_instance_hour_at,
    joined.first_reported_at,
    joined.last_reported_at,
    joined.first_billed_at is not null as is_billed,
    joined.first_reported_at is not null as is_reporting
from joined
left join resource_types on joined.resource_type = resource_types.resource_type
