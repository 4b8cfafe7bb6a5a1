with source as (
    select * from {{ source('cur', 'cur_attributes') }}
),

renamed as (
    select
        -- ids
        load_id,
        attributes_id,
        nullif(bill_invoice_id, '') as invoice_id,
        bill_payer_account_id as payer_account_id,

        -- strings
        bill_billing_entity as billing_entity,
        line_item_operation as operation,
        coalesce(attributes ->> 'product_region', attributes ->> 'product_region_code') as region,
        attributes ->> 'product_instance_type' as instance_type,
        attributes ->> 'product_operating_system' as operating_system,
        attributes ->> 'product_product_family' as product_family,
        attributes ->> 'product_product_name' as product_name,
        attributes ->> 'product_volume_api_name' as volume_type,
        attributes ->> 'product_database_engine' as database_engine,
        attributes ->> 'product_deployment_option' as deployment_option,
        attributes ->> 'savings_plan_offering_type' as savings_plan_type,
        attributes ->> 'resource_tags_user_name' as name_tag,
        attributes ->> 'resource_tags_user_environment' as environment_tag,

        -- dates
        (bill_billing_period_start_date at time zone 'UTC')::date as billing_period_start_date,

        -- everything else that AWS delivered
        attributes
    from source
)

select * from renamed
