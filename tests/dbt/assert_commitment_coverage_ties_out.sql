-- Coverage holds all usage, at the on-demand price that fct_resource_costs_daily has, per day, account and service; and
-- all that fct_commitment_hours calls unused.
with costs as (
    select
        usage_date,
        payer_account_id,
        account_id,
        service_code,
        sum(on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd,
        sum(line_item_count) as line_item_count,
        sum(amortized_cost_usd) filter (where purchase_option = 'spot') as spot_cost_usd
    from {{ ref('fct_resource_costs_daily') }}
    where charge_class = 'usage'
    group by usage_date, payer_account_id, account_id, service_code
),

coverage as (
    select
        usage_date,
        payer_account_id,
        account_id,
        service_code,
        sum(on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd,
        sum(line_item_count) as line_item_count,
        nullif(sum(spot_cost_usd), 0) as spot_cost_usd
    from {{ ref('fct_commitment_coverage_daily') }}
    group by usage_date, payer_account_id, account_id, service_code
    having sum(line_item_count) > 0
),

unused as (
    select
        (
            select coalesce(sum(hours.unused_commitment_usd), 0)
            from {{ ref('fct_commitment_hours') }} as hours
            where hours.is_elapsed
        ) as hours_unused_usd,
        (
            select coalesce(sum(coverage.unused_commitment_usd), 0)
            from {{ ref('fct_commitment_coverage_daily') }} as coverage
        ) as coverage_unused_usd
)

select
    coalesce(costs.usage_date, coverage.usage_date) as usage_date,
    coalesce(costs.account_id, coverage.account_id) as account_id,
    coalesce(costs.service_code, coverage.service_code) as service_code
from costs
full join coverage
    on
        costs.usage_date = coverage.usage_date
        and costs.payer_account_id = coverage.payer_account_id
        and costs.account_id = coverage.account_id
        and costs.service_code = coverage.service_code
where
    costs.on_demand_equivalent_cost_usd is distinct from coverage.on_demand_equivalent_cost_usd
    or costs.line_item_count is distinct from coverage.line_item_count
    or nullif(costs.spot_cost_usd, 0) is distinct from coverage.spot_cost_usd
union all
select
    null as usage_date,
    null as account_id,
    'unused' as service_code
from unused
where hours_unused_usd <> coverage_unused_usd
