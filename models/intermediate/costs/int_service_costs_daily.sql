-- A table: the bill is read once for it, and not again for each model and test that asks.
{{ config(materialized='table') }}

-- CUR's costs by day, account and the name under which Cost Explorer shows the service.
with line_items as (
    select
        payer_account_id,
        account_id,
        billing_period_start_date,
        usage_date,
        coalesce(line_item_type, '') as line_item_type,
        coalesce(service_code, '') as service_code,
        coalesce(usage_type, '') as usage_type,
        max(product_name) as product_name,
        count(*) as line_item_count,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd,
        max(usage_end_at) as last_usage_end_at
    from {{ ref('int_line_items_amortized') }}
    group by
        payer_account_id,
        account_id,
        billing_period_start_date,
        usage_date,
        coalesce(line_item_type, ''),
        coalesce(service_code, ''),
        coalesce(usage_type, '')
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
    sum(line_items.line_item_count)::bigint as line_item_count,
    sum(line_items.unblended_cost_usd) as unblended_cost_usd,
    sum(line_items.amortized_cost_usd) as amortized_cost_usd,
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
    named.service_name
