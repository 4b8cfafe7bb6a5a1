-- A table: the bill is read once for it, and not again for each model and test that asks.
{{ config(materialized='table') }}

-- How far each payer's bill and its Cost Explorer reach: one payer's delivery says nothing of another's. An instant is
-- null where the source has nothing of the payer.
with line_items as (
    select
        payer_account_id,
        max(last_used_until_at) as costs_as_of_at
    from {{ ref('int_costs_monthly') }}
    where record_class = 'usage' and payer_account_id is not null
    group by payer_account_id
),

cost_explorer as (
    select
        payer_account_id,
        (max(usage_date) + 1)::timestamp at time zone 'UTC' as cost_explorer_as_of_at
    from {{ ref('int_cost_explorer_costs_daily') }}
    group by payer_account_id
)

select
    coalesce(line_items.payer_account_id, cost_explorer.payer_account_id) as payer_account_id,
    line_items.costs_as_of_at,
    cost_explorer.cost_explorer_as_of_at
from line_items
full outer join cost_explorer on line_items.payer_account_id = cost_explorer.payer_account_id
