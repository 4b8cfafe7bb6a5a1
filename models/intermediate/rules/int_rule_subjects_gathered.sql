-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- What every rule on resources asks first: is it there, for how long, does a waiver or a tag protect it, what does it
-- cost, what does its service say. One row per rule and resource of a kind that the rule speaks about.
with rules as (
    select * from {{ ref('recommendation_rules') }}
),

thresholds as (
    select * from {{ ref('int_rule_thresholds_gathered') }}
),

resources as (
    select * from {{ ref('dim_resources') }}
),

costs as (
    select * from {{ ref('int_resource_costs_monthly') }}
),

exceptions as (
    select * from {{ ref('recommendation_exceptions') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
)

select
    thresholds.rule_id,
    resources.resource_key,
    resources.resource_id,
    resources.resource_type,
    resources.account_id,
    resources.region,
    resources.environment,
    resources.instance_type,
    resources.vcpu_count,
    resources.memory_gib,
    resources.operating_system,
    resources.database_engine,
    resources.deployment_option,
    resources.inventory_state,
    resources.inventory_attributes,
    resources.is_spot,
    resources.is_in_auto_scaling_group,
    resources.is_in_inventory,
    resources.inventory_as_of_at is not null as is_inventory_known,
    thresholds.thresholds,
    thresholds.cited_thresholds,
    thresholds.lookback_days,
    thresholds.minimum_observed_days,
    thresholds.minimum_completeness_ratio,
    coalesce(exceptions.reason, resources.protected_reason) as waiver_reason,
    -- Paid for until now: a machine by its own hours, everything else by any of its charges.
    coalesce(
        case
            when resources.resource_type in ('ec2_instance', 'rds_instance') then resources.last_instance_hour_at
            else resources.last_billed_at
        end
        > as_of.costs_as_of_at - thresholds.running_within_hours * interval '1 hour',
        false
    ) as is_running,
    coalesce(
        coalesce(resources.first_instance_hour_at, resources.first_billed_at)
        > as_of.costs_as_of_at - thresholds.minimum_observed_days * interval '1 day',
        false
    ) as is_new,
    case
        when resources.first_billed_at is null then 0
        else floor(extract(epoch from as_of.costs_as_of_at - resources.first_billed_at) / 86400)::integer
    end as days_billed,
    hours.gross_cost_usd_per_month as instance_gross_cost_usd_per_month,
    hours.uncovered_cost_usd_per_month as instance_uncovered_cost_usd_per_month,
    hours.instance_hours_per_month,
    hours.covered_hours_ratio,
    storage.gross_cost_usd_per_month as storage_gross_cost_usd_per_month,
    whole.gross_cost_usd_per_month as total_gross_cost_usd_per_month,
    whole.uncovered_cost_usd_per_month as total_uncovered_cost_usd_per_month,
    coalesce(hours.cost_days, whole.cost_days) as cost_days
from thresholds
inner join rules on thresholds.rule_id = rules.rule_id
inner join resources on resources.resource_type = any(string_to_array(rules.resource_type, '|'))
cross join as_of
left join costs as hours
    on
        resources.account_id = hours.account_id
        and resources.billed_resource_id = hours.billed_resource_id
        and hours.usage_component = 'instance_hours'
left join costs as storage
    on
        resources.account_id = storage.account_id
        and resources.billed_resource_id = storage.billed_resource_id
        and storage.usage_component = 'storage'
left join costs as whole
    on
        resources.account_id = whole.account_id
        and resources.billed_resource_id = whole.billed_resource_id
        and whole.usage_component = 'all'
left join exceptions
    on
        thresholds.rule_id = exceptions.rule_id
        and resources.account_id = exceptions.account_id
        and resources.resource_id = exceptions.resource_id
        and exceptions.valid_until_date >= (as_of.costs_as_of_at at time zone 'UTC')::date
