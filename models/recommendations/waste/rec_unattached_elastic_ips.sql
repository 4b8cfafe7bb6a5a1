-- Flags: an Elastic IP address that the bill shows idle, and never in use, in the look-back. Why: an idle address is
-- paid for by the hour. Remedy: see the rule's seed row. One row per address.
with subjects as (
    select * from {{ ref('int_rule_subjects_gathered') }}
    where rule_id = 'unattached_elastic_ips'
),

addresses as (
    select * from {{ ref('int_addresses_billed') }}
),

resources as (
    select * from {{ ref('dim_resources') }}
),

measured as (
    select
        subjects.*,
        addresses.idle_hours,
        addresses.in_use_hours,
        coalesce(subjects.inventory_state = 'associated', false) as is_associated,
        subjects.inventory_attributes ->> 'public_ip' as public_ip,
        floor(coalesce(addresses.idle_hours, 0) / 24)::integer as days_observed
    from subjects
    inner join resources on subjects.resource_key = resources.resource_key
    left join addresses
        on
            resources.account_id = addresses.account_id
            and resources.billed_resource_id = addresses.billed_resource_id
),

judged as (
    select
        *,
        is_associated or coalesce(in_use_hours > 0, false) as is_seen_working,
        days_observed >= minimum_observed_days as is_seen_enough
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
            then 'Held for less than ' || minimum_observed_days || ' days; judged once it has been held that long.'
        when 'insufficient_data'
            then
                'The bill shows ' || days_observed || ' days of it idle; ' || minimum_observed_days || ' are needed.'
        when 'passed'
            then
                case
                    when is_associated then 'In use: associated today.'
                    else 'In use for ' || round(in_use_hours) || ' hours of the look-back.'
                end
        else
            coalesce(public_ip || ' was', 'It was') || ' idle in every hour of ' || days_observed || ' days'
            || {{ savings_clause(
                'releasing it', 'total_uncovered_cost_usd_per_month', 'total_gross_cost_usd_per_month'
            ) }}
    end as finding,
    jsonb_build_object(
        'public_ip', public_ip,
        'idle_hours', idle_hours,
        'in_use_hours', in_use_hours,
        'days_observed', days_observed,
        'days_needed', minimum_observed_days,
        'cost_days', cost_days,
        'thresholds', cited_thresholds
    ) as evidence,
    days_observed,
    minimum_observed_days as days_needed,
    lookback_days,
    total_gross_cost_usd_per_month as gross_savings_usd_per_month,
    total_uncovered_cost_usd_per_month as net_savings_usd_per_month,
    -- How much of the look-back it has been idle, and how seldom somebody keeps such a one on purpose: nothing tells.
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
