-- CUR against Cost Explorer, per day, account and service: every cent of difference has a status and a cause.
with cur_costs as (
    select
        usage_date,
        account_id,
        service_name,
        sum(line_item_count)::bigint as line_item_count,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd,
        max(last_usage_end_at) as last_usage_end_at
    from {{ ref('int_service_costs_daily') }}
    group by usage_date, account_id, service_name
),

cost_explorer_costs as (
    select
        usage_date,
        account_id,
        service_name,
        unblended_cost_usd,
        amortized_cost_usd
    from {{ ref('stg_cost_explorer__daily_costs') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

cost_explorer_days as (
    select distinct usage_date from cost_explorer_costs
),

cur_months as (
    select distinct date_trunc('month', usage_date) as month_start from cur_costs
),

tolerances as (
    select
        max(tolerance_value) filter (where tolerance_name = 'rounding_usd_per_line_item') as rounding_usd_per_line_item,
        max(tolerance_value) filter (where tolerance_name = 'reporting_lag_hours') as reporting_lag_hours
    from {{ ref('reconciliation_tolerances') }}
),

compared as (
    select
        coalesce(cur_costs.usage_date, cost_explorer_costs.usage_date) as usage_date,
        coalesce(cur_costs.account_id, cost_explorer_costs.account_id) as account_id,
        coalesce(cur_costs.service_name, cost_explorer_costs.service_name) as service_name,
        coalesce(cur_costs.line_item_count, 0) as line_item_count,
        cur_costs.last_usage_end_at,
        cur_costs.unblended_cost_usd as cur_unblended_cost_usd,
        cost_explorer_costs.unblended_cost_usd as cost_explorer_unblended_cost_usd,
        cur_costs.amortized_cost_usd as cur_amortized_cost_usd,
        cost_explorer_costs.amortized_cost_usd as cost_explorer_amortized_cost_usd,
        coalesce(cur_costs.unblended_cost_usd, 0) - coalesce(cost_explorer_costs.unblended_cost_usd, 0)
            as unblended_difference_usd,
        coalesce(cur_costs.amortized_cost_usd, 0) - coalesce(cost_explorer_costs.amortized_cost_usd, 0)
            as amortized_difference_usd
    from cur_costs
    full outer join cost_explorer_costs
        on
            cur_costs.usage_date = cost_explorer_costs.usage_date
            and cur_costs.account_id = cost_explorer_costs.account_id
            and cur_costs.service_name = cost_explorer_costs.service_name
),

judged as (
    select
        compared.*,
        -- One row more than the line items: Cost Explorer rounds its own sum once.
        tolerances.rounding_usd_per_line_item * (compared.line_item_count + 1) as tolerance_usd,
        greatest(abs(compared.unblended_difference_usd), abs(compared.amortized_difference_usd))
        <= tolerances.rounding_usd_per_line_item * (compared.line_item_count + 1) as is_within_tolerance,
        (compared.usage_date + 1)::timestamp at time zone 'UTC'
        > least(as_of.costs_as_of_at, as_of.cost_explorer_as_of_at)
        - tolerances.reporting_lag_hours * interval '1 hour' as is_within_reporting_lag,
        -- A reservation's monthly fee is one line whose unused part is restated until the month is over.
        coalesce(compared.last_usage_end_at > as_of.costs_as_of_at, false) as has_unfinished_charge,
        cost_explorer_days.usage_date is not null as has_cost_explorer_day,
        cur_months.month_start is not null as has_cur_month
    from compared
    cross join tolerances
    cross join as_of
    left join cost_explorer_days on compared.usage_date = cost_explorer_days.usage_date
    left join cur_months on date_trunc('month', compared.usage_date) = cur_months.month_start
)

select
    md5(concat_ws('|', usage_date, account_id, service_name)) as cost_reconciliation_id,
    usage_date,
    account_id,
    service_name,
    trim_scale(cur_unblended_cost_usd) as cur_unblended_cost_usd,
    trim_scale(cost_explorer_unblended_cost_usd) as cost_explorer_unblended_cost_usd,
    trim_scale(cur_amortized_cost_usd) as cur_amortized_cost_usd,
    trim_scale(cost_explorer_amortized_cost_usd) as cost_explorer_amortized_cost_usd,
    trim_scale(unblended_difference_usd) as unblended_difference_usd,
    trim_scale(amortized_difference_usd) as amortized_difference_usd,
    trim_scale(tolerance_usd) as tolerance_usd,
    line_item_count,
    case
        -- A day that only one source can speak of hasn't been compared, however small it is.
        when not has_cost_explorer_day or not has_cur_month then 'provisional'
        when is_within_reporting_lag then 'provisional'
        when is_within_tolerance then 'reconciled'
        when has_unfinished_charge then 'provisional'
        else 'disputed'
    end as reconciliation_status,
    case
        when not has_cost_explorer_day and is_within_reporting_lag then 'reporting_lag'
        when not has_cost_explorer_day then 'missing_in_cost_explorer'
        when not has_cur_month then 'missing_in_cur'
        when is_within_tolerance and unblended_difference_usd = 0 and amortized_difference_usd = 0 then 'none'
        when is_within_tolerance then 'rounding'
        when is_within_reporting_lag then 'reporting_lag'
        when has_unfinished_charge then 'unfinished_charge'
        when cur_unblended_cost_usd is null then 'missing_in_cur'
        when cost_explorer_unblended_cost_usd is null then 'missing_in_cost_explorer'
        else 'unknown'
    end as difference_cause,
    {{ evaluated_at() }} as evaluated_at
from judged
