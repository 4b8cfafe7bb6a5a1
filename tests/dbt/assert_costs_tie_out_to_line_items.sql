-- No cent lost or created between the delivered line items and the daily resource costs, per billing period and line
-- item type: rows, unblended, blended and amortized cost. Split cost allocation rows, which repeat an instance's
-- cost, are the one thing left out.
with line_items as (
    select
        billing_period_start_date,
        line_item_type,
        count(*) as line_item_count,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(blended_cost_usd) as blended_cost_usd
    from {{ ref('stg_cur__line_items') }}
    where operation is null or operation not in ('EKSPod-EC2', 'ECSTask-EC2')
    group by billing_period_start_date, line_item_type
),

amortized as (
    select
        billing_period_start_date,
        line_item_type,
        sum(amortized_cost_usd) as amortized_cost_usd
    from {{ ref('int_line_items_amortized') }}
    group by billing_period_start_date, line_item_type
),

resource_costs as (
    select
        billing_period_start_date,
        line_item_type,
        sum(line_item_count) as line_item_count,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd,
        sum(blended_cost_usd) as blended_cost_usd
    from {{ ref('fct_resource_costs_daily') }}
    group by billing_period_start_date, line_item_type
)

select
    line_items.line_item_count as delivered_count,
    resource_costs.line_item_count as mart_count,
    line_items.unblended_cost_usd as delivered_unblended_cost_usd,
    resource_costs.unblended_cost_usd as mart_unblended_cost_usd,
    coalesce(line_items.billing_period_start_date, resource_costs.billing_period_start_date)
        as billing_period_start_date,
    coalesce(line_items.line_item_type, resource_costs.line_item_type) as line_item_type
from line_items
full outer join resource_costs
    on
        line_items.billing_period_start_date = resource_costs.billing_period_start_date
        and line_items.line_item_type = resource_costs.line_item_type
full outer join amortized
    on
        resource_costs.billing_period_start_date = amortized.billing_period_start_date
        and resource_costs.line_item_type = amortized.line_item_type
where
    amortized.amortized_cost_usd is distinct from resource_costs.amortized_cost_usd
    or line_items.line_item_count is distinct from resource_costs.line_item_count
    or line_items.unblended_cost_usd is distinct from resource_costs.unblended_cost_usd
    or line_items.blended_cost_usd is distinct from resource_costs.blended_cost_usd
