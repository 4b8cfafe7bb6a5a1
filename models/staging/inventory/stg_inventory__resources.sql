with source as (
    select * from {{ source('inventory', 'inventory_resources') }}
),

renamed as (
    select
        -- ids
        load_id,
        account_id,
        resource_id,

        -- strings
        region,
        resource_type,
        resource_name,
        state,

        -- timestamps
        first_seen_at,

        -- everything else that AWS said
        attributes::jsonb as attributes
    from source
)

select * from renamed
