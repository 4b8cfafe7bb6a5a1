-- Both sides of the reconciliation hold all of their source: CUR's and Cost Explorer's totals, whole, what Cost
-- Explorer tells in another currency aside; and its months hold all of its days.
with reconciliation as (
    select
        coalesce(sum(cur_unblended_cost_usd), 0) as cur_cost_usd,
        coalesce(sum(cost_explorer_unblended_cost_usd), 0) as cost_explorer_cost_usd,
        coalesce(sum(cur_amortized_cost_usd), 0) as cur_amortized_cost_usd,
        coalesce(sum(cost_explorer_amortized_cost_usd), 0) as cost_explorer_amortized_cost_usd,
        coalesce(sum(unblended_difference_usd), 0) as difference_usd
    from {{ ref('fct_cost_reconciliation_daily') }}
),

months as (
    select
        coalesce(sum(cur_unblended_cost_usd), 0) as cur_cost_usd,
        coalesce(sum(cost_explorer_unblended_cost_usd), 0) as cost_explorer_cost_usd,
        coalesce(sum(unblended_difference_usd), 0) as difference_usd
    from {{ ref('fct_cost_reconciliation_monthly') }}
),

line_items as (
    select
        coalesce(sum(unblended_cost_usd), 0) as cur_cost_usd,
        coalesce(sum(amortized_cost_usd), 0) as cur_amortized_cost_usd
    from {{ ref('fct_resource_costs_daily') }}
),

in_dollars as (
    select
        coalesce(sum(unblended_cost_usd), 0) as cost_explorer_cost_usd,
        coalesce(sum(amortized_cost_usd), 0) as cost_explorer_amortized_cost_usd
    from {{ ref('stg_cost_explorer__daily_costs') }}
    where currency_code = 'USD'
)

select
    reconciliation.cur_cost_usd,
    line_items.cur_cost_usd as delivered_cur_cost_usd,
    reconciliation.cost_explorer_cost_usd,
    in_dollars.cost_explorer_cost_usd as delivered_cost_explorer_cost_usd,
    months.difference_usd as monthly_difference_usd
from reconciliation
cross join months
cross join line_items
cross join in_dollars
where
    reconciliation.cur_cost_usd <> line_items.cur_cost_usd
    or reconciliation.cur_amortized_cost_usd <> line_items.cur_amortized_cost_usd
    or reconciliation.cost_explorer_cost_usd <> in_dollars.cost_explorer_cost_usd
    or reconciliation.cost_explorer_amortized_cost_usd <> in_dollars.cost_explorer_amortized_cost_usd
    or months.cur_cost_usd <> reconciliation.cur_cost_usd
    or months.cost_explorer_cost_usd <> reconciliation.cost_explorer_cost_usd
    or months.difference_usd <> reconciliation.difference_usd
