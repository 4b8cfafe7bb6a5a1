-- Silence is never a pass: each EC2 instance that any source has seen has a verdict.
select resources.resource_key
from {{ ref('dim_resources') }} as resources
left join {{ ref('fct_rule_evaluations') }} as evaluations
    on resources.resource_key = evaluations.resource_key and evaluations.rule_id = 'idle_ec2_instances'
where resources.resource_type = 'ec2_instance' and evaluations.rule_id is null
