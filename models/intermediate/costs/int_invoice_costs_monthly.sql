-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- CUR's unblended cost by the invoice that bills it; null where no invoice does yet.
with costs as (
    select * from {{ ref('int_costs_monthly') }}
)

select
    payer_account_id,
    billing_period_start_date,
    invoice_id,
    max(billing_entity) as billing_entity,
    sum(line_item_count)::bigint as line_item_count,
    sum(unblended_cost_usd) as unblended_cost_usd,
    coalesce(sum(unblended_cost_usd) filter (where charge_class = 'tax'), 0) as tax_usd,
    coalesce(sum(unblended_cost_usd) filter (where charge_class = 'support'), 0) as support_cost_usd,
    coalesce(sum(unblended_cost_usd) filter (where charge_class in ('credit', 'refund')), 0)
        as credit_or_refund_cost_usd
from costs
group by payer_account_id, billing_period_start_date, invoice_id
