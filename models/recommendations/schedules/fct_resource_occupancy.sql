-- How often each EC2 and RDS instance was at work in each hour of its users' week.
with activity as (
    select * from {{ ref('int_resource_activity_hourly') }}
)

select
    md5(concat_ws('|', resource_key, hour_of_week)) as resource_occupancy_id,
    resource_key,
    rule_id,
    hour_of_week,
    time_zone,
    -- The hour that autumn's change of clocks repeats counts once, and as active if it was so in either.
    count(distinct local_date) as weeks_observed_count,
    count(distinct local_date) filter (where is_active) as weeks_active_count,
    round(count(distinct local_date) filter (where is_active) / count(distinct local_date)::numeric, 4)
        as occupancy_ratio,
    {{ evaluated_at() }} as evaluated_at
from activity
group by resource_key, rule_id, hour_of_week, time_zone
