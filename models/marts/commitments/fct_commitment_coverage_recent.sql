-- How much of the usage of the last 30 days commitments pay for: by service, and of everything. A rate that includes
-- what nobody used is of everything alone, for a plan belongs to no service.
with coverage as (
    select * from {{ ref('fct_commitment_coverage_daily') }}
),

as_of as (
    select (costs_as_of_at at time zone 'UTC')::date as last_whole_day_end from {{ ref('int_as_of_instants_found') }}
),

recent as (
    select coverage.*
    from coverage
    cross join as_of
    where
        coverage.usage_date < as_of.last_whole_day_end
        and coverage.usage_date >= as_of.last_whole_day_end - 30
),

summed as (
    select
        coalesce(service_code, '[all services]') as service_code,
        min(usage_date) as first_usage_date,
        max(usage_date) as last_usage_date,
        sum(reserved_on_demand_cost_usd) as reserved_on_demand_cost_usd,
        sum(savings_plan_on_demand_cost_usd) as savings_plan_on_demand_cost_usd,
        sum(eligible_on_demand_cost_usd) as eligible_on_demand_cost_usd,
        sum(covered_amortized_cost_usd + eligible_amortized_cost_usd) as paid_amortized_cost_usd,
        sum(unused_commitment_usd) as unused_commitment_usd,
        sum(unpriced_line_item_count)::bigint as unpriced_line_item_count,
        sum(spot_cost_usd) as spot_cost_usd,
        sum(spot_unlisted_cost_usd) as spot_unlisted_cost_usd,
        sum(spot_savings_usd) as spot_savings_usd,
        grouping(service_code) = 1 as is_total
    from recent
    group by grouping sets ((service_code), ())
),

totalled as (
    select
        *,
        reserved_on_demand_cost_usd + savings_plan_on_demand_cost_usd as covered_on_demand_cost_usd,
        nullif(
            reserved_on_demand_cost_usd + savings_plan_on_demand_cost_usd + eligible_on_demand_cost_usd, 0
        ) as coverable_on_demand_cost_usd
    from summed
    where first_usage_date is not null
)

select
    service_code,
    is_total,
    first_usage_date,
    last_usage_date,
    trim_scale(coverable_on_demand_cost_usd) as coverable_on_demand_cost_usd,
    trim_scale(reserved_on_demand_cost_usd) as reserved_on_demand_cost_usd,
    trim_scale(savings_plan_on_demand_cost_usd) as savings_plan_on_demand_cost_usd,
    trim_scale(eligible_on_demand_cost_usd) as eligible_on_demand_cost_usd,
    trim_scale(round(covered_on_demand_cost_usd / coverable_on_demand_cost_usd, 6)) as coverage_ratio,
    trim_scale(unused_commitment_usd) as unused_commitment_usd,
    case
        when is_total
            then
                trim_scale(
                    round(1 - (paid_amortized_cost_usd + unused_commitment_usd) / coverable_on_demand_cost_usd, 6)
                )
    end as effective_savings_ratio,
    unpriced_line_item_count,
    trim_scale(spot_cost_usd) as spot_cost_usd,
    trim_scale(spot_unlisted_cost_usd) as spot_unlisted_cost_usd,
    trim_scale(spot_savings_usd) as spot_savings_usd
from totalled
