with source as (
    select * from {{ source('cur', 'cur_attributes') }}
),

renamed as (
    select
        -- ids
        load_id,
        attributes_id,
        identity_line_item_id as line_item_id,
        nullif(bill_invoice_id, '') as invoice_id,
        bill_payer_account_id as payer_account_id,
        line_item_usage_account_id as account_id,
        line_item_resource_id as billed_resource_id,
        coalesce(reservation_reservation_arn, savings_plan_savings_plan_arn) as commitment_arn,
        reservation_reservation_arn as reservation_arn,
        savings_plan_savings_plan_arn as savings_plan_arn,

        -- strings
        bill_billing_entity as billing_entity,
        line_item_line_item_type as line_item_type,
        line_item_product_code as service_code,
        line_item_usage_type as usage_type,
        line_item_operation as operation,
        line_item_availability_zone as availability_zone,
        line_item_line_item_description as description,
        line_item_currency_code as currency_code,
        coalesce(attributes ->> 'product_region', attributes ->> 'product_region_code') as region,
        attributes ->> 'product_instance_type' as instance_type,
        attributes ->> 'product_operating_system' as operating_system,
        attributes ->> 'product_product_family' as product_family,
        attributes ->> 'product_product_name' as product_name,
        attributes ->> 'product_volume_api_name' as volume_type,
        attributes ->> 'product_database_engine' as database_engine,
        attributes ->> 'product_deployment_option' as deployment_option,
        attributes ->> 'pricing_unit' as pricing_unit,
        attributes ->> 'pricing_rate_code' as pricing_rate_code,
        attributes ->> 'product_sku' as sku_id,
        attributes ->> 'product_location' as region_name,
        attributes ->> 'bill_invoicing_entity' as invoicing_entity,
        attributes ->> 'line_item_legal_entity' as legal_entity,
        attributes ->> 'bill_payer_account_name' as payer_account_name,
        attributes ->> 'line_item_usage_account_name' as account_name,
        attributes ->> 'capacity_reservation_capacity_reservation_arn' as capacity_reservation_arn,
        attributes ->> 'capacity_reservation_capacity_reservation_status' as capacity_reservation_status,
        nullif(attributes ->> 'pricing_public_on_demand_rate', '')::numeric as public_on_demand_rate_usd,
        nullif(attributes ->> 'line_item_unblended_rate', '')::numeric as unblended_rate_usd,
        nullif(attributes ->> 'reservation_normalized_units_per_reservation', '')::numeric
            as reservation_normalized_hours_each,
        nullif(attributes ->> 'reservation_units_per_reservation', '')::numeric as reservation_hours_each,
        nullif(attributes ->> 'reservation_unused_normalized_unit_quantity', '')::numeric
            as reservation_unused_normalized_hours,
        nullif(attributes ->> 'reservation_total_reserved_normalized_units', '')::numeric
            as reservation_total_normalized_hours,
        nullif(attributes ->> 'reservation_total_reserved_units', '')::numeric as reservation_total_hours,
        attributes ->> 'savings_plan_offering_type' as savings_plan_type,
        attributes ->> 'resource_tags_user_name' as name_tag,
        attributes ->> 'resource_tags_user_environment' as environment_tag,

        -- dates
        (bill_billing_period_start_date at time zone 'UTC')::date as billing_period_start_date,
        (bill_billing_period_end_date at time zone 'UTC')::date as billing_period_end_date,

        -- everything else that AWS delivered
        attributes
    from source
)

select * from renamed
