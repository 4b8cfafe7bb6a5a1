-- Today's list price of an EC2 machine on demand, where its region, usage type and system have one price alone: systems
-- with several (with software, or a licence brought along) can't be told apart.
with rates as (
    select * from {{ ref('stg_prices__on_demand_rates') }}
    where service_code = 'AmazonEC2'
)

select
    region,
    usage_type,
    operating_system,
    min(rate_usd_per_unit) as rate_usd_per_hour
from rates
group by region, usage_type, operating_system
having min(rate_usd_per_unit) = max(rate_usd_per_unit)
