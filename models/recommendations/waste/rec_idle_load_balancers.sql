-- Flags: a load balancer whose busiest day in the look-back had fewer requests than the threshold (a network load
-- balancer: that processed no more bytes than the threshold). Why: its hours are paid for and nothing passes through.
-- Remedy: see the rule's seed row. One row per load balancer.
with subjects as (
    select * from {{ ref('int_rule_subjects_gathered') }}
    where rule_id = 'idle_load_balancers'
),

utilization as (
    select * from {{ ref('fct_resource_utilization') }}
),

measured as (
    select
        subjects.*,
        traffic.metric_name = 'ProcessedBytes' as is_in_bytes,
        traffic.maximum_daily_sum_value,
        traffic.sum_value,
        traffic.completeness_ratio,
        floor(coalesce(traffic.days_observed, 0))::integer as days_observed,
        (subjects.thresholds ->> 'requests_per_day')::numeric as limit_requests_per_day,
        (subjects.thresholds ->> 'processed_bytes')::numeric as limit_processed_bytes,
        (subjects.inventory_attributes ->> 'healthy_target_count')::integer as healthy_target_count
    from subjects
    left join utilization as traffic
        on
            subjects.resource_key = traffic.resource_key
            and subjects.lookback_days = traffic.window_days
            and traffic.metric_name = case subjects.resource_type
                when 'network_load_balancer' then 'ProcessedBytes' else 'RequestCount'
            end
),

judged as (
    select
        *,
        coalesce(
            case
                when is_in_bytes then sum_value > limit_processed_bytes
                else maximum_daily_sum_value >= limit_requests_per_day
            end,
            false
        ) as is_seen_working,
        coalesce(
            days_observed >= minimum_observed_days and completeness_ratio >= minimum_completeness_ratio, false
        ) as is_seen_enough
    from measured
),

decided as (
    select
        *,
        case
            when not is_running then 'not_applicable'
            when waiver_reason is not null then 'waived'
            when is_seen_working then 'passed'
            when is_new then 'too_early'
            when not is_seen_enough then 'insufficient_data'
            else 'flagged'
        end as evaluation_status
    from judged
)

select
    rule_id,
    resource_key,
    evaluation_status,
    case evaluation_status
        when 'not_applicable'
            then 'Not there: nothing of it billed in the last ' || (thresholds ->> 'running_within_hours') || ' hours.'
        when 'waived' then 'Waived: ' || waiver_reason
        when 'too_early'
            then 'Billed for less than ' || minimum_observed_days || ' days; judged once it has been there that long.'
        when 'insufficient_data'
            then
                'CloudWatch shows ' || days_observed || ' days of traffic; ' || minimum_observed_days
                || ' days with at least ' || round(minimum_completeness_ratio * 100) || ' % of the hours are needed.'
        when 'passed'
            then
                'Working: '
                || case
                    when is_in_bytes then round((sum_value / 1000000.0)::numeric, 1) || ' MB in the look-back.'
                    else round(maximum_daily_sum_value::numeric) || ' requests on its busiest day.'
                end
        else
            case
                when is_in_bytes then 'It carried nothing'
                else round(maximum_daily_sum_value::numeric) || ' requests on its busiest day'
            end
            || ' in ' || days_observed || ' days'
            || case when healthy_target_count = 0 then ', and no target is healthy' else '' end
            || {{ savings_clause(
                'deleting it', 'total_uncovered_cost_usd_per_month', 'total_gross_cost_usd_per_month'
            ) }}
    end as finding,
    jsonb_build_object(
        'maximum_requests_per_day', case when not is_in_bytes then maximum_daily_sum_value end,
        'processed_bytes', case when is_in_bytes then sum_value end,
        'healthy_target_count', healthy_target_count,
        'days_observed', days_observed,
        'days_needed', minimum_observed_days,
        'completeness_ratio', completeness_ratio,
        'cost_days', cost_days,
        'thresholds', cited_thresholds
    ) as evidence,
    days_observed,
    minimum_observed_days as days_needed,
    lookback_days,
    total_gross_cost_usd_per_month as gross_savings_usd_per_month,
    total_uncovered_cost_usd_per_month as net_savings_usd_per_month,
    -- How whole the observation is and how much of the look-back it spans.
    case
        when evaluation_status = 'flagged'
            then trim_scale(round(completeness_ratio * least(1, days_observed / lookback_days::numeric), 4))
    end as confidence_ratio
from decided
