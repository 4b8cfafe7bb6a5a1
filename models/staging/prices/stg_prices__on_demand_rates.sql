with source as (
    select * from {{ source('prices', 'price_on_demand') }}
),

renamed as (
    select
        -- ids
        load_id,
        sku,

        -- strings
        service_code,
        region,
        usage_type,
        operation,
        product_family,
        instance_type,
        operating_system,
        database_engine,
        deployment_option,
        license_model,
        volume_type,
        unit,

        -- numerics
        vcpu_count,
        memory_gib,
        rate as rate_usd_per_unit,

        -- timestamps
        effective_at
    from source
)

select * from renamed
