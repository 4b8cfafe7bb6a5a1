-- The busiest day of each EC2 instance's network, both directions together, per look-back window.
with datapoints as (
    select * from {{ ref('stg_cloudwatch__datapoints') }}
),

series as (
    select * from {{ ref('stg_cloudwatch__series') }}
    where namespace = 'AWS/EC2' and metric_name in ('NetworkIn', 'NetworkOut')
),

resources as (
    select * from {{ ref('dim_resources') }}
    where resource_type = 'ec2_instance'
),

utilization as (
    select * from {{ ref('fct_resource_utilization') }}
),

windows as (
    select * from {{ ref('utilization_windows') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

daily as (
    select
        resources.resource_key,
        datapoints.usage_date,
        -- A day on which one direction is silent is a day of which the traffic is unknown.
        case when count(distinct series.metric_name) = 2 then sum(datapoints.sum_value) end as day_bytes
    from datapoints
    inner join series on datapoints.series_id = series.series_id
    inner join resources
        on
            series.account_id = resources.account_id
            and series.resource_id = resources.resource_id
    group by resources.resource_key, datapoints.usage_date
),

busiest as (
    select
        daily.resource_key,
        windows.window_days,
        max(daily.day_bytes) / 1000000.0 as network_maximum_mb_per_day
    from daily
    cross join windows
    cross join as_of
    where daily.usage_date >= ((as_of.metrics_as_of_at - windows.window_days * interval '1 day') at time zone 'UTC')::date
    group by daily.resource_key, windows.window_days
),

observed as (
    select
        resource_key,
        window_days,
        min(days_observed) as days_observed,
        min(completeness_ratio) as completeness_ratio
    from utilization
    where metric_name in ('NetworkIn', 'NetworkOut')
    group by resource_key, window_days
)

select
    busiest.resource_key,
    busiest.window_days,
    busiest.network_maximum_mb_per_day,
    observed.days_observed,
    observed.completeness_ratio
from busiest
inner join observed
    on busiest.resource_key = observed.resource_key and busiest.window_days = observed.window_days
