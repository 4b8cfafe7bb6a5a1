-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- How far an account's cost can be trusted over the last look-back: one disputed day makes it disputed, days within the
-- reporting lag are left out, everything else must be reconciled. One row per account and Cost Explorer service, and
-- one per account for all services together (service_name null).
with reconciliation as (
    select * from {{ ref('fct_cost_reconciliation_daily') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

lookback as (
    select max(window_days) as lookback_days from {{ ref('utilization_windows') }}
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
    service_name,
    case
        when bool_or(reconciliation_status = 'disputed') then 'disputed'
        -- A young day or a running fee says nothing against the days before; a difference that AWS may still settle
        -- does.
        when
            bool_or(
                reconciliation_status = 'provisional'
                and difference_cause not in ('none', 'rounding', 'reporting_lag', 'unfinished_charge')
            ) then 'provisional'
        when bool_or(reconciliation_status = 'reconciled') then 'reconciled'
        else 'provisional'
    end as cost_quality
from recent
group by grouping sets ((account_id, service_name), (account_id))
