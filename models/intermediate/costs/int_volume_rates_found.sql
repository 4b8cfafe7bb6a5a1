-- What a gp2 and a gp3 volume cost in each region, at list price. One row per region.
with prices as (
    select * from {{ ref('stg_prices__on_demand_rates') }}
    where volume_type in ('gp2', 'gp3')
)

select
    region,
    max(rate_usd_per_unit) filter (where volume_type = 'gp2' and unit = 'GB-Mo') as gp2_usd_per_gib_month,
    max(rate_usd_per_unit) filter (where volume_type = 'gp3' and unit = 'GB-Mo') as gp3_usd_per_gib_month,
    max(rate_usd_per_unit) filter (where volume_type = 'gp3' and unit = 'IOPS-Mo') as gp3_usd_per_iops_month,
    -- AWS sells it by the GiB a second.
    max(rate_usd_per_unit) filter (where volume_type = 'gp3' and unit = 'GiBps-mo') / 1024
        as gp3_usd_per_mibps_month
from prices
group by region
