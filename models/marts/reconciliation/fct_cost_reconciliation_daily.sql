-- CUR against Cost Explorer, per day, account, service and class of charge: every cent of difference has a status and a
-- cause, each cause by what the two sources hold and not by what it usually is.
with cur_services as (
    select * from {{ ref('int_service_costs_daily') }}
),

marketplace_services as (
    select distinct service_name from cur_services
    where is_marketplace
),

known_services as (
    select service_name from cur_services
    union
    select cost_explorer_service_name as service_name from {{ ref('cost_explorer_services') }}
),

cur_costs as (
    select
        usage_date,
        payer_account_id,
        account_id,
        service_name,
        -- A subscription on the Marketplace is a fee in CUR and usage in Cost Explorer.
        case when is_marketplace and record_class = 'fee' then 'usage' else record_class end as record_class,
        max(currency_code) as currency_code,
        bool_or(is_marketplace) as is_marketplace,
        bool_or(is_support) as is_support,
        sum(line_item_count)::bigint as line_item_count,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(blended_cost_usd) as blended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd,
        sum(net_unblended_cost_usd) as net_unblended_cost_usd,
        sum(net_amortized_cost_usd) as net_amortized_cost_usd,
        max(last_usage_end_at) as last_usage_end_at
    from cur_services
    group by
        usage_date,
        payer_account_id,
        account_id,
        service_name,
        case when is_marketplace and record_class = 'fee' then 'usage' else record_class end
),

-- A bill names its payer, Cost Explorer the account that was asked, which need not be the payer: where each source
-- knows one of an account's month, they are the same. An account may change its payer.
cur_payers as (
    select
        account_id,
        date_trunc('month', usage_date) as month_start,
        max(payer_account_id) as payer_account_id
    from cur_costs
    group by account_id, date_trunc('month', usage_date)
    having count(distinct payer_account_id) = 1
),

cost_explorer_payers as (
    select
        account_id,
        date_trunc('month', usage_date) as month_start,
        max(payer_account_id) as asked_account_id
    from {{ ref('int_cost_explorer_costs_daily') }}
    group by account_id, date_trunc('month', usage_date)
    having count(distinct payer_account_id) = 1
),

cost_explorer_named as (
    select
        costs.*,
        costs.payer_account_id as asked_account_id,
        case
            when cost_explorer_payers.account_id is null then costs.payer_account_id
            else coalesce(cur_payers.payer_account_id, costs.payer_account_id)
        end as matched_payer_account_id,
        marketplace_services.service_name is not null as is_marketplace_service,
        -- What neither the bill nor the seed knows, and isn't called after Amazon, somebody else sells.
        known_services.service_name is null and costs.service_name !~* '(amazon|aws)' as is_stranger
    from {{ ref('int_cost_explorer_costs_daily') }} as costs
    left join marketplace_services on costs.service_name = marketplace_services.service_name
    left join known_services on costs.service_name = known_services.service_name
    left join cur_payers
        on
            costs.account_id = cur_payers.account_id
            and date_trunc('month', costs.usage_date) = cur_payers.month_start
    left join cost_explorer_payers
        on
            costs.account_id = cost_explorer_payers.account_id
            and date_trunc('month', costs.usage_date) = cost_explorer_payers.month_start
),

cost_explorer_costs as (
    select
        usage_date,
        matched_payer_account_id as payer_account_id,
        account_id,
        service_name,
        case when is_marketplace_service and record_class = 'fee' then 'usage' else record_class end as record_class,
        max(asked_account_id) as asked_account_id,
        case when count(distinct currency_code) = 1 then max(currency_code) else 'several' end as currency_code,
        bool_or(is_marketplace_service or is_stranger) as is_marketplace,
        bool_or(is_support) as is_support,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(blended_cost_usd) as blended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd,
        sum(net_unblended_cost_usd) as net_unblended_cost_usd,
        sum(net_amortized_cost_usd) as net_amortized_cost_usd
    from cost_explorer_named
    group by
        usage_date,
        matched_payer_account_id,
        account_id,
        service_name,
        case when is_marketplace_service and record_class = 'fee' then 'usage' else record_class end
),

as_of as (
    select * from {{ ref('int_payer_as_of_instants_found') }}
),

cost_explorer_loads as (
    select
        split_part(partition_key, '/', 1) as asked_account_id,
        data_from_at,
        data_until_at
    from {{ ref('stg_ingest__loads') }}
    where source_name = 'cost_explorer' and is_current
),

cur_months as (
    select distinct
        payer_account_id,
        date_trunc('month', usage_date) as month_start
    from cur_costs
),

periods as (
    select
        payer_account_id,
        billing_period_start_date,
        bool_and(period_state = 'final') as is_final
    from {{ ref('stg_cur__billing_periods') }}
    where is_current
    group by payer_account_id, billing_period_start_date
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
        coalesce(cur_costs.payer_account_id, cost_explorer_costs.payer_account_id) as payer_account_id,
        coalesce(cur_costs.account_id, cost_explorer_costs.account_id) as account_id,
        cost_explorer_costs.asked_account_id,
        coalesce(cur_costs.service_name, cost_explorer_costs.service_name) as service_name,
        coalesce(cur_costs.record_class, cost_explorer_costs.record_class) as record_class,
        coalesce(cur_costs.line_item_count, 0) as line_item_count,
        cur_costs.last_usage_end_at,
        coalesce(cur_costs.is_marketplace, false) or coalesce(cost_explorer_costs.is_marketplace, false)
            as is_marketplace,
        coalesce(cur_costs.is_support, false) or coalesce(cost_explorer_costs.is_support, false) as is_support,
        cur_costs.usage_date is not null as is_in_cur,
        cost_explorer_costs.usage_date is not null as is_in_cost_explorer,
        -- Bills are in US dollars: another currency of theirs fails a test of its own.
        coalesce(cost_explorer_costs.currency_code <> coalesce(cur_costs.currency_code, 'USD'), false)
            as has_other_currency,
        cost_explorer_costs.currency_code as cost_explorer_currency_code,
        cur_costs.unblended_cost_usd as cur_unblended_cost_usd,
        cost_explorer_costs.unblended_cost_usd as cost_explorer_unblended_cost_usd,
        cur_costs.blended_cost_usd as cur_blended_cost_usd,
        cost_explorer_costs.blended_cost_usd as cost_explorer_blended_cost_usd,
        cur_costs.amortized_cost_usd as cur_amortized_cost_usd,
        cost_explorer_costs.amortized_cost_usd as cost_explorer_amortized_cost_usd,
        cur_costs.net_unblended_cost_usd as cur_net_unblended_cost_usd,
        cost_explorer_costs.net_unblended_cost_usd as cost_explorer_net_unblended_cost_usd,
        cur_costs.net_amortized_cost_usd as cur_net_amortized_cost_usd,
        cost_explorer_costs.net_amortized_cost_usd as cost_explorer_net_amortized_cost_usd,
        coalesce(cur_costs.unblended_cost_usd, 0) - coalesce(cost_explorer_costs.unblended_cost_usd, 0)
            as unblended_difference_usd,
        coalesce(cur_costs.amortized_cost_usd, 0) - coalesce(cost_explorer_costs.amortized_cost_usd, 0)
            as amortized_difference_usd,
        -- Null where a side has no such cost (discount lines no blended one in CUR): there is nothing to compare.
        cur_costs.blended_cost_usd - cost_explorer_costs.blended_cost_usd as blended_difference_usd,
        cur_costs.net_unblended_cost_usd - cost_explorer_costs.net_unblended_cost_usd as net_unblended_difference_usd,
        cur_costs.net_amortized_cost_usd - cost_explorer_costs.net_amortized_cost_usd as net_amortized_difference_usd
    from cur_costs
    full outer join cost_explorer_costs
        on
            cur_costs.usage_date = cost_explorer_costs.usage_date
            and cur_costs.payer_account_id = cost_explorer_costs.payer_account_id
            and cur_costs.account_id = cost_explorer_costs.account_id
            and cur_costs.service_name = cost_explorer_costs.service_name
            and cur_costs.record_class = cost_explorer_costs.record_class
),

-- Whom Cost Explorer would have been asked as, of a row that it doesn't have.
asked as (
    select
        compared.*,
        coalesce(
            compared.asked_account_id, cost_explorer_payers.asked_account_id, compared.payer_account_id
        ) as cost_explorer_account_id
    from compared
    left join cost_explorer_payers
        on
            compared.account_id = cost_explorer_payers.account_id
            and date_trunc('month', compared.usage_date) = cost_explorer_payers.month_start
),

reached as (
    select
        asked.*,
        cur_as_of.costs_as_of_at,
        least(cur_as_of.costs_as_of_at, cost_explorer_as_of.cost_explorer_as_of_at) as both_until_at,
        -- By the ledger: a day that Cost Explorer was asked about and has nothing of has been compared.
        exists(
            select 1 from cost_explorer_loads
            where
                cost_explorer_loads.asked_account_id = asked.cost_explorer_account_id
                and asked.usage_date >= (cost_explorer_loads.data_from_at at time zone 'UTC')::date
                and (asked.usage_date + 1)::timestamp at time zone 'UTC' <= cost_explorer_loads.data_until_at
        ) as has_cost_explorer_day,
        cur_months.month_start is not null as has_cur_month,
        coalesce(periods.is_final, false) as is_final
    from asked
    left join as_of as cur_as_of on asked.payer_account_id = cur_as_of.payer_account_id
    left join as_of as cost_explorer_as_of
        on asked.cost_explorer_account_id = cost_explorer_as_of.payer_account_id
    left join cur_months
        on
            asked.payer_account_id = cur_months.payer_account_id
            and date_trunc('month', asked.usage_date) = cur_months.month_start
    left join periods
        on
            asked.payer_account_id = periods.payer_account_id
            and date_trunc('month', asked.usage_date)::date = periods.billing_period_start_date
),

measured as (
    select
        reached.*,
        greatest(
            abs(reached.unblended_difference_usd),
            abs(reached.amortized_difference_usd),
            abs(reached.net_unblended_difference_usd),
            abs(reached.net_amortized_difference_usd),
            -- A blended rate is the average of its whole month: until both sources have seen its end, two averages.
            case
                when
                    (date_trunc('month', reached.usage_date) + interval '1 month')::timestamp at time zone 'UTC'
                    <= reached.both_until_at
                    then abs(reached.blended_difference_usd)
            end
        ) as largest_difference_usd,
        -- One row more than the line items: Cost Explorer rounds its own sum once.
        tolerances.rounding_usd_per_line_item * (reached.line_item_count + 1) as tolerance_usd,
        (reached.usage_date + 1)::timestamp at time zone 'UTC'
        > reached.both_until_at - tolerances.reporting_lag_hours * interval '1 hour' as is_within_reporting_lag,
        -- A reservation's monthly fee is one line whose unused part is restated until the month is over: accrual may
        -- differ until then, cash may not, and both sources must know the fee.
        coalesce(
            reached.record_class = 'commitment_fee'
            and reached.last_usage_end_at > reached.costs_as_of_at
            and reached.is_in_cur
            and reached.is_in_cost_explorer
            and abs(reached.unblended_difference_usd)
            <= tolerances.rounding_usd_per_line_item * (reached.line_item_count + 1),
            false
        ) as has_unfinished_charge
    from reached
    cross join tolerances
),

caused as (
    select
        *,
        largest_difference_usd <= tolerance_usd and not has_other_currency as is_within_tolerance,
        case
            when not has_cost_explorer_day and is_within_reporting_lag then 'reporting_lag'
            when not has_cost_explorer_day then 'missing_in_cost_explorer'
            when not has_cur_month then 'missing_in_cur'
            when has_other_currency then 'currency'
            when largest_difference_usd = 0 then 'none'
            when largest_difference_usd <= tolerance_usd then 'rounding'
            when is_within_reporting_lag then 'reporting_lag'
            when has_unfinished_charge then 'unfinished_charge'
            when record_class in ('credit', 'refund') then 'credit_or_refund_timing'
            when record_class = 'tax' then 'tax'
            when is_support then 'support'
            when is_marketplace then 'marketplace'
            when not is_in_cur then 'missing_in_cur'
            when not is_in_cost_explorer then 'missing_in_cost_explorer'
            else 'unknown'
        end as difference_cause
    from measured
)

select
    md5(concat_ws('|', usage_date, payer_account_id, account_id, service_name, record_class))
        as cost_reconciliation_id,
    usage_date,
    payer_account_id,
    account_id,
    service_name,
    record_class,
    trim_scale(cur_unblended_cost_usd) as cur_unblended_cost_usd,
    trim_scale(cost_explorer_unblended_cost_usd) as cost_explorer_unblended_cost_usd,
    trim_scale(cur_amortized_cost_usd) as cur_amortized_cost_usd,
    trim_scale(cost_explorer_amortized_cost_usd) as cost_explorer_amortized_cost_usd,
    trim_scale(cur_blended_cost_usd) as cur_blended_cost_usd,
    trim_scale(cost_explorer_blended_cost_usd) as cost_explorer_blended_cost_usd,
    trim_scale(cur_net_unblended_cost_usd) as cur_net_unblended_cost_usd,
    trim_scale(cost_explorer_net_unblended_cost_usd) as cost_explorer_net_unblended_cost_usd,
    trim_scale(cur_net_amortized_cost_usd) as cur_net_amortized_cost_usd,
    trim_scale(cost_explorer_net_amortized_cost_usd) as cost_explorer_net_amortized_cost_usd,
    trim_scale(unblended_difference_usd) as unblended_difference_usd,
    trim_scale(amortized_difference_usd) as amortized_difference_usd,
    trim_scale(blended_difference_usd) as blended_difference_usd,
    trim_scale(net_unblended_difference_usd) as net_unblended_difference_usd,
    trim_scale(net_amortized_difference_usd) as net_amortized_difference_usd,
    trim_scale(tolerance_usd) as tolerance_usd,
    line_item_count,
    cost_explorer_currency_code,
    is_final as is_month_final,
    case
        -- A day that only one source can speak of hasn't been compared, however small it is.
        when not has_cost_explorer_day or not has_cur_month then 'provisional'
        when is_within_reporting_lag then 'provisional'
        when is_within_tolerance then 'reconciled'
        when difference_cause = 'unfinished_charge' then 'provisional'
        -- What AWS posts after a month's end may be in one source first, until the month is final.
        when
            not is_final and difference_cause in ('credit_or_refund_timing', 'tax', 'support', 'marketplace')
            then 'provisional'
        else 'disputed'
    end as reconciliation_status,
    difference_cause,
    {{ evaluated_at() }} as evaluated_at
from caused
