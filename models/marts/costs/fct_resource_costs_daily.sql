{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'is_built_by_load': true},
    pre_hook=["{{ forget_replaced_loads(ref('int_line_items_daily')) }}", "{{ plan_with_sorted_groups() }}"],
    post_hook=["{{ refuse_lost_loads(ref('int_line_items_daily')) }}", "{{ remember_version() }}"],
    indexes=[{'columns': ['load_id']}],
) }}

-- What each resource cost on each day, by class of charge. What belongs to no resource, region or account is a row of
-- its own under a name in brackets, so that the sum is the bill's.
with costs as (
    select * from {{ ref('int_costs_daily') }}
    where {{ is_new_load(ref('int_line_items_daily')) }}
),

summed as (
    select
        cost_group_id,
        usage_date,
        sum(line_item_count)::bigint as line_item_count,
        sum(usage_quantity) filter (where usage_component = 'instance_hours') as instance_hours,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(blended_cost_usd) as blended_cost_usd,
        sum(net_unblended_cost_usd) as net_unblended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd,
        sum(net_amortized_cost_usd) as net_amortized_cost_usd,
        sum(public_on_demand_cost_usd) as public_on_demand_cost_usd,
        sum(on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd,
        sum(realized_discount_usd) as realized_discount_usd,
        bool_and(coalesce(invoice_id, '') <> '') as is_invoiced,
        max(last_usage_end_at) as last_usage_end_at
    from costs
    group by cost_group_id, usage_date
),

described as (
    select distinct on (cost_group_id) *
    from {{ ref('int_attributes_classified') }}
    order by cost_group_id
)

select
    md5(summed.cost_group_id::text || summed.usage_date::text) as resource_cost_id,
    described.load_id,
    described.billing_period_start_date,
    summed.usage_date,
    coalesce(described.payer_account_id, '[no payer]') as payer_account_id,
    coalesce(described.account_id, '[no account]') as account_id,
    coalesce(nullif(described.region, ''), '[no region]') as region,
    described.service_code,
    described.service_name,
    coalesce(nullif(described.billing_entity, ''), 'AWS') as billing_entity,
    coalesce(described.billed_resource_id, '[no resource]') as billed_resource_id,
    described.resource_type,
    described.line_item_type,
    described.charge_class,
    described.record_class,
    described.purchase_option,
    described.usage_component,
    described.allocation_id,
    described.currency_code,
    summed.line_item_count,
    summed.instance_hours,
    trim_scale(summed.unblended_cost_usd) as unblended_cost_usd,
    trim_scale(summed.blended_cost_usd) as blended_cost_usd,
    trim_scale(summed.net_unblended_cost_usd) as net_unblended_cost_usd,
    trim_scale(summed.amortized_cost_usd) as amortized_cost_usd,
    trim_scale(summed.net_amortized_cost_usd) as net_amortized_cost_usd,
    trim_scale(summed.public_on_demand_cost_usd) as public_on_demand_cost_usd,
    trim_scale(summed.on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd,
    trim_scale(summed.realized_discount_usd) as realized_discount_usd,
    summed.is_invoiced,
    summed.last_usage_end_at
from summed
inner join described on summed.cost_group_id = described.cost_group_id
