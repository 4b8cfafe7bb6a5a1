-- The total is the sum of its categories, and each category the sum of its findings, each dollar once. A finding of
-- unknown worth is counted and adds nothing.
with portfolio as (
    select * from {{ ref('fct_portfolio') }}
),

items as (
    select
        coalesce(recommendation_category, 'total') as recommendation_category,
        count(*) as recommendation_count,
        sum(net_savings_usd_per_month) as net_savings_usd_per_month,
        sum(counted_net_savings_usd_per_month) as counted_net_savings_usd_per_month
    from {{ ref('fct_portfolio_items') }}
    group by grouping sets ((recommendation_category), ())
),

categories as (
    select
        'total' as recommendation_category,
        sum(recommendation_count) as recommendation_count,
        sum(gross_savings_usd_per_month) as gross_savings_usd_per_month,
        sum(net_savings_usd_per_month) as net_savings_usd_per_month,
        sum(counted_net_savings_usd_per_month) as counted_net_savings_usd_per_month,
        sum(overlap_usd_per_month) as overlap_usd_per_month
    from portfolio
    where recommendation_category <> 'total'
)

select portfolio.recommendation_category
from portfolio
left join items on portfolio.recommendation_category = items.recommendation_category
left join categories on portfolio.recommendation_category = categories.recommendation_category
where
    portfolio.recommendation_count <> coalesce(items.recommendation_count, 0)
    or coalesce(portfolio.net_savings_usd_per_month, 0) <> coalesce(items.net_savings_usd_per_month, 0)
    or coalesce(portfolio.counted_net_savings_usd_per_month, 0) <> coalesce(items.counted_net_savings_usd_per_month, 0)
    or coalesce(portfolio.counted_net_savings_usd_per_month, 0) + coalesce(portfolio.overlap_usd_per_month, 0)
    <> coalesce(portfolio.net_savings_usd_per_month, 0)
    or (
        portfolio.recommendation_category = 'total'
        and (
            portfolio.recommendation_count <> categories.recommendation_count
            or coalesce(portfolio.gross_savings_usd_per_month, 0) <> coalesce(categories.gross_savings_usd_per_month, 0)
            or coalesce(portfolio.net_savings_usd_per_month, 0) <> coalesce(categories.net_savings_usd_per_month, 0)
            or coalesce(portfolio.counted_net_savings_usd_per_month, 0)
            <> coalesce(categories.counted_net_savings_usd_per_month, 0)
            or coalesce(portfolio.overlap_usd_per_month, 0) <> coalesce(categories.overlap_usd_per_month, 0)
        )
    )
