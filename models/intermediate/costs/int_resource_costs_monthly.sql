-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- What a resource costs a month of 730 hours (Cost Optimization Hub's month), from its own bill of the last look-back:
-- at list price, and the part that no commitment pays for. One row per account, resource and usage component, and one
-- of the component `all`.
with resource_costs as (
    select * from {{ ref('fct_resource_costs_daily') }}
    where record_class = 'usage'
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

lookback as (
    select max(window_days) as lookback_days from {{ ref('utilization_windows') }}
),

recent as (
    select
        resource_costs.*,
        -- The last day is cut off where CUR's delivery ends; only whole days are counted.
        (as_of.costs_as_of_at at time zone 'UTC')::date as last_whole_day_end
    from resource_costs
    cross join as_of
    cross join lookback
    where
        resource_costs.usage_date < (as_of.costs_as_of_at at time zone 'UTC')::date
        and resource_costs.usage_date >= (as_of.costs_as_of_at at time zone 'UTC')::date - lookback.lookback_days
),

summed as (
    select
        account_id,
        billed_resource_id,
        coalesce(usage_component, 'all') as usage_component,
        max(last_whole_day_end) - min(usage_date) as cost_days,
        sum({{ list_cost_at_least() }}) as on_demand_equivalent_cost_usd,
        sum(unblended_cost_usd) filter (where purchase_option in ('on_demand', 'spot')) as uncovered_cost_usd,
        sum(instance_hours) as instance_hours,
        sum(instance_hours) filter (where purchase_option in ('reserved', 'savings_plan')) as covered_hours
    from recent
    group by grouping sets (
        (account_id, billed_resource_id, usage_component),
        (account_id, billed_resource_id)
    )
)

select
    account_id,
    billed_resource_id,
    usage_component,
    cost_days,
    trim_scale(round(on_demand_equivalent_cost_usd / (cost_days * 24) * 730, 10)) as gross_cost_usd_per_month,
    -- A covered hour is paid whether it is used or not; no row without commitment means that nothing is left to save.
    trim_scale(round(coalesce(uncovered_cost_usd, 0) / (cost_days * 24) * 730, 10)) as uncovered_cost_usd_per_month,
    trim_scale(round(coalesce(covered_hours, 0) / nullif(instance_hours, 0), 4)) as covered_hours_ratio,
    trim_scale(round(instance_hours / (cost_days * 24) * 730, 4)) as instance_hours_per_month
from summed
