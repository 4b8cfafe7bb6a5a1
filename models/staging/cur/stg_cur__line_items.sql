with source as (
    select * from {{ source('cur', 'cur_line_items') }}
),

renamed as (
    select
        -- ids
        load_id,
        file_number,
        attributes_id,
        identity_line_item_id as line_item_id,
        identity_time_interval as time_interval,
        bill_invoice_id as invoice_id,
        bill_payer_account_id as payer_account_id,
        line_item_usage_account_id as account_id,
        line_item_resource_id as billed_resource_id,
        coalesce(reservation_reservation_arn, savings_plan_savings_plan_arn) as commitment_arn,
        reservation_reservation_arn as reservation_arn,
        savings_plan_savings_plan_arn as savings_plan_arn,

        -- strings
        line_item_line_item_type as line_item_type,
        line_item_product_code as service_code,
        line_item_usage_type as usage_type,
        line_item_operation as operation,
        line_item_availability_zone as availability_zone,
        line_item_line_item_description as description,
        line_item_currency_code as currency_code,

        -- numerics
        line_item_usage_amount as usage_quantity,
        line_item_normalized_usage_amount as normalized_usage_quantity,
        line_item_unblended_cost as unblended_cost_usd,
        line_item_blended_cost as blended_cost_usd,
        pricing_public_on_demand_cost as public_on_demand_cost_usd,
        reservation_effective_cost as reservation_effective_cost_usd,
        reservation_amortized_upfront_fee_for_billing_period as reservation_amortized_upfront_fee_usd,
        reservation_unused_amortized_upfront_fee_for_billing_period as reservation_unused_upfront_fee_usd,
        reservation_unused_recurring_fee as reservation_unused_recurring_fee_usd,
        savings_plan_savings_plan_effective_cost as savings_plan_effective_cost_usd,
        savings_plan_total_commitment_to_date as savings_plan_total_commitment_usd,
        savings_plan_used_commitment as savings_plan_used_commitment_usd,
        savings_plan_amortized_upfront_commitment_for_billing_period as savings_plan_amortized_upfront_commitment_usd,

        -- dates and timestamps
        (bill_billing_period_start_date at time zone 'UTC')::date as billing_period_start_date,
        (line_item_usage_start_date at time zone 'UTC')::date as usage_date,
        line_item_usage_start_date as usage_start_at,
        line_item_usage_end_date as usage_end_at
    from source
)

select * from renamed
