with source as (
    select * from {{ source('prices', 'price_savings_plan_rates') }}
),

renamed as (
    select
        -- ids
        load_id,
        offering_id,

        -- strings
        plan_type,
        region,
        instance_family,
        product_type,
        service_code,
        usage_type,
        operation,
        unit,
        lower(replace(payment_option, ' ', '_')) as payment_option,

        -- numerics
        rate as rate_usd_per_unit,
        (duration_seconds / (365 * 24 * 3600))::integer as term_years
    from source
)

select * from renamed
