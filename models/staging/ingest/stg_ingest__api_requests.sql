with source as (
    select * from {{ source('ingest', 'api_requests') }}
),

renamed as (
    select
        -- ids
        api_request_id,
        account_id,

        -- strings
        source_name,
        operation,
        region,

        -- numerics
        request_count,
        billed_unit_count,
        request_cost_usd,

        -- timestamps
        first_requested_at,
        last_requested_at
    from source
)

select * from renamed
