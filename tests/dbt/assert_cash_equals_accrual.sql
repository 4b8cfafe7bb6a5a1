-- Identity per payer and billing period: unblended = amortized + upfront fees paid - upfront fees spread over this
-- period. Source: Cloud Intelligence Dashboards framework, summary_view. A reservation's parts are rounded line by
-- line by AWS: up to a hundred-thousandth of a dollar per reservation was seen on real bills.
with line_items as (
    select * from {{ ref('int_costs_monthly') }}
),

summed as (
    select
        payer_account_id,
        billing_period_start_date,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd,
        coalesce(
            sum(unblended_cost_usd)
            filter (where charge_class = 'commitment_purchase' and record_class <> 'commitment_fee'),
            0
        ) as upfront_cost_usd,
        coalesce(sum(reservation_amortized_upfront_fee_usd) filter (where line_item_type = 'RIFee'), 0)
        + coalesce(
            sum(savings_plan_amortized_upfront_commitment_usd)
            filter (where line_item_type = 'SavingsPlanRecurringFee'),
            0
        ) as spread_upfront_cost_usd,
        count(distinct reservation_arn) as reservation_count,
        coalesce(sum(line_item_count) filter (where line_item_type like 'SavingsPlan%'), 0) as savings_plan_line_count
    from line_items
    group by payer_account_id, billing_period_start_date
)

select *
from summed
where
    abs(unblended_cost_usd - amortized_cost_usd - upfront_cost_usd + spread_upfront_cost_usd)
    > 0.00001 * reservation_count + 0.0000001 * savings_plan_line_count
