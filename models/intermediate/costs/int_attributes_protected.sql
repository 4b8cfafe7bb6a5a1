-- A table: the bill is read once for it, and not again for each model and test that asks.
{{ config(materialized='table') }}

-- Combinations of attributes by whose tags an owner keeps a resource from findings. One row per load and combination,
-- with the reason of the first tag that says so.
with attributes as (
    select * from {{ ref('stg_cur__attributes') }}
),

protecting_tags as (
    select * from {{ ref('protecting_tags') }}
)

select distinct on (attributes.load_id, attributes.attributes_id)
    attributes.load_id,
    attributes.attributes_id,
    protecting_tags.reason as protected_reason
from attributes
inner join protecting_tags on attributes.attributes ->> protecting_tags.tag_column ~* protecting_tags.tag_value_pattern
order by attributes.load_id, attributes.attributes_id, protecting_tags.tag_column
