-- The smallest size of its family that each EC2 and RDS instance fits in, under each of Compute Optimizer's presets.
with measured as (
    select * from {{ ref('int_instances_measured') }}
),

sizes as (
    select * from {{ ref('int_instance_sizes_priced') }}
),

rates as (
    select * from {{ ref('int_instance_rates_observed') }}
),

candidates as (
    select
        measured.*,
        sizes.instance_type as recommended_size,
        sizes.vcpu_count as recommended_vcpu_count,
        sizes.memory_gib as recommended_memory_gib,
        sizes.baseline_cpu_pct,
        -- The account's own rate of the target where it runs one; else its rate of today, by the list's proportion.
        coalesce(
            rates.own_rate_usd_per_hour,
            measured.current_rate_usd_per_hour
            * sizes.list_rate_usd_per_hour
            / measured.current_list_rate_usd_per_hour
        ) as recommended_rate_usd_per_hour,
        case when rates.own_rate_usd_per_hour is not null then 'own' else 'list' end as recommended_rate_source,
        measured.cpu_percentile_pct * (measured.current_vcpu_count / sizes.vcpu_count)::double precision
            as projected_cpu_pct,
        measured.cpu_maximum_daily_average_pct * (measured.current_vcpu_count / sizes.vcpu_count)::double precision
            as projected_daily_average_pct,
        measured.memory_maximum_pct * (measured.current_memory_gib / sizes.memory_gib)::double precision
            as projected_memory_pct
    from measured
    inner join sizes
        on
            measured.region = sizes.region
            and measured.resource_type = sizes.resource_type
            and measured.instance_family = sizes.instance_family
            and coalesce(measured.operating_system, '') = sizes.operating_system
            and coalesce(measured.database_engine, '') = sizes.database_engine
            and coalesce(measured.deployment_option, '') = sizes.deployment_option
            and measured.current_list_rate_usd_per_hour > sizes.list_rate_usd_per_hour
    left join rates
        on
            measured.account_id = rates.account_id
            and measured.region = rates.region
            and sizes.instance_type = rates.instance_type
            and sizes.operating_system = rates.operating_system
            and sizes.database_engine = rates.database_engine
            and sizes.deployment_option = rates.deployment_option
),

fitting as (
    select
        *,
        row_number() over (
            partition by rule_id, resource_key, preset
            order by recommended_rate_usd_per_hour asc, recommended_size asc
        ) as place
    from candidates
    where
        projected_cpu_pct <= 100 - cpu_headroom_pct
        -- What nobody measured stays as it is.
        and case
            when memory_maximum_pct is null then recommended_memory_gib >= current_memory_gib
            else projected_memory_pct <= 100 - memory_headroom_pct
        end
        -- A burstable machine must earn the credits that its busiest day takes.
        and (not is_burstable or projected_daily_average_pct <= baseline_cpu_pct)
        and recommended_rate_usd_per_hour < current_rate_usd_per_hour
)

select
    md5(concat_ws('|', rule_id, resource_key, preset)) as rightsizing_option_id,
    rule_id,
    resource_key,
    preset,
    preset_order,
    is_default as is_recommended,
    instance_type as current_size,
    current_vcpu_count,
    current_memory_gib,
    recommended_size,
    recommended_vcpu_count,
    recommended_memory_gib,
    cpu_percentile,
    round(cpu_percentile_pct::numeric, 4) as cpu_percentile_pct,
    round(projected_cpu_pct::numeric, 4) as projected_cpu_pct,
    100 - cpu_headroom_pct as cpu_limit_pct,
    memory_maximum_pct is not null as is_memory_known,
    round(memory_maximum_pct::numeric, 4) as memory_maximum_pct,
    round(projected_memory_pct::numeric, 4) as projected_memory_pct,
    100 - memory_headroom_pct as memory_limit_pct,
    trim_scale(round(current_rate_usd_per_hour, 10)) as current_rate_usd_per_hour,
    trim_scale(round(recommended_rate_usd_per_hour, 10)) as recommended_rate_usd_per_hour,
    case when current_rate_source = 'own' and recommended_rate_source = 'own' then 'own' else 'list' end as rate_source,
    trim_scale(
        round(instance_gross_cost_usd_per_month * (1 - recommended_rate_usd_per_hour / current_rate_usd_per_hour), 10)
    ) as gross_savings_usd_per_month,
    trim_scale(
        round(
            instance_uncovered_cost_usd_per_month * (1 - recommended_rate_usd_per_hour / current_rate_usd_per_hour), 10
        )
    ) as net_savings_usd_per_month,
    {{ evaluated_at() }} as evaluated_at
from fitting
where place = 1
