-- Identities per Savings Plan and billing period: the negations undo the covered usage's on-demand cost, and the
-- covered usage's effective cost is the commitment that was used.
with line_items as (
    select * from {{ ref('int_costs_monthly') }}
    where savings_plan_arn is not null
),

summed as (
    select
        savings_plan_arn,
        billing_period_start_date,
        sum(line_item_count) as line_count,
        coalesce(sum(unblended_cost_usd) filter (where line_item_type = 'SavingsPlanCoveredUsage'), 0)
            as covered_cost_usd,
        coalesce(sum(unblended_cost_usd) filter (where line_item_type = 'SavingsPlanNegation'), 0) as negated_cost_usd,
        coalesce(sum(amortized_cost_usd) filter (where line_item_type = 'SavingsPlanCoveredUsage'), 0)
            as effective_cost_usd,
        sum(savings_plan_used_commitment_usd) filter (where line_item_type = 'SavingsPlanRecurringFee')
            as used_commitment_usd
    from line_items
    group by savings_plan_arn, billing_period_start_date
)

select *
from summed
where
    abs(covered_cost_usd + negated_cost_usd) > 0.0000001 * line_count
    -- A plan without its fee rows (a linked account's own report) has no used commitment to compare with.
    or (used_commitment_usd is not null and abs(effective_cost_usd - used_commitment_usd) > 0.0000001 * line_count)
