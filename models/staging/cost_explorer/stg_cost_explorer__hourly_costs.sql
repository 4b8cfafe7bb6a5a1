with source as (
    select * from {{ source('cost_explorer', 'cost_explorer_costs_hourly') }}
),

renamed as (
    select
        -- ids
        load_id,
        account_id,
        resource_id,

        -- strings
        service_name,
        currency_code,
        usage_unit,

        -- numerics
        unblended_cost as unblended_cost_usd,
        blended_cost as blended_cost_usd,
        amortized_cost as amortized_cost_usd,
        net_unblended_cost as net_unblended_cost_usd,
        net_amortized_cost as net_amortized_cost_usd,
        usage_quantity,

        -- booleans
        is_estimated,

        -- timestamps
        usage_start_at
    from source
)

select * from renamed
