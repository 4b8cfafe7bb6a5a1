-- What is known about the data itself, per source. A view over the ledger: whether a source is fresh is asked when
-- someone looks, not when the models were last built, or a dead scheduler would look fresh for ever.
{{ config(materialized='view') }}

with freshness as (
    select * from {{ ref('source_freshness') }}
),

loads as (
    select * from {{ ref('stg_ingest__loads') }}
),

summed as (
    select
        source_name,
        max(loaded_at) as last_loaded_at,
        max(data_until_at) as data_as_of_at,
        min(data_from_at) as first_data_at,
        count(*) as load_count,
        count(*) filter (where is_current and is_capped) as capped_count,
        sum(held_back_metric_count) filter (where is_current)::bigint as held_back_count,
        -- A CloudWatch load adds to the ones before it; the others take an earlier load's place.
        sum(row_count) filter (where is_current or source_name = 'cloudwatch')::bigint as row_count
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
        current_timestamp - summed.last_loaded_at <= freshness.freshness_promise_hours * interval '1 hour', false
    ) as is_fresh,
    coalesce(summed.load_count, 0) as load_count,
    coalesce(summed.row_count, 0) as row_count,
    case
        when summed.last_loaded_at is null then 'Never loaded.'
        when current_timestamp - summed.last_loaded_at <= freshness.freshness_promise_hours * interval '1 hour'
            then 'Loaded within the promised ' || freshness.freshness_promise_hours || ' hours.'
        else
            'Last loaded '
            || round(extract(epoch from current_timestamp - summed.last_loaded_at) / 3600.0)
            || ' hours ago; promised are ' || freshness.freshness_promise_hours || '.'
    end
    || case
        when summed.capped_count > 0
            then
                ' Stopped at the month''s cap for requests in ' || summed.capped_count
                || ' of its accounts and regions: some metrics end earlier.'
        else ''
    end
    || case
        when summed.held_back_count > 0
            then
                ' Metrics that are asked for in vain: ' || summed.held_back_count
                || ' (`python -m ingest status` names one a region).'
        else ''
    end as finding,
    current_timestamp as evaluated_at
from freshness
left join summed on freshness.source_name = summed.source_name
