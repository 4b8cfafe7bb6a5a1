-- Flags: a running RDS instance that nobody connected to in the whole look-back. Why: it is paid for and serves nobody.
-- Remedy: see the rule's seed row. Replicas and members of clusters are not judged: they stand by for their source. One
-- row per RDS instance.
with subjects as (
    select * from {{ ref('int_rule_subjects_gathered') }}
    where rule_id = 'idle_rds_instances'
),

utilization as (
    select * from {{ ref('fct_resource_utilization') }}
    where namespace = 'AWS/RDS'
),

measured as (
    select
        subjects.*,
        connections.maximum_value as connections_maximum_count,
        cpu.average_value as cpu_average_pct,
        connections.completeness_ratio,
        floor(coalesce(connections.days_observed, 0))::integer as days_observed,
        (subjects.thresholds ->> 'connections_maximum_count')::numeric as connections_limit_count,
        subjects.inventory_attributes ->> 'read_replica_source_id' is not null
        or subjects.inventory_attributes ->> 'cluster_id' is not null as is_member
    from subjects
    left join utilization as connections
        on
            subjects.resource_key = connections.resource_key
            and subjects.lookback_days = connections.window_days
            and connections.metric_name = 'DatabaseConnections'
    left join utilization as cpu
        on
            subjects.resource_key = cpu.resource_key
            and subjects.lookback_days = cpu.window_days
            and cpu.metric_name = 'CPUUtilization'
),

judged as (
    select
        *,
        coalesce(connections_maximum_count > connections_limit_count, false) as is_seen_working,
        -- Without its inventory nobody knows whether it is somebody's replica.
        coalesce(
            days_observed >= minimum_observed_days
            and completeness_ratio >= minimum_completeness_ratio
            and is_inventory_known,
            false
        ) as is_seen_enough
    from measured
),

decided as (
    select
        *,
        case
            when not is_running or is_member then 'not_applicable'
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
                case
                    when is_member then 'A replica or a member of a cluster: it stands by for its source.'
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
                    when not is_inventory_known
                        then 'RDS was not read (permission rds:DescribeDBInstances), so it may be a replica.'
                    else
                        'CloudWatch shows ' || days_observed || ' days of connections; ' || minimum_observed_days
                        || ' days with at least ' || round(minimum_completeness_ratio * 100)
                        || ' % of the hours are needed.'
                end
        when 'passed' then 'Working: up to ' || round(connections_maximum_count::numeric) || ' connections at once.'
        else
            'Nobody connected to it in ' || days_observed || ' days (CPU averaged '
            || coalesce(round(cpu_average_pct::numeric, 1)::text, 'unknown') || ' %)'
            || {{ savings_clause(
                'stopping it', 'instance_uncovered_cost_usd_per_month', 'instance_gross_cost_usd_per_month'
            ) }}
    end as finding,
    jsonb_build_object(
        'connections_maximum_count', connections_maximum_count,
        'cpu_average_pct', round(cpu_average_pct::numeric, 4),
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
    -- How whole the observation is, how much of the look-back it spans, and how seldom such silence is meant: no metric
    -- tells a standby from waste.
    case
        when evaluation_status = 'flagged'
            then
                trim_scale(
                    round(
                        completeness_ratio
                        * least(1, days_observed / lookback_days::numeric)
                        * (thresholds ->> 'owner_intent_ratio')::numeric,
                        4
                    )
                )
    end as confidence_ratio
from decided
