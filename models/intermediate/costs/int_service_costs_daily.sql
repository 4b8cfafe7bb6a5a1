-- A table: the bill is read once for it, and not again for each model and test that asks.
{{ config(materialized='table') }}

-- CUR's costs by day, account and the name under which Cost Explorer shows the service.
with attributes as (
    select * from {{ ref('stg_cur__attributes') }}
),

line_items as (
    select
        amortized.payer_account_id,
        amortized.account_id,
        amortized.billing_period_start_date,
        amortized.usage_date,
        -- Cost Explorer shows a returned plan as what its line is called.
        case
            when amortized.line_item_type = 'Refund' then 'refund' else amortized.charge_class
        end as record_class,
        coalesce(attributes.billing_entity = 'AWS Marketplace', false) as is_marketplace,
        coalesce(amortized.service_code like 'AWSSupport%', false) as is_support,
        amortized.currency_code,
        coalesce(amortized.line_item_type, '') as line_item_type,
        coalesce(amortized.service_code, '') as service_code,
        coalesce(amortized.usage_type, '') as usage_type,
        max(amortized.product_name) as product_name,
        count(*) as line_item_count,
        sum(amortized.unblended_cost_usd) as unblended_cost_usd,
        sum(amortized.blended_cost_usd) as blended_cost_usd,
        sum(amortized.amortized_cost_usd) as amortized_cost_usd,
        max(amortized.usage_end_at) as last_usage_end_at
    from {{ ref('int_line_items_amortized') }} as amortized
    left join attributes
        on
            amortized.load_id = attributes.load_id
            and amortized.attributes_id = attributes.attributes_id
    group by
        amortized.payer_account_id,
        amortized.account_id,
        amortized.billing_period_start_date,
        amortized.usage_date,
        case
            when amortized.line_item_type = 'Refund' then 'refund' else amortized.charge_class
        end,
        coalesce(attributes.billing_entity = 'AWS Marketplace', false),
        coalesce(amortized.service_code like 'AWSSupport%', false),
        amortized.currency_code,
        coalesce(amortized.line_item_type, ''),
        coalesce(amortized.service_code, ''),
        coalesce(amortized.usage_type, '')
),

kinds as (
    select
        line_item_type,
        service_code,
        usage_type,
        max(product_name) as product_name
    from line_items
    group by line_item_type, service_code, usage_type
),

services as (
    select * from {{ ref('cost_explorer_services') }}
),

named as (
    select distinct on (kinds.line_item_type, kinds.service_code, kinds.usage_type)
        kinds.line_item_type,
        kinds.service_code,
        kinds.usage_type,
        -- Support and what is bought on the Marketplace stand under the product's name. A service that neither the seed
        -- nor the report names stands under its CUR code, in sight, until someone adds its row.
        coalesce(
            services.cost_explorer_service_name,
            nullif(kinds.product_name, ''),
            kinds.service_code
        ) as service_name
    from kinds
    left join services
        on
            kinds.line_item_type ~ services.line_item_type_pattern
            and kinds.service_code ~ services.service_code_pattern
            and kinds.usage_type ~ services.usage_type_pattern
    order by kinds.line_item_type, kinds.service_code, kinds.usage_type, services.priority
)

select
    line_items.payer_account_id,
    line_items.account_id,
    line_items.billing_period_start_date,
    line_items.usage_date,
    named.service_name,
    line_items.record_class,
    line_items.is_marketplace,
    line_items.is_support,
    line_items.currency_code,
    sum(line_items.line_item_count)::bigint as line_item_count,
    sum(line_items.unblended_cost_usd) as unblended_cost_usd,
    sum(line_items.blended_cost_usd) as blended_cost_usd,
    sum(line_items.amortized_cost_usd) as amortized_cost_usd,
    null::numeric as net_unblended_cost_usd,
    null::numeric as net_amortized_cost_usd,
    max(line_items.last_usage_end_at) as last_usage_end_at
from line_items
inner join named
    on
        line_items.line_item_type = named.line_item_type
        and line_items.service_code = named.service_code
        and line_items.usage_type = named.usage_type
group by
    line_items.payer_account_id,
    line_items.account_id,
    line_items.billing_period_start_date,
    line_items.usage_date,
    named.service_name,
    line_items.record_class,
    line_items.is_marketplace,
    line_items.is_support,
    line_items.currency_code
