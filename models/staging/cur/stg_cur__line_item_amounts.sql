with source as (
    select * from {{ source('cur', 'cur_line_item_amounts') }}
),

renamed as (
    select
        -- ids
        load_id,
        attributes_id,
        file_number,

        -- numerics
        line_item_usage_amount as usage_quantity,
        line_item_normalized_usage_amount as normalized_usage_quantity,
        line_item_unblended_cost as unblended_cost_usd,
        line_item_blended_cost as blended_cost_usd,
        line_item_net_unblended_cost as net_unblended_cost_usd,
        pricing_public_on_demand_cost as public_on_demand_cost_usd,
        reservation_effective_cost as reservation_effective_cost_usd,
        reservation_net_effective_cost as reservation_net_effective_cost_usd,
        reservation_amortized_upfront_fee_for_billing_period as reservation_amortized_upfront_fee_usd,
        reservation_unused_amortized_upfront_fee_for_billing_period as reservation_unused_upfront_fee_usd,
        reservation_net_unused_amortized_upfront_fee_for_billing_period as reservation_net_unused_upfront_fee_usd,
        reservation_unused_recurring_fee as reservation_unused_recurring_fee_usd,
        reservation_net_unused_recurring_fee as reservation_net_unused_recurring_fee_usd,
        reservation_unused_quantity as reservation_unused_hours,
        savings_plan_savings_plan_effective_cost as savings_plan_effective_cost_usd,
        savings_plan_net_savings_plan_effective_cost as savings_plan_net_effective_cost_usd,
        savings_plan_total_commitment_to_date as savings_plan_total_commitment_usd,
        savings_plan_used_commitment as savings_plan_used_commitment_usd,
        savings_plan_amortized_upfront_commitment_for_billing_period as savings_plan_amortized_upfront_commitment_usd,
        savings_plan_net_amortized_upfront_commitment_for_period as savings_plan_net_upfront_commitment_usd,
        savings_plan_net_recurring_commitment_for_billing_period as savings_plan_net_recurring_commitment_usd,

        -- timestamps
        line_item_usage_start_date as usage_start_at,
        line_item_usage_end_date as usage_end_at,
        (line_item_usage_start_date at time zone 'UTC')::date as usage_date
    from source
)

select * from renamed
