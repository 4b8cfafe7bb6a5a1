-- What there is of commitments: terms, how long each still runs, and what was made of it. Terms that no line of the
-- bill tells are null.
with terms as (
    select
        commitment_arn,
        max(commitment_type) as commitment_type,
        max(plan_type) as plan_type,
        max(offering_class) as offering_class,
        max(payment_option) as payment_option,
        max(term_years) as term_years,
        max(service_code) as service_code,
        max(region) as region,
        max(instance_family) as instance_family,
        max(instance_type) as instance_type,
        max(reservation_count) as reservation_count,
        max(payer_account_id) as payer_account_id,
        max(owner_account_id) as owner_account_id,
        max(start_at) as start_at,
        max(end_at) as end_at
    from {{ ref('int_commitment_terms_gathered') }}
    group by commitment_arn
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

hours as (
    select hours.*
    from {{ ref('fct_commitment_hours') }} as hours
    where hours.is_elapsed
),

-- All that the bills tell, and the last 30 days of it.
windowed as (
    select
        'all' as window_name,
        hours.*
    from hours
    union all
    select
        'last_30_days' as window_name,
        hours.*
    from hours
    cross join as_of
    where hours.usage_start_at >= as_of.costs_as_of_at - interval '30 days'
),

-- A sum of which a part isn't known isn't known.
summed as (
    select
        commitment_arn,
        window_name,
        min(usage_start_at) as first_seen_at,
        max(usage_end_at) as last_seen_at,
        sum(used_commitment_usd) as used_commitment_usd,
        case when count(*) = count(commitment_cost_usd) then sum(commitment_cost_usd) end as commitment_cost_usd,
        case when count(*) = count(unused_commitment_usd) then sum(unused_commitment_usd) end as unused_commitment_usd,
        case when count(*) = count(covered_on_demand_cost_usd) then sum(covered_on_demand_cost_usd) end
            as covered_on_demand_cost_usd,
        case when count(*) = count(unused_reserved_hours) then sum(reserved_hours) end as reserved_hours,
        sum(unused_reserved_hours) as unused_reserved_hours
    from windowed
    group by commitment_arn, window_name
),

measured as (
    select
        *,
        covered_on_demand_cost_usd - commitment_cost_usd as net_savings_usd,
        trim_scale(
            round((covered_on_demand_cost_usd - commitment_cost_usd) / nullif(covered_on_demand_cost_usd, 0), 6)
        ) as effective_savings_ratio,
        trim_scale(
            round(
                coalesce(
                    1 - unused_reserved_hours / nullif(reserved_hours, 0),
                    used_commitment_usd / nullif(commitment_cost_usd, 0)
                ),
                6
            )
        ) as utilization_ratio
    from summed
),

-- What it costs an hour, by the newest interval in which it was in force all through.
newest as (
    select distinct on (commitment_arn)
        commitment_arn,
        commitment_cost_usd / period_hours as hourly_commitment_usd
    from hours
    where in_force_hours = period_hours and commitment_cost_usd is not null
    order by commitment_arn asc, usage_start_at desc
)

select
    terms.commitment_arn,
    substring(terms.commitment_arn from '([^:/]+)$') as commitment_id,
    terms.commitment_type,
    terms.plan_type,
    terms.offering_class,
    terms.payment_option,
    terms.term_years,
    terms.service_code,
    terms.region,
    terms.instance_family,
    terms.instance_type,
    terms.reservation_count,
    coalesce(terms.payer_account_id, '[no payer]') as payer_account_id,
    terms.owner_account_id,
    terms.start_at,
    terms.end_at,
    case
        when as_of.costs_as_of_at < terms.start_at then 'not_started'
        when as_of.costs_as_of_at >= terms.end_at then 'expired'
        when terms.end_at is not null then 'active'
    end as commitment_status,
    floor(extract(epoch from terms.end_at - as_of.costs_as_of_at) / 86400)::integer as days_until_expiry,
    trim_scale(round(newest.hourly_commitment_usd, 10)) as hourly_commitment_usd,
    whole.first_seen_at,
    whole.last_seen_at,
    trim_scale(whole.commitment_cost_usd) as commitment_cost_usd,
    trim_scale(whole.used_commitment_usd) as used_commitment_usd,
    trim_scale(whole.unused_commitment_usd) as unused_commitment_usd,
    trim_scale(whole.covered_on_demand_cost_usd) as covered_on_demand_cost_usd,
    trim_scale(whole.net_savings_usd) as net_savings_usd,
    whole.utilization_ratio,
    whole.effective_savings_ratio,
    trim_scale(recent.commitment_cost_usd) as last_30_days_commitment_cost_usd,
    trim_scale(recent.unused_commitment_usd) as last_30_days_unused_commitment_usd,
    trim_scale(recent.net_savings_usd) as last_30_days_net_savings_usd,
    recent.utilization_ratio as last_30_days_utilization_ratio,
    recent.effective_savings_ratio as last_30_days_effective_savings_ratio,
    as_of.costs_as_of_at
from terms
cross join as_of
left join measured as whole
    on
        terms.commitment_arn = whole.commitment_arn
        and whole.window_name = 'all'
left join measured as recent
    on
        terms.commitment_arn = recent.commitment_arn
        and recent.window_name = 'last_30_days'
left join newest on terms.commitment_arn = newest.commitment_arn
