-- What a resource costs a month is the sum of what its components cost. Each is spread over its own days since its
-- first bill, so they are put back on the resource's days before they are summed.
with costs as (
    select * from {{ ref('int_resource_costs_monthly') }}
),

components as (
    select
        account_id,
        billed_resource_id,
        count(*) as component_count,
        sum(gross_cost_usd_per_month * cost_days) as gross_cost_usd,
        sum(uncovered_cost_usd_per_month * cost_days) as uncovered_cost_usd
    from costs
    where usage_component <> 'all'
    group by account_id, billed_resource_id
),

whole as (
    select * from costs
    where usage_component = 'all'
)

select
    whole.account_id,
    whole.billed_resource_id,
    whole.gross_cost_usd_per_month,
    components.gross_cost_usd / whole.cost_days as components_gross_cost_usd_per_month
from whole
full outer join components
    on
        coalesce(whole.account_id, '') = coalesce(components.account_id, '')
        and coalesce(whole.billed_resource_id, '') = coalesce(components.billed_resource_id, '')
where
    -- Each amount is rounded to ten digits.
    (abs(whole.gross_cost_usd_per_month * whole.cost_days - components.gross_cost_usd) <= 0.000001) is not true
    or (abs(whole.uncovered_cost_usd_per_month * whole.cost_days - components.uncovered_cost_usd) <= 0.000001)
    is not true
