{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'is_built_by_load': true},
    pre_hook="{{ forget_replaced_loads(ref('int_commitment_lines_hourly')) }}",
    post_hook="{{ remember_version() }}",
    indexes=[{'columns': ['load_id']}],
) }}

-- What each commitment cost and what was made of it, interval by interval. A Savings Plan's fee tells it itself. A
-- reservation's fee tells the month, and its covered usage the interval: what nobody used is spread over the intervals
-- by what of their even share is left.
with lines as (
    select * from {{ ref('int_commitment_lines_hourly') }}
    where {{ is_new_load(ref('int_commitment_lines_hourly')) }}
),

terms as (
    select * from {{ ref('int_commitment_terms_gathered') }}
    where {{ is_new_load(ref('int_commitment_lines_hourly')) }}
),

billing_periods as (
    select * from {{ ref('stg_cur__billing_periods') }}
),

-- An hourly bill knows no covered usage or plan's fee that is longer than an hour. One that holds neither is taken by
-- the day.
reports as (
    select
        lines.load_id,
        case
            when bool_and(lines.usage_end_at <= lines.usage_start_at + interval '1 hour') then 'hour'
            else 'day'
        end as period_unit
    from lines
    where lines.amortized_cost_basis <> 'reservation_unused'
    group by lines.load_id
),

placed as (
    select
        lines.*,
        coalesce(reports.period_unit, 'day') as period_unit,
        date_trunc(coalesce(reports.period_unit, 'day'), lines.usage_start_at, 'UTC') as period_start_at
    from lines
    left join reports on lines.load_id = reports.load_id
),

covered as (
    select
        load_id,
        commitment_arn,
        period_unit,
        period_start_at,
        sum(coalesce(reservation_effective_cost_usd, savings_plan_effective_cost_usd)) as effective_cost_usd,
        sum(
            case
                when amortized_cost_basis = 'savings_plan_effective' then unblended_cost_usd
                else public_on_demand_cost_usd
            end
        ) as on_demand_cost_usd
    from placed
    where amortized_cost_basis in ('reservation_effective', 'savings_plan_effective')
    group by load_id, commitment_arn, period_unit, period_start_at
),

plan_fees as (
    select
        load_id,
        commitment_arn,
        period_unit,
        period_start_at,
        min(usage_start_at) as fee_start_at,
        max(usage_end_at) as fee_end_at,
        sum(savings_plan_total_commitment_usd) as total_commitment_usd,
        sum(savings_plan_used_commitment_usd) as used_commitment_usd
    from placed
    where amortized_cost_basis = 'savings_plan_unused'
    group by load_id, commitment_arn, period_unit, period_start_at
),

reservation_fees as (
    select
        load_id,
        commitment_arn,
        period_unit,
        min(usage_start_at) as fee_start_at,
        -- AWS writes a month's last second as its end.
        max(
            case
                when extract(second from usage_end_at) = 59 then usage_end_at + interval '1 second' else usage_end_at
            end
        ) as fee_end_at,
        sum(unblended_cost_usd) + coalesce(sum(reservation_amortized_upfront_fee_usd), 0) as commitment_cost_usd,
        coalesce(sum(reservation_unused_upfront_fee_usd), 0) + coalesce(sum(reservation_unused_recurring_fee_usd), 0)
            as unused_commitment_usd,
        sum(usage_quantity) as reserved_hours,
        sum(reservation_unused_hours) as unused_reserved_hours
    from placed
    where amortized_cost_basis = 'reservation_unused'
    group by load_id, commitment_arn, period_unit
),

periods as (
    select load_id, commitment_arn, period_unit, period_start_at from covered -- noqa: LT09
    union
    select load_id, commitment_arn, period_unit, period_start_at from plan_fees -- noqa: LT09
    union
    select
        reservation_fees.load_id,
        reservation_fees.commitment_arn,
        reservation_fees.period_unit,
        period.start_at as period_start_at
    from reservation_fees
    cross join lateral generate_series(
        date_trunc(reservation_fees.period_unit, reservation_fees.fee_start_at, 'UTC'),
        reservation_fees.fee_end_at - interval '1 second',
        ('1 ' || reservation_fees.period_unit)::interval
    ) as period (start_at)
),

joined as (
    select
        periods.load_id,
        periods.commitment_arn,
        periods.period_start_at,
        periods.period_start_at + ('1 ' || periods.period_unit)::interval as period_end_at,
        case when periods.period_unit = 'hour' then 1 else 24 end as period_hours,
        terms.commitment_type,
        terms.plan_type,
        terms.payer_account_id,
        terms.owner_account_id,
        terms.service_code,
        greatest(terms.start_at, plan_fees.fee_start_at, reservation_fees.fee_start_at, periods.period_start_at)
            as in_force_from_at,
        least(
            terms.end_at,
            plan_fees.fee_end_at,
            reservation_fees.fee_end_at,
            periods.period_start_at + ('1 ' || periods.period_unit)::interval
        ) as in_force_until_at,
        coalesce(covered.effective_cost_usd, 0) as effective_cost_usd,
        -- Where no line says that it covered something in an interval, it covered nothing.
        coalesce(covered.on_demand_cost_usd, case when covered.load_id is null then 0 end)
            as covered_on_demand_cost_usd,
        plan_fees.total_commitment_usd,
        plan_fees.used_commitment_usd,
        reservation_fees.commitment_cost_usd as month_commitment_cost_usd,
        reservation_fees.unused_commitment_usd as month_unused_commitment_usd,
        reservation_fees.reserved_hours as month_reserved_hours,
        reservation_fees.unused_reserved_hours as month_unused_reserved_hours
    from periods
    inner join terms
        on
            periods.load_id = terms.load_id
            and periods.commitment_arn = terms.commitment_arn
    left join covered
        on
            periods.load_id = covered.load_id
            and periods.commitment_arn = covered.commitment_arn
            and periods.period_start_at = covered.period_start_at
    left join plan_fees
        on
            periods.load_id = plan_fees.load_id
            and periods.commitment_arn = plan_fees.commitment_arn
            and periods.period_start_at = plan_fees.period_start_at
    left join reservation_fees
        on
            periods.load_id = reservation_fees.load_id
            and periods.commitment_arn = reservation_fees.commitment_arn
),

lived as (
    select
        *,
        greatest(extract(epoch from in_force_until_at - in_force_from_at), 0) as in_force_seconds
    from joined
),

summed as (
    select
        *,
        sum(in_force_seconds) over month_of_commitment as month_in_force_seconds
    from lived
    window month_of_commitment as (partition by load_id, commitment_arn)
),

weighed as (
    select
        *,
        greatest(
            month_commitment_cost_usd * in_force_seconds / nullif(month_in_force_seconds, 0) - effective_cost_usd, 0
        ) as left_over_usd
    from summed
),

-- What the month's fee calls unused is spread by what is left over; where nothing is, evenly.
spread as (
    select
        *,
        case
            when sum(left_over_usd) over month_of_commitment > 0 then left_over_usd else in_force_seconds
        end as unused_weight
    from weighed
    window month_of_commitment as (partition by load_id, commitment_arn)
),

-- Each interval is cut to ten digits; what that leaves of the month goes to the interval with the largest part, the
-- latest of equals, so that the month is the fee's own figure to the last digit.
cut as (
    select
        *,
        trunc(month_unused_commitment_usd * unused_weight / nullif(sum(unused_weight) over month_of_commitment, 0), 10)
            as cut_unused_usd,
        trunc(month_reserved_hours * in_force_seconds / nullif(month_in_force_seconds, 0), 10) as cut_reserved_hours,
        trunc(month_unused_reserved_hours * unused_weight / nullif(sum(unused_weight) over month_of_commitment, 0), 10)
            as cut_unused_hours,
        row_number() over (
            partition by load_id, commitment_arn
            order by unused_weight desc, period_start_at desc
        ) as unused_place,
        row_number() over (
            partition by load_id, commitment_arn
            order by in_force_seconds desc, period_start_at desc
        ) as share_place
    from spread
    window month_of_commitment as (partition by load_id, commitment_arn)
),

settled as (
    select
        *,
        cut_unused_usd
        + case
            when unused_place = 1 then month_unused_commitment_usd - sum(cut_unused_usd) over month_of_commitment else 0
        end as unused_reservation_usd,
        cut_reserved_hours
        + case
            when share_place = 1 then month_reserved_hours - sum(cut_reserved_hours) over month_of_commitment else 0
        end as reserved_hours,
        cut_unused_hours
        + case
            when unused_place = 1
                then month_unused_reserved_hours - sum(cut_unused_hours) over month_of_commitment
            else 0
        end as unused_reserved_hours
    from cut
    window month_of_commitment as (partition by load_id, commitment_arn)
),

costed as (
    select
        *,
        case
            when commitment_type = 'savings_plan' then total_commitment_usd
            else effective_cost_usd + unused_reservation_usd
        end as commitment_cost_usd,
        -- Without a fee, as in a linked account's own report, the usage tells what was used, and nothing what was not.
        coalesce(used_commitment_usd, effective_cost_usd) as used_usd,
        case
            when commitment_type = 'savings_plan' then total_commitment_usd - used_commitment_usd
            else unused_reservation_usd
        end as unused_usd
    from settled
)

select
    md5(concat_ws('|', costed.load_id, costed.commitment_arn, costed.period_start_at at time zone 'UTC'))
        as commitment_hour_id,
    costed.load_id,
    billing_periods.billing_period_start_date,
    costed.commitment_arn,
    costed.commitment_type,
    costed.plan_type,
    coalesce(costed.payer_account_id, '[no payer]') as payer_account_id,
    costed.owner_account_id,
    costed.service_code,
    costed.period_start_at as usage_start_at,
    costed.period_end_at as usage_end_at,
    costed.period_hours,
    trim_scale(round(costed.in_force_seconds / 3600, 10)) as in_force_hours,
    -- A month that is invoiced is over, however early its last usage ended.
    coalesce(
        costed.period_end_at <= billing_periods.data_until_at or billing_periods.uninvoiced_row_count = 0, true
    ) as is_elapsed,
    trim_scale(costed.commitment_cost_usd) as commitment_cost_usd,
    trim_scale(costed.used_usd) as used_commitment_usd,
    trim_scale(costed.unused_usd) as unused_commitment_usd,
    trim_scale(costed.reserved_hours) as reserved_hours,
    trim_scale(costed.unused_reserved_hours) as unused_reserved_hours,
    trim_scale(costed.covered_on_demand_cost_usd) as covered_on_demand_cost_usd,
    trim_scale(costed.covered_on_demand_cost_usd - costed.commitment_cost_usd) as net_savings_usd,
    trim_scale(
        round(
            coalesce(
                1 - costed.unused_reserved_hours / nullif(costed.reserved_hours, 0),
                costed.used_usd / nullif(costed.commitment_cost_usd, 0)
            ),
            6
        )
    ) as utilization_ratio
from costed
left join billing_periods on costed.load_id = billing_periods.load_id
-- A month's fee may reach beyond the end of its reservation.
where costed.in_force_seconds > 0 or costed.used_usd <> 0 or costed.unused_usd <> 0
