with source as (
    select * from {{ source('cost_explorer', 'cost_explorer_accounts') }}
),

renamed as (
    select
        -- ids
        load_id,
        account_id,

        -- strings
        account_name
    from source
)

select * from renamed
