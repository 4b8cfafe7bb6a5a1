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
        series.resource_id,
        metric_catalog.resource_type,
        max(series.region) as region,
        min(series.first_seen_at) as first_reported_at,
        max(series.last_seen_at) as last_reported_at
    from series
    inner join metric_catalog on series.namespace = metric_catalog.namespace
    group by series.account_id, series.resource_id, metric_catalog.resource_type
),

joined as (
    select
        coalesce(billed.account_id, reporting.account_id) as account_id,
        coalesce(billed.resource_id, reporting.resource_id) as resource_id,
        coalesce(billed.resource_type, reporting.resource_type) as resource_type,
        coalesce(billed.region, reporting.region) as region,
        billed.billed_resource_id,
        billed.resource_name,
        billed.instance_type,
        billed.operating_system,
        billed.service_name as billed_service_name,
        billed.first_billed_at,
        billed.last_billed_at,
        billed.first_instance_hour_at,
        billed.last_instance_hour_at,
        reporting.first_reported_at,
        reporting.last_reported_at
    from billed
    full outer join reporting
        on
            billed.account_id = reporting.account_id
            and billed.resource_type = reporting.resource_type
            and billed.resource_id = reporting.resource_id
)

select
    md5(concat_ws('|', joined.account_id, joined.resource_type, joined.resource_id)) as resource_key,
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
