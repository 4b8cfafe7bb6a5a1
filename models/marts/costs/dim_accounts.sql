-- Every account that any source has seen, by the name Cost Explorer gives it.
with line_items as (
    select
        account_id,
        max(payer_account_id) as payer_account_id
    from {{ ref('stg_cur__attributes') }}
    group by account_id
),

cost_explorer_accounts as (
    select distinct on (account_id)
        account_id,
        account_name
    from {{ ref('stg_cost_explorer__accounts') }}
    order by account_id asc, load_id desc
),

cost_explorer_costs as (
    select distinct account_id from {{ ref('stg_cost_explorer__daily_costs') }}
),

series as (
    select distinct account_id from {{ ref('stg_cloudwatch__series') }}
),

seen as (
    select account_id from line_items
    union
    select account_id from cost_explorer_accounts
    union
    select account_id from cost_explorer_costs
    union
    select account_id from series
)

select
    seen.account_id,
    cost_explorer_accounts.account_name,
    line_items.payer_account_id
from seen
left join line_items on seen.account_id = line_items.account_id
left join cost_explorer_accounts on seen.account_id = cost_explorer_accounts.account_id
where seen.account_id is not null
