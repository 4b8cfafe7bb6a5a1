with source as (
    select * from {{ source('ingest', 'loads') }}
),

renamed as (
    select
        -- ids
        load_id,

        -- strings
        source_name,
        partition_key,
        source_uri,
        source_version,

        -- numerics
        row_count,
        byte_count,
        request_count,
        (statistics ->> 'held_back_series_count')::bigint as held_back_metric_count,

        -- booleans
        is_current,
        coalesce((statistics ->> 'is_capped')::boolean, false) as is_capped,

        -- timestamps
        data_from_at,
        data_until_at,
        (statistics ->> 'daily_until_at')::timestamptz as daily_metrics_until_at,
        started_at,
        loaded_at
    from source
)

select * from renamed
