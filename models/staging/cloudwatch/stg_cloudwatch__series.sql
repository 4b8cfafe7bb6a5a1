with source as (
    select * from {{ source('cloudwatch', 'cloudwatch_series') }}
),

renamed as (
    select
        -- ids
        series_id,
        account_id,
        resource_id,

        -- strings
        region,
        namespace,
        metric_name,
        dimension_names,
        dimensions,
        held_back_reason,

        -- timestamps
        first_seen_at,
        last_seen_at,
        collected_until_at,
        held_back_since_at
    from source
)

select * from renamed
