-- What is there of each day: whether the bill reaches past it, whether it has any line item, whether Cost Explorer was
-- asked, how much of it ties out. From an account's first billed day to the newest that any source has; a day without
-- a line item is a row, and a gap where the bill reaches past it.
with reconciliation as (
    select
        usage_date,
        account_id,
        sum(line_item_count)::bigint as line_item_count,
        sum(cur_unblended_cost_usd) as cur_unblended_cost_usd,
        sum(cost_explorer_unblended_cost_usd) as cost_explorer_unblended_cost_usd,
        -- Credits lower a bill and are spend to be tied out all the same.
        sum(greatest(abs(coalesce(cur_unblended_cost_usd, 0)), abs(coalesce(cost_explorer_unblended_cost_usd, 0))))
            as compared_cost_usd,
        sum(greatest(abs(coalesce(cur_unblended_cost_usd, 0)), abs(coalesce(cost_explorer_unblended_cost_usd, 0))))
        filter (where reconciliation_status = 'reconciled') as reconciled_cost_usd,
        sum(greatest(abs(coalesce(cur_unblended_cost_usd, 0)), abs(coalesce(cost_explorer_unblended_cost_usd, 0))))
        filter (where reconciliation_status = 'provisional') as provisional_cost_usd,
        sum(greatest(abs(coalesce(cur_unblended_cost_usd, 0)), abs(coalesce(cost_explorer_unblended_cost_usd, 0))))
        filter (where reconciliation_status = 'disputed') as disputed_cost_usd
    from {{ ref('fct_cost_reconciliation_daily') }}
    group by usage_date, account_id
),

unknown as (
    select
        usage_date,
        account_id,
        -- A refund of an unknown type must not hide a charge of another.
        sum(abs(unblended_cost_usd)) as unclassified_cost_usd
    from {{ ref('fct_resource_costs_daily') }}
    where charge_class = 'unknown'
    group by usage_date, account_id
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

periods as (
    select * from {{ ref('int_billing_periods_reached') }}
),

-- The payer of the account's month; of a month without a line item, who paid its others.
payers as (
    select distinct
        account_id,
        payer_account_id,
        date_trunc('month', usage_date)::date as month_start_date
    from {{ ref('fct_cost_reconciliation_daily') }}
    where cur_unblended_cost_usd is not null
),

reached as (
    select
        payers.account_id,
        periods.billing_period_start_date,
        coalesce(
            max(periods.reached_until_at) filter (where payers.month_start_date = periods.billing_period_start_date),
            max(periods.reached_until_at)
        ) as reached_until_at
    from payers
    inner join periods on payers.payer_account_id = periods.payer_account_id
    group by payers.account_id, periods.billing_period_start_date
),

spans as (
    select
        account_id,
        min(usage_date) as first_date,
        max(max(usage_date)) over () as last_date
    from reconciliation
    group by account_id
),

days as (
    select
        spans.account_id,
        series.day::date as usage_date
    from spans
    cross join lateral generate_series(spans.first_date::timestamp, spans.last_date::timestamp, interval '1 day')
        as series (day)
),

described as (
    select
        days.usage_date,
        days.account_id,
        coalesce(reconciliation.line_item_count, 0) as line_item_count,
        reconciliation.cur_unblended_cost_usd,
        reconciliation.cost_explorer_unblended_cost_usd,
        coalesce(reconciliation.compared_cost_usd, 0) as compared_cost_usd,
        coalesce(reconciliation.reconciled_cost_usd, 0) as reconciled_cost_usd,
        coalesce(reconciliation.provisional_cost_usd, 0) as provisional_cost_usd,
        coalesce(reconciliation.disputed_cost_usd, 0) as disputed_cost_usd,
        coalesce(unknown.unclassified_cost_usd, 0) as unclassified_cost_usd,
        coalesce((days.usage_date + 1)::timestamp at time zone 'UTC' <= reached.reached_until_at, false)
            as is_whole_in_cur,
        reconciliation.cost_explorer_unblended_cost_usd is not null as is_in_cost_explorer,
        as_of.costs_as_of_at
    from days
    cross join as_of
    left join reconciliation
        on
            days.account_id = reconciliation.account_id
            and days.usage_date = reconciliation.usage_date
    left join reached
        on
            days.account_id = reached.account_id
            and date_trunc('month', days.usage_date)::date = reached.billing_period_start_date
    left join unknown
        on
            days.account_id = unknown.account_id
            and days.usage_date = unknown.usage_date
)

select
    md5(concat_ws('|', usage_date, account_id)) as cost_completeness_id,
    usage_date,
    account_id,
    case
        when not is_whole_in_cur and line_item_count = 0 then 'not_delivered'
        when not is_whole_in_cur then 'partial'
        when line_item_count = 0 then 'gap'
        else 'complete'
    end as completeness_status,
    line_item_count,
    is_in_cost_explorer,
    cur_unblended_cost_usd,
    cost_explorer_unblended_cost_usd,
    compared_cost_usd,
    trim_scale(round(reconciled_cost_usd / nullif(compared_cost_usd, 0), 6)) as reconciled_cost_ratio,
    trim_scale(round(provisional_cost_usd / nullif(compared_cost_usd, 0), 6)) as provisional_cost_ratio,
    trim_scale(round(disputed_cost_usd / nullif(compared_cost_usd, 0), 6)) as disputed_cost_ratio,
    trim_scale(unclassified_cost_usd) as unclassified_cost_usd,
    costs_as_of_at,
    {{ evaluated_at() }} as evaluated_at
from described
