{% set is_due = is_untested_load(['int_line_items_daily', 'int_costs_monthly', 'fct_resource_costs_daily']) %}
-- No cent lost or created between the bill by day and the daily resource costs, per delivery and line item type: rows
-- and every cost, by month too.
with daily as (
    select
        load_id,
        line_item_type,
        sum(line_item_count) as line_item_count,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(blended_cost_usd) as blended_cost_usd,
        sum(net_unblended_cost_usd) as net_unblended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd,
        sum(net_amortized_cost_usd) as net_amortized_cost_usd,
        sum(public_on_demand_cost_usd) as public_on_demand_cost_usd,
        sum(on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd
    from {{ ref('int_costs_daily') }}
    where {{ is_due }}
    group by load_id, line_item_type
),

monthly as (
    select
        load_id,
        line_item_type,
        sum(line_item_count) as line_item_count,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd
    from {{ ref('int_costs_monthly') }}
    where {{ is_due }}
    group by load_id, line_item_type
),

resource_costs as (
    select
        load_id,
        line_item_type,
        sum(line_item_count) as line_item_count,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(blended_cost_usd) as blended_cost_usd,
        sum(net_unblended_cost_usd) as net_unblended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd,
        sum(net_amortized_cost_usd) as net_amortized_cost_usd,
        sum(public_on_demand_cost_usd) as public_on_demand_cost_usd,
        sum(on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd
    from {{ ref('fct_resource_costs_daily') }}
    where {{ is_due }}
    group by load_id, line_item_type
)

select
    coalesce(daily.load_id, resource_costs.load_id) as load_id,
    coalesce(daily.line_item_type, resource_costs.line_item_type) as line_item_type,
    daily.unblended_cost_usd as daily_unblended_cost_usd,
    resource_costs.unblended_cost_usd as mart_unblended_cost_usd
from daily
full outer join resource_costs
    on
        daily.load_id = resource_costs.load_id
        and daily.line_item_type = resource_costs.line_item_type
left join monthly
    on
        daily.load_id = monthly.load_id
        and daily.line_item_type = monthly.line_item_type
where
    daily.line_item_count is distinct from resource_costs.line_item_count
    or daily.line_item_count is distinct from monthly.line_item_count
    or daily.unblended_cost_usd is distinct from monthly.unblended_cost_usd
    or daily.amortized_cost_usd is distinct from monthly.amortized_cost_usd
    or daily.unblended_cost_usd is distinct from resource_costs.unblended_cost_usd
    or daily.blended_cost_usd is distinct from resource_costs.blended_cost_usd
    or daily.net_unblended_cost_usd is distinct from resource_costs.net_unblended_cost_usd
    or daily.amortized_cost_usd is distinct from resource_costs.amortized_cost_usd
    or daily.net_amortized_cost_usd is distinct from resource_costs.net_amortized_cost_usd
    or daily.public_on_demand_cost_usd is distinct from resource_costs.public_on_demand_cost_usd
    or daily.on_demand_equivalent_cost_usd is distinct from resource_costs.on_demand_equivalent_cost_usd
