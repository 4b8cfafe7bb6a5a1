-- What each finding adds when all are carried out: each dollar once. What is stopped or deleted is neither resized, nor
-- scheduled, nor upgraded; a schedule on a resized machine saves hours of the smaller one; commitments are sized on
-- what remains, so they count whole.
with recommendations as (
    select * from {{ ref('fct_recommendations') }}
),

actions as (
    select * from {{ ref('int_resource_actions_planned') }}
),

shared as (
    select
        recommendations.*,
        case
            when recommendations.recommendation_category = 'commitment' then 1
            when
                recommendations.recommendation_category = 'waste' and recommendations.action_type in ('Stop', 'Delete')
                then 1
            when actions.is_removed then 0
            when recommendations.recommendation_category = 'schedule' then actions.rate_ratio
            else 1
        end as counted_share,
        case
            when recommendations.recommendation_category = 'commitment' then 'none'
            when
                recommendations.recommendation_category = 'waste' and recommendations.action_type in ('Stop', 'Delete')
                then 'none'
            when actions.is_removed then 'removed_as_waste'
            when recommendations.recommendation_category = 'schedule' and actions.is_resized then 'resized_first'
            else 'none'
        end as overlap_reason
    from recommendations
    left join actions on recommendations.resource_key = actions.resource_key
)

select
    recommendation_id,
    recommendation_category,
    rule_id,
    resource_key,
    account_id,
    gross_savings_usd_per_month,
    net_savings_usd_per_month,
    trim_scale(round(net_savings_usd_per_month * counted_share, 10)) as counted_net_savings_usd_per_month,
    trim_scale(
        net_savings_usd_per_month - round(net_savings_usd_per_month * counted_share, 10)
    ) as overlap_usd_per_month,
    overlap_reason,
    cost_quality,
    {{ evaluated_at() }} as evaluated_at
from shared
