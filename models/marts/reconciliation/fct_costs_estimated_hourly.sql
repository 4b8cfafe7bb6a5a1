-- Cost Explorer's own hours of the last 14 days, where they are enabled and read: what nobody else tells before the
-- bill does. One row per hour, account and service, and of EC2's machines one more per resource: two tellings of the
-- same cost, never to be added.
with hourly_costs as (
    select * from {{ ref('stg_cost_explorer__hourly_costs') }}
),

loads as (
    select * from {{ ref('stg_ingest__loads') }}
)

select
    md5(
        concat_ws(
            '|',
            split_part(loads.partition_key, '/', 1),
            hourly_costs.usage_start_at,
            hourly_costs.account_id,
            hourly_costs.service_name,
            coalesce(hourly_costs.resource_id, '')
        )
    ) as estimated_hourly_cost_id,
    hourly_costs.usage_start_at,
    split_part(loads.partition_key, '/', 1) as payer_account_id,
    hourly_costs.account_id,
    hourly_costs.service_name,
    case when hourly_costs.resource_id is null then 'service' else 'resource' end as detail_level,
    hourly_costs.resource_id,
    hourly_costs.currency_code,
    hourly_costs.usage_unit,
    trim_scale(hourly_costs.usage_quantity) as usage_quantity,
    case when hourly_costs.currency_code = 'USD' then trim_scale(hourly_costs.unblended_cost_usd) end
        as unblended_cost_usd,
    case when hourly_costs.currency_code = 'USD' then trim_scale(hourly_costs.amortized_cost_usd) end
        as amortized_cost_usd,
    case when hourly_costs.currency_code = 'USD' then trim_scale(hourly_costs.net_amortized_cost_usd) end
        as net_amortized_cost_usd,
    'estimated'::text as cost_quality,
    hourly_costs.is_estimated as is_estimated_by_aws,
    loads.loaded_at as costs_as_of_at
from hourly_costs
inner join loads on hourly_costs.load_id = loads.load_id
