-- Point 20 of each curve is the option itself: its size, savings, coverage and utilization; no other point saves more.
-- A plan's size is cut to five decimals, and a reservation bought whole: the exact optimum may lie between two points.
with options as (
    select * from {{ ref('fct_commitment_options') }}
),

curves as (
    select * from {{ ref('fct_commitment_curves') }}
),

highest as (
    select
        commitment_option_id,
        count(*) as point_count,
        max(net_savings_usd_per_month) as net_savings_usd_per_month
    from curves
    group by commitment_option_id
)

select
    options.commitment_option_id,
    options.commitment_type,
    options.net_savings_usd_per_month,
    curves.net_savings_usd_per_month as point_savings_usd_per_month,
    highest.net_savings_usd_per_month as highest_savings_usd_per_month
from options
left join curves
    on
        options.commitment_option_id = curves.commitment_option_id
        and curves.point_number = 20
left join highest on options.commitment_option_id = highest.commitment_option_id
where
    highest.point_count is distinct from 41
    or curves.hourly_commitment_usd is distinct from options.hourly_commitment_usd
    or curves.coverage_ratio is distinct from options.coverage_ratio
    or curves.utilization_ratio is distinct from options.utilization_ratio
    -- Both are rounded to ten digits.
    or (abs(curves.net_savings_usd_per_month - options.net_savings_usd_per_month) <= 0.000001) is not true
    or (
        options.commitment_type <> 'ec2_reserved_instance'
        and highest.net_savings_usd_per_month > options.net_savings_usd_per_month + 0.000001
    )
