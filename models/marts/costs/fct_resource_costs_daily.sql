{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'is_built_by_load': true},
    pre_hook="{{ forget_replaced_loads(ref('int_line_items_daily')) }}",
    post_hook=["{{ refuse_lost_loads(ref('int_line_items_daily')) }}", "{{ remember_version() }}"],
    indexes=[{'columns': ['load_id']}],
) }}

-- What each resource cost on each day, by class of charge. What belongs to no resource, region or account is a row of
-- its own under a name in brackets, so that the sum is the bill's.
with costs as (
    select
        *,
        md5(tags::text || cost_categories::text)::uuid as allocation_id,
        coalesce(invoice_id, '') <> '' as has_invoice
    from {{ ref('int_costs_daily') }}
    where {{ is_new_load(ref('int_line_items_daily')) }}
),

summed as (
    select
        load_id,
        billing_period_start_date,
        usage_date,
        payer_account_id,
        account_id,
        nullif(region, '') as region,
        service_code,
        billed_resource_id,
        resource_type,
        line_item_type,
        charge_class,
        record_class,
        purchase_option,
        usage_component,
        allocation_id,
        sum(line_item_count)::bigint as line_item_count,
        sum(usage_quantity) filter (where usage_component = 'instance_hours') as instance_hours,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(blended_cost_usd) as blended_cost_usd,
        sum(net_unblended_cost_usd) as net_unblended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd,
        sum(net_amortized_cost_usd) as net_amortized_cost_usd,
        sum(public_on_demand_cost_usd) as public_on_demand_cost_usd,
        sum(on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd,
        bool_and(has_invoice) as is_invoiced,
        max(last_usage_end_at) as last_usage_end_at
    from costs
    group by
        load_id,
        billing_period_start_date,
        usage_date,
        payer_account_id,
        account_id,
        nullif(region, ''),
        service_code,
        billed_resource_id,
        resource_type,
        line_item_type,
        charge_class,
        record_class,
        purchase_option,
        usage_component,
        allocation_id
)

select
    md5(
        concat_ws(
            '|',
            load_id,
            payer_account_id,
            account_id,
            usage_date,
            coalesce(region, ''),
            service_code,
            coalesce(billed_resource_id, ''),
            line_item_type,
            charge_class,
            purchase_option,
            usage_component,
            allocation_id
        )
    ) as resource_cost_id,
    load_id,
    billing_period_start_date,
    usage_date,
    coalesce(payer_account_id, '[no payer]') as payer_account_id,
    coalesce(account_id, '[no account]') as account_id,
    coalesce(region, '[no region]') as region,
    service_code,
    coalesce(billed_resource_id, '[no resource]') as billed_resource_id,
    resource_type,
    line_item_type,
    charge_class,
    record_class,
    purchase_option,
    usage_component,
    allocation_id,
    line_item_count,
    instance_hours,
    trim_scale(unblended_cost_usd) as unblended_cost_usd,
    trim_scale(blended_cost_usd) as blended_cost_usd,
    trim_scale(net_unblended_cost_usd) as net_unblended_cost_usd,
    trim_scale(amortized_cost_usd) as amortized_cost_usd,
    trim_scale(net_amortized_cost_usd) as net_amortized_cost_usd,
    trim_scale(public_on_demand_cost_usd) as public_on_demand_cost_usd,
    trim_scale(on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd,
    -- What its commitment or the Spot market took off the list price; null where it has no list price.
    trim_scale(on_demand_equivalent_cost_usd - amortized_cost_usd) as realized_discount_usd,
    is_invoiced,
    last_usage_end_at
from summed
