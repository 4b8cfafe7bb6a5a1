-- What each resource really used, per metric and look-back window. A period without a datapoint counts as not observed,
-- never as zero, but for metrics whose silence means zero (seed metric_catalog): there every hour in which the resource
-- was there and CloudWatch was read is observed, and a resource that never reported has a row too. Judged is one length
-- of period a metric, the catalogue's: datapoints of several stand side by side and say the same.
with datapoints as (
    -- Five-minute rows are of the recent past alone; the hours beside them hold what they add up to.
    select * from {{ ref('stg_cloudwatch__datapoints') }}
    where period_seconds > 300
),

series as (
    select * from {{ ref('int_reporting_series_identified') }}
),

metric_catalog as (
    select * from {{ ref('metric_catalog') }}
),

collections as (
    select * from {{ ref('int_metric_collections_found') }}
),

resources as (
    select * from {{ ref('dim_resources') }}
),

windows as (
    select * from {{ ref('utilization_windows') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

reporting as (
    select
        series.series_id,
        series.namespace,
        series.metric_name,
        series.series_scope,
        series.absence_means,
        series.collected,
        series.collected_until_at,
        -- Named by a listing and not asked since: what it said is known until then, or not at all.
        case
            when series.collected_until_at is null then '-infinity'::timestamptz
            when series.last_seen_at > series.collected_until_at then series.collected_until_at
        end as unknown_from_at,
        resources.resource_key,
        resources.account_id,
        resources.region,
        resources.first_billed_at
    from series
    inner join resources
        on
            series.account_id = resources.account_id
            and series.region = resources.region
            and series.resource_id = resources.resource_id
            and series.resource_type = resources.resource_type
),

-- Silence from the first hour on: ListMetrics names nothing that hasn't spoken for two weeks.
silent as (
    select distinct
        null::bigint as series_id,
        metric_catalog.namespace,
        metric_catalog.metric_name,
        '' as series_scope,
        metric_catalog.absence_means,
        metric_catalog.collected,
        null::timestamptz as collected_until_at,
        null::timestamptz as unknown_from_at,
        resources.resource_key,
        resources.account_id,
        resources.region,
        resources.first_billed_at
    from metric_catalog
    inner join resources on metric_catalog.resource_type = resources.resource_type
    left join reporting
        on
            resources.resource_key = reporting.resource_key
            and metric_catalog.namespace = reporting.namespace
            and metric_catalog.metric_name = reporting.metric_name
    where
        metric_catalog.absence_means = 'zero'
        and coalesce(metric_catalog.scope_dimension, '') = ''
        and resources.is_billed
        and reporting.series_id is null
),

known as (
    select * from reporting
    union all
    select * from silent
),

owed as (
    select
        known.*,
        windows.window_days,
        as_of.metrics_as_of_at,
        as_of.metrics_as_of_at - windows.window_days * interval '1 day' as window_start_at,
        -- What is asked for once a day is up to a day behind, and no less whole for that.
        case known.collected
            when 'daily'
                then
                    greatest(
                        least(as_of.metrics_as_of_at, known.collected_until_at),
                        as_of.metrics_as_of_at - interval '1 day'
                    )
            else as_of.metrics_as_of_at
        end as owed_until_at
    from known
    cross join windows
    cross join as_of
),

-- The hours that could have been seen: the part of the window in which the resource was there, and, where silence
-- speaks, in which CloudWatch was read.
expected as (
    select
        owed.*,
        -- Of a region that CloudWatch was never read for, silence says nothing.
        case
            when collections.collected_until_at is not null and owed.unknown_from_at = '-infinity' then 0
            when collections.collected_until_at is not null
                then
                    greatest(
                        0,
                        extract(
                            epoch from least(
                                owed.owed_until_at,
                                collections.collected_until_at,
                                owed.unknown_from_at,
                                case when owed.collected = 'daily' then collections.daily_collected_until_at end
                            )
                            - greatest(owed.window_start_at, owed.first_billed_at, collections.collected_from_at)
                        )
                    ) / 3600.0
        end as readable_hours
    from owed
    left join collections
        on
            owed.account_id = collections.account_id
            and owed.region = collections.region
),

-- The first day of the longest window, whole.
oldest as (
    select
        date_trunc('day', (as_of.metrics_as_of_at - max(windows.window_days) * interval '1 day') at time zone 'UTC')
        at time zone 'UTC' as judged_from_at
    from as_of
    cross join windows
    group by as_of.metrics_as_of_at
),

judged as (
    select datapoints.*
    from datapoints
    inner join series
        on
            datapoints.series_id = series.series_id
            and datapoints.period_seconds = series.period_seconds
    cross join oldest
    where datapoints.period_start_at >= oldest.judged_from_at
),

daily as (
    select
        series_id,
        usage_date,
        sum(sum_value) as sum_value,
        sum(average_value * sample_count) / nullif(sum(sample_count), 0) as average_value
    from judged
    group by series_id, usage_date
),

daily_highest as (
    select
        daily.series_id,
        windows.window_days,
        max(daily.sum_value) as maximum_daily_sum_value,
        max(daily.average_value) as maximum_daily_average_value
    from daily
    cross join windows
    cross join as_of
    where
        daily.usage_date
        >= ((as_of.metrics_as_of_at - windows.window_days * interval '1 day') at time zone 'UTC')::date
    group by daily.series_id, windows.window_days
),

windowed as (
    select
        judged.series_id,
        windows.window_days,
        min(judged.period_start_at) as first_datapoint_at,
        max(judged.period_end_at) as last_datapoint_at,
        count(*) as datapoint_count,
        sum(judged.period_seconds) / 3600.0 as observed_hours,
        sum(judged.average_value * judged.sample_count) / nullif(sum(judged.sample_count), 0)
            as average_value,
        max(judged.maximum_value) as maximum_value,
        min(judged.minimum_value) as minimum_value,
        percentile_cont(array[0.9, 0.95, 0.99, 0.995]) within group (order by judged.maximum_value)
            as maximum_percentiles,
        sum(judged.sum_value) as sum_value
    from judged
    cross join windows
    cross join as_of
    where judged.period_start_at >= as_of.metrics_as_of_at - windows.window_days * interval '1 day'
    group by judged.series_id, windows.window_days
),

measured as (
    select
        expected.*,
        windowed.first_datapoint_at,
        windowed.last_datapoint_at,
        windowed.average_value,
        windowed.maximum_value,
        windowed.minimum_value,
        windowed.maximum_percentiles,
        daily_highest.maximum_daily_average_value,
        coalesce(windowed.datapoint_count, 0) as datapoint_count,
        -- Silence that means zero adds nothing to a sum.
        case
            when expected.absence_means = 'zero' and windowed.datapoint_count is null then 0
            else windowed.sum_value
        end as sum_value,
        case
            when expected.absence_means = 'zero' and windowed.datapoint_count is null then 0
            else daily_highest.maximum_daily_sum_value
        end as maximum_daily_sum_value,
        case
            when expected.absence_means = 'zero' and expected.readable_hours is not null
                then greatest(expected.readable_hours, coalesce(windowed.observed_hours, 0))
            else windowed.observed_hours
        end as observed_hours,
        extract(
            epoch from expected.owed_until_at
            - greatest(expected.window_start_at, least(expected.first_billed_at, windowed.first_datapoint_at))
        ) / 3600.0 as expected_hours
    from expected
    left join windowed
        on
            expected.series_id = windowed.series_id
            and expected.window_days = windowed.window_days
    left join daily_highest
        on
            expected.series_id = daily_highest.series_id
            and expected.window_days = daily_highest.window_days
)

select
    md5(concat_ws('|', resource_key, namespace, metric_name, series_scope, window_days)) as resource_utilization_id,
    resource_key,
    namespace,
    metric_name,
    series_scope,
    window_days,
    datapoint_count,
    round(observed_hours / 24.0, 4) as days_observed,
    least(1.0, round(observed_hours / nullif(expected_hours, 0), 4)) as completeness_ratio,
    average_value,
    case when absence_means = 'zero' then coalesce(maximum_value, 0) else maximum_value end as maximum_value,
    minimum_value,
    maximum_percentiles[1] as maximum_p90_value,
    maximum_percentiles[2] as maximum_p95_value,
    maximum_percentiles[3] as maximum_p99_value,
    maximum_percentiles[4] as maximum_p99_5_value,
    sum_value,
    maximum_daily_sum_value,
    maximum_daily_average_value,
    first_datapoint_at,
    last_datapoint_at,
    metrics_as_of_at,
    {{ evaluated_at() }} as evaluated_at
from measured
where observed_hours > 0
