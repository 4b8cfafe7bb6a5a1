-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- What the findings together would do to each resource, each dollar once: what is stopped or deleted is neither resized
-- nor scheduled nor upgraded; what is resized may be scheduled too. One row per resource with a finding.
with evaluations as (
    select * from {{ ref('int_rule_evaluations_unioned') }}
    where evaluation_status = 'flagged'
),

rules as (
    select * from {{ ref('recommendation_rules') }}
),

options as (
    select * from {{ ref('fct_rightsizing_options') }}
    where is_recommended
),

resources as (
    select * from {{ ref('dim_resources') }}
),

flagged as (
    select
        evaluations.resource_key,
        bool_or(rules.recommendation_category = 'waste' and rules.action_type in ('Stop', 'Delete')) as is_removed,
        bool_or(rules.recommendation_category = 'rightsizing') as is_resized,
        bool_or(rules.recommendation_category = 'schedule') as is_scheduled
    from evaluations
    inner join rules on evaluations.rule_id = rules.rule_id
    group by evaluations.resource_key
)

select
    flagged.resource_key,
    resources.account_id,
    resources.billed_resource_id,
    flagged.is_removed,
    flagged.is_resized and not flagged.is_removed as is_resized,
    flagged.is_scheduled and not flagged.is_removed as is_scheduled,
    case when flagged.is_resized and not flagged.is_removed then options.current_size end as current_size,
    case when flagged.is_resized and not flagged.is_removed then options.recommended_size end as recommended_size,
    -- Of today's rate, what an hour of the new size costs.
    case
        when flagged.is_resized and not flagged.is_removed
            then options.recommended_rate_usd_per_hour / options.current_rate_usd_per_hour
        else 1
    end as rate_ratio
from flagged
inner join resources on flagged.resource_key = resources.resource_key
left join options on flagged.resource_key = options.resource_key
