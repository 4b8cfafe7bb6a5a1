-- What each delivery made of its billing period: how settled the period is, and its total before and after.
with deliveries as (
    select * from {{ ref('stg_cur__billing_periods') }}
)

select
    load_id,
    partition_key,
    payer_account_id,
    billing_period_start_date,
    billing_period_end_date,
    source_uri,
    is_current,
    period_state,
    row_count,
    uninvoiced_row_count,
    unblended_cost_usd,
    replaced_load_id,
    replaced_row_count,
    replaced_unblended_cost_usd,
    unblended_cost_usd - replaced_unblended_cost_usd as unblended_cost_change_usd,
    data_until_at,
    loaded_at
from deliveries
