-- The five answers, each a sentence with its figures: the only place where these sentences are made.
with recommendations as (
    select * from {{ ref('fct_recommendations') }}
),

portfolio as (
    select * from {{ ref('fct_portfolio') }}
),

options as (
    select * from {{ ref('fct_rightsizing_options') }}
    where is_recommended
),

schedules as (
    select * from {{ ref('fct_resource_schedules') }}
),

commitments as (
    select * from {{ ref('fct_commitment_options') }}
    where is_recommended and usage_basis = 'after_actions'
),

-- Waste that somebody pays for and nobody uses; an upgrade is told beside it.
removed as (
    select distinct resource_key
    from recommendations
    where recommendation_category = 'waste' and action_type in ('Stop', 'Delete')
),

-- What is deleted needs no upgrade: each dollar is told once.
wasted as (
    select
        recommendations.*,
        recommendations.action_type in ('Stop', 'Delete') as is_idle
    from recommendations
    left join removed
        on
            recommendations.resource_key = removed.resource_key
            and recommendations.action_type = 'Upgrade'
    where recommendations.recommendation_category = 'waste' and removed.resource_key is null
),

waste as (
    select
        count(*) filter (where is_idle) as idle_resource_count,
        coalesce(sum(gross_savings_usd_per_month) filter (where is_idle), 0) as idle_gross_savings_usd_per_month,
        coalesce(sum(net_savings_usd_per_month) filter (where is_idle), 0) as idle_net_savings_usd_per_month,
        count(*) filter (where not is_idle) as upgrade_count,
        coalesce(sum(net_savings_usd_per_month) filter (where not is_idle), 0) as upgrade_net_savings_usd_per_month,
        coalesce(sum(net_savings_usd_per_month), 0) as net_savings_usd_per_month
    from wasted
),

downsizings as (
    select
        recommendations.*,
        options.current_size,
        options.recommended_size,
        row_number() over (
            order by
                recommendations.net_savings_usd_per_month desc nulls last,
                recommendations.gross_savings_usd_per_month desc nulls last,
                recommendations.recommendation_id asc
        ) as place
    from recommendations
    inner join options on recommendations.resource_key = options.resource_key
    where recommendations.recommendation_category = 'rightsizing'
),

rightsizing as (
    select
        count(*) as rightsizing_count,
        coalesce(sum(net_savings_usd_per_month), 0) * 12 as net_savings_usd_per_year,
        coalesce(sum(gross_savings_usd_per_month), 0) * 12 as gross_savings_usd_per_year,
        max(coalesce(resource_name, resource_id)) filter (where place = 1) as resource_name,
        max(resource_id) filter (where place = 1) as resource_id,
        max(current_size) filter (where place = 1) as current_size,
        max(recommended_size) filter (where place = 1) as recommended_size,
        max(net_savings_usd_per_month) filter (where place = 1) * 12 as first_net_savings_usd_per_year,
        max(gross_savings_usd_per_month) filter (where place = 1) * 12 as first_gross_savings_usd_per_year
    from downsizings
),

purchases as (
    select
        count(*) as commitment_count,
        min(commitment_name) as commitment_name,
        max(term_years) as term_years,
        max(payment_option) as payment_option,
        sum(hourly_commitment_usd) as hourly_commitment_usd,
        sum(upfront_cost_usd) as upfront_cost_usd,
        sum(total_commitment_cost_usd) as total_commitment_cost_usd,
        sum(net_savings_usd_per_year) as net_savings_usd_per_year
    from commitments
),

quiet as (
    select
        count(*) as schedulable_count,
        count(*) filter (where schedules.is_non_production) as non_production_count,
        coalesce(sum(schedules.quiet_hours_per_week), 0) as quiet_hours_per_week,
        coalesce(sum(schedules.quiet_hours_per_week) filter (where schedules.is_non_production), 0)
            as non_production_quiet_hours_per_week,
        coalesce(sum(recommendations.net_savings_usd_per_month), 0) * 12 as net_savings_usd_per_year,
        coalesce(sum(recommendations.gross_savings_usd_per_month), 0) * 12 as gross_savings_usd_per_year,
        coalesce(sum(recommendations.net_savings_usd_per_month) filter (where schedules.is_non_production), 0) * 12
            as non_production_net_savings_usd_per_year,
        coalesce(sum(recommendations.gross_savings_usd_per_month) filter (where schedules.is_non_production), 0) * 12
            as non_production_gross_savings_usd_per_year
    from recommendations
    inner join schedules on recommendations.resource_key = schedules.resource_key
    where recommendations.recommendation_category = 'schedule'
),

total as (
    select * from portfolio
    where recommendation_category = 'total'
),

told as (
    select
        1 as answer_order,
        'waste' as answer_id,
        'waste' as recommendation_category,
        'What do we pay for that nobody uses?' as question,
        case
            when idle_resource_count = 0 and upgrade_count = 0 then 'No idle resource was found.'
            else
                idle_resource_count
                || case idle_resource_count when 1 then ' idle resource costs ' else ' idle resources cost ' end
                || {{ usd('idle_gross_savings_usd_per_month') }} || ' a month at list price; without '
                || case idle_resource_count when 1 then 'it' else 'them' end || ' the bill falls by at least '
                || {{ usd('idle_net_savings_usd_per_month') }} || ' a month'
                || case
                    when upgrade_count > 0
                        then
                            ', and ' || upgrade_count || case upgrade_count when 1 then ' upgrade' else ' upgrades' end
                            || ' to gp3 ' || case upgrade_count when 1 then 'saves ' else 'save ' end
                            || {{ usd('upgrade_net_savings_usd_per_month') }} || ' more'
                    else ''
                end
                || '.'
        end as sentence,
        to_jsonb(waste) as figures
    from waste
    union all
    select
        2 as answer_order,
        'rightsizing' as answer_id,
        'rightsizing' as recommendation_category,
        'What is larger than its work?' as question,
        case
            when rightsizing_count = 0 then 'Every machine that was judged has the size it needs.'
            else
                'Resize ' || resource_name || ' from ' || current_size || ' to ' || recommended_size
                || ' and the bill falls by at least ' || {{ usd('first_net_savings_usd_per_year') }} || ' a year ('
                || {{ usd('first_gross_savings_usd_per_year') }} || ' at list price); '
                || case rightsizing_count
                    when 1 then 'it is the only one.'
                    else
                        'all ' || rightsizing_count || ' save at least ' || {{ usd('net_savings_usd_per_year') }}
                        || ' a year (' || {{ usd('gross_savings_usd_per_year') }} || ' at list price).'
                end
        end as sentence,
        to_jsonb(rightsizing) as figures
    from rightsizing
    union all
    select
        3 as answer_order,
        'commitments' as answer_id,
        'commitment' as recommendation_category,
        'What should we commit to?' as question,
        case
            when commitment_count = 0 then 'No commitment would have saved anything on what nothing covers.'
            else
                'Buy '
                || case commitment_count
                    when 1
                        then
                            -- A reservation's name begins with its count.
                            case
                                when commitment_name like 'EC2%' then 'an '
                                when commitment_name like 'Compute%' then 'a '
                                else ''
                            end
                            || commitment_name || ' of '
                    else commitment_count || ' commitments of together '
                end
                || '$' || trim_scale(hourly_commitment_usd) || ' an hour for ' || term_years
                || case term_years when 1 then ' year, ' else ' years, ' end || replace(payment_option, '_', ' ')
                || ': ' || {{ usd('total_commitment_cost_usd') }} || ' in all, '
                || case
                    when upfront_cost_usd > 0 then {{ usd('upfront_cost_usd') }} || ' of it upfront, ' else ''
                end
                || 'saves ' || {{ usd('net_savings_usd_per_year') }} || ' a year.'
        end as sentence,
        to_jsonb(purchases) as figures
    from purchases
    union all
    select
        4 as answer_order,
        'portfolio' as answer_id,
        'total' as recommendation_category,
        'What is all of it worth together?' as question,
        case
            when recommendation_count = 0 then 'Nothing was found to save.'
            else
                case recommendation_count
                    when 1 then 'The one finding saves at least '
                    else 'All ' || recommendation_count || ' findings together, each dollar once, save at least '
                end
                || {{ usd('counted_net_savings_usd_per_month') }} || ' a month ('
                || {{ usd('counted_net_savings_usd_per_year') }} || ' a year): '
                || coalesce(round(savings_ratio * 100, 1) || ' %', 'an unknown share') || ' of the '
                || {{ usd('optimizable_spend_usd_per_month') }} || ' a month that can be optimized.'
        end as sentence,
        to_jsonb(total)
        - array[
            'costs_as_of_at',
            'metrics_as_of_at',
            'evaluated_at',
            'cost_quality',
            'category_order',
            'recommendation_category'
        ] as figures
    from total
    union all
    select
        5 as answer_order,
        'schedules' as answer_id,
        'schedule' as recommendation_category,
        'When could machines be off?' as question,
        case
            when schedulable_count = 0 then 'No machine was quiet in the same hours every week.'
            else
                non_production_count || ' non-production '
                || case non_production_count when 1 then 'machine is' else 'machines are' end || ' idle '
                || non_production_quiet_hours_per_week || ' machine-hours a week: being off then saves at least '
                || {{ usd('non_production_net_savings_usd_per_year') }} || ' a year ('
                || {{ usd('non_production_gross_savings_usd_per_year') }} || ' at list price); with production, '
                || schedulable_count || case schedulable_count when 1 then ' machine saves ' else ' machines save ' end
                || {{ usd('net_savings_usd_per_year') }} || ' (' || {{ usd('gross_savings_usd_per_year') }}
                || ' at list price).'
        end as sentence,
        to_jsonb(quiet) as figures
    from quiet
)

select
    told.answer_id,
    told.answer_order,
    told.question,
    told.sentence,
    told.figures,
    portfolio.cost_quality,
    portfolio.costs_as_of_at,
    portfolio.metrics_as_of_at,
    {{ evaluated_at() }} as evaluated_at
from told
inner join portfolio on told.recommendation_category = portfolio.recommendation_category
