-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- What the other findings free of commitments that are paid anyway, hour by hour, at what it would cost on demand:
-- whatever is bought on top must leave that much on-demand usage to them. A Compute Savings Plan takes any usage
-- over, everything else its own family's in its own region: region and family are empty for the former. One row per
-- payer, hour, region and family.
with line_items as (
    select * from {{ ref('int_line_items_amortized') }}
    where
        charge_class = 'usage'
        and purchase_option in ('savings_plan', 'reserved')
        and service_code = 'AmazonEC2'
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

actions as (
    select * from {{ ref('int_resource_actions_planned') }}
),

quiet as (
    select * from {{ ref('int_quiet_hours_found') }}
),

time_zones as (
    select * from {{ ref('account_time_zones') }}
)

select
    line_items.payer_account_id,
    line_items.usage_start_at,
    case when line_items.savings_plan_type = 'ComputeSavingsPlans' then '' else coalesce(line_items.region, '') end
        as region,
    case
        when line_items.savings_plan_type = 'ComputeSavingsPlans' then ''
        else split_part(coalesce(line_items.instance_type, ''), '.', 1)
    end as instance_family,
    sum(
        line_items.on_demand_equivalent_cost_usd
        * case when actions.is_removed or quiet.resource_key is not null then 1 else 1 - actions.rate_ratio end
    ) as freed_on_demand_cost_usd
from line_items
cross join as_of
cross join thresholds
inner join actions
    on
        line_items.account_id = actions.account_id
        and line_items.billed_resource_id = actions.billed_resource_id
left join time_zones on line_items.account_id = time_zones.account_id
left join quiet
    on
        actions.is_scheduled
        and actions.resource_key = quiet.resource_key
        and quiet.hour_of_week = (
            (
                extract(isodow from line_items.usage_start_at at time zone coalesce(time_zones.time_zone, 'UTC')) - 1
            ) * 24
            + extract(hour from line_items.usage_start_at at time zone coalesce(time_zones.time_zone, 'UTC'))
        )::integer
where
    line_items.usage_start_at < date_trunc('day', as_of.costs_as_of_at, 'UTC')
    and line_items.usage_start_at
    >= date_trunc('day', as_of.costs_as_of_at, 'UTC') - thresholds.lookback_days * interval '1 day'
group by
    line_items.payer_account_id,
    line_items.usage_start_at,
    case when line_items.savings_plan_type = 'ComputeSavingsPlans' then '' else coalesce(line_items.region, '') end,
    case
        when line_items.savings_plan_type = 'ComputeSavingsPlans' then ''
        else split_part(coalesce(line_items.instance_type, ''), '.', 1)
    end
