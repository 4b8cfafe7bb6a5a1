-- Flags: a NAT gateway without a connection and without a byte in the whole look-back. Why: its hours are paid for and
-- nothing passes through. Remedy: see the rule's seed row. One row per NAT gateway. An idle gateway sends zeros: of one
-- that sends nothing, nothing is known.
with subjects as (
    select * from {{ ref('int_rule_subjects_gathered') }}
    where rule_id = 'idle_nat_gateways'
),

utilization as (
    select * from {{ ref('fct_resource_utilization') }}
    where namespace = 'AWS/NATGateway'
),

traffic as (
    select
        resource_key,
        window_days,
        sum(sum_value) filter (where metric_name in ('BytesOutToDestination', 'BytesInFromDestination')) as bytes_total,
        max(maximum_value) filter (where metric_name = 'ActiveConnectionCount') as active_connections_maximum,
        min(completeness_ratio) as completeness_ratio,
        min(days_observed) as days_observed,
        bool_or(metric_name = 'BytesOutToDestination') and bool_or(metric_name = 'BytesInFromDestination')
            as is_seen_both_ways
    from utilization
    group by resource_key, window_days
),

measured as (
    select
        subjects.*,
        traffic.bytes_total,
        traffic.active_connections_maximum,
        traffic.completeness_ratio,
        traffic.is_seen_both_ways,
        floor(coalesce(traffic.days_observed, 0))::integer as days_observed,
        (subjects.thresholds ->> 'bytes_total')::numeric as limit_bytes_total,
        (subjects.thresholds ->> 'active_connections_maximum')::numeric as limit_active_connections,
        (subjects.inventory_attributes ->> 'is_in_route_table')::boolean as is_in_route_table
    from subjects
    left join traffic
        on
            subjects.resource_key = traffic.resource_key
            and subjects.lookback_days = traffic.window_days
),

judged as (
    select
        *,
        coalesce(
            bytes_total > limit_bytes_total or active_connections_maximum > limit_active_connections, false
        ) as is_seen_working,
        coalesce(
            days_observed >= minimum_observed_days
            and completeness_ratio >= minimum_completeness_ratio
            and is_seen_both_ways
            and bytes_total is not null
            and active_connections_maximum is not null,
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
                'Working: ' || coalesce(round((bytes_total / 1000000.0)::numeric, 1)::text, 'unknown')
                || ' MB and up to ' || coalesce(round(active_connections_maximum::numeric)::text, 'unknown')
                || ' connections at once.'
        else
            'No connection and no byte in ' || days_observed || ' days'
            || case
                when is_in_route_table then '; a route table still leads to it'
                when not is_in_route_table then '; no route table leads to it'
                else ''
            end
            || {{ savings_clause(
                'deleting it', 'total_uncovered_cost_usd_per_month', 'total_gross_cost_usd_per_month'
            ) }}
    end as finding,
    jsonb_build_object(
        'bytes_total', bytes_total,
        'active_connections_maximum', active_connections_maximum,
        'is_in_route_table', is_in_route_table,
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
    -- How whole the observation is, how much of the look-back it spans; less where a route may still wait for a
    -- failover.
    case
        when evaluation_status = 'flagged'
            then
                trim_scale(
                    round(
                        completeness_ratio
                        * least(1, days_observed / lookback_days::numeric)
                        * case
                            when is_in_route_table is false then 1
                            else (thresholds ->> 'confidence_in_route_table_ratio')::numeric
                        end,
                        4
                    )
                )
    end as confidence_ratio
from decided
