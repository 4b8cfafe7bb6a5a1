-- What a language model may know of a resource, and of all together: one JSON document each, made of the same columns
-- that people read (docs/ai-context.schema.json). Money is an exact decimal in a string. Names and tags are the owners'
-- text: whoever hands a document to a model fences it as data.
with resources as (
    select * from {{ ref('dim_resources') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

costs as (
    select * from {{ ref('int_resource_costs_monthly') }}
    where usage_component = 'all'
),

utilization as (
    select * from {{ ref('fct_resource_utilization') }}
),

evaluations as (
    select * from {{ ref('fct_rule_evaluations') }}
),

recommendations as (
    select * from {{ ref('fct_recommendations') }}
),

portfolio_items as (
    select * from {{ ref('fct_portfolio_items') }}
),

options as (
    select * from {{ ref('fct_rightsizing_options') }}
),

schedules as (
    select * from {{ ref('fct_resource_schedules') }}
),

portfolio as (
    select * from {{ ref('fct_portfolio') }}
),

answers as (
    select * from {{ ref('fct_answers') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

lookback as (
    select max(window_days) as lookback_days from {{ ref('utilization_windows') }}
),

metrics as (
    select
        utilization.resource_key,
        jsonb_agg(
            jsonb_build_object(
                'namespace', utilization.namespace,
                'metric_name', utilization.metric_name,
                'series_scope', utilization.series_scope,
                'average', utilization.average_value,
                'maximum', utilization.maximum_value,
                'minimum', utilization.minimum_value,
                'p95_of_maxima', utilization.maximum_p95_value,
                'p99_of_maxima', utilization.maximum_p99_value,
                'p99_5_of_maxima', utilization.maximum_p99_5_value,
                'sum', utilization.sum_value,
                'days_observed', utilization.days_observed,
                'completeness_ratio', utilization.completeness_ratio
            ) order by utilization.namespace, utilization.metric_name, utilization.series_scope
        ) as metrics
    from utilization
    cross join lookback
    where utilization.window_days = lookback.lookback_days
    group by utilization.resource_key
),

verdicts as (
    select
        resource_key,
        jsonb_agg(
            jsonb_build_object(
                'rule_id', rule_id,
                'evaluation_status', evaluation_status,
                'finding', finding,
                'days_observed', days_observed,
                'days_needed', days_needed
            ) order by rule_id
        ) as verdicts
    from evaluations
    group by resource_key
),

advice as (
    select
        recommendations.resource_key,
        recommendations.recommendation_id,
        coalesce(recommendations.net_savings_usd_per_month, -1) as rank_usd,
        jsonb_build_object(
            'recommendation_id', recommendations.recommendation_id,
            'category', recommendations.recommendation_category,
            'rule_id', recommendations.rule_id,
            'action_type', recommendations.action_type,
            'subject', coalesce(recommendations.resource_name, recommendations.resource_id),
            'finding', recommendations.finding,
            'gross_savings_usd_per_month', recommendations.gross_savings_usd_per_month::text,
            'net_savings_usd_per_month', recommendations.net_savings_usd_per_month::text,
            'counted_net_savings_usd_per_month', portfolio_items.counted_net_savings_usd_per_month::text,
            'overlap_reason', portfolio_items.overlap_reason,
            'confidence_ratio', recommendations.confidence_ratio,
            'risk', recommendations.risk,
            'implementation_effort', recommendations.implementation_effort,
            'is_restart_needed', recommendations.is_restart_needed,
            'is_rollback_possible', recommendations.is_rollback_possible,
            'implementation_guidance', recommendations.remediation,
            'cost_quality', recommendations.cost_quality
        ) as advice
    from recommendations
    inner join portfolio_items on recommendations.recommendation_id = portfolio_items.recommendation_id
),

advised as (
    select
        resource_key,
        jsonb_agg(advice order by rank_usd desc, recommendation_id asc) as recommendations
    from advice
    where resource_key is not null
    group by resource_key
),

sized as (
    select
        resource_key,
        jsonb_agg(
            jsonb_build_object(
                'preset', preset,
                'is_recommended', is_recommended,
                'current_size', current_size,
                'recommended_size', recommended_size,
                'projected_cpu_pct', projected_cpu_pct,
                'projected_memory_pct', projected_memory_pct,
                'is_memory_known', is_memory_known,
                'net_savings_usd_per_month', net_savings_usd_per_month::text
            ) order by preset_order
        ) as options
    from options
    group by resource_key
),

resource_documents as (
    select
        resources.resource_key as ai_context_id,
        'resource' as context_type,
        resources.resource_key,
        resources.account_id,
        jsonb_build_object(
            'schema_version', 1,
            'context_type', 'resource',
            'as_of', jsonb_build_object(
                'costs', as_of.costs_as_of_at, 'metrics', as_of.metrics_as_of_at, 'evaluated', {{ evaluated_at() }}
            ),
            'resource', jsonb_build_object(
                'resource_key', resources.resource_key,
                'resource_id', resources.resource_id,
                'name', resources.resource_name,
                'type', resources.resource_type,
                'description', resources.resource_description,
                'service_name', resources.service_name,
                'account_id', resources.account_id,
                'account_name', accounts.account_name,
                'region', resources.region,
                'environment', resources.environment,
                'first_billed_at', resources.first_billed_at,
                'last_billed_at', resources.last_billed_at,
                'is_billed', resources.is_billed,
                'is_reporting', resources.is_reporting,
                'is_in_inventory', resources.is_in_inventory,
                'state', resources.inventory_state
            ),
            'cost', case
                when costs.cost_days is not null
                    then
                        jsonb_build_object(
                            'list_cost_usd_per_month', costs.gross_cost_usd_per_month::text,
                            'uncovered_cost_usd_per_month', costs.uncovered_cost_usd_per_month::text,
                            'covered_hours_ratio', costs.covered_hours_ratio,
                            'cost_days', costs.cost_days
                        )
            end,
            'metrics', coalesce(metrics.metrics, '[]'::jsonb),
            'metrics_window_days', lookback.lookback_days,
            'pattern', case
                when schedules.weeks_observed_count > 0
                    then
                        jsonb_build_object(
                            'weekly_pattern', case
                                when schedules.active_hours_per_week = 0 then 'always_quiet'
                                when schedules.quiet_hours_per_week = 0 then 'no_quiet_hours'
                                when
                                    schedules.regularity_ratio
                                    >= (
                                        select max(thresholds.threshold_value)
                                        from {{ ref('recommendation_thresholds') }} as thresholds
                                        where thresholds.threshold_name = 'minimum_regularity_ratio'
                                    )
                                    then 'regular_hours'
                                else 'irregular'
                            end,
                            'time_zone', schedules.time_zone,
                            'is_time_zone_given', schedules.is_time_zone_given,
                            'weeks_observed', schedules.weeks_observed_count,
                            'quiet_hours_per_week', schedules.quiet_hours_per_week,
                            'quiet_ranges', schedules.quiet_ranges,
                            'regularity_ratio', schedules.regularity_ratio
                        )
            end,
            'rightsizing_options', coalesce(sized.options, '[]'::jsonb),
            'verdicts', coalesce(verdicts.verdicts, '[]'::jsonb),
            'recommendations', coalesce(advised.recommendations, '[]'::jsonb)
        ) as document
    from resources
    cross join as_of
    cross join lookback
    left join accounts on resources.account_id = accounts.account_id
    left join costs
        on
            resources.account_id = costs.account_id
            and resources.billed_resource_id = costs.billed_resource_id
    left join metrics on resources.resource_key = metrics.resource_key
    left join verdicts on resources.resource_key = verdicts.resource_key
    left join advised on resources.resource_key = advised.resource_key
    left join sized on resources.resource_key = sized.resource_key
    left join schedules on resources.resource_key = schedules.resource_key
),

dearest as (
    select
        advice,
        rank_usd,
        recommendation_id
    from advice
    order by rank_usd desc, recommendation_id asc
    limit 20
),

portfolio_document as (
    select
        'portfolio' as ai_context_id,
        'portfolio' as context_type,
        null::text as resource_key,
        null::text as account_id,
        jsonb_build_object(
            'schema_version', 1,
            'context_type', 'portfolio',
            'as_of', jsonb_build_object(
                'costs', as_of.costs_as_of_at, 'metrics', as_of.metrics_as_of_at, 'evaluated', {{ evaluated_at() }}
            ),
            'answers', (
                select
                    jsonb_agg(
                        jsonb_build_object(
                            'answer_id', answers.answer_id,
                            'question', answers.question,
                            'sentence', answers.sentence,
                            'cost_quality', answers.cost_quality
                        ) order by answers.answer_order
                    )
                from answers
            ),
            'categories', (
                select
                    jsonb_agg(
                        jsonb_build_object(
                            'category', portfolio.recommendation_category,
                            'recommendation_count', portfolio.recommendation_count,
                            'unknown_savings_count', portfolio.unknown_savings_count,
                            'net_savings_usd_per_month', portfolio.net_savings_usd_per_month::text,
                            'counted_net_savings_usd_per_month', portfolio.counted_net_savings_usd_per_month::text,
                            'overlap_usd_per_month', portfolio.overlap_usd_per_month::text,
                            'optimizable_spend_usd_per_month', portfolio.optimizable_spend_usd_per_month::text,
                            'savings_ratio', portfolio.savings_ratio,
                            'cost_quality', portfolio.cost_quality
                        ) order by portfolio.category_order
                    )
                from portfolio
            ),
            'dearest_recommendations', (
                select
                    coalesce(
                        jsonb_agg(dearest.advice order by dearest.rank_usd desc, dearest.recommendation_id asc),
                        '[]'::jsonb
                    )
                from dearest
            )
        ) as document
    from as_of
),

documents as (
    select * from resource_documents
    union all
    select * from portfolio_document
)

select
    *,
    {{ evaluated_at() }} as evaluated_at
from documents
