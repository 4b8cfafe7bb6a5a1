-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- The hours of the week in which each instance can be off: quiet in every observed week, with room to start before work
-- comes, in windows long enough to be worth it. The week is a circle. One row per resource and such hour.
with occupancy as (
    select * from {{ ref('fct_resource_occupancy') }}
),

thresholds as (
    select
        rule_id,
        (thresholds ->> 'minimum_observed_weeks')::integer as minimum_observed_weeks,
        (thresholds ->> 'warm_up_hours')::integer as warm_up_hours,
        (thresholds ->> 'minimum_window_hours')::integer as minimum_window_hours
    from {{ ref('int_rule_thresholds_gathered') }}
    where rule_id in ('schedulable_ec2_instances', 'schedulable_rds_instances')
),

quiet as (
    select
        occupancy.resource_key,
        occupancy.rule_id,
        occupancy.hour_of_week,
        thresholds.warm_up_hours,
        thresholds.minimum_window_hours
    from occupancy
    inner join thresholds on occupancy.rule_id = thresholds.rule_id
    where
        occupancy.weeks_active_count = 0
        and occupancy.weeks_observed_count >= thresholds.minimum_observed_weeks
),

-- Quiet on both sides too, as far as it takes to start and to stop.
roomy as (
    select
        quiet.resource_key,
        quiet.rule_id,
        quiet.hour_of_week,
        quiet.minimum_window_hours
    from quiet
    inner join quiet as around
        on
            quiet.resource_key = around.resource_key
            and mod(around.hour_of_week - quiet.hour_of_week + quiet.warm_up_hours + 168, 168)
            <= 2 * quiet.warm_up_hours
    group by quiet.resource_key, quiet.rule_id, quiet.hour_of_week, quiet.minimum_window_hours, quiet.warm_up_hours
    having count(*) = 2 * quiet.warm_up_hours + 1
),

-- Two weeks in a row, so that a window across Sunday's midnight is one.
unrolled as (
    select
        *,
        place - row_number() over (partition by resource_key order by place) as island
    from (
        select
            roomy.*,
            roomy.hour_of_week + weeks.shift as place
        from roomy
        cross join (values (0), (168)) as weeks (shift)
    ) as shifted
),

measured as (
    select
        *,
        count(*) over (partition by resource_key, island) as window_hours
    from unrolled
)

select
    resource_key,
    rule_id,
    hour_of_week,
    max(window_hours) as window_hours
from measured
group by resource_key, rule_id, hour_of_week, minimum_window_hours
having max(window_hours) >= minimum_window_hours
