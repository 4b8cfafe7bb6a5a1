{{ config(
    materialized='incremental',
    incremental_strategy='append',
    meta={'is_built_by_load': true},
    pre_hook="{{ forget_replaced_loads(ref('int_attributes_classified')) }}",
    post_hook="{{ remember_version() }}",
) }}

-- How many line items a delivery has, and how many of them it has more than once: within a delivery a line item is
-- known by its id and its interval (CUR user guide, identity details). One row per load.
with amounts as (
    select * from {{ ref('stg_cur__line_item_amounts') }}
    where {{ is_new_load(ref('int_attributes_classified')) }}
),

-- One id may be described in several ways, each a combination of its own.
ids as (
    select
        load_id,
        attributes_id,
        min(attributes_id) over (partition by load_id, line_item_id) as id_number
    from {{ ref('int_attributes_classified') }}
    where part_number = 1
),

counted as (
    select
        amounts.load_id,
        ids.id_number,
        amounts.usage_start_at,
        amounts.usage_end_at,
        count(*) as line_item_count
    from amounts
    inner join ids
        on
            amounts.load_id = ids.load_id
            and amounts.attributes_id = ids.attributes_id
    group by amounts.load_id, ids.id_number, amounts.usage_start_at, amounts.usage_end_at
)

select
    load_id,
    sum(line_item_count)::bigint as line_item_count,
    sum(line_item_count - 1)::bigint as duplicate_line_item_count
from counted
group by load_id
