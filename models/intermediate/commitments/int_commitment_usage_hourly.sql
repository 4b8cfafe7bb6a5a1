-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- Usage on demand that a Savings Plan could cover and nothing covers yet, hour by hour over the look-back's whole days:
-- as it is, and as it would be after the other findings are carried out. One row per usage basis, payer, hour, region
-- and kind of usage.
with line_items as (
    select * from {{ ref('int_line_items_amortized') }}
    where
        charge_class = 'usage'
        and purchase_option = 'on_demand'
        and service_code in ('AmazonEC2', 'AmazonECS', 'AWSLambda')
        and usage_end_at <= usage_start_at + interval '1 hour'
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

thresholds as (
    select max(lookback_days) as lookback_days
    from {{ ref('int_rule_thresholds_gathered') }}
    where rule_id in ('compute_savings_plans', 'ec2_instance_savings_plans', 'ec2_reserved_instances')
),

-- Kinds of usage that AWS sells plans for.
sold as (
    select distinct
        region,
        service_code,
        usage_type,
        operation
    from {{ ref('stg_prices__savings_plan_rates') }}
),

actions as (
    select * from {{ ref('int_resource_actions_planned') }}
),

quiet as (
    select * from {{ ref('int_quiet_hours_found') }}
),

time_zones as (
    select * from {{ ref('account_time_zones') }}
),

eligible as (
    select
        line_items.payer_account_id,
        line_items.account_id,
        line_items.billed_resource_id,
        line_items.usage_start_at,
        line_items.region,
        line_items.service_code,
        line_items.usage_type,
        line_items.operation,
        coalesce(line_items.instance_type, '') as instance_type,
        coalesce(line_items.operating_system, '') as operating_system,
        line_items.usage_quantity,
        line_items.unblended_cost_usd
    from line_items
    cross join as_of
    cross join thresholds
    inner join sold
        on
            line_items.region = sold.region
            and line_items.service_code = sold.service_code
            and line_items.usage_type = sold.usage_type
            and line_items.operation = sold.operation
    where
        line_items.usage_start_at < date_trunc('day', as_of.costs_as_of_at, 'UTC')
        and line_items.usage_start_at
        >= date_trunc('day', as_of.costs_as_of_at, 'UTC') - thresholds.lookback_days * interval '1 day'
),

treated as (
    select
        'as_is' as usage_basis,
        eligible.*,
        1::numeric as rate_ratio
    from eligible
    union all
    select
        'after_actions' as usage_basis,
        eligible.payer_account_id,
        eligible.account_id,
        eligible.billed_resource_id,
        eligible.usage_start_at,
        eligible.region,
        eligible.service_code,
        case
            when actions.is_resized
                then replace(eligible.usage_type, ':' || actions.current_size, ':' || actions.recommended_size)
            else eligible.usage_type
        end as usage_type,
        eligible.operation,
        case when actions.is_resized then actions.recommended_size else eligible.instance_type end as instance_type,
        eligible.operating_system,
        eligible.usage_quantity,
        eligible.unblended_cost_usd,
        coalesce(actions.rate_ratio, 1) as rate_ratio
    from eligible
    left join actions
        on
            eligible.account_id = actions.account_id
            and eligible.billed_resource_id = actions.billed_resource_id
    left join time_zones on eligible.account_id = time_zones.account_id
    left join quiet
        on
            actions.is_scheduled
            and actions.resource_key = quiet.resource_key
            and quiet.hour_of_week = (
                (
                    extract(isodow from eligible.usage_start_at at time zone coalesce(time_zones.time_zone, 'UTC')) - 1
                ) * 24
                + extract(hour from eligible.usage_start_at at time zone coalesce(time_zones.time_zone, 'UTC'))
            )::integer
    where actions.is_removed is not true and quiet.resource_key is null
)

select
    usage_basis,
    payer_account_id,
    usage_start_at,
    region,
    service_code,
    usage_type,
    operation,
    instance_type,
    split_part(instance_type, '.', 1) as instance_family,
    operating_system,
    sum(usage_quantity) as usage_quantity,
    sum(unblended_cost_usd * rate_ratio) as on_demand_cost_usd
from treated
group by
    usage_basis,
    payer_account_id,
    usage_start_at,
    region,
    service_code,
    usage_type,
    operation,
    instance_type,
    operating_system
having sum(usage_quantity) > 0
