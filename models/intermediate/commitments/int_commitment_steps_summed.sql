-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- The look-back's total cost as a function of the hourly commitment. In every hour the commitment covers usage in AWS's
-- order, so the on-demand cost that it takes off the bill rises with a slope that only falls: the total is convex, and
-- piecewise linear between the steps. One row per offer and step, with the sums up to the step and the slopes after it.
with applied as (
    select
        commitment_option_id,
        on_demand_per_committed,
        sum(committed_cost_usd) over within_hour as end_usd_per_hour,
        sum(committed_cost_usd) over within_hour - committed_cost_usd as begin_usd_per_hour
    from {{ ref('int_commitment_offers_applied') }}
    window within_hour as (
        partition by commitment_option_id, usage_start_at
        order by on_demand_per_committed desc, usage_kind asc
        rows between unbounded preceding and current row
    )
),

edges as (
    select
        commitment_option_id,
        begin_usd_per_hour as step_usd_per_hour,
        on_demand_per_committed as slope_change,
        1 as hours_change
    from applied
    union all
    select
        commitment_option_id,
        end_usd_per_hour as step_usd_per_hour,
        -on_demand_per_committed as slope_change,
        -1 as hours_change
    from applied
),

steps as (
    select
        commitment_option_id,
        step_usd_per_hour,
        sum(slope_change) as slope_change,
        sum(hours_change) as hours_change
    from edges
    group by commitment_option_id, step_usd_per_hour
),

sloped as (
    select
        commitment_option_id,
        step_usd_per_hour,
        -- Over all hours of the look-back: on-demand dollars, and hours, that the next dollar an hour would cover.
        sum(slope_change) over so_far as on_demand_slope,
        sum(hours_change) over so_far as used_hours,
        lead(step_usd_per_hour) over (partition by commitment_option_id order by step_usd_per_hour)
            as next_step_usd_per_hour
    from steps
    window so_far as (
        partition by commitment_option_id
        order by step_usd_per_hour
        rows between unbounded preceding and current row
    )
)

select
    commitment_option_id,
    step_usd_per_hour,
    next_step_usd_per_hour,
    on_demand_slope,
    used_hours,
    coalesce(
        sum(on_demand_slope * (next_step_usd_per_hour - step_usd_per_hour)) over before, 0
    ) as covered_on_demand_cost_usd,
    coalesce(sum(used_hours * (next_step_usd_per_hour - step_usd_per_hour)) over before, 0) as used_commitment_usd
from sloped
window before as (
    partition by commitment_option_id
    order by step_usd_per_hour
    rows between unbounded preceding and 1 preceding
)
