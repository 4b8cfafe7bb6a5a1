-- What each delivery made of its billing period: how settled the period is, and its total before and after.
with deliveries as (
    select * from {{ ref('stg_cur__billing_periods') }}
),

counted as (
    select * from {{ ref('int_line_items_counted') }}
)

select
    deliveries.load_id,
    deliveries.partition_key,
    deliveries.payer_account_id,
    deliveries.billing_period_start_date,
    deliveries.billing_period_end_date,
    deliveries.source_uri,
    deliveries.is_current,
    deliveries.period_state,
    deliveries.row_count,
    deliveries.uninvoiced_row_count,
    counted.duplicate_line_item_count as duplicate_row_count,
    deliveries.unblended_cost_usd,
    deliveries.replaced_load_id,
    deliveries.replaced_row_count,
    deliveries.replaced_unblended_cost_usd,
    deliveries.unblended_cost_usd - deliveries.replaced_unblended_cost_usd as unblended_cost_change_usd,
    deliveries.data_until_at,
    deliveries.loaded_at
from deliveries
left join counted on deliveries.load_id = counted.load_id
