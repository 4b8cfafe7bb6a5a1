{{ config(
    materialized='incremental',
    incremental_strategy='append',
    meta={'is_built_by_load': true},
    pre_hook=["{{ forget_replaced_loads(ref('int_attributes_classified')) }}", "{{ plan_with_sorted_groups() }}"],
    post_hook=["{{ refuse_lost_loads(ref('int_attributes_classified')) }}", "{{ remember_version() }}"],
    indexes=[{'columns': ['load_id', 'attributes_id']}],
) }}

-- The bill by day: the one time that all its hours are read. Everything that doesn't need the hour stands on it. One
-- row per load, combination of attributes, part and day.
with line_items as (
    select * from {{ ref('int_line_items_amortized') }}
    where {{ is_new_load(ref('int_attributes_classified')) }}
    {% if not is_incremental() %}
        -- Of many months, most by the day, nearly as many groups as rows come out: sums that each processor makes and
        -- hands over would take longer than one that adds up what both have sorted. OFFSET 0 keeps the two apart.
        order by load_id, attributes_id, part_number, usage_date
        offset 0
    {% endif %}
)

select
    load_id,
    attributes_id,
    part_number,
    usage_date,
    sum(line_item_count)::bigint as line_item_count,
    -- The hours in which a line item begins, a bit each: fewer of them than line items may mean that one stands twice.
    bit_or(1 << extract(hour from usage_start_at at time zone 'UTC')::integer) as start_hours,
    min(usage_start_at) as first_usage_start_at,
    max(usage_start_at) as last_usage_start_at,
    max(usage_end_at) as last_usage_end_at,
    max(used_until_at) as last_used_until_at,
    sum(usage_quantity) as usage_quantity,
    sum(unblended_cost_usd) as unblended_cost_usd,
    sum(blended_cost_usd) as blended_cost_usd,
    sum(net_unblended_cost_usd) as net_unblended_cost_usd,
    sum(amortized_cost_usd) as amortized_cost_usd,
    sum(net_amortized_cost_usd) as net_amortized_cost_usd,
    sum(public_on_demand_cost_usd) as public_on_demand_cost_usd,
    sum(on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd,
    -- Line by line: where some have no list price, the others' discount is known all the same.
    sum(on_demand_equivalent_cost_usd - amortized_cost_usd) as realized_discount_usd,
    sum(reservation_amortized_upfront_fee_usd) as reservation_amortized_upfront_fee_usd,
    sum(savings_plan_amortized_upfront_commitment_usd) as savings_plan_amortized_upfront_commitment_usd,
    sum(savings_plan_used_commitment_usd) as savings_plan_used_commitment_usd
from line_items
group by load_id, attributes_id, part_number, usage_date
