{{ config(
    materialized='incremental',
    incremental_strategy='append',
    meta={'is_built_by_load': true},
    pre_hook="{{ forget_replaced_loads(ref('int_line_items_daily')) }}",
    post_hook=["{{ refuse_lost_loads(ref('int_line_items_daily')) }}", "{{ remember_version() }}"],
    indexes=[{'columns': ['load_id']}],
) }}

-- The bill by month with what describes it. One row per load, combination of attributes and part.
with line_items as (
    select * from {{ ref('int_line_items_daily') }}
    where {{ is_new_load(ref('int_line_items_daily')) }}
),

attributes as (
    select * from {{ ref('int_attributes_classified') }}
),

summed as (
    select
        load_id,
        attributes_id,
        part_number,
        sum(line_item_count)::bigint as line_item_count,
        min(first_usage_start_at) as first_usage_start_at,
        max(last_usage_start_at) as last_usage_start_at,
        max(last_usage_end_at) as last_usage_end_at,
        max(last_used_until_at) as last_used_until_at,
        sum(usage_quantity) as usage_quantity,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(net_unblended_cost_usd) as net_unblended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd,
        sum(net_amortized_cost_usd) as net_amortized_cost_usd,
        sum(on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd,
        sum(reservation_amortized_upfront_fee_usd) as reservation_amortized_upfront_fee_usd,
        sum(savings_plan_amortized_upfront_commitment_usd) as savings_plan_amortized_upfront_commitment_usd,
        sum(savings_plan_used_commitment_usd) as savings_plan_used_commitment_usd
    from line_items
    group by load_id, attributes_id, part_number
)

select
    summed.*,
    attributes.invoice_id,
    attributes.billing_entity,
    attributes.payer_account_id,
    attributes.account_id,
    attributes.billing_period_start_date,
    attributes.billed_resource_id,
    attributes.commitment_arn,
    attributes.reservation_arn,
    attributes.savings_plan_arn,
    attributes.line_item_type,
    attributes.service_code,
    attributes.usage_type,
    attributes.region,
    attributes.instance_type,
    attributes.operating_system,
    attributes.database_engine,
    attributes.deployment_option,
    attributes.name_tag,
    attributes.environment_tag,
    attributes.usage_component,
    attributes.purchase_option,
    attributes.charge_class,
    attributes.record_class
from summed
inner join attributes
    on
        summed.load_id = attributes.load_id
        and summed.attributes_id = attributes.attributes_id
        and summed.part_number = attributes.part_number
