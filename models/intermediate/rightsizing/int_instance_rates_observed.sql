-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- What the account itself pays for an hour of a size that no commitment covers: its own discounts are in it. One row
-- per account, region, size and variant that ran on demand in the last look-back.
with line_items as (
    select * from {{ ref('int_costs_daily') }}
    where usage_component = 'instance_hours' and charge_class = 'usage' and purchase_option = 'on_demand'
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

lookback as (
    select max(window_days) as lookback_days from {{ ref('utilization_windows') }}
)

select
    line_items.account_id,
    line_items.region,
    line_items.instance_type,
    coalesce(line_items.operating_system, '') as operating_system,
    coalesce(line_items.database_engine, '') as database_engine,
    coalesce(line_items.deployment_option, '') as deployment_option,
    sum(line_items.unblended_cost_usd) / sum(line_items.usage_quantity) as own_rate_usd_per_hour
from line_items
cross join as_of
cross join lookback
where
    line_items.usage_date >= (as_of.costs_as_of_at at time zone 'UTC')::date - lookback.lookback_days
    and line_items.instance_type is not null
group by
    line_items.account_id,
    line_items.region,
    line_items.instance_type,
    coalesce(line_items.operating_system, ''),
    coalesce(line_items.database_engine, ''),
    coalesce(line_items.deployment_option, '')
having sum(line_items.usage_quantity) > 0
