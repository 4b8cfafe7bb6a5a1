-- Silence is never a pass: each resource that any source has seen has one verdict of each rule that speaks about its
-- kind, and of no other.
with rules as (
    select
        rule_id,
        string_to_array(resource_type, '|') as resource_types
    from {{ ref('recommendation_rules') }}
    where recommendation_category <> 'commitment'
),

expected as (
    select
        rules.rule_id,
        resources.resource_key
    from rules
    inner join {{ ref('dim_resources') }} as resources on resources.resource_type = any(rules.resource_types)
),

judged as (
    select
        rule_id,
        resource_key,
        count(*) as verdict_count
    from {{ ref('fct_rule_evaluations') }}
    group by rule_id, resource_key
)

select
    coalesce(expected.rule_id, judged.rule_id) as rule_id,
    coalesce(expected.resource_key, judged.resource_key) as resource_key,
    judged.verdict_count
from expected
full outer join judged
    on
        expected.rule_id = judged.rule_id
        and expected.resource_key = judged.resource_key
where expected.rule_id is null or judged.verdict_count is distinct from 1
