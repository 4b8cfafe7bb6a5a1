-- Every tag and every cost category splits the whole bill: per billing period, payer and account each one's values add
-- up to what the account costs.
with allocation as (
    select
        billing_period_start_date,
        payer_account_id,
        account_id,
        label_kind,
        label_key,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd
    from {{ ref('fct_cost_allocation_monthly') }}
    group by billing_period_start_date, payer_account_id, account_id, label_kind, label_key
),

accounts as (
    select * from {{ ref('fct_account_costs_monthly') }}
)

select
    allocation.*,
    accounts.unblended_cost_usd as account_unblended_cost_usd,
    accounts.amortized_cost_usd as account_amortized_cost_usd
from allocation
left join accounts
    on
        allocation.billing_period_start_date = accounts.billing_period_start_date
        and allocation.payer_account_id = accounts.payer_account_id
        and allocation.account_id = accounts.account_id
where
    allocation.unblended_cost_usd is distinct from accounts.unblended_cost_usd
    or allocation.amortized_cost_usd is distinct from accounts.amortized_cost_usd
