-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- The busiest hour of each EBS volume, reads and writes together, per look-back window. One row per resource and window.
with series as (
    select * from {{ ref('int_reporting_series_identified') }}
    where namespace = 'AWS/EBS' and metric_name in ('VolumeReadBytes', 'VolumeWriteBytes')
),

datapoints as (
    select * from {{ ref('stg_cloudwatch__datapoints') }}
),

resources as (
    select * from {{ ref('dim_resources') }}
    where resource_type = 'ebs_volume'
),

windows as (
    select * from {{ ref('utilization_windows') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

hourly as (
    select
        resources.resource_key,
        datapoints.period_start_at,
        sum(datapoints.sum_value) / max(datapoints.period_seconds) / (1024 * 1024) as mibps
    from datapoints
    inner join series on datapoints.series_id = series.series_id
    inner join resources
        on
            series.account_id = resources.account_id
            and series.region = resources.region
            and series.resource_id = resources.resource_id
    group by resources.resource_key, datapoints.period_start_at
)

select
    hourly.resource_key,
    windows.window_days,
    max(hourly.mibps) as busiest_hour_mibps
from hourly
cross join windows
cross join as_of
where hourly.period_start_at >= as_of.metrics_as_of_at - windows.window_days * interval '1 day'
group by hourly.resource_key, windows.window_days
