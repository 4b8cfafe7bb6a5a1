-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- What each EC2 and RDS instance needs, once per preset: the preset's percentile of its hourly CPU peaks and its
-- highest memory use, with the size it has now and what that costs an hour. One row per rule, resource and preset.
with subjects as (
    select * from {{ ref('int_rule_subjects_gathered') }}
    where rule_id in ('overprovisioned_ec2_instances', 'overprovisioned_rds_instances')
),

presets as (
    select * from {{ ref('rightsizing_presets') }}
),

utilization as (
    select * from {{ ref('fct_resource_utilization') }}
),

sizes as (
    select * from {{ ref('int_instance_sizes_priced') }}
),

rates as (
    select * from {{ ref('int_instance_rates_observed') }}
),

-- Linux and Windows agents name it differently; an instance has one of the two.
memory as (
    select
        resource_key,
        window_days,
        max(maximum_value) as memory_maximum_pct,
        max(completeness_ratio) as memory_completeness_ratio
    from utilization
    where
        namespace = 'CWAgent'
        and metric_name in ('mem_used_percent', 'Memory % Committed Bytes In Use')
    group by resource_key, window_days
),

freeable as (
    select
        resource_key,
        window_days,
        minimum_value as freeable_minimum_bytes,
        completeness_ratio as memory_completeness_ratio
    from utilization
    where namespace = 'AWS/RDS' and metric_name = 'FreeableMemory'
)

select
    subjects.*,
    presets.preset,
    presets.preset_order,
    presets.is_default,
    presets.cpu_percentile,
    presets.cpu_headroom_pct,
    presets.memory_headroom_pct,
    sizes.instance_family,
    sizes.vcpu_count as current_vcpu_count,
    sizes.memory_gib as current_memory_gib,
    sizes.is_burstable,
    sizes.list_rate_usd_per_hour as current_list_rate_usd_per_hour,
    coalesce(rates.own_rate_usd_per_hour, sizes.list_rate_usd_per_hour) as current_rate_usd_per_hour,
    case when rates.own_rate_usd_per_hour is not null then 'own' else 'list' end as current_rate_source,
    cpu.average_value as cpu_average_pct,
    cpu.maximum_value as cpu_maximum_pct,
    cpu.maximum_daily_average_value as cpu_maximum_daily_average_pct,
    cpu.completeness_ratio,
    floor(coalesce(cpu.days_observed, 0))::integer as days_observed,
    case presets.cpu_percentile
        when 90 then cpu.maximum_p90_value
        when 95 then cpu.maximum_p95_value
        when 99.5 then cpu.maximum_p99_5_value
    end as cpu_percentile_pct,
    -- Memory seen in part is memory unknown.
    case
        when memory.memory_completeness_ratio >= subjects.minimum_completeness_ratio then memory.memory_maximum_pct
        when freeable.memory_completeness_ratio >= subjects.minimum_completeness_ratio
            then 100 * greatest(0, 1 - freeable.freeable_minimum_bytes / (sizes.memory_gib * 1024 * 1024 * 1024))
    end as memory_maximum_pct
from subjects
cross join presets
left join sizes
    on
        subjects.region = sizes.region
        and subjects.resource_type = sizes.resource_type
        and subjects.instance_type = sizes.instance_type
        and coalesce(subjects.operating_system, '') = sizes.operating_system
        and coalesce(subjects.database_engine, '') = sizes.database_engine
        and coalesce(subjects.deployment_option, '') = sizes.deployment_option
left join rates
    on
        subjects.account_id = rates.account_id
        and subjects.region = rates.region
        and subjects.instance_type = rates.instance_type
        and coalesce(subjects.operating_system, '') = rates.operating_system
        and coalesce(subjects.database_engine, '') = rates.database_engine
        and coalesce(subjects.deployment_option, '') = rates.deployment_option
left join utilization as cpu
    on
        subjects.resource_key = cpu.resource_key
        and subjects.lookback_days = cpu.window_days
        and cpu.metric_name = 'CPUUtilization'
left join memory
    on
        subjects.resource_key = memory.resource_key
        and subjects.lookback_days = memory.window_days
left join freeable
    on
        subjects.resource_key = freeable.resource_key
        and subjects.lookback_days = freeable.window_days
