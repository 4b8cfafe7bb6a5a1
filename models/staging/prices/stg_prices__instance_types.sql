with source as (
    select * from {{ source('prices', 'price_instance_types') }}
),

renamed as (
    select
        -- ids
        load_id,
        instance_type,

        -- strings
        split_part(instance_type, '.', 1) as instance_family,
        architectures,
        network_performance,

        -- numerics
        vcpu_count,
        memory_mib / 1024 as memory_gib,
        ebs_baseline_mbps,
        ebs_baseline_iops,

        -- booleans
        is_burstable
    from source
)

select * from renamed
