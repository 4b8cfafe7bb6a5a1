with source as (
    select * from {{ source('cur', 'billing_periods') }}
),

renamed as (
    select
        -- ids
        load_id,
        payer_account_id,
        replaced_load_id,

        -- strings
        partition_key,
        source_uri,
        period_state,

        -- numerics
        row_count,
        uninvoiced_row_count,
        unblended_cost as unblended_cost_usd,
        replaced_row_count,
        replaced_unblended_cost as replaced_unblended_cost_usd,

        -- booleans
        is_current,

        -- dates and timestamps
        (period_start_at at time zone 'UTC')::date as billing_period_start_date,
        (period_end_at at time zone 'UTC')::date as billing_period_end_date,
        data_until_at,
        loaded_at
    from source
)

select * from renamed
