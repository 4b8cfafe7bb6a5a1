-- The joins to types and attributes neither lose nor double a line item.
select
    (select count(*) from {{ ref('stg_cur__line_items') }}) as delivered_count,
    (select count(*) from {{ ref('int_line_items_classified') }}) as classified_count
where
    (select count(*) from {{ ref('stg_cur__line_items') }})
    <> (select count(*) from {{ ref('int_line_items_classified') }})
