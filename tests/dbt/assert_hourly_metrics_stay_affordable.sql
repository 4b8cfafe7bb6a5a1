-- Every statistic is a priced query: a resource earns at most 8 of them an hour. Sets of dimensions that tell the same
-- are alternatives, and so are the agent's names for memory, one of which a machine has; parts of a resource (an index,
-- a target group) aren't counted.
with hourly as (
    select
        resource_type,
        namespace,
        case namespace when 'CWAgent' then 'memory' else metric_name end as counted_name,
        max(cardinality(string_to_array(statistics, '|'))) as statistic_count
    from {{ ref('metric_catalog') }}
    where collected = 'hourly' and scope_dimension is null
    group by resource_type, namespace, case namespace when 'CWAgent' then 'memory' else metric_name end
)

select
    resource_type,
    sum(statistic_count) as hourly_statistic_count
from hourly
group by resource_type
having sum(statistic_count) > 8
