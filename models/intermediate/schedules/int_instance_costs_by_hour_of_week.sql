-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- In which hours of its users' week the own hours of an instance that could be off at times cost what they cost, over
-- the whole days of the last look-back: at list price, and the part that no commitment pays for, which may lie in
-- working hours alone. Only bills by the hour can tell. One row per account, resource and hour of the week.
with line_items as (
    select * from {{ ref('int_line_items_amortized') }}
    where
        usage_component = 'instance_hours'
        and charge_class = 'usage'
        and usage_end_at <= usage_start_at + interval '1 hour'
),

-- Few machines have quiet hours, and the hours of all would be most of the bill.
candidates as (
    select distinct
        resources.account_id,
        resources.billed_resource_id
    from {{ ref('int_quiet_hours_found') }} as quiet
    inner join {{ ref('dim_resources') }} as resources on quiet.resource_key = resources.resource_key
),

time_zones as (
    select * from {{ ref('account_time_zones') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

lookback as (
    select max(window_days) as lookback_days from {{ ref('utilization_windows') }}
),

placed as (
    select
        line_items.account_id,
        line_items.billed_resource_id,
        {{ list_cost_at_least() }} as on_demand_equivalent_cost_usd,
        case when line_items.purchase_option in ('on_demand', 'spot') then line_items.unblended_cost_usd else 0 end
            as uncovered_cost_usd,
        line_items.usage_start_at at time zone coalesce(time_zones.time_zone, 'UTC') as local_time
    from line_items
    inner join candidates
        on
            line_items.account_id = candidates.account_id
            and line_items.billed_resource_id = candidates.billed_resource_id
    cross join as_of
    cross join lookback
    left join time_zones on line_items.account_id = time_zones.account_id
    where
        line_items.usage_date < (as_of.costs_as_of_at at time zone 'UTC')::date
        and line_items.usage_date >= (as_of.costs_as_of_at at time zone 'UTC')::date - lookback.lookback_days
)

select
    account_id,
    billed_resource_id,
    ((extract(isodow from local_time) - 1) * 24 + extract(hour from local_time))::integer as hour_of_week,
    sum(on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd,
    sum(uncovered_cost_usd) as uncovered_cost_usd
from placed
group by
    account_id,
    billed_resource_id,
    ((extract(isodow from local_time) - 1) * 24 + extract(hour from local_time))::integer
