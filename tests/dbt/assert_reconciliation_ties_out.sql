-- Both sides of the reconciliation hold all of their source: CUR's and Cost Explorer's totals, whole.
with reconciliation as (
    select
        coalesce(sum(cur_unblended_cost_usd), 0) as cur_cost_usd,
        coalesce(sum(cost_explorer_unblended_cost_usd), 0) as cost_explorer_cost_usd,
        coalesce(sum(cur_amortized_cost_usd), 0) as cur_amortized_cost_usd
    from {{ ref('fct_cost_reconciliation_daily') }}
),

line_items as (
    select
        coalesce(sum(unblended_cost_usd), 0) as cur_cost_usd,
        coalesce(sum(amortized_cost_usd), 0) as cur_amortized_cost_usd
    from {{ ref('fct_resource_costs_daily') }}
),

cost_explorer as (
    select coalesce(sum(unblended_cost_usd), 0) as cost_explorer_cost_usd
    from {{ ref('stg_cost_explorer__daily_costs') }}
)

select
    reconciliation.cur_cost_usd,
    line_items.cur_cost_usd as delivered_cur_cost_usd,
    reconciliation.cost_explorer_cost_usd,
    cost_explorer.cost_explorer_cost_usd as delivered_cost_explorer_cost_usd
from reconciliation
cross join line_items
cross join cost_explorer
where
    reconciliation.cur_cost_usd <> line_items.cur_cost_usd
    or reconciliation.cur_amortized_cost_usd <> line_items.cur_amortized_cost_usd
    or reconciliation.cost_explorer_cost_usd <> cost_explorer.cost_explorer_cost_usd
