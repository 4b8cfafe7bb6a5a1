-- Flags: a running EC2 instance whose CPU never reached the threshold in the look-back and whose network stayed under
-- it on the average day. Why: it is paid for and does nothing. Remedy: see the rule's seed row. One row per EC2
-- instance.
with thresholds as (
    select
        rule_id,
        max(threshold_value) filter (where threshold_name = 'cpu_maximum_pct') as cpu_maximum_pct,
        max(threshold_value) filter (where threshold_name = 'network_average_mb_per_day') as network_average_mb_per_day,
        max(threshold_value) filter (where threshold_name = 'lookback_days')::integer as lookback_days,
        max(threshold_value) filter (where threshold_name = 'minimum_observed_days')::integer as minimum_observed_days,
        max(threshold_value) filter (where threshold_name = 'minimum_completeness_ratio') as minimum_completeness_ratio,
        max(threshold_value) filter (where threshold_name = 'running_within_hours') as running_within_hours,
        max(threshold_value) filter (where threshold_name = 'confidence_at_threshold_ratio')
            as confidence_at_threshold_ratio,
        jsonb_agg(
            jsonb_build_object(
                'threshold_name', threshold_name,
                'threshold_value', threshold_value,
                'unit', unit,
                'source', source,
                'source_date', source_date
            ) order by threshold_name
        ) as cited_thresholds
    from {{ ref('recommendation_thresholds') }}
    where rule_id = 'idle_ec2_instances'
    group by rule_id
),

instances as (
    select * from {{ ref('dim_resources') }}
    where resource_type = 'ec2_instance'
),

utilization as (
    select * from {{ ref('fct_resource_utilization') }}
),

network as (
    select * from {{ ref('int_ec2_network_windows') }}
),

costs as (
    select * from {{ ref('int_ec2_instance_costs_monthly') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

exceptions as (
    select * from {{ ref('recommendation_exceptions') }}
    where rule_id = 'idle_ec2_instances'
),

measured as (
    select
        instances.resource_key,
        thresholds.*,
        exceptions.reason as waiver_reason,
        cpu.maximum_value as cpu_maximum_pct_observed,
        cpu.average_value as cpu_average_pct_observed,
        network.network_average_mb_per_day as network_average_mb_per_day_observed,
        least(cpu.completeness_ratio, network.completeness_ratio) as completeness_ratio,
        floor(coalesce(least(cpu.days_observed, network.days_observed), 0))::integer as days_observed,
        costs.gross_cost_usd_per_month,
        costs.uncovered_cost_usd_per_month,
        costs.covered_hours_ratio,
        costs.cost_days,
        coalesce(
            instances.last_instance_hour_at
            > as_of.costs_as_of_at - thresholds.running_within_hours * interval '1 hour',
            false
        ) as is_running,
        instances.first_instance_hour_at
        > as_of.costs_as_of_at - thresholds.minimum_observed_days * interval '1 day' as is_new
    from instances
    cross join thresholds
    cross join as_of
    left join utilization as cpu
        on
            instances.resource_key = cpu.resource_key
            and cpu.metric_name = 'CPUUtilization'
            and thresholds.lookback_days = cpu.window_days
    left join network
        on
            instances.resource_key = network.resource_key
            and thresholds.lookback_days = network.window_days
    left join costs
        on
            instances.account_id = costs.account_id
            and instances.billed_resource_id = costs.billed_resource_id
    left join exceptions
        on
            instances.account_id = exceptions.account_id
            and instances.resource_id = exceptions.resource_id
            and exceptions.valid_until_date >= (as_of.costs_as_of_at at time zone 'UTC')::date
),

judged as (
    select
        *,
        -- One observation above a threshold is enough to clear an instance, however little else was seen.
        coalesce(
            cpu_maximum_pct_observed >= cpu_maximum_pct
            or network_average_mb_per_day_observed >= network_average_mb_per_day,
            false
        ) as is_seen_working,
        coalesce(
            days_observed >= minimum_observed_days
            and completeness_ratio >= minimum_completeness_ratio
            and cpu_maximum_pct_observed is not null
            and network_average_mb_per_day_observed is not null,
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
            then 'Not running: no instance hour billed in the last ' || running_within_hours || ' hours.'
        when 'waived' then 'Waived: ' || waiver_reason
        when 'too_early'
            then 'Running for less than ' || minimum_observed_days || ' days; judged once it has run that long.'
        when 'insufficient_data'
            then
                'CloudWatch shows ' || days_observed || ' days of CPU and network; ' || minimum_observed_days
                || ' days with at least ' || round(minimum_completeness_ratio * 100) || ' % of the hours are needed.'
        when 'passed'
            then
                'Working: CPU up to ' || coalesce(round(cpu_maximum_pct_observed::numeric, 1)::text, 'unknown')
                || ' %, network '
                || coalesce(round(network_average_mb_per_day_observed::numeric, 1)::text, 'unknown') || ' MB a day.'
        else
            'CPU never passed ' || round(cpu_maximum_pct_observed::numeric, 1) || ' % and network averaged '
            || round(network_average_mb_per_day_observed::numeric, 1) || ' MB a day in ' || days_observed || ' days'
            || case
                when uncovered_cost_usd_per_month is null then '; its cost is not known yet.'
                when uncovered_cost_usd_per_month = 0 and covered_hours_ratio > 0
                    then
                        '; a commitment pays for it: the bill falls only as far as other usage takes over its hours, '
                        || 'worth $' || coalesce(round(gross_cost_usd_per_month, 2)::text, '(unknown)')
                        || ' a month at list price.'
                when uncovered_cost_usd_per_month = 0 then '; it is billed at $0.00, so stopping it saves nothing now.'
                when covered_hours_ratio > 0
                    then
                        '; stopping it lowers the bill by at least $' || round(uncovered_cost_usd_per_month, 2)
                        || ' a month: a commitment pays for the rest.'
                else '; stopping it lowers the bill by $' || round(uncovered_cost_usd_per_month, 2) || ' a month.'
            end
    end as finding,
    jsonb_build_object(
        'cpu_maximum_pct', round(cpu_maximum_pct_observed::numeric, 4),
        'cpu_average_pct', round(cpu_average_pct_observed::numeric, 4),
        'network_average_mb_per_day', round(network_average_mb_per_day_observed::numeric, 4),
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
    gross_cost_usd_per_month as gross_savings_usd_per_month,
    uncovered_cost_usd_per_month as net_savings_usd_per_month,
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
                                    cpu_maximum_pct_observed::numeric / cpu_maximum_pct,
                                    network_average_mb_per_day_observed::numeric / network_average_mb_per_day
                                )
                            )
                        ),
                        4
                    )
                )
    end as confidence_ratio
from decided
