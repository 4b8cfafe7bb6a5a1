-- What is known about the data itself, per source.
with freshness as (
    select * from {{ ref('source_freshness') }}
),

loads as (
    select * from {{ ref('stg_ingest__loads') }}
),

-- Datapoints accumulate over many loads, some of which read the same point again: only the points themselves tell.
datapoints as (
    select count(*) as row_count
    from {{ ref('stg_cloudwatch__datapoints') }}
),

summed as (
    select
        source_name,
        max(loaded_at) as last_loaded_at,
        max(data_until_at) as data_as_of_at,
        min(data_from_at) as first_data_at,
        count(*) as load_count,
        sum(row_count) filter (where is_current)::bigint as row_count
    from loads
    group by source_name
)

select
    freshness.source_name,
    summed.last_loaded_at,
    summed.data_as_of_at,
    summed.first_data_at,
    freshness.freshness_promise_hours,
    coalesce(
        {{ evaluated_at() }} - summed.last_loaded_at <= freshness.freshness_promise_hours * interval '1 hour', false
    ) as is_fresh,
    coalesce(summed.load_count, 0) as load_count,
    case
        when freshness.source_name = 'cloudwatch' then datapoints.row_count
        else coalesce(summed.row_count, 0)
    end as row_count,
    case
        when summed.last_loaded_at is null then 'Never loaded.'
        when {{ evaluated_at() }} - summed.last_loaded_at <= freshness.freshness_promise_hours * interval '1 hour'
            then 'Loaded within the promised ' || freshness.freshness_promise_hours || ' hours.'
        else
            'Last loaded '
            || round(extract(epoch from {{ evaluated_at() }} - summed.last_loaded_at) / 3600.0)
            || ' hours ago; promised are ' || freshness.freshness_promise_hours || '.'
    end as finding,
    {{ evaluated_at() }} as evaluated_at
from freshness
cross join datapoints
left join summed on freshness.source_name = summed.source_name
