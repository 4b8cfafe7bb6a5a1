{{ config(
    materialized='incremental',
    incremental_strategy='append',
    meta={'is_built_by_load': true},
    pre_hook="{{ forget_replaced_loads(ref('int_attributes_classified')) }}",
    post_hook="{{ remember_version() }}",
) }}

-- How many line items a delivery has, and how many of them it has more than once: within a delivery a line item is
-- known by its id and its interval (CUR user guide, identity details). One row per load.
with days as (
    select * from {{ ref('int_line_items_daily') }}
    where part_number = 1 and {{ is_new_load(ref('int_attributes_classified')) }}
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

-- As many line items of an id as hours in which one begins are each an own one. Where there are more, they are
-- looked at one by one: few, in most bills.
suspected as (
    select
        days.load_id,
        ids.id_number,
        days.usage_date
    from days
    inner join ids
        on
            days.load_id = ids.load_id
            and days.attributes_id = ids.attributes_id
    group by days.load_id, ids.id_number, days.usage_date
    having sum(days.line_item_count) > bit_count(bit_or(days.start_hours)::bit(32))
),

looked_at as (
    select
        suspected.*,
        ids.attributes_id
    from suspected
    inner join ids
        on
            suspected.load_id = ids.load_id
            and suspected.id_number = ids.id_number
),

repeated as (
    select
        amounts.load_id,
        count(*) - 1 as duplicate_line_item_count
    from {{ ref('stg_cur__line_item_amounts') }} as amounts
    inner join looked_at
        on
            amounts.load_id = looked_at.load_id
            and amounts.attributes_id = looked_at.attributes_id
            and amounts.usage_date = looked_at.usage_date
    where {{ is_new_load(ref('int_attributes_classified'), 'amounts') }}
    group by amounts.load_id, looked_at.id_number, amounts.usage_start_at, amounts.usage_end_at
    having count(*) > 1
),

duplicates as (
    select
        load_id,
        sum(duplicate_line_item_count) as duplicate_line_item_count
    from repeated
    group by load_id
),

counted as (
    select
        load_id,
        sum(line_item_count) as line_item_count
    from days
    group by load_id
)

select
    counted.load_id,
    counted.line_item_count::bigint as line_item_count,
    coalesce(duplicates.duplicate_line_item_count, 0)::bigint as duplicate_line_item_count
from counted
left join duplicates on counted.load_id = duplicates.load_id
