with source as (
    select * from {{ source('cur', 'cur_attributes') }}
),

renamed as (
    select
        -- ids
        load_id,
        attributes_id,
        bill_payer_account_id as payer_account_id,
        line_item_usage_account_id as account_id,
        reservation_reservation_arn as reservation_arn,
        savings_plan_savings_plan_arn as savings_plan_arn,

        -- strings
        line_item_line_item_type as line_item_type,
        line_item_product_code as service_code,
        line_item_usage_type as usage_type,
        coalesce(attributes ->> 'product_region', attributes ->> 'product_region_code') as region,
        attributes ->> 'savings_plan_offering_type' as savings_plan_type,
        attributes ->> 'savings_plan_payment_option' as savings_plan_payment_option,
        attributes ->> 'savings_plan_purchase_term' as savings_plan_term,
        attributes ->> 'savings_plan_region' as savings_plan_region,
        attributes ->> 'savings_plan_instance_type_family' as savings_plan_instance_family,
        attributes ->> 'pricing_offering_class' as reservation_offering_class,
        attributes ->> 'pricing_purchase_option' as reservation_payment_option,
        attributes ->> 'pricing_lease_contract_length' as reservation_term,

        -- numerics
        {{ cast_if_like("attributes ->> 'reservation_number_of_reservations'", '^[0-9]{1,9}$', 'integer') }}
            as reservation_count,

        -- timestamps: text that isn't one is none
        {{ cast_if_like("attributes ->> 'reservation_start_time'", instant_pattern(), 'timestamptz') }}
            as reservation_start_at,
        {{ cast_if_like("attributes ->> 'reservation_end_time'", instant_pattern(), 'timestamptz') }}
            as reservation_end_at,
        {{ cast_if_like("attributes ->> 'savings_plan_start_time'", instant_pattern(), 'timestamptz') }}
            as savings_plan_start_at,
        {{ cast_if_like("attributes ->> 'savings_plan_end_time'", instant_pattern(), 'timestamptz') }}
            as savings_plan_end_at
    from source
)

select * from renamed
