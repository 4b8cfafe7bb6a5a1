-- Every resource × rule with the rule's verdict, silence included.
with evaluations as (
    select * from {{ ref('int_rule_evaluations_unioned') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

rules as (
    select * from {{ ref('recommendation_rules') }}
),

resources as (
    select * from {{ ref('dim_resources') }}
)

select
    md5(concat_ws('|', evaluations.rule_id, evaluations.resource_key)) as rule_evaluation_id,
    evaluations.rule_id,
    rules.rule_name,
    rules.recommendation_category,
    evaluations.resource_key,
    resources.resource_id,
    resources.resource_name,
    resources.resource_type,
    resources.account_id,
    accounts.account_name,
    resources.region,
    evaluations.evaluation_status,
    evaluations.finding,
    evaluations.evidence,
    evaluations.days_observed,
    evaluations.days_needed,
    {{ evaluated_at() }} as evaluated_at
from evaluations
inner join rules on evaluations.rule_id = rules.rule_id
inner join resources on evaluations.resource_key = resources.resource_key
left join accounts on resources.account_id = accounts.account_id
