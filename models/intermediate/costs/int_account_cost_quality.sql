-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- How far an account's EC2 compute cost can be trusted over the last look-back: one disputed day makes it disputed,
-- days within the reporting lag are left out, everything else must be reconciled. One row per account.
with reconciliation as (
    select * from {{ ref('fct_cost_reconciliation_daily') }}
    where service_name = 'Amazon Elastic Compute Cloud - Compute'
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

lookback as (
    select max(threshold_value) filter (where threshold_name = 'lookback_days')::integer as lookback_days
    from {{ ref('recommendation_thresholds') }}
    where rule_id = 'idle_ec2_instances'
),

recent as (
    select reconciliation.*
    from reconciliation
    cross join as_of
    cross join lookback
    where reconciliation.usage_date >= (as_of.costs_as_of_at at time zone 'UTC')::date - lookback.lookback_days
)

select
    account_id,
    case
        when bool_or(reconciliation_status = 'disputed') then 'disputed'
        when bool_or(reconciliation_status = 'provisional' and difference_cause like 'missing_in_%') then 'provisional'
        when bool_or(reconciliation_status = 'reconciled') then 'reconciled'
        else 'provisional'
    end as cost_quality
from recent
group by account_id
