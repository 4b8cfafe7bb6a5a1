-- How much of each account's month ties out, and why the rest doesn't.
with reconciliation as (
    select * from {{ ref('fct_cost_reconciliation_daily') }}
),

summed as (
    select
        date_trunc('month', usage_date)::date as usage_month_start_date,
        account_id,
        record_class,
        reconciliation_status,
        difference_cause,
        count(*) as row_count,
        sum(cur_unblended_cost_usd) as cur_unblended_cost_usd,
        sum(cost_explorer_unblended_cost_usd) as cost_explorer_unblended_cost_usd,
        sum(unblended_difference_usd) as unblended_difference_usd,
        sum(amortized_difference_usd) as amortized_difference_usd,
        sum(abs(unblended_difference_usd)) as absolute_unblended_difference_usd,
        -- Credits lower a bill and are spend to be tied out all the same.
        sum(greatest(abs(coalesce(cur_unblended_cost_usd, 0)), abs(coalesce(cost_explorer_unblended_cost_usd, 0))))
            as compared_cost_usd,
        min(usage_date) as first_usage_date,
        max(usage_date) as last_usage_date,
        bool_and(is_month_final) as is_month_final
    from reconciliation
    group by
        date_trunc('month', usage_date)::date,
        account_id,
        record_class,
        reconciliation_status,
        difference_cause
)

select
    md5(
        concat_ws('|', usage_month_start_date, account_id, record_class, reconciliation_status, difference_cause)
    ) as monthly_reconciliation_id,
    usage_month_start_date,
    account_id,
    record_class,
    reconciliation_status,
    difference_cause,
    row_count,
    trim_scale(cur_unblended_cost_usd) as cur_unblended_cost_usd,
    trim_scale(cost_explorer_unblended_cost_usd) as cost_explorer_unblended_cost_usd,
    trim_scale(unblended_difference_usd) as unblended_difference_usd,
    trim_scale(amortized_difference_usd) as amortized_difference_usd,
    trim_scale(absolute_unblended_difference_usd) as absolute_unblended_difference_usd,
    trim_scale(compared_cost_usd) as compared_cost_usd,
    trim_scale(
        compared_cost_usd / nullif(sum(compared_cost_usd) over (partition by usage_month_start_date, account_id), 0)
    ) as compared_cost_ratio,
    first_usage_date,
    last_usage_date,
    is_month_final,
    {{ evaluated_at() }} as evaluated_at
from summed
