-- The joins to types, services and tags neither lose nor double a combination of attributes, nor a line item by it.
with delivered as (
    select
        load_id,
        count(*) as combination_count
    from {{ ref('stg_cur__attributes') }}
    group by load_id
),

classified as (
    select
        load_id,
        count(*) filter (where part_number = 1) as combination_count
    from {{ ref('int_attributes_classified') }}
    group by load_id
)

select
    coalesce(delivered.load_id, classified.load_id) as load_id,
    delivered.combination_count as delivered_count,
    classified.combination_count as classified_count
from delivered
full outer join classified on delivered.load_id = classified.load_id
where delivered.combination_count is distinct from classified.combination_count
