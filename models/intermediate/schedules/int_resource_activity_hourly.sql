-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- Whether each EC2 and RDS instance did anything in each hour that CloudWatch saw, and which hour of its users' week
-- that was. An hour without a datapoint has no row: it wasn't seen. One row per resource and hour.
with resources as (
    select * from {{ ref('dim_resources') }}
    where resource_type in ('ec2_instance', 'rds_instance')
),

series as (
    select * from {{ ref('int_reporting_series_identified') }}
    where
        resource_type in ('ec2_instance', 'rds_instance')
        and metric_name in ('CPUUtilization', 'NetworkIn', 'NetworkOut', 'DatabaseConnections')
),

datapoints as (
    select * from {{ ref('stg_cloudwatch__datapoints') }}
    where period_seconds = 3600
),

time_zones as (
    select * from {{ ref('account_time_zones') }}
),

thresholds as (
    select * from {{ ref('int_rule_thresholds_gathered') }}
    where rule_id in ('schedulable_ec2_instances', 'schedulable_rds_instances')
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

hourly as (
    select
        resources.resource_key,
        resources.resource_type,
        resources.account_id,
        datapoints.period_start_at,
        max(datapoints.average_value) filter (where series.metric_name = 'CPUUtilization') as cpu_average_pct,
        max(datapoints.maximum_value) filter (where series.metric_name = 'DatabaseConnections')
            as connections_maximum_count,
        sum(datapoints.sum_value) filter (where series.metric_name in ('NetworkIn', 'NetworkOut')) as network_bytes
    from datapoints
    inner join series on datapoints.series_id = series.series_id
    inner join resources
        on
            series.account_id = resources.account_id
            and series.region = resources.region
            and series.resource_type = resources.resource_type
            and series.resource_id = resources.resource_id
    group by resources.resource_key, resources.resource_type, resources.account_id, datapoints.period_start_at
),

-- What a busy hour of this machine looks like: even a weekly batch of two hours reaches its 99th percentile.
busy as (
    select
        resource_key,
        percentile_cont(0.99) within group (order by network_bytes) as network_busy_bytes
    from hourly
    group by resource_key
)

select
    hourly.resource_key,
    thresholds.rule_id,
    hourly.period_start_at,
    coalesce(time_zones.time_zone, 'UTC') as time_zone,
    time_zones.time_zone is not null as is_time_zone_given,
    (hourly.period_start_at at time zone coalesce(time_zones.time_zone, 'UTC'))::date as local_date,
    (
        (extract(isodow from hourly.period_start_at at time zone coalesce(time_zones.time_zone, 'UTC')) - 1) * 24
        + extract(hour from hourly.period_start_at at time zone coalesce(time_zones.time_zone, 'UTC'))
    )::integer as hour_of_week,
    hourly.cpu_average_pct > (thresholds.thresholds ->> 'cpu_quiet_pct')::numeric
    or case hourly.resource_type
        when 'rds_instance'
            then hourly.connections_maximum_count > (thresholds.thresholds ->> 'connections_quiet_count')::numeric
        else
            hourly.network_bytes
            > busy.network_busy_bytes * (thresholds.thresholds ->> 'network_quiet_share_ratio')::numeric
    end as is_active
from hourly
cross join as_of
inner join busy on hourly.resource_key = busy.resource_key
inner join thresholds
    on
        thresholds.rule_id
        = case hourly.resource_type
            when 'rds_instance' then 'schedulable_rds_instances' else 'schedulable_ec2_instances'
        end
left join time_zones on hourly.account_id = time_zones.account_id
where
    hourly.period_start_at >= as_of.metrics_as_of_at - thresholds.lookback_days * interval '1 day'
    -- CPU alone, or traffic alone, can't tell that an hour was quiet.
    and hourly.cpu_average_pct is not null
    and coalesce(hourly.network_bytes, hourly.connections_maximum_count) is not null
