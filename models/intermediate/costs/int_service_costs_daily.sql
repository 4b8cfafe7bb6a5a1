{{ config(
    materialized='incremental',
    incremental_strategy='append',
    meta={'is_built_by_load': true},
    pre_hook="{{ forget_replaced_loads(ref('fct_resource_costs_daily')) }}",
    post_hook=["{{ refuse_lost_loads(ref('fct_resource_costs_daily')) }}", "{{ remember_version() }}"],
    indexes=[{'columns': ['load_id']}],
) }}

-- CUR's costs by day, account, the name under which Cost Explorer shows the service, and the class of its charge types.
with costs as (
    select * from {{ ref('fct_resource_costs_daily') }}
    where {{ is_new_load(ref('fct_resource_costs_daily')) }}
)

select
    load_id,
    payer_account_id,
    account_id,
    billing_period_start_date,
    usage_date,
    service_name,
    record_class,
    billing_entity like 'AWS Marketplace%' as is_marketplace,
    service_code ilike '%support%' as is_support,
    currency_code,
    sum(line_item_count)::bigint as line_item_count,
    sum(unblended_cost_usd) as unblended_cost_usd,
    sum(blended_cost_usd) as blended_cost_usd,
    sum(amortized_cost_usd) as amortized_cost_usd,
    sum(net_unblended_cost_usd) as net_unblended_cost_usd,
    sum(net_amortized_cost_usd) as net_amortized_cost_usd,
    max(last_usage_end_at) as last_usage_end_at
from costs
group by
    load_id,
    payer_account_id,
    account_id,
    billing_period_start_date,
    usage_date,
    service_name,
    record_class,
    billing_entity like 'AWS Marketplace%',
    service_code ilike '%support%',
    currency_code
