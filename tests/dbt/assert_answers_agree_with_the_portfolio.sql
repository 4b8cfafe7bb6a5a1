-- There are five answers, each a sentence, and their figures are the portfolio's: counts and amounts, exactly.
with answers as (
    select * from {{ ref('fct_answers') }}
),

portfolio as (
    select * from {{ ref('fct_portfolio') }}
),

told as (
    select
        answers.answer_id,
        portfolio.recommendation_count,
        case answers.answer_id
            when 'waste'
                then
                    (answers.figures ->> 'idle_resource_count')::numeric
                    + (answers.figures ->> 'upgrade_count')::numeric
            when 'rightsizing' then (answers.figures ->> 'rightsizing_count')::numeric
            when 'commitments' then (answers.figures ->> 'commitment_count')::numeric
            when 'schedules' then (answers.figures ->> 'schedulable_count')::numeric
            else (answers.figures ->> 'recommendation_count')::numeric
        end as told_count,
        -- What is deleted needs no upgrade: the first answer tells each dollar once, as the portfolio counts it.
        coalesce(
            case answers.answer_id
                when 'waste' then portfolio.counted_net_savings_usd_per_month
                else portfolio.net_savings_usd_per_month
            end,
            0
        ) * 12 as net_savings_usd_per_year,
        coalesce(
            case
                when answers.answer_id in ('waste', 'portfolio')
                    then (answers.figures ->> 'net_savings_usd_per_month')::numeric * 12
                else (answers.figures ->> 'net_savings_usd_per_year')::numeric
            end,
            0
        ) as told_net_savings_usd_per_year,
        portfolio.counted_net_savings_usd_per_month,
        answers.sentence,
        (answers.figures ->> 'counted_net_savings_usd_per_month')::numeric as told_counted_net_savings_usd_per_month
    from answers
    inner join portfolio
        on
            portfolio.recommendation_category
            = case answers.answer_id
                when 'commitments' then 'commitment'
                when 'schedules' then 'schedule'
                when 'portfolio' then 'total'
                else answers.answer_id
            end
)

select answer_id
from told
where
    sentence is null
    or (answer_id <> 'waste' and told_count is distinct from recommendation_count)
    or told_count > recommendation_count
    -- Amounts are rounded to ten digits item by item.
    or abs(told_net_savings_usd_per_year - net_savings_usd_per_year) > 0.000001
    or (
        answer_id = 'portfolio'
        and told_counted_net_savings_usd_per_month is distinct from counted_net_savings_usd_per_month
    )
union all
select 'one of five' as answer_id
from told
having count(*) <> 5
