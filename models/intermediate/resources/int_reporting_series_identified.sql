-- Each series of the catalogue with the resource it is of. One row per resource, metric and scope: of several sets of
-- dimensions that tell the same (CloudWatch's agent), the simplest is kept.
with series as (
    select * from {{ ref('stg_cloudwatch__series') }}
),

metric_catalog as (
    select
        namespace,
        metric_name,
        dimension_names,
        resource_dimension,
        resource_type,
        period_seconds,
        collected,
        absence_means,
        nullif(scope_dimension, '') as scope_dimension
    from {{ ref('metric_catalog') }}
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
),

matched as (
    select
        series.series_id,
        series.account_id,
        series.region,
        series.namespace,
        series.metric_name,
        series.first_seen_at,
        series.last_seen_at,
        series.collected_until_at,
        series.held_back_since_at,
        series.resource_id,
        metric_catalog.resource_dimension,
        metric_catalog.resource_type,
        metric_catalog.absence_means,
        metric_catalog.period_seconds,
        metric_catalog.collected,
        metric_catalog.scope_dimension,
        cardinality(string_to_array(metric_catalog.dimension_names, '|')) as dimension_count,
        -- Where the scope's value ends: before the dimension that follows it, whose name the catalogue tells.
        split_part(
            split_part('|' || metric_catalog.dimension_names || '|', '|' || metric_catalog.scope_dimension || '|', 2),
            '|', 1
        ) as following_dimension,
        substr(
            series.dimensions,
            strpos(',' || series.dimensions, ',' || metric_catalog.scope_dimension || '=')
        ) as scope_onwards
    from series
    inner join metric_catalog
        on
            series.namespace = metric_catalog.namespace
            and series.metric_name = metric_catalog.metric_name
            and series.dimension_names = metric_catalog.dimension_names
),

scoped as (
    select
        *,
        case
            when scope_dimension is null then ''
            when following_dimension = '' then scope_onwards
            else split_part(scope_onwards, ',' || following_dimension || '=', 1)
        end as scope
    from matched
),

identified as (
    select
        scoped.series_id,
        scoped.account_id,
        scoped.region,
        scoped.namespace,
        scoped.metric_name,
        scoped.first_seen_at,
        scoped.last_seen_at,
        scoped.collected_until_at,
        scoped.held_back_since_at,
        scoped.resource_type,
        scoped.absence_means,
        scoped.period_seconds,
        scoped.collected,
        scoped.dimension_count,
        coalesce(named_apis.resource_id, scoped.resource_id) as resource_id,
        -- What the dimensions say beyond the resource: a bucket's storage class. A function's own name as its version
        -- (AWS/Lambda's Resource) says nothing beyond it.
        case
            when scoped.scope = scoped.scope_dimension || '=' || scoped.resource_id then ''
            else scoped.scope
        end as series_scope
    from scoped
    left join named_apis
        on
            scoped.resource_dimension = 'ApiName'
            and scoped.account_id = named_apis.account_id
            and scoped.region = named_apis.region
            and scoped.resource_id = named_apis.api_name
),

-- A set of dimensions that has fallen silent gives way to one that speaks: whoever changes what the agent adds up
-- changes the series.
aged as (
    select
        *,
        last_seen_at >= max(last_seen_at) over (
            partition by account_id, region, resource_type, resource_id, namespace, metric_name, series_scope
        ) - interval '2 days' as is_speaking
    from identified
),

ranked as (
    select
        *,
        row_number() over (
            partition by account_id, region, resource_type, resource_id, namespace, metric_name, series_scope
            order by is_speaking desc, dimension_count asc, last_seen_at desc, series_id asc
        ) as preference
    from aged
)

select
    series_id,
    account_id,
    region,
    namespace,
    metric_name,
    first_seen_at,
    last_seen_at,
    collected_until_at,
    held_back_since_at,
    resource_type,
    absence_means,
    period_seconds,
    collected,
    resource_id,
    series_scope
from ranked
where preference = 1
