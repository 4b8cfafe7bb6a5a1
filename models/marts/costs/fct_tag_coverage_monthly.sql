-- How much of what a tag could say is said: the amortized cost of resources that carry it, of that of all resources.
with allocation as (
    select * from {{ ref('fct_cost_allocation_monthly') }}
    where label_kind = 'tag'
),

summed as (
    select
        billing_period_start_date,
        payer_account_id,
        account_id,
        label_key,
        coalesce(sum(amortized_cost_usd) filter (where label_value not in ('[untagged]', '[shared]')), 0)
            as tagged_cost_usd,
        coalesce(sum(amortized_cost_usd) filter (where label_value = '[untagged]'), 0) as untagged_cost_usd,
        coalesce(sum(amortized_cost_usd) filter (where label_value = '[shared]'), 0) as shared_cost_usd
    from allocation
    group by billing_period_start_date, payer_account_id, account_id, label_key
)

select
    md5(concat_ws('|', billing_period_start_date, payer_account_id, account_id, label_key)) as tag_coverage_id,
    billing_period_start_date,
    payer_account_id,
    account_id,
    label_key,
    tagged_cost_usd,
    untagged_cost_usd,
    shared_cost_usd,
    -- Null where nothing could carry it.
    trim_scale(round(tagged_cost_usd / nullif(tagged_cost_usd + untagged_cost_usd, 0), 4)) as tag_coverage_ratio
from summed
