{{ config(
    materialized='incremental',
    incremental_strategy='append',
    meta={'is_built_by_load': true},
    pre_hook="{{ forget_replaced_loads(ref('int_attributes_classified')) }}",
    post_hook="{{ remember_version() }}",
    indexes=[{'columns': ['load_id']}],
) }}

-- What the bill says of each commitment in each hour (or day, as the report has it): the usage that it covers, and its
-- fee. The one time that the lines of commitments are read. One row per load, commitment, kind of line and instant; a
-- reservation's fee stands at the month's beginning.
with amounts as (
    select * from {{ ref('stg_cur__line_item_amounts') }}
    where {{ is_new_load(ref('int_attributes_classified')) }}
),

attributes as (
    select
        load_id,
        attributes_id,
        amortized_cost_basis,
        case
            when amortized_cost_basis in ('reservation_effective', 'reservation_unused') then reservation_arn
            else savings_plan_arn
        end as commitment_arn
    from {{ ref('int_attributes_classified') }}
    where
        not is_split_cost_copy
        and amortized_cost_basis in (
            'reservation_effective', 'reservation_unused', 'savings_plan_effective', 'savings_plan_unused'
        )
)

select
    amounts.load_id,
    attributes.commitment_arn,
    attributes.amortized_cost_basis,
    amounts.usage_start_at,
    max(amounts.usage_end_at) as usage_end_at,
    sum(amounts.usage_quantity) as usage_quantity,
    sum(amounts.unblended_cost_usd) as unblended_cost_usd,
    sum(amounts.public_on_demand_cost_usd) as public_on_demand_cost_usd,
    sum(amounts.reservation_effective_cost_usd) as reservation_effective_cost_usd,
    sum(amounts.reservation_amortized_upfront_fee_usd) as reservation_amortized_upfront_fee_usd,
    sum(amounts.reservation_unused_upfront_fee_usd) as reservation_unused_upfront_fee_usd,
    sum(amounts.reservation_unused_recurring_fee_usd) as reservation_unused_recurring_fee_usd,
    sum(amounts.reservation_unused_hours) as reservation_unused_hours,
    sum(amounts.savings_plan_effective_cost_usd) as savings_plan_effective_cost_usd,
    sum(coalesce(amounts.savings_plan_net_effective_cost_usd, amounts.savings_plan_effective_cost_usd))
        as savings_plan_net_effective_cost_usd,
    sum(amounts.savings_plan_total_commitment_usd) as savings_plan_total_commitment_usd,
    sum(amounts.savings_plan_used_commitment_usd) as savings_plan_used_commitment_usd
from amounts
inner join attributes
    on
        amounts.load_id = attributes.load_id
        and amounts.attributes_id = attributes.attributes_id
where attributes.commitment_arn is not null
group by amounts.load_id, attributes.commitment_arn, attributes.amortized_cost_basis, amounts.usage_start_at
