-- Flags: an EBS volume that is attached to nothing and, by its silence in CloudWatch, was attached to nothing for the
-- days needed. Why: its storage is paid for and nobody can read it. Remedy: see the rule's seed row. One row per
-- volume.
with subjects as (
    select * from {{ ref('int_rule_subjects_gathered') }}
    where rule_id = 'unattached_ebs_volumes'
),

utilization as (
    select * from {{ ref('fct_resource_utilization') }}
    where namespace = 'AWS/EBS' and metric_name = 'VolumeReadOps'
),

collections as (
    select * from {{ ref('int_metric_collections_found') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

measured as (
    select
        subjects.*,
        subjects.inventory_attributes ->> 'attached_instance_id' as attached_instance_id,
        (subjects.inventory_attributes ->> 'size_gib')::integer as size_gib,
        subjects.inventory_attributes ->> 'volume_type' as volume_type,
        -- A volume reports while it is attached (EBS user guide): it has been loose since its last datapoint, or for as
        -- long as CloudWatch was read while it was there.
        floor(
            coalesce(
                extract(
                    epoch from collections.collected_until_at
                    - greatest(
                        utilization.last_datapoint_at,
                        collections.collected_from_at,
                        as_of.metrics_as_of_at - subjects.lookback_days * interval '1 day',
                        as_of.costs_as_of_at - subjects.days_billed * interval '1 day'
                    )
                ) / 86400,
                0
            )
        )::integer as days_observed
    from subjects
    cross join as_of
    left join collections
        on
            subjects.account_id = collections.account_id
            and subjects.region = collections.region
    left join utilization
        on
            subjects.resource_key = utilization.resource_key
            and subjects.lookback_days = utilization.window_days
),

judged as (
    select
        *,
        attached_instance_id is not null as is_seen_working,
        is_inventory_known and days_observed >= minimum_observed_days as is_seen_enough
    from measured
),

decided as (
    select
        *,
        case
            when not is_running or (is_inventory_known and not is_in_inventory) then 'not_applicable'
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
        when 'not_applicable' then 'Not there any more.'
        when 'waived' then 'Waived: ' || waiver_reason
        when 'too_early'
            then 'Billed for less than ' || minimum_observed_days || ' days; judged once it has been there that long.'
        when 'insufficient_data'
            then
                case
                    when not is_inventory_known
                        then 'EC2 was not asked for volumes (permission ec2:DescribeVolumes); it may be attached.'
                    else
                        'Attached to nothing, and seen so for ' || days_observed || ' days; ' || minimum_observed_days
                        || ' are needed.'
                end
        when 'passed' then 'Attached to ' || attached_instance_id || '.'
        else
            'Attached to nothing for ' || days_observed || ' days (' || size_gib || ' GiB ' || volume_type || ')'
            || {{ savings_clause(
                'deleting it', 'total_uncovered_cost_usd_per_month', 'total_gross_cost_usd_per_month'
            ) }}
    end as finding,
    jsonb_build_object(
        'attached_instance_id', attached_instance_id,
        'size_gib', size_gib,
        'volume_type', volume_type,
        'days_unattached', days_observed,
        'days_needed', minimum_observed_days,
        'cost_days', cost_days,
        'thresholds', cited_thresholds
    ) as evidence,
    days_observed,
    minimum_observed_days as days_needed,
    lookback_days,
    total_gross_cost_usd_per_month as gross_savings_usd_per_month,
    total_uncovered_cost_usd_per_month as net_savings_usd_per_month,
    -- How much of the look-back it has been loose, and how seldom somebody keeps such a one on purpose: nothing tells.
    case
        when evaluation_status = 'flagged'
            then
                trim_scale(
                    round(
                        least(1, days_observed / lookback_days::numeric)
                        * (thresholds ->> 'owner_intent_ratio')::numeric,
                        4
                    )
                )
    end as confidence_ratio
from decided
