-- The weekly schedule that each EC2 and RDS instance's own past allows, and what following it is worth.
with occupancy as (
    select * from {{ ref('fct_resource_occupancy') }}
),

quiet as (
    select * from {{ ref('int_quiet_hours_found') }}
),

activity as (
    select
        resource_key,
        bool_and(is_time_zone_given) as is_time_zone_given
    from {{ ref('int_resource_activity_hourly') }}
    group by resource_key
),

subjects as (
    select * from {{ ref('int_rule_subjects_gathered') }}
),

environments as (
    select * from {{ ref('non_production_environments') }}
),

-- How regular the work is: in the hours that ever saw any, the share of weeks that saw some.
summed as (
    select
        resource_key,
        rule_id,
        min(time_zone) as time_zone,
        min(weeks_observed_count) as weeks_observed_count,
        count(*) as observed_hours_per_week,
        count(*) filter (where weeks_active_count > 0) as active_hours_per_week,
        round(
            sum(weeks_active_count) filter (where weeks_active_count > 0)
            / nullif(sum(weeks_observed_count) filter (where weeks_active_count > 0), 0),
            4
        ) as regularity_ratio
    from occupancy
    group by resource_key, rule_id
),

islands as (
    select
        resource_key,
        hour_of_week,
        hour_of_week - row_number() over (partition by resource_key order by hour_of_week) as island
    from quiet
),

ranges as (
    select
        resource_key,
        min(hour_of_week)::integer as first_hour,
        (max(hour_of_week) + 1)::integer as end_hour
    from islands
    group by resource_key, island
),

-- Monday 2001-01-01 stands for every Monday.
spelled as (
    select
        resource_key,
        jsonb_agg(jsonb_build_array(first_hour, end_hour) order by first_hour) as quiet_ranges,
        string_agg(
            to_char(timestamp '2001-01-01' + first_hour * interval '1 hour', 'Dy HH24:MI') || ' – '
            || case
                when end_hour = 168 then 'Sun 24:00'
                else to_char(timestamp '2001-01-01' + end_hour * interval '1 hour', 'Dy HH24:MI')
            end,
            ', ' order by first_hour
        ) as quiet_hours_text,
        sum(end_hour - first_hour)::integer as quiet_hours_per_week,
        -- A window across Sunday's midnight is two ranges and one window.
        (count(*) - case when min(first_hour) = 0 and max(end_hour) = 168 and count(*) > 1 then 1 else 0 end)::integer
            as window_count
    from ranges
    group by resource_key
),

resources as (
    select * from {{ ref('dim_resources') }}
),

hourly_costs as (
    select * from {{ ref('int_instance_costs_by_hour_of_week') }}
),

-- What part of the cost lies in the quiet hours: what no commitment pays for may lie in the working hours alone.
shares as (
    select
        resources.resource_key,
        sum(hourly_costs.on_demand_equivalent_cost_usd) filter (where quiet.hour_of_week is not null)
        / nullif(sum(hourly_costs.on_demand_equivalent_cost_usd), 0) as gross_share,
        sum(hourly_costs.uncovered_cost_usd) filter (where quiet.hour_of_week is not null)
        / nullif(sum(hourly_costs.uncovered_cost_usd), 0) as uncovered_share
    from hourly_costs
    inner join resources
        on
            hourly_costs.account_id = resources.account_id
            and hourly_costs.billed_resource_id = resources.billed_resource_id
    left join quiet
        on
            resources.resource_key = quiet.resource_key
            and hourly_costs.hour_of_week = quiet.hour_of_week
    group by resources.resource_key
),

judged as (
    select
        subjects.*,
        summed.time_zone,
        activity.is_time_zone_given,
        summed.regularity_ratio,
        spelled.quiet_ranges,
        spelled.quiet_hours_text,
        coalesce(summed.weeks_observed_count, 0)::integer as weeks_observed_count,
        coalesce(summed.observed_hours_per_week, 0)::integer as observed_hours_per_week,
        coalesce(summed.active_hours_per_week, 0)::integer as active_hours_per_week,
        coalesce(spelled.quiet_hours_per_week, 0) as quiet_hours_per_week,
        coalesce(spelled.window_count, 0) as window_count,
        -- A bill by the day can't tell hours apart: each is taken for the same.
        coalesce(shares.gross_share, coalesce(spelled.quiet_hours_per_week, 0) / 168::numeric) as gross_share,
        coalesce(shares.uncovered_share, coalesce(spelled.quiet_hours_per_week, 0) / 168::numeric) as uncovered_share,
        power((subjects.thresholds ->> 'wilson_z')::numeric, 2) as wilson_z_squared
    from subjects
    left join summed on subjects.resource_key = summed.resource_key
    left join activity on subjects.resource_key = activity.resource_key
    left join spelled on subjects.resource_key = spelled.resource_key
    left join shares on subjects.resource_key = shares.resource_key
    where subjects.rule_id in ('schedulable_ec2_instances', 'schedulable_rds_instances')
)

select
    rule_id,
    resource_key,
    environment,
    coalesce(time_zone, 'UTC') as time_zone,
    coalesce(is_time_zone_given, false) as is_time_zone_given,
    weeks_observed_count,
    observed_hours_per_week,
    active_hours_per_week,
    quiet_hours_per_week,
    window_count,
    regularity_ratio,
    coalesce(quiet_ranges, '[]'::jsonb) as quiet_ranges,
    coalesce(quiet_hours_text, '') as quiet_hours_text,
    -- Wilson's lower bound of "quiet" when every one of n windows seen was quiet: n ÷ (n + z²).
    trim_scale(
        round(
            weeks_observed_count * window_count
            / nullif(weeks_observed_count * window_count + wilson_z_squared, 0),
            4
        )
    ) as quiet_confidence_ratio,
    trim_scale(round(instance_gross_cost_usd_per_month * gross_share, 10))
        as gross_savings_usd_per_month,
    trim_scale(round(instance_uncovered_cost_usd_per_month * uncovered_share, 10))
        as net_savings_usd_per_month,
    exists(
        select 1 from environments
        where judged.environment ~* environments.environment_pattern
    )
        as is_non_production,
    {{ evaluated_at() }} as evaluated_at
from judged
