-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- What each size of an instance or a database costs an hour at list price. One row per region, kind, size and variant:
-- an instance's operating system, a database's engine and deployment.
with prices as (
    select * from {{ ref('stg_prices__on_demand_rates') }}
    where instance_type is not null and unit in ('Hrs', 'Hours', 'hours')
),

baselines as (
    select * from {{ ref('burstable_baselines') }}
),

sizes as (
    select
        region,
        case service_code when 'AmazonRDS' then 'rds_instance' else 'ec2_instance' end as resource_type,
        instance_type,
        -- m5 of m5.large, db.m5 of db.m5.large
        regexp_replace(instance_type, '\.[^.]+$', '') as instance_family,
        coalesce(operating_system, '') as operating_system,
        coalesce(database_engine, '') as database_engine,
        coalesce(deployment_option, '') as deployment_option,
        max(vcpu_count) as vcpu_count,
        max(memory_gib) as memory_gib,
        min(rate_usd_per_unit) as list_rate_usd_per_hour
    from prices
    where service_code in ('AmazonEC2', 'AmazonRDS')
    group by region, service_code, instance_type, operating_system, database_engine, deployment_option
)

select
    sizes.*,
    baselines.baseline_cpu_pct,
    sizes.instance_family ~ '^(db\.)?t[0-9]' as is_burstable
from sizes
left join baselines on regexp_replace(sizes.instance_type, '^db\.', '') = baselines.instance_type
