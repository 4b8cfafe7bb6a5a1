with source as (
    select * from {{ source('inventory', 'inventory_scopes') }}
),

renamed as (
    select
        -- ids
        account_id,

        -- strings
        region,
        resource_type,
        error,

        -- timestamps
        collected_at,
        asked_at
    from source
)

select * from renamed
