-- A table: the bill is read once for it, and not again for each model and test that asks.
{{ config(materialized='table') }}

-- How far each source reaches. One row; an instant is null where its source has nothing.
with line_items as (
    select max(last_used_until_at) as costs_as_of_at
    from {{ ref('int_costs_monthly') }}
    where record_class = 'usage'
),

-- Five-minute rows run ahead of the hour that they add up to, which is what is judged.
datapoints as (
    select max(period_end_at) as metrics_as_of_at
    from {{ ref('stg_cloudwatch__datapoints') }}
    where period_seconds > 300
),

daily_costs as (
    select (max(usage_date) + 1)::timestamp at time zone 'UTC' as cost_explorer_as_of_at
    from {{ ref('stg_cost_explorer__daily_costs') }}
)

select
    line_items.costs_as_of_at,
    datapoints.metrics_as_of_at,
    daily_costs.cost_explorer_as_of_at
from line_items
cross join datapoints
cross join daily_costs
