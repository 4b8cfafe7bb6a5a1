-- Flags: a running EC2 instance whose CPU never reached the threshold in the look-back and whose network stayed under
-- it on the average day. Why: it is paid for and does nothing. Remedy: see the rule's seed row. One row per EC2
-- instance.
with subjects as (
    select * from {{ ref('int_rule_subjects_gathered') }}
    where rule_id = 'idle_ec2_instances'
),

utilization as (
    select * from {{ ref('fct_resource_utilization') }}
    where metric_name = 'CPUUtilization'
),

network as (
    select * from {{ ref('int_ec2_network_windows') }}
),

measured as (
    select
        subjects.*,
        cpu.maximum_value as cpu_maximum_pct,
        cpu.average_value as cpu_average_pct,
        network.network_average_mb_per_day,
        least(cpu.completeness_ratio, network.completeness_ratio) as completeness_ratio,
        floor(coalesce(least(cpu.days_observed, network.days_observed), 0))::integer as days_observed,
        (subjects.thresholds ->> 'cpu_maximum_pct')::numeric as cpu_limit_pct,
        (subjects.thresholds ->> 'network_average_mb_per_day')::numeric as network_limit_mb_per_day,
        (subjects.thresholds ->> 'confidence_at_threshold_ratio')::numeric as confidence_at_threshold_ratio
    from subjects
    left join utilization as cpu
        on
            subjects.resource_key = cpu.resource_key
            and subjects.lookback_days = cpu.window_days
    left join network
        on
            subjects.resource_key = network.resource_key
            and subjects.lookback_days = network.window_days
),

judged as (
    select
        *,
        -- One observation above a threshold is enough to clear an instance, however little else was seen.
        coalesce(
            cpu_maximum_pct >= cpu_limit_pct or network_average_mb_per_day >= network_limit_mb_per_day, false
        ) as is_seen_working,
        coalesce(
            days_observed >= minimum_observed_days
            and completeness_ratio >= minimum_completeness_ratio
            and cpu_maximum_pct is not null
            and network_average_mb_per_day is not null,
            false
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
            then
                'Not running: no instance hour billed in the last ' || (thresholds ->> 'running_within_hours')
                || ' hours.'
        when 'waived' then 'Waived: ' || waiver_reason
        when 'too_early'
            then 'Running for less than ' || minimum_observed_days || ' days; judged once it has run that long.'
        when 'insufficient_data'
            then
                'CloudWatch shows ' || days_observed || ' days of CPU and network; ' || minimum_observed_days
                || ' days with at least ' || round(minimum_completeness_ratio * 100) || ' % of the hours are needed.'
        when 'passed'
            then
                'Working: CPU up to ' || coalesce(round(cpu_maximum_pct::numeric, 1)::text, 'unknown')
                || ' %, network ' || coalesce(round(network_average_mb_per_day::numeric, 1)::text, 'unknown')
                || ' MB a day.'
        else
            'CPU never passed ' || round(cpu_maximum_pct::numeric, 1) || ' % and network averaged '
            || round(network_average_mb_per_day::numeric, 1) || ' MB a day in ' || days_observed || ' days'
            || {{ savings_clause(
                'stopping it', 'instance_uncovered_cost_usd_per_month', 'instance_gross_cost_usd_per_month'
            ) }}
    end as finding,
    jsonb_build_object(
        'cpu_maximum_pct', round(cpu_maximum_pct::numeric, 4),
        'cpu_average_pct', round(cpu_average_pct::numeric, 4),
        'network_average_mb_per_day', round(network_average_mb_per_day::numeric, 4),
        'days_observed', days_observed,
        'days_needed', minimum_observed_days,
        'completeness_ratio', completeness_ratio,
        'covered_hours_ratio', covered_hours_ratio,
        'cost_days', cost_days,
        'thresholds', cited_thresholds
    ) as evidence,
    days_observed,
    minimum_observed_days as days_needed,
    lookback_days,
    instance_gross_cost_usd_per_month as gross_savings_usd_per_month,
    instance_uncovered_cost_usd_per_month as net_savings_usd_per_month,
    -- How whole the observation is, how much of the look-back it spans, and how far from the thresholds it stays.
    case
        when evaluation_status = 'flagged'
            then
                trim_scale(
                    round(
                        completeness_ratio
                        * least(1, days_observed / lookback_days::numeric)
                        * (
                            confidence_at_threshold_ratio
                            + (1 - confidence_at_threshold_ratio)
                            * (
                                1 - greatest(
                                    cpu_maximum_pct::numeric / cpu_limit_pct,
                                    network_average_mb_per_day::numeric / network_limit_mb_per_day
                                )
                            )
                        ),
                        4
                    )
                )
    end as confidence_ratio
from decided
