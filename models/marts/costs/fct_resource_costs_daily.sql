-- What each resource cost on each day, by class of charge. What belongs to no resource, region or account is a row of
-- its own under a name in brackets, so that the sum is the bill's.
with line_items as (
    select
        *,
        coalesce(region, '') as region_or_empty
    from {{ ref('int_line_items_amortized') }}
)

select
    md5(
        concat_ws(
            '|',
            payer_account_id,
            account_id,
            billing_period_start_date,
            usage_date,
            region_or_empty,
            service_code,
            coalesce(billed_resource_id, ''),
            line_item_type,
            charge_class,
            purchase_option,
            usage_component
        )
    ) as resource_cost_id,
    billing_period_start_date,
    usage_date,
    coalesce(payer_account_id, '[no payer]') as payer_account_id,
    coalesce(account_id, '[no account]') as account_id,
    coalesce(nullif(region_or_empty, ''), '[no region]') as region,
    service_code,
    coalesce(billed_resource_id, '[no resource]') as billed_resource_id,
    line_item_type,
    charge_class,
    purchase_option,
    usage_component,
    count(*) as line_item_count,
    sum(usage_quantity) filter (where usage_component = 'instance_hours') as instance_hours,
    trim_scale(sum(unblended_cost_usd)) as unblended_cost_usd,
    trim_scale(sum(blended_cost_usd)) as blended_cost_usd,
    trim_scale(sum(amortized_cost_usd)) as amortized_cost_usd,
    trim_scale(sum(public_on_demand_cost_usd)) as public_on_demand_cost_usd,
    trim_scale(sum(on_demand_equivalent_cost_usd)) as on_demand_equivalent_cost_usd,
    bool_and(coalesce(invoice_id, '') <> '') as is_invoiced,
    max(usage_end_at) as last_usage_end_at
from line_items
group by
    payer_account_id,
    account_id,
    billing_period_start_date,
    usage_date,
    region_or_empty,
    service_code,
    billed_resource_id,
    line_item_type,
    charge_class,
    purchase_option,
    usage_component
