-- What to do, what it is worth and how sure we are: the flagged evaluations, dressed for a reader.
with evaluations as (
    select * from {{ ref('int_rule_evaluations_unioned') }}
    where evaluation_status = 'flagged'
),

rules as (
    select * from {{ ref('recommendation_rules') }}
),

resources as (
    select * from {{ ref('dim_resources') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

cost_quality as (
    select * from {{ ref('int_account_cost_quality') }}
),

resource_types as (
    select * from {{ ref('resource_types') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
)

select
    -- Stable from build to build: rule and resource (account, region, type, id).
    md5(concat_ws('|', rules.rule_id, resources.resource_key))
        as recommendation_id,
    rules.recommendation_category,
    rules.rule_id,
    rules.rule_name,
    rules.action_type,
    'open' as status,
    resources.resource_key,
    resources.resource_id,
    resources.resource_name,
    resources.resource_type,
    resources.resource_description,
    resources.service_name,
    resources.account_id,
    accounts.account_name,
    resources.region,
    evaluations.finding,
    evaluations.evidence,
    rules.remediation,
    evaluations.gross_savings_usd_per_month,
    evaluations.net_savings_usd_per_month,
    evaluations.confidence_ratio,
    rules.risk,
    rules.implementation_effort,
    rules.is_restart_needed,
    rules.is_rollback_possible,
    evaluations.lookback_days,
    coalesce(cost_quality.cost_quality, 'provisional') as cost_quality,
    as_of.costs_as_of_at,
    as_of.metrics_as_of_at,
    {{ evaluated_at() }} as evaluated_at
from evaluations
cross join as_of
inner join rules on evaluations.rule_id = rules.rule_id
inner join resources on evaluations.resource_key = resources.resource_key
left join accounts on resources.account_id = accounts.account_id
left join resource_types on resources.resource_type = resource_types.resource_type
left join cost_quality
    on
        resources.account_id = cost_quality.account_id
        and resource_types.cost_explorer_service_name = cost_quality.service_name
