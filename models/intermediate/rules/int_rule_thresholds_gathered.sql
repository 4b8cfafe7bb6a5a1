-- Each rule's thresholds as one document, with those that every rule has as columns. One row per rule.
select
    rule_id,
    jsonb_object_agg(threshold_name, threshold_value) as thresholds,
    jsonb_agg(
        jsonb_build_object(
            'threshold_name', threshold_name,
            'threshold_value', threshold_value,
            'unit', unit,
            'source', source,
            'source_date', source_date
        ) order by threshold_name
    ) as cited_thresholds,
    max(threshold_value) filter (where threshold_name = 'lookback_days')::integer as lookback_days,
    max(threshold_value) filter (where threshold_name = 'minimum_observed_days')::integer as minimum_observed_days,
    max(threshold_value) filter (where threshold_name = 'minimum_completeness_ratio') as minimum_completeness_ratio,
    max(threshold_value) filter (where threshold_name = 'running_within_hours') as running_within_hours
from {{ ref('recommendation_thresholds') }}
group by rule_id
