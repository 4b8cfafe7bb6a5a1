-- What each commitment would have saved over the look-back at 41 sizes, from none to twice the best.
with options as (
    select * from {{ ref('fct_commitment_options') }}
),

steps as (
    select * from {{ ref('int_commitment_steps_summed') }}
),

points as (
    select
        options.commitment_option_id,
        options.hours_observed,
        options.eligible_on_demand_cost_usd_per_month,
        place.place,
        options.hourly_commitment_usd * place.place / 20 as hourly_commitment_usd
    from options
    cross join generate_series(0, 40) as place (place)
),

evaluated as (
    select
        points.*,
        (
            steps.covered_on_demand_cost_usd
            + case when steps.next_step_usd_per_hour is null then 0 else steps.on_demand_slope end
            * (points.hourly_commitment_usd - steps.step_usd_per_hour)
        ) * 730 / points.hours_observed as covered_on_demand_cost_usd_per_month,
        (
            steps.used_commitment_usd
            + case when steps.next_step_usd_per_hour is null then 0 else steps.used_hours end
            * (points.hourly_commitment_usd - steps.step_usd_per_hour)
        ) * 730 / points.hours_observed as used_commitment_usd_per_month
    from points
    inner join steps
        on
            points.commitment_option_id = steps.commitment_option_id
            and points.hourly_commitment_usd >= steps.step_usd_per_hour
            and points.hourly_commitment_usd < coalesce(steps.next_step_usd_per_hour, 'infinity')
)

select
    md5(concat_ws('|', commitment_option_id, place)) as commitment_curve_id,
    commitment_option_id,
    place as point_number,
    trim_scale(round(hourly_commitment_usd, 10)) as hourly_commitment_usd,
    trim_scale(round(covered_on_demand_cost_usd_per_month - hourly_commitment_usd * 730, 10))
        as net_savings_usd_per_month,
    round(covered_on_demand_cost_usd_per_month / eligible_on_demand_cost_usd_per_month, 4) as coverage_ratio,
    round(used_commitment_usd_per_month / nullif(hourly_commitment_usd * 730, 0), 4) as utilization_ratio
from evaluated
