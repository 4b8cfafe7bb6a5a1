-- The rows that stand are the rows that the ledger says were loaded, load by load.
with line_items as (
    select
        load_id,
        count(*) as row_count
    from {{ ref('stg_cur__line_item_amounts') }}
    group by load_id
),

loads as (
    select
        load_id,
        row_count
    from {{ ref('stg_ingest__loads') }}
    where source_name = 'cur' and is_current and row_count > 0
)

select
    coalesce(line_items.load_id, loads.load_id) as load_id,
    line_items.row_count as standing_count,
    loads.row_count as ledger_count
from line_items
full outer join loads on line_items.load_id = loads.load_id
where line_items.row_count is distinct from loads.row_count
