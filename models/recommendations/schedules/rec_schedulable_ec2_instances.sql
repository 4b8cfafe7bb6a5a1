-- Flags: a running EC2 instance that was quiet in the same hours of every observed week and regularly at work in
-- others. Why: the quiet hours are paid for. Remedy: see the rule's seed row. One row per EC2 instance.
with subjects as (
    select * from {{ ref('int_rule_subjects_gathered') }}
    where rule_id = 'schedulable_ec2_instances'
),

schedules as (
    select * from {{ ref('fct_resource_schedules') }}
),

measured as (
    select
        subjects.*,
        schedules.time_zone,
        schedules.is_time_zone_given,
        schedules.weeks_observed_count,
        schedules.active_hours_per_week,
        schedules.quiet_hours_per_week,
        schedules.quiet_hours_text,
        schedules.regularity_ratio,
        schedules.quiet_confidence_ratio,
        schedules.gross_savings_usd_per_month,
        schedules.net_savings_usd_per_month,
        schedules.is_non_production,
        subjects.is_spot or subjects.is_in_auto_scaling_group as is_unschedulable,
        (subjects.thresholds ->> 'minimum_observed_weeks')::integer as minimum_observed_weeks,
        (subjects.thresholds ->> 'minimum_regularity_ratio')::numeric as minimum_regularity_ratio,
        round(schedules.observed_hours_per_week / (7 * 24)::numeric, 4) as completeness_ratio
    from subjects
    inner join schedules
        on
            subjects.rule_id = schedules.rule_id
            and subjects.resource_key = schedules.resource_key
),

decided as (
    select
        *,
        case
            when not is_running or is_unschedulable then 'not_applicable'
            when waiver_reason is not null then 'waived'
            when is_new then 'too_early'
            when
                weeks_observed_count < minimum_observed_weeks or completeness_ratio < minimum_completeness_ratio
                then 'insufficient_data'
            when quiet_hours_per_week = 0 or active_hours_per_week = 0 then 'passed'
            when regularity_ratio < minimum_regularity_ratio then 'passed'
            else 'flagged'
        end as evaluation_status
    from measured
)

select
    rule_id,
    resource_key,
    evaluation_status,
    case evaluation_status
        when 'not_applicable'
            then
                case
                    when is_unschedulable
                        then 'Spot, or in an Auto Scaling group: what stops it can''t be a schedule of its own.'
                    else
                        'Not running: no instance hour billed in the last ' || (thresholds ->> 'running_within_hours')
                        || ' hours.'
                end
        when 'waived' then 'Waived: ' || waiver_reason
        when 'too_early'
            then 'Running for less than ' || minimum_observed_weeks || ' weeks; judged once it has run that long.'
        when 'insufficient_data'
            then
                'CloudWatch shows ' || weeks_observed_count || ' weeks of it; ' || minimum_observed_weeks
                || ' weeks with at least ' || round(minimum_completeness_ratio * 100)
                || ' % of the hours of the week are needed.'
        when 'passed'
            then
                case
                    when active_hours_per_week = 0 then 'Quiet all week: if anything, it is idle.'
                    when quiet_hours_per_week = 0 then 'No hour of the week was quiet every week.'
                    else
                        'Its work keeps no weekly hours: it came in ' || round(regularity_ratio * 100)
                        || ' % of the weeks in the hours that ever saw any.'
                end
        else
            'Quiet ' || quiet_hours_per_week || ' hours of every week for ' || weeks_observed_count || ' weeks ('
            || time_zone || case when is_time_zone_given then '' else ', assumed' end || ')'
            || {{ savings_clause('stopping it then', 'net_savings_usd_per_month', 'gross_savings_usd_per_month') }}
    end as finding,
    jsonb_build_object(
        'time_zone', time_zone,
        'is_time_zone_given', is_time_zone_given,
        'weeks_observed', weeks_observed_count,
        'weeks_needed', minimum_observed_weeks,
        'quiet_hours_per_week', quiet_hours_per_week,
        'completeness_ratio', completeness_ratio,
        'quiet_hours_text', quiet_hours_text,
        'regularity_ratio', regularity_ratio,
        'environment', environment,
        'is_non_production', is_non_production,
        'covered_hours_ratio', covered_hours_ratio,
        'cost_days', cost_days,
        'thresholds', cited_thresholds
    ) as evidence,
    weeks_observed_count * 7 as days_observed,
    minimum_observed_weeks * 7 as days_needed,
    lookback_days,
    gross_savings_usd_per_month,
    net_savings_usd_per_month,
    -- How surely the windows are quiet, and how regular the work around them is.
    case
        when evaluation_status = 'flagged'
            then trim_scale(round(quiet_confidence_ratio * regularity_ratio * least(1, completeness_ratio), 4))
    end as confidence_ratio
from decided
