-- What to do, what it is worth and how sure we are: the flagged evaluations, and the commitments worth buying on what
-- remains after them, dressed for a reader.
with evaluations as (
    select * from {{ ref('int_rule_evaluations_unioned') }}
    where evaluation_status = 'flagged'
),

commitments as (
    select * from {{ ref('fct_commitment_options') }}
    where is_recommended and usage_basis = 'after_actions'
),

cited as (
    select * from {{ ref('int_rule_thresholds_gathered') }}
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
),

-- A commitment rests on the cost of all accounts: one that is in doubt puts it in doubt.
organization_quality as (
    select
        (
            array_agg(
                cost_quality order by array_position(array['disputed', 'provisional', 'reconciled'], cost_quality)
            )
        )[1] as cost_quality
    from cost_quality
    where service_name is null
),

on_resources as (
    select
        evaluations.rule_id,
        resources.resource_key,
        -- Stable from build to build: rule and resource (account, region, type, id).
        evaluations.rule_id || '|' || resources.resource_key as scope,
        resources.resource_id,
        resources.resource_name,
        resources.resource_type,
        resources.resource_description,
        resources.service_name,
        resources.account_id,
        resources.region,
        resources.environment,
        null::text as commitment_option_id,
        evaluations.finding,
        evaluations.evidence,
        evaluations.gross_savings_usd_per_month,
        evaluations.net_savings_usd_per_month,
        evaluations.confidence_ratio,
        evaluations.lookback_days,
        coalesce(cost_quality.cost_quality, 'provisional') as cost_quality
    from evaluations
    inner join resources on evaluations.resource_key = resources.resource_key
    left join resource_types on resources.resource_type = resource_types.resource_type
    left join cost_quality
        on
            resources.account_id = cost_quality.account_id
            and resource_types.cost_explorer_service_name = cost_quality.service_name
),

on_commitments as (
    select
        commitments.rule_id,
        null::text as resource_key,
        -- The size changes from day to day; payer, kind, scope and term make it the same advice.
        concat_ws(
            '|',
            commitments.rule_id,
            commitments.payer_account_id,
            coalesce(commitments.region, ''),
            coalesce(commitments.instance_family, ''),
            coalesce(commitments.instance_type, ''),
            coalesce(commitments.platform, ''),
            commitments.term_years,
            commitments.payment_option
        ) as scope,
        null::text as resource_id,
        commitments.commitment_name as resource_name,
        'commitment' as resource_type,
        commitments.term_years || case commitments.term_years when 1 then ' year, ' else ' years, ' end
        || replace(commitments.payment_option, '_', ' ') as resource_description,
        case commitments.commitment_type
            when 'ec2_reserved_instance' then 'Amazon EC2' else 'Savings Plans'
        end as service_name,
        commitments.payer_account_id as account_id,
        commitments.region,
        null::text as environment,
        commitments.commitment_option_id,
        commitments.commitment_name || ' of $' || trim_scale(commitments.hourly_commitment_usd) || ' an hour for '
        || commitments.term_years || case commitments.term_years when 1 then ' year, ' else ' years, ' end
        || replace(commitments.payment_option, '_', ' ') || ': ' || {{ usd('commitments.total_commitment_cost_usd') }}
        || ' in all; it would have covered ' || round(commitments.coverage_ratio * 100, 1)
        || ' % of what nothing covers and been used to ' || round(commitments.utilization_ratio * 100, 1)
        || ' %; it lowers the bill by $' || round(commitments.net_savings_usd_per_month, 2) || ' a month.' as finding,
        jsonb_build_object(
            'commitment_usd_per_hour', commitments.hourly_commitment_usd,
            'term_years', commitments.term_years,
            'payment_option', commitments.payment_option,
            'upfront_cost_usd', commitments.upfront_cost_usd,
            'total_commitment_cost_usd', commitments.total_commitment_cost_usd,
            'eligible_on_demand_cost_usd_per_month', commitments.eligible_on_demand_cost_usd_per_month,
            'coverage_ratio', commitments.coverage_ratio,
            'utilization_ratio', commitments.utilization_ratio,
            'break_even_months', commitments.break_even_months,
            'break_even_utilization_ratio', commitments.break_even_utilization_ratio,
            'hours_observed', commitments.hours_observed,
            'thresholds', cited.cited_thresholds
        ) as evidence,
        commitments.net_savings_usd_per_month as gross_savings_usd_per_month,
        commitments.net_savings_usd_per_month,
        commitments.confidence_ratio,
        commitments.lookback_days,
        coalesce(organization_quality.cost_quality, 'provisional') as cost_quality
    from commitments
    cross join organization_quality
    inner join cited on commitments.rule_id = cited.rule_id
),

findings as (
    select * from on_resources
    union all
    select * from on_commitments
)

select
    md5(findings.scope) as recommendation_id,
    rules.recommendation_category,
    rules.rule_id,
    rules.rule_name,
    rules.action_type,
    'open' as status,
    findings.resource_key,
    findings.resource_id,
    findings.resource_name,
    findings.resource_type,
    findings.resource_description,
    findings.service_name,
    findings.account_id,
    accounts.account_name,
    findings.region,
    findings.environment,
    findings.commitment_option_id,
    findings.finding,
    findings.evidence,
    rules.remediation,
    findings.gross_savings_usd_per_month,
    findings.net_savings_usd_per_month,
    findings.net_savings_usd_per_month * 12 as net_savings_usd_per_year,
    findings.confidence_ratio,
    rules.risk,
    rules.implementation_effort,
    rules.is_restart_needed,
    rules.is_rollback_possible,
    findings.lookback_days,
    findings.cost_quality,
    as_of.costs_as_of_at,
    as_of.metrics_as_of_at,
    {{ evaluated_at() }} as evaluated_at
from findings
cross join as_of
inner join rules on findings.rule_id = rules.rule_id
left join accounts on findings.account_id = accounts.account_id
