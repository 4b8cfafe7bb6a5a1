-- No cent lost or created between the delivered line items and the bill by day, per delivery: rows, and every cost that
-- is delivered as such. Split cost allocation rows, which repeat an instance's cost, are the one thing left out.
with amounts as (
    select
        load_id,
        attributes_id,
        count(*) as line_item_count,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(blended_cost_usd) as blended_cost_usd,
        sum(public_on_demand_cost_usd) as public_on_demand_cost_usd
    from {{ ref('stg_cur__line_item_amounts') }}
    where {{ is_untested_load(['int_line_items_daily']) }}
    group by load_id, attributes_id
),

attributes as (
    select * from {{ ref('stg_cur__attributes') }}
    where operation is null or operation not in ('EKSPod-EC2', 'ECSTask-EC2')
),

delivered as (
    select
        amounts.load_id,
        sum(amounts.line_item_count) as line_item_count,
        sum(amounts.unblended_cost_usd) as unblended_cost_usd,
        sum(amounts.blended_cost_usd) as blended_cost_usd,
        sum(amounts.public_on_demand_cost_usd) as public_on_demand_cost_usd
    from amounts
    inner join attributes
        on
            amounts.load_id = attributes.load_id
            and amounts.attributes_id = attributes.attributes_id
    group by amounts.load_id
),

daily as (
    select
        load_id,
        sum(line_item_count) as line_item_count,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(blended_cost_usd) as blended_cost_usd,
        sum(public_on_demand_cost_usd) as public_on_demand_cost_usd
    from {{ ref('int_line_items_daily') }}
    where {{ is_untested_load(['int_line_items_daily']) }}
    group by load_id
)

select
    delivered.line_item_count as delivered_count,
    daily.line_item_count as daily_count,
    delivered.unblended_cost_usd as delivered_unblended_cost_usd,
    daily.unblended_cost_usd as daily_unblended_cost_usd,
    coalesce(delivered.load_id, daily.load_id) as load_id
from delivered
full outer join daily on delivered.load_id = daily.load_id
where
    delivered.line_item_count is distinct from daily.line_item_count
    or delivered.unblended_cost_usd is distinct from daily.unblended_cost_usd
    -- Rows that leave it empty count as nothing, as on the other side the second part of a commitment's fee does.
    or coalesce(delivered.blended_cost_usd, 0) <> coalesce(daily.blended_cost_usd, 0)
    or delivered.public_on_demand_cost_usd is distinct from daily.public_on_demand_cost_usd
