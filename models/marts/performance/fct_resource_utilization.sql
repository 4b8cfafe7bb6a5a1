-- What each resource really used, per metric and look-back window. A period without a datapoint counts as not observed,
-- never as zero, but for metrics whose silence means zero (seed metric_catalog): there every hour in which the resource
-- was there and CloudWatch was read is observed, and a resource that never reported has a row too.
with datapoints as (
    select * from {{ ref('stg_cloudwatch__datapoints') }}
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
        series.period_seconds,
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
        metric_catalog.period_seconds,
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
        and metric_catalog.dimension_names = metric_catalog.resource_dimension
        and resources.is_billed
        and reporting.series_id is null
),

known as (
    select * from reporting
    union all
    select * from silent
),

-- The hours that could have been seen: the part of the window in which the resource was there, and, where silence
-- speaks, in which CloudWatch was read.
expected as (
    select
        known.*,
        windows.window_days,
        as_of.metrics_as_of_at,
        as_of.metrics_as_of_at - windows.window_days * interval '1 day' as window_start_at,
        -- Of a region that CloudWatch was never read for, silence says nothing.
        case
            when collections.account_id is not null
                then
                    greatest(
                        0,
                        extract(
                            epoch from least(as_of.metrics_as_of_at, collections.collected_until_at)
                            - greatest(
                                as_of.metrics_as_of_at - windows.window_days * interval '1 day',
                                known.first_billed_at,
                                collections.collected_from_at
                            )
                        )
                    ) / 3600.0
        end as readable_hours
    from known
    cross join windows
    cross join as_of
    left join collections
        on
            known.account_id = collections.account_id
            and known.region = collections.region
),

daily as (
    select
        series_id,
        usage_date,
        sum(sum_value) as sum_value,
        sum(average_value * sample_count) / nullif(sum(sample_count), 0) as average_value
    from datapoints
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
        datapoints.series_id,
        windows.window_days,
        min(datapoints.period_start_at) as first_datapoint_at,
        max(datapoints.period_end_at) as last_datapoint_at,
        count(*) as datapoint_count,
        sum(datapoints.period_seconds) / 3600.0 as observed_hours,
        sum(datapoints.average_value * datapoints.sample_count) / nullif(sum(datapoints.sample_count), 0)
            as average_value,
        max(datapoints.maximum_value) as maximum_value,
        min(datapoints.minimum_value) as minimum_value,
        percentile_cont(array[0.9, 0.95, 0.99, 0.995]) within group (order by datapoints.maximum_value)
            as maximum_percentiles,
        sum(datapoints.sum_value) as sum_value
    from datapoints
    cross join windows
    cross join as_of
    where datapoints.period_start_at >= as_of.metrics_as_of_at - windows.window_days * interval '1 day'
    group by datapoints.series_id, windows.window_days
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
            epoch from expected.metrics_as_of_at
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
