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
        split_part(partition_key, '/', 1) as partition_name,
        split_part(partition_key, '/', 2) as partition_part,
        source_uri,
        source_version,

        -- numerics
        row_count,
        byte_count,
        request_count,

        -- booleans
        is_current,

        -- timestamps
        data_from_at,
        data_until_at,
        started_at,
        loaded_at
    from source
)

select * from renamed
