-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- Each EC2 instance's network a day, both directions together, on the average of its observed days, per look-back
-- window.
with utilization as (
    select * from {{ ref('fct_resource_utilization') }}
    where metric_name in ('NetworkIn', 'NetworkOut')
)

select
    resource_key,
    window_days,
    -- Each direction over its own observed days: a silent hour is unknown traffic, not none.
    sum(sum_value / nullif(days_observed, 0)) / 1000000.0 as network_average_mb_per_day,
    min(days_observed) as days_observed,
    min(completeness_ratio) as completeness_ratio
from utilization
group by resource_key, window_days
-- One direction alone says nothing of the traffic.
having count(distinct metric_name) = 2
