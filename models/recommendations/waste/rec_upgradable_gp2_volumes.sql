-- Flags: a gp2 volume that costs less as gp3 with the IOPS and throughput it needs. Why: gp3's storage is cheaper, and
-- its IOPS and throughput are bought apart. Remedy: see the rule's seed row. One row per volume.
with subjects as (
    select * from {{ ref('int_rule_subjects_gathered') }}
    where rule_id = 'upgradable_gp2_volumes'
),

rates as (
    select * from {{ ref('int_volume_rates_found') }}
),

measured as (
    select
        subjects.*,
        rates.gp2_usd_per_gib_month,
        rates.gp3_usd_per_gib_month,
        rates.gp3_usd_per_iops_month,
        rates.gp3_usd_per_mibps_month,
        subjects.inventory_attributes ->> 'volume_type' as volume_type,
        (subjects.inventory_attributes ->> 'size_gib')::integer as size_gib,
        (subjects.thresholds ->> 'included_iops')::numeric as included_iops,
        (subjects.thresholds ->> 'included_throughput_mibps')::numeric as included_throughput_mibps,
        (subjects.thresholds ->> 'gp2_iops_per_gib')::numeric as gp2_iops_per_gib,
        (subjects.thresholds ->> 'gp2_maximum_iops')::numeric as gp2_maximum_iops,
        (subjects.thresholds ->> 'gp2_maximum_throughput_mibps')::numeric as gp2_maximum_throughput_mibps,
        (subjects.thresholds ->> 'gp2_slow_up_to_gib')::numeric as gp2_slow_up_to_gib,
        subjects.days_billed as days_observed
    from subjects
    left join rates on subjects.region = rates.region
),

-- What gp2 gives by its size is kept, whether it is used or not: nobody can notice the change.
needed as (
    select
        *,
        greatest(included_iops, least(size_gib * gp2_iops_per_gib, gp2_maximum_iops)) as needed_iops,
        case
            when size_gib <= gp2_slow_up_to_gib then included_throughput_mibps
            else gp2_maximum_throughput_mibps
        end as needed_throughput_mibps
    from measured
),

priced as (
    select
        *,
        size_gib * gp2_usd_per_gib_month as gp2_cost_usd_per_month,
        size_gib * gp3_usd_per_gib_month
        + (needed_iops - included_iops) * gp3_usd_per_iops_month
        + (needed_throughput_mibps - included_throughput_mibps) * gp3_usd_per_mibps_month as gp3_cost_usd_per_month
    from needed
),

judged as (
    select
        *,
        trim_scale(
            round(
                storage_gross_cost_usd_per_month * (1 - gp3_cost_usd_per_month / gp2_cost_usd_per_month), 10
            )
        ) as savings_usd_per_month,
        coalesce(gp3_cost_usd_per_month >= gp2_cost_usd_per_month, false) as is_seen_working,
        is_inventory_known and gp3_cost_usd_per_month is not null as is_seen_enough
    from priced
),

decided as (
    select
        *,
        case
            when not is_running or (is_inventory_known and not is_in_inventory) then 'not_applicable'
            when is_inventory_known and volume_type <> 'gp2' then 'not_applicable'
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
            then coalesce('Not a gp2 volume but ' || nullif(volume_type, 'gp2'), 'Not there any more') || '.'
        when 'waived' then 'Waived: ' || waiver_reason
        when 'too_early'
            then 'Billed for less than ' || minimum_observed_days || ' days; judged once it has been there that long.'
        when 'insufficient_data'
            then
                case
                    when not is_inventory_known
                        then 'EC2 was not asked for volumes (permission ec2:DescribeVolumes), so its size is unknown.'
                    else 'AWS''s prices of its region were not read; run `python -m ingest prices`.'
                end
        when 'passed' then 'gp3 with what it needs (' || round(needed_iops) || ' IOPS) would cost no less.'
        else
            size_gib || ' GiB of gp2; as gp3 with ' || round(needed_iops) || ' IOPS and '
            || round(needed_throughput_mibps) || ' MiB/s it serves as well'
            || {{ savings_clause('upgrading it', 'savings_usd_per_month', 'savings_usd_per_month') }}
    end as finding,
    jsonb_build_object(
        'size_gib', size_gib,
        'needed_iops', round(needed_iops),
        'needed_throughput_mibps', round(needed_throughput_mibps),
        'gp2_list_cost_usd_per_month', trim_scale(round(gp2_cost_usd_per_month, 4)),
        'gp3_list_cost_usd_per_month', trim_scale(round(gp3_cost_usd_per_month, 4)),
        'days_observed', days_observed,
        'days_needed', minimum_observed_days,
        'cost_days', cost_days,
        'thresholds', cited_thresholds
    ) as evidence,
    days_observed,
    minimum_observed_days as days_needed,
    lookback_days,
    savings_usd_per_month as gross_savings_usd_per_month,
    savings_usd_per_month as net_savings_usd_per_month,
    -- Arithmetic on what AWS promises of both types: nothing is guessed.
    case when evaluation_status = 'flagged' then 1::numeric end as confidence_ratio
from decided
