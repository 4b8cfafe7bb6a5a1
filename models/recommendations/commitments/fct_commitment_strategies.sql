-- The ways of committing beside one another: each kind of commitment, term and payment with all that it would be worth
-- buying of it. They cover the same usage, so only one is to be taken.
with options as (
    select * from {{ ref('fct_commitment_options') }}
)

select
    md5(concat_ws('|', usage_basis, payer_account_id, commitment_type, term_years, payment_option))
        as commitment_strategy_id,
    usage_basis,
    payer_account_id,
    commitment_type,
    rule_id,
    term_years,
    payment_option,
    count(*) as commitment_count,
    trim_scale(sum(hourly_commitment_usd)) as hourly_commitment_usd,
    trim_scale(sum(upfront_cost_usd)) as upfront_cost_usd,
    trim_scale(sum(recurring_cost_usd_per_month)) as recurring_cost_usd_per_month,
    trim_scale(sum(total_commitment_cost_usd)) as total_commitment_cost_usd,
    trim_scale(sum(net_savings_usd_per_month)) as net_savings_usd_per_month,
    trim_scale(sum(net_savings_usd_per_year)) as net_savings_usd_per_year,
    bool_or(is_recommended) as is_recommended,
    {{ evaluated_at() }} as evaluated_at
from options
group by usage_basis, payer_account_id, commitment_type, rule_id, term_years, payment_option
