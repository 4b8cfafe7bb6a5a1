with source as (
    select * from {{ source('prices', 'price_reservation_offerings') }}
),

renamed as (
    select
        -- ids
        load_id,
        offering_id,

        -- strings
        region,
        instance_type,
        split_part(instance_type, '.', 1) as instance_family,
        -- "(Amazon VPC)" told classic networks apart; those are gone.
        replace(platform, ' (Amazon VPC)', '') as platform,
        offering_class,
        lower(replace(payment_option, ' ', '_')) as payment_option,

        -- numerics
        upfront as upfront_usd,
        recurring as recurring_usd_per_hour,
        (duration_seconds / (365 * 24 * 3600))::integer as term_years
    from source
)

select * from renamed
