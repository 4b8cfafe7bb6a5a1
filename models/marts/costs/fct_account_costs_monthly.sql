-- What each account cost in each billing period, and whether AWS has invoiced it.
with resource_costs as (
    select * from {{ ref('fct_resource_costs_daily') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

summed as (
    select
        billing_period_start_date,
        payer_account_id,
        account_id,
        trim_scale(sum(unblended_cost_usd)) as unblended_cost_usd,
        trim_scale(sum(amortized_cost_usd)) as amortized_cost_usd,
        trim_scale(sum(public_on_demand_cost_usd)) as public_on_demand_cost_usd,
        sum(line_item_count)::bigint as line_item_count,
        min(usage_date) as first_usage_date,
        max(usage_date) filter (where record_class = 'usage') as last_usage_date,
        bool_and(is_invoiced) as is_all_invoiced,
        bool_or(is_invoiced) as is_any_invoiced
    from resource_costs
    group by billing_period_start_date, payer_account_id, account_id
)

select
    md5(concat_ws('|', summed.billing_period_start_date, summed.payer_account_id, summed.account_id))
        as account_cost_id,
    summed.billing_period_start_date,
    summed.payer_account_id,
    summed.account_id,
    accounts.account_name,
    summed.unblended_cost_usd,
    summed.amortized_cost_usd,
    summed.public_on_demand_cost_usd,
    summed.line_item_count,
    summed.first_usage_date,
    summed.last_usage_date,
    case
        when summed.is_all_invoiced then 'invoiced'
        when summed.is_any_invoiced then 'partly_invoiced'
        else 'estimated'
    end as invoice_status,
    as_of.costs_as_of_at,
    {{ evaluated_at() }} as evaluated_at
from summed
cross join as_of
left join accounts on summed.account_id = accounts.account_id
