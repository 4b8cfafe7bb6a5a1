-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- For how many hours of the look-back an Elastic IP address was billed as idle and as in use (AWS has told the two
-- apart since 2024-02). One row per account and address.
with line_items as (
    select * from {{ ref('int_costs_daily') }}
    where usage_type ~ 'PublicIPv4:(IdleAddress|InUseAddress)' and billed_resource_id is not null
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

lookback as (
    select max(window_days) as lookback_days from {{ ref('utilization_windows') }}
)

select
    line_items.account_id,
    line_items.billed_resource_id,
    coalesce(sum(line_items.usage_quantity) filter (where line_items.usage_type like '%IdleAddress'), 0) as idle_hours,
    coalesce(sum(line_items.usage_quantity) filter (where line_items.usage_type like '%InUseAddress'), 0)
        as in_use_hours
from line_items
cross join as_of
cross join lookback
where line_items.usage_date >= (as_of.costs_as_of_at at time zone 'UTC')::date - lookback.lookback_days
group by line_items.account_id, line_items.billed_resource_id
