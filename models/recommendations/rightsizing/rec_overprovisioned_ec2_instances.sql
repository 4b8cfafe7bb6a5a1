-- Flags: a running EC2 instance whose CPU and memory fit a smaller type of its family under the default preset. Why:
-- the larger one is paid for. Remedy: see the rule's seed row. One row per EC2 instance.
with subjects as (
    select * from {{ ref('int_instances_measured') }}
    where rule_id = 'overprovisioned_ec2_instances' and is_default
),

options as (
    select * from {{ ref('fct_rightsizing_options') }}
    where is_recommended
),

judged as (
    select
        subjects.*,
        options.recommended_size,
        options.projected_cpu_pct,
        options.cpu_limit_pct,
        options.projected_memory_pct,
        options.memory_limit_pct,
        options.gross_savings_usd_per_month,
        options.net_savings_usd_per_month,
        options.rate_source,
        coalesce(
            subjects.days_observed >= subjects.minimum_observed_days
            and subjects.completeness_ratio >= subjects.minimum_completeness_ratio
            and subjects.current_vcpu_count is not null,
            false
        ) as is_seen_enough
    from subjects
    left join options
        on
            subjects.rule_id = options.rule_id
            and subjects.resource_key = options.resource_key
),

decided as (
    select
        *,
        case
            when not is_running or is_spot or is_in_auto_scaling_group then 'not_applicable'
            when waiver_reason is not null then 'waived'
            when is_new then 'too_early'
            when not is_seen_enough then 'insufficient_data'
            when recommended_size is null then 'passed'
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
                case
                    when is_in_auto_scaling_group then 'An Auto Scaling group decides its size.'
                    when is_spot then 'The Spot market decides its size.'
                    else
                        'Not running: no instance hour billed in the last ' || (thresholds ->> 'running_within_hours')
                        || ' hours.'
                end
        when 'waived' then 'Waived: ' || waiver_reason
        when 'too_early'
            then 'Running for less than ' || minimum_observed_days || ' days; judged once it has run that long.'
        when 'insufficient_data'
            then
                case
                    when current_vcpu_count is null
                        then
                            'AWS''s prices don''t name ' || coalesce(instance_type, 'its size')
                            || ' here; run `python -m ingest prices`.'
                    else
                        'CloudWatch shows ' || days_observed || ' days of CPU; ' || minimum_observed_days
                        || ' days with at least ' || round(minimum_completeness_ratio * 100)
                        || ' % of the hours are needed.'
                end
        when 'passed'
            then
                instance_type || ' fits: CPU up to ' || round(cpu_percentile_pct::numeric, 1) || ' % (p'
                || trim_scale(cpu_percentile) || ')'
                || coalesce(
                    ', memory up to ' || round(memory_maximum_pct::numeric, 1) || ' %.',
                    '; its memory use is unknown, so it keeps its memory.'
                )
        else
            instance_type || ' → ' || recommended_size || ': CPU would reach ' || round(projected_cpu_pct, 1)
            || ' % (p' || trim_scale(cpu_percentile) || ', limit ' || round(cpu_limit_pct) || ' %)'
            || coalesce(
                ', memory ' || round(projected_memory_pct, 1) || ' % (limit ' || round(memory_limit_pct) || ' %)',
                ', memory stays ' || trim_scale(current_memory_gib) || ' GiB'
            )
            || {{ savings_clause('resizing it', 'net_savings_usd_per_month', 'gross_savings_usd_per_month') }}
    end as finding,
    jsonb_build_object(
        'current_size', instance_type,
        'recommended_size', recommended_size,
        'preset', preset,
        'cpu_percentile', cpu_percentile,
        'cpu_percentile_pct', round(cpu_percentile_pct::numeric, 4),
        'projected_cpu_pct', projected_cpu_pct,
        'cpu_limit_pct', cpu_limit_pct,
        'memory_maximum_pct', round(memory_maximum_pct::numeric, 4),
        'projected_memory_pct', projected_memory_pct,
        'memory_limit_pct', memory_limit_pct,
        'rate_source', rate_source,
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
    gross_savings_usd_per_month,
    net_savings_usd_per_month,
    -- How whole the observation is, how much of the look-back it spans, and how far from the limits the target stays.
    case
        when evaluation_status = 'flagged'
            then
                trim_scale(
                    round(
                        completeness_ratio
                        * least(1, days_observed / lookback_days::numeric)
                        * (
                            (thresholds ->> 'confidence_at_threshold_ratio')::numeric
                            + (1 - (thresholds ->> 'confidence_at_threshold_ratio')::numeric)
                            * (
                                1 - greatest(
                                    projected_cpu_pct / cpu_limit_pct,
                                    coalesce(projected_memory_pct / memory_limit_pct, 0)
                                )
                            )
                        ),
                        4
                    )
                )
    end as confidence_ratio
from decided
