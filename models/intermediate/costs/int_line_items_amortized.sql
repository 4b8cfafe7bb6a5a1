-- Cash becomes accrual: the one place that knows what each cost of a line item is, gross and net. One row per part of a
-- line item that is a cost of its own (split cost allocation's copies are none).
with amounts as (
    select * from {{ ref('stg_cur__line_item_amounts') }}
),

attributes as (
    select * from {{ ref('int_attributes_classified') }}
    where not is_split_cost_copy
),

plan_usage as (
    select * from {{ ref('int_commitment_lines_hourly') }}
    where amortized_cost_basis = 'savings_plan_effective'
),

placed as (
    select
        attributes.load_id,
        attributes.attributes_id,
        attributes.part_number,
        attributes.payer_account_id,
        attributes.account_id,
        attributes.billing_period_start_date,
        attributes.billed_resource_id,
        attributes.reservation_arn,
        attributes.savings_plan_arn,
        attributes.savings_plan_type,
        attributes.line_item_type,
        attributes.service_code,
        attributes.usage_type,
        attributes.operation,
        attributes.region,
        attributes.instance_type,
        attributes.operating_system,
        attributes.usage_component,
        attributes.purchase_option,
        attributes.charge_class,
        attributes.record_class,
        attributes.unblended_cost_basis,
        attributes.blended_cost_basis,
        attributes.net_unblended_cost_basis,
        attributes.amortized_cost_basis,
        attributes.net_amortized_cost_basis,
        attributes.on_demand_cost_basis,
        attributes.has_net_costs,
        amounts.usage_date,
        amounts.usage_start_at,
        amounts.usage_end_at,
        -- How far the line proves usage: some (a hosted zone) is billed at once for the whole month, ahead of time.
        least(amounts.usage_end_at, amounts.usage_start_at + interval '1 day') as used_until_at,
        amounts.usage_quantity,
        amounts.normalized_usage_quantity,
        amounts.reservation_unused_hours,
        amounts.unblended_cost_usd as line_unblended_cost_usd,
        amounts.blended_cost_usd as line_blended_cost_usd,
        amounts.net_unblended_cost_usd as line_net_unblended_cost_usd,
        amounts.public_on_demand_cost_usd,
        amounts.reservation_effective_cost_usd,
        amounts.reservation_net_effective_cost_usd,
        amounts.reservation_amortized_upfront_fee_usd,
        amounts.reservation_unused_upfront_fee_usd,
        amounts.reservation_unused_recurring_fee_usd,
        amounts.reservation_net_unused_upfront_fee_usd,
        amounts.reservation_net_unused_recurring_fee_usd,
        amounts.savings_plan_effective_cost_usd,
        amounts.savings_plan_net_effective_cost_usd,
        amounts.savings_plan_total_commitment_usd,
        amounts.savings_plan_used_commitment_usd,
        amounts.savings_plan_amortized_upfront_commitment_usd,
        amounts.savings_plan_net_upfront_commitment_usd,
        amounts.savings_plan_net_recurring_commitment_usd,
        plan_usage.savings_plan_net_effective_cost_usd as plan_net_effective_cost_usd
    from amounts
    inner join attributes
        on
            amounts.load_id = attributes.load_id
            and amounts.attributes_id = attributes.attributes_id
    left join plan_usage
        on
            attributes.net_amortized_cost_basis = 'net_savings_plan_unused'
            and attributes.has_net_costs
            and amounts.load_id = plan_usage.load_id
            and attributes.savings_plan_arn = plan_usage.commitment_arn
            and amounts.usage_start_at = plan_usage.usage_start_at
)

select
    load_id,
    attributes_id,
    part_number,
    payer_account_id,
    account_id,
    billing_period_start_date,
    billed_resource_id,
    reservation_arn,
    savings_plan_arn,
    savings_plan_type,
    line_item_type,
    service_code,
    usage_type,
    operation,
    region,
    instance_type,
    operating_system,
    usage_component,
    purchase_option,
    charge_class,
    record_class,
    amortized_cost_basis,
    usage_date,
    usage_start_at,
    usage_end_at,
    used_until_at,
    -- The second part of a commitment's fee is the same line once more: its quantity and its cash are the first's.
    case when part_number = 1 then 1 else 0 end as line_item_count,
    case when part_number = 1 then usage_quantity end as usage_quantity,
    case when part_number = 1 then normalized_usage_quantity end as normalized_usage_quantity,
    case when part_number = 2 then reservation_unused_hours end as reservation_unused_hours,
    case when unblended_cost_basis = 'unblended' then line_unblended_cost_usd else 0 end as unblended_cost_usd,
    case when blended_cost_basis = 'blended' then line_blended_cost_usd else 0 end as blended_cost_usd,
    case net_unblended_cost_basis
        when 'zero' then 0
        when 'net_discount'
            then
                case when has_net_costs then coalesce(line_net_unblended_cost_usd, 0) else line_unblended_cost_usd end
        else coalesce(line_net_unblended_cost_usd, line_unblended_cost_usd)
    end as net_unblended_cost_usd,
    case amortized_cost_basis
        when 'unblended' then line_unblended_cost_usd
        when 'zero' then 0
        when 'reservation_effective' then reservation_effective_cost_usd
        when
            'reservation_unused'
            then
                case
                    when num_nonnulls(reservation_unused_upfront_fee_usd, reservation_unused_recurring_fee_usd) > 0
                        then
                            coalesce(reservation_unused_upfront_fee_usd, 0)
                            + coalesce(reservation_unused_recurring_fee_usd, 0)
                end
        when 'savings_plan_effective' then savings_plan_effective_cost_usd
        when
            'savings_plan_unused'
            then savings_plan_total_commitment_usd - savings_plan_used_commitment_usd
    end as amortized_cost_usd,
    case net_amortized_cost_basis
        when 'zero' then 0
        when 'net_discount'
            then
                case when has_net_costs then coalesce(line_net_unblended_cost_usd, 0) else line_unblended_cost_usd end
        when
            'net_reservation_effective'
            then coalesce(reservation_net_effective_cost_usd, reservation_effective_cost_usd)
        when
            'net_reservation_unused'
            then
                case
                    when num_nonnulls(reservation_unused_upfront_fee_usd, reservation_unused_recurring_fee_usd) > 0
                        then
                            coalesce(reservation_net_unused_upfront_fee_usd, reservation_unused_upfront_fee_usd, 0)
                            + coalesce(
                                reservation_net_unused_recurring_fee_usd, reservation_unused_recurring_fee_usd, 0
                            )
                end
        when
            'net_savings_plan_effective'
            then coalesce(savings_plan_net_effective_cost_usd, savings_plan_effective_cost_usd)
        -- AWS reports no net twin of the unused commitment: it is the net commitment less what its usage took of it.
        when
            'net_savings_plan_unused'
            then
                coalesce(
                    coalesce(savings_plan_net_upfront_commitment_usd, 0)
                    + savings_plan_net_recurring_commitment_usd
                    - coalesce(plan_net_effective_cost_usd, 0),
                    savings_plan_total_commitment_usd - savings_plan_used_commitment_usd
                )
        else coalesce(line_net_unblended_cost_usd, line_unblended_cost_usd)
    end as net_amortized_cost_usd,
    case when part_number = 1 then public_on_demand_cost_usd end as public_on_demand_cost_usd,
    -- What usage would cost at list price. Spot rows of older reports tell none, and write 0.
    case
        when on_demand_cost_basis = 'none' then null
        when on_demand_cost_basis = 'unblended' then line_unblended_cost_usd
        when purchase_option = 'spot' then nullif(public_on_demand_cost_usd, 0)
        else public_on_demand_cost_usd
    end as on_demand_equivalent_cost_usd,
    -- Of a commitment's fee, for what it says of the commitment itself.
    case when part_number = 1 then reservation_amortized_upfront_fee_usd end as reservation_amortized_upfront_fee_usd,
    case when part_number = 1 then savings_plan_amortized_upfront_commitment_usd end
        as savings_plan_amortized_upfront_commitment_usd,
    case when part_number = 1 then savings_plan_total_commitment_usd end as savings_plan_total_commitment_usd,
    case when part_number = 1 then savings_plan_used_commitment_usd end as savings_plan_used_commitment_usd,
    savings_plan_effective_cost_usd
from placed
