-- A negotiated discount stands in lines of its own, or in the net costs of the lines that it discounts, never in both:
-- per payer and billing period the sum of all costs is the sum of all net costs.
with costs as (
    select * from {{ ref('int_costs_monthly') }}
)

select
    payer_account_id,
    billing_period_start_date,
    sum(unblended_cost_usd) as unblended_cost_usd,
    sum(net_unblended_cost_usd) as net_unblended_cost_usd,
    sum(line_item_count) as line_item_count
from costs
group by payer_account_id, billing_period_start_date
-- AWS rounds each net line to ten digits.
having abs(sum(unblended_cost_usd) - sum(net_unblended_cost_usd)) > 0.0000001 * sum(line_item_count)
