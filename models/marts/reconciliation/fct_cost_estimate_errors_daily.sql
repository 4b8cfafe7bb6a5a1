-- How far Cost Explorer's last estimate of a day was from what CUR came to hold of it.
with estimates as (
    select
        payer_account_id,
        usage_date,
        account_id,
        max(estimated_at) as estimated_at,
        sum(unblended_cost_usd) filter (where currency_code = 'USD') as unblended_cost_usd,
        sum(amortized_cost_usd) filter (where currency_code = 'USD') as amortized_cost_usd
    from {{ ref('stg_cost_explorer__estimates') }}
    group by payer_account_id, usage_date, account_id
),

estimated_days as (
    select
        payer_account_id,
        usage_date,
        max(estimated_at) as estimated_at
    from estimates
    group by payer_account_id, usage_date
),

bridged as (
    select * from {{ ref('fct_costs_bridged_daily') }}
),

reconciliation as (
    select * from {{ ref('fct_cost_reconciliation_daily') }}
),

periods as (
    select * from {{ ref('int_billing_periods_reached') }}
),

-- Only days that CUR holds whole by now: before, there is nothing to hold the estimate against.
held as (
    select
        estimated_days.payer_account_id,
        estimated_days.usage_date,
        estimated_days.estimated_at
    from estimated_days
    inner join periods
        on
            estimated_days.payer_account_id = periods.payer_account_id
            and date_trunc('month', estimated_days.usage_date)::date = periods.billing_period_start_date
    where
        (estimated_days.usage_date + 1)::timestamp at time zone 'UTC' <= periods.reached_until_at
        and exists (
            select 1 from bridged
            where
                bridged.payer_account_id = estimated_days.payer_account_id
                and bridged.usage_date = estimated_days.usage_date
                and bridged.cost_source = 'cur'
        )
),

billed as (
    select
        payer_account_id,
        usage_date,
        account_id,
        bool_and(is_month_final) as is_month_final,
        sum(cur_unblended_cost_usd) as unblended_cost_usd,
        sum(cur_amortized_cost_usd) as amortized_cost_usd
    from reconciliation
    where cur_unblended_cost_usd is not null
    group by payer_account_id, usage_date, account_id
),

parties as (
    select
        payer_account_id,
        usage_date,
        account_id
    from estimates
    union
    select
        payer_account_id,
        usage_date,
        account_id
    from billed
),

compared as (
    select
        held.payer_account_id,
        held.usage_date,
        parties.account_id,
        coalesce(estimates.estimated_at, held.estimated_at) as estimated_at,
        estimates.unblended_cost_usd as estimated_unblended_cost_usd,
        billed.unblended_cost_usd as billed_unblended_cost_usd,
        estimates.amortized_cost_usd as estimated_amortized_cost_usd,
        billed.amortized_cost_usd as billed_amortized_cost_usd,
        -- No row is nothing estimated; a row in another currency tells nothing in dollars.
        case when estimates.account_id is null then 0 else estimates.unblended_cost_usd end
        - coalesce(billed.unblended_cost_usd, 0) as unblended_error_usd,
        case when estimates.account_id is null then 0 else estimates.amortized_cost_usd end
        - coalesce(billed.amortized_cost_usd, 0) as amortized_error_usd,
        coalesce(billed.is_month_final, false) as is_month_final
    from held
    inner join parties
        on
            held.payer_account_id = parties.payer_account_id
            and held.usage_date = parties.usage_date
    left join estimates
        on
            parties.payer_account_id = estimates.payer_account_id
            and parties.usage_date = estimates.usage_date
            and parties.account_id = estimates.account_id
    left join billed
        on
            parties.payer_account_id = billed.payer_account_id
            and parties.usage_date = billed.usage_date
            and parties.account_id = billed.account_id
)

select
    md5(concat_ws('|', payer_account_id, usage_date, account_id)) as estimate_error_id,
    usage_date,
    payer_account_id,
    account_id,
    estimated_at,
    trim_scale(estimated_unblended_cost_usd) as estimated_unblended_cost_usd,
    trim_scale(billed_unblended_cost_usd) as billed_unblended_cost_usd,
    trim_scale(unblended_error_usd) as unblended_error_usd,
    trim_scale(unblended_error_usd / nullif(abs(billed_unblended_cost_usd), 0)) as unblended_error_ratio,
    trim_scale(estimated_amortized_cost_usd) as estimated_amortized_cost_usd,
    trim_scale(billed_amortized_cost_usd) as billed_amortized_cost_usd,
    trim_scale(amortized_error_usd) as amortized_error_usd,
    trim_scale(amortized_error_usd / nullif(abs(billed_amortized_cost_usd), 0)) as amortized_error_ratio,
    is_month_final,
    {{ evaluated_at() }} as evaluated_at
from compared
