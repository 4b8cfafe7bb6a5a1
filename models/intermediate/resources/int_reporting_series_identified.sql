-- Each series of the catalogue with the resource it is of. One row per series.
with series as (
    select * from {{ ref('stg_cloudwatch__series') }}
),

metric_catalog as (
    select * from {{ ref('metric_catalog') }}
),

-- CloudWatch knows a REST API by its name; a name that two share tells neither.
named_apis as (
    select
        account_id,
        region,
        attributes ->> 'api_name' as api_name,
        min(resource_id) as resource_id
    from {{ ref('stg_inventory__resources') }}
    where resource_type = 'api_gateway_api' and attributes ->> 'api_type' = 'REST'
    group by account_id, region, attributes ->> 'api_name'
    having count(*) = 1
)

select
    series.series_id,
    series.account_id,
    series.region,
    series.namespace,
    series.metric_name,
    series.first_seen_at,
    series.last_seen_at,
    metric_catalog.resource_type,
    metric_catalog.absence_means,
    metric_catalog.period_seconds,
    coalesce(named_apis.resource_id, series.resource_id) as resource_id,
    -- What the dimensions say beyond the resource: a bucket's storage class, CloudFront's Region=Global.
    case
        when metric_catalog.dimension_names = metric_catalog.resource_dimension then ''
        else
            substr(
                series.dimensions,
                strpos(series.dimensions, ',' || split_part(metric_catalog.dimension_names, '|', 2) || '=') + 1
            )
    end as series_scope
from series
inner join metric_catalog
    on
        series.namespace = metric_catalog.namespace
        and series.metric_name = metric_catalog.metric_name
        -- One metric may be kept under several sets of dimensions; they are in the order of the alphabet.
        and split_part(series.dimensions, '=', 1) = split_part(metric_catalog.dimension_names, '|', 1)
left join named_apis
    on
        metric_catalog.resource_dimension = 'ApiName'
        and series.account_id = named_apis.account_id
        and series.region = named_apis.region
        and series.resource_id = named_apis.api_name
