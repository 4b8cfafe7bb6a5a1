-- The combinations of tags and cost categories that costs carry. What has none is a row too.
with attributes as (
    select * from {{ ref('int_attributes_classified') }}
)

select distinct on (allocation_id)
    allocation_id,
    tags,
    cost_categories,
    tags = '{}' as is_untagged
from attributes
order by allocation_id
