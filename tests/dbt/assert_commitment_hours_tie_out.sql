-- Per delivery and commitment, what fct_commitment_hours spreads over intervals is what the bill says of the month:
-- used and unused to the last digit, for the rule that spreads them loses none, and the on-demand cost of what was
-- covered; the whole within a hundred-thousandth of a dollar a reservation and month, as AWS rounds each line.
with line_items as (
    select * from {{ ref('int_costs_monthly') }}
    where
        line_item_type in ('RIFee', 'DiscountedUsage', 'SavingsPlanRecurringFee', 'SavingsPlanCoveredUsage')
        and commitment_arn is not null
),

billed as (
    select
        load_id,
        commitment_arn,
        coalesce(sum(amortized_cost_usd) filter (where line_item_type = 'DiscountedUsage'), 0) as reservation_used_usd,
        sum(savings_plan_used_commitment_usd) as plan_used_usd,
        sum(amortized_cost_usd) filter (where line_item_type = 'SavingsPlanCoveredUsage') as plan_effective_usd,
        sum(amortized_cost_usd) filter (where charge_class = 'commitment_unused') as unused_usd,
        coalesce(sum(on_demand_equivalent_cost_usd), 0) as on_demand_usd,
        sum(
            unblended_cost_usd
            + coalesce(reservation_amortized_upfront_fee_usd, 0)
            + coalesce(savings_plan_amortized_upfront_commitment_usd, 0)
        ) filter (where line_item_type in ('RIFee', 'SavingsPlanRecurringFee')) as whole_usd,
        bool_or(reservation_arn is not null) as is_reservation
    from line_items
    group by load_id, commitment_arn
),

spread as (
    select
        load_id,
        commitment_arn,
        sum(commitment_cost_usd) as commitment_cost_usd,
        sum(used_commitment_usd) as used_commitment_usd,
        sum(unused_commitment_usd) as unused_commitment_usd,
        sum(covered_on_demand_cost_usd) as covered_on_demand_cost_usd
    from {{ ref('fct_commitment_hours') }}
    group by load_id, commitment_arn
)

select
    coalesce(billed.load_id, spread.load_id) as load_id,
    coalesce(billed.commitment_arn, spread.commitment_arn) as commitment_arn,
    billed.reservation_used_usd,
    billed.plan_used_usd,
    billed.unused_usd,
    billed.on_demand_usd,
    billed.whole_usd,
    spread.commitment_cost_usd,
    spread.used_commitment_usd,
    spread.unused_commitment_usd,
    spread.covered_on_demand_cost_usd
from billed
full join spread
    on
        billed.load_id = spread.load_id
        and billed.commitment_arn = spread.commitment_arn
where
    spread.used_commitment_usd is distinct from
    case
        when billed.is_reservation then billed.reservation_used_usd
        else coalesce(billed.plan_used_usd, billed.plan_effective_usd)
    end
    or spread.unused_commitment_usd is distinct from billed.unused_usd
    or spread.covered_on_demand_cost_usd is distinct from billed.on_demand_usd
    or (billed.whole_usd is null) <> (spread.commitment_cost_usd is null)
    or abs(spread.commitment_cost_usd - billed.whole_usd) > 0.00001
