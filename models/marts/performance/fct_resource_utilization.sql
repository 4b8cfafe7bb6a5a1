-- What each resource really used, per metric and look-back window. A period without a datapoint counts as not observed,
-- never as zero.
with datapoints as (
    select * from {{ ref('stg_cloudwatch__datapoints') }}
),

series as (
    select * from {{ ref('stg_cloudwatch__series') }}
),

metric_catalog as (
    select * from {{ ref('metric_catalog') }}
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

resource_series as (
    select
        series.series_id,
        series.metric_name,
        resources.resource_key,
        resources.first_billed_at
    from series
    inner join metric_catalog
        on series.namespace = metric_catalog.namespace and series.metric_name = metric_catalog.metric_name
    inner join resources
        on
            series.account_id = resources.account_id
            and series.region = resources.region
            and series.resource_id = resources.resource_id
            and metric_catalog.resource_type = resources.resource_type
),

windowed as (
    select
        datapoints.series_id,
        windows.window_days,
        max(as_of.metrics_as_of_at) as metrics_as_of_at,
        max(as_of.metrics_as_of_at) - windows.window_days * interval '1 day' as window_start_at,
        min(datapoints.period_start_at) as first_datapoint_at,
        max(datapoints.period_end_at) as last_datapoint_at,
        count(*) as datapoint_count,
        sum(datapoints.period_seconds) / 3600.0 as observed_hours,
        sum(datapoints.average_value * datapoints.sample_count) / nullif(sum(datapoints.sample_count), 0)
            as average_value,
        max(datapoints.maximum_value) as maximum_value,
        min(datapoints.minimum_value) as minimum_value,
        percentile_cont(0.95) within group (order by datapoints.maximum_value) as maximum_p95_value,
        percentile_cont(0.99) within group (order by datapoints.maximum_value) as maximum_p99_value,
        sum(datapoints.sum_value) as sum_value
    from datapoints
    cross join windows
    cross join as_of
    where datapoints.period_start_at >= as_of.metrics_as_of_at - windows.window_days * interval '1 day'
    group by datapoints.series_id, windows.window_days
)

select
    md5(concat_ws('|', resource_series.resource_key, resource_series.metric_name, windowed.window_days))
        as resource_utilization_id,
    resource_series.resource_key,
    resource_series.metric_name,
    windowed.window_days,
    windowed.datapoint_count,
    round(windowed.observed_hours / 24.0, 4) as days_observed,
    -- Hours that could have been seen: the part of the window in which the resource existed.
    least(
        1.0,
        round(
            windowed.observed_hours / nullif(
                extract(
                    epoch from windowed.metrics_as_of_at
                    - greatest(
                        windowed.window_start_at,
                        least(resource_series.first_billed_at, windowed.first_datapoint_at)
                    )
                ) / 3600.0,
                0
            ),
            4
        )
    ) as completeness_ratio,
    windowed.average_value,
    windowed.maximum_value,
    windowed.minimum_value,
    windowed.maximum_p95_value,
    windowed.maximum_p99_value,
    windowed.sum_value,
    windowed.first_datapoint_at,
    windowed.last_datapoint_at,
    windowed.metrics_as_of_at,
    {{ evaluated_at() }} as evaluated_at
from windowed
inner join resource_series on windowed.series_id = resource_series.series_id
