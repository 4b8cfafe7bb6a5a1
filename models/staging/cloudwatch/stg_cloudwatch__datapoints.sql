with source as (
    select * from {{ source('cloudwatch', 'cloudwatch_datapoints') }}
),

renamed as (
    select
        -- ids
        series_id,
        load_id,

        -- numerics
        period_seconds,
        average_value,
        maximum_value,
        minimum_value,
        sum_value,
        sample_count,
        p95_value,
        p99_value,

        -- dates and timestamps
        (period_start_at at time zone 'UTC')::date as usage_date,
        period_start_at,
        period_start_at + period_seconds * interval '1 second' as period_end_at
    from source
)

select * from renamed
