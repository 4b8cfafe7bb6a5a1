with source as (
    select * from {{ source('cost_explorer', 'cost_explorer_estimates') }}
),

renamed as (
    select
        -- ids
        payer_account_id,
        account_id,

        -- strings
        service_name,
        record_type,
        currency_code,

        -- numerics
        unblended_cost as unblended_cost_usd,
        blended_cost as blended_cost_usd,
        amortized_cost as amortized_cost_usd,
        net_unblended_cost as net_unblended_cost_usd,
        net_amortized_cost as net_amortized_cost_usd,

        -- dates and timestamps
        usage_date,
        estimated_at
    from source
)

select * from renamed
