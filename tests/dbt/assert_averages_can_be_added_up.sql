-- The average of an hour is that of its five minutes weighted by their samples, so an average is never read without how
-- many there were.
select
    namespace,
    metric_name,
    dimension_names,
    statistics
from {{ ref('metric_catalog') }}
where
    'Average' = any(string_to_array(statistics, '|'))
    and 'SampleCount' <> all(string_to_array(statistics, '|'))
