-- Cash becomes accrual: the one place that knows the amortized cost of a line item. One row per line item that is a
-- cost of its own.
with line_items as (
    select * from {{ ref('int_line_items_classified') }}
    where is_split_cost_copy is not true
)

select
    *,
    case amortized_cost_basis
        when 'unblended' then unblended_cost_usd
        when 'zero' then 0
        when 'reservation_effective' then reservation_effective_cost_usd
        when
            'reservation_unused'
            then coalesce(reservation_unused_upfront_fee_usd, 0) + coalesce(reservation_unused_recurring_fee_usd, 0)
        when 'savings_plan_effective' then savings_plan_effective_cost_usd
        when
            'savings_plan_unused'
            then savings_plan_total_commitment_usd - savings_plan_used_commitment_usd
    end as amortized_cost_usd,
    -- What usage would cost at list price. A Spot row of older reports has none: its own cost is the only price known.
    case
        when charge_class <> 'usage' then null
        when line_item_type = 'SavingsPlanCoveredUsage' then unblended_cost_usd
        when purchase_option = 'spot' then coalesce(nullif(public_on_demand_cost_usd, 0), unblended_cost_usd)
        else public_on_demand_cost_usd
    end as on_demand_equivalent_cost_usd
from line_items
