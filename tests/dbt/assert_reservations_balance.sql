-- Identity per reservation and billing period: what its users consumed plus what nobody used is what it cost.
-- Tolerance: a hundred-thousandth of a dollar, seen on real bills (AWS rounds each line).
with line_items as (
    select * from {{ ref('int_costs_monthly') }}
    where reservation_arn is not null and line_item_type in ('DiscountedUsage', 'RIFee')
),

summed as (
    select
        reservation_arn,
        billing_period_start_date,
        sum(amortized_cost_usd) as accrued_cost_usd,
        sum(unblended_cost_usd + coalesce(reservation_amortized_upfront_fee_usd, 0))
        filter (where line_item_type = 'RIFee')
            as paid_cost_usd
    from line_items
    group by reservation_arn, billing_period_start_date
)

select *
from summed
-- A reservation without its fee row (a linked account's own report) has nothing to balance against.
where paid_cost_usd is not null and abs(accrued_cost_usd - paid_cost_usd) > 0.00001
