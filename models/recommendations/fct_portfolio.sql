-- What all findings together are worth, each dollar once, beside what could be optimized at all. One row per category
-- and one for the total.
with items as (
    select * from {{ ref('fct_portfolio_items') }}
),

resource_costs as (
    select * from {{ ref('fct_resource_costs_daily') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

lookback as (
    select max(lookback_days) as lookback_days
    from {{ ref('int_rule_thresholds_gathered') }}
    where rule_id = 'compute_savings_plans'
),

-- Cost Optimization Hub's spend that can be optimized: amortized, of the last 30 days, without credits and refunds; tax
-- follows it and isn't counted.
spend as (
    select sum(resource_costs.amortized_cost_usd) / (max(lookback.lookback_days) * 24) * 730 as spend_usd_per_month
    from resource_costs
    cross join as_of
    cross join lookback
    where
        resource_costs.charge_class not in ('credit', 'refund', 'tax')
        and resource_costs.usage_date < (as_of.costs_as_of_at at time zone 'UTC')::date
        and resource_costs.usage_date >= (as_of.costs_as_of_at at time zone 'UTC')::date - lookback.lookback_days
),

categories as (
    select *
    from (
        values ('waste', 1), ('rightsizing', 2), ('commitment', 3), ('schedule', 4), ('total', 5)
    ) as listed (recommendation_category, category_order)
),

summed as (
    select
        coalesce(recommendation_category, 'total') as recommendation_category,
        count(*) as recommendation_count,
        count(*) filter (where net_savings_usd_per_month is null) as unknown_savings_count,
        sum(gross_savings_usd_per_month) as gross_savings_usd_per_month,
        sum(net_savings_usd_per_month) as net_savings_usd_per_month,
        sum(counted_net_savings_usd_per_month) as counted_net_savings_usd_per_month,
        sum(overlap_usd_per_month) as overlap_usd_per_month,
        (
            array_agg(
                cost_quality order by array_position(array['disputed', 'provisional', 'reconciled'], cost_quality)
            )
        )[1] as cost_quality
    from items
    group by grouping sets ((recommendation_category), ())
)

select
    categories.recommendation_category,
    categories.category_order,
    coalesce(summed.recommendation_count, 0) as recommendation_count,
    coalesce(summed.unknown_savings_count, 0) as unknown_savings_count,
    -- No finding is a known nothing; a finding of unknown worth is not.
    case
        when coalesce(summed.recommendation_count, 0) = 0 then 0 else summed.gross_savings_usd_per_month
    end as gross_savings_usd_per_month,
    case
        when coalesce(summed.recommendation_count, 0) = 0 then 0 else summed.net_savings_usd_per_month
    end as net_savings_usd_per_month,
    case
        when coalesce(summed.recommendation_count, 0) = 0 then 0 else summed.counted_net_savings_usd_per_month
    end as counted_net_savings_usd_per_month,
    case
        when coalesce(summed.recommendation_count, 0) = 0 then 0 else summed.counted_net_savings_usd_per_month * 12
    end as counted_net_savings_usd_per_year,
    case
        when coalesce(summed.recommendation_count, 0) = 0 then 0 else summed.overlap_usd_per_month
    end as overlap_usd_per_month,
    trim_scale(round(spend.spend_usd_per_month, 10)) as optimizable_spend_usd_per_month,
    round(
        case
            when coalesce(summed.recommendation_count, 0) = 0 then 0 else summed.counted_net_savings_usd_per_month
        end / nullif(spend.spend_usd_per_month, 0),
        4
    ) as savings_ratio,
    coalesce(summed.cost_quality, 'provisional') as cost_quality,
    as_of.costs_as_of_at,
    as_of.metrics_as_of_at,
    {{ evaluated_at() }} as evaluated_at
from categories
cross join spend
cross join as_of
left join summed on categories.recommendation_category = summed.recommendation_category
