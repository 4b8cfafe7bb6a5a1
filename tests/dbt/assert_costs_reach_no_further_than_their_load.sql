-- A bill can't tell of usage after it was delivered: an as-of instant in the future would make open days look complete.
with as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

loads as (
    select max(loaded_at) as last_loaded_at
    from {{ ref('stg_ingest__loads') }}
    where source_name = 'cur'
)

select
    as_of.costs_as_of_at,
    loads.last_loaded_at
from as_of
cross join loads
where as_of.costs_as_of_at > loads.last_loaded_at
