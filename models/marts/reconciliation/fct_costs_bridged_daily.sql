-- What each day cost, up to today: CUR's cost where CUR holds the payer's whole day, Cost Explorer's estimate where it
-- doesn't yet. The two are never mixed within a payer's day.
with reconciliation as (
    select * from {{ ref('fct_cost_reconciliation_daily') }}
),

periods as (
    select * from {{ ref('int_billing_periods_reached') }}
),

cost_explorer_loads as (
    select
        split_part(partition_key, '/', 1) as payer_account_id,
        to_date(right(partition_key, 7), 'YYYY-MM') as month_start_date,
        max(loaded_at) as cost_explorer_as_of_at
    from {{ ref('stg_ingest__loads') }}
    where source_name = 'cost_explorer' and is_current
    group by split_part(partition_key, '/', 1), to_date(right(partition_key, 7), 'YYYY-MM')
),

days as (
    select
        payer_account_id,
        usage_date,
        date_trunc('month', usage_date)::date as month_start_date,
        sum(cur_unblended_cost_usd) as cur_cost_usd,
        sum(cost_explorer_unblended_cost_usd) as cost_explorer_cost_usd,
        bool_or(cur_unblended_cost_usd is not null) as has_cur,
        bool_or(cost_explorer_unblended_cost_usd is not null) as has_cost_explorer
    from reconciliation
    group by payer_account_id, usage_date
),

reached as (
    select
        days.*,
        periods.reached_until_at as cur_until_at,
        cost_explorer_loads.cost_explorer_as_of_at,
        coalesce((days.usage_date + 1)::timestamp at time zone 'UTC' <= periods.reached_until_at, false)
            as is_whole_in_cur
    from days
    left join periods
        on
            days.payer_account_id = periods.payer_account_id
            and days.month_start_date = periods.billing_period_start_date
    left join cost_explorer_loads
        on
            days.payer_account_id = cost_explorer_loads.payer_account_id
            and days.month_start_date = cost_explorer_loads.month_start_date
),

chosen as (
    select
        *,
        case
            when is_whole_in_cur then 'cur'
            when not has_cost_explorer then 'cur'
            when not has_cur then 'cost_explorer'
            -- Below what CUR has of the day already, Cost Explorer is the one further behind.
            when cost_explorer_cost_usd < cur_cost_usd then 'cur'
            else 'cost_explorer'
        end as cost_source
    from reached
),

bridged as (
    select
        reconciliation.*,
        chosen.cost_source,
        case
            when chosen.cost_source = 'cost_explorer' then 'estimated'
            when chosen.is_whole_in_cur then reconciliation.reconciliation_status
            else 'provisional'
        end as cost_quality,
        case
            when chosen.cost_source = 'cur' then chosen.cur_until_at else chosen.cost_explorer_as_of_at
        end as costs_as_of_at
    from reconciliation
    inner join chosen
        on
            reconciliation.payer_account_id = chosen.payer_account_id
            and reconciliation.usage_date = chosen.usage_date
    where
        (chosen.cost_source = 'cur' and reconciliation.cur_unblended_cost_usd is not null)
        -- Without an amount in dollars, the row still says that there is something.
        or (chosen.cost_source = 'cost_explorer' and reconciliation.cost_explorer_currency_code is not null)
)

select
    cost_reconciliation_id as bridged_cost_id,
    usage_date,
    payer_account_id,
    account_id,
    service_name,
    record_class,
    cost_source,
    cost_quality,
    case when cost_source = 'cur' then cur_unblended_cost_usd else cost_explorer_unblended_cost_usd end
        as unblended_cost_usd,
    case when cost_source = 'cur' then cur_blended_cost_usd else cost_explorer_blended_cost_usd end
        as blended_cost_usd,
    case when cost_source = 'cur' then cur_amortized_cost_usd else cost_explorer_amortized_cost_usd end
        as amortized_cost_usd,
    case when cost_source = 'cur' then cur_net_unblended_cost_usd else cost_explorer_net_unblended_cost_usd end
        as net_unblended_cost_usd,
    case when cost_source = 'cur' then cur_net_amortized_cost_usd else cost_explorer_net_amortized_cost_usd end
        as net_amortized_cost_usd,
    costs_as_of_at,
    evaluated_at
from bridged
