-- Cost Explorer's costs by day, account, service and class of charge. What isn't in US dollars has no cost here: its
-- row stays, with its currency.
with daily_costs as (
    select * from {{ ref('stg_cost_explorer__daily_costs') }}
),

loads as (
    select * from {{ ref('stg_ingest__loads') }}
),

record_types as (
    select * from {{ ref('cost_explorer_record_types') }}
),

classified as (
    select
        split_part(loads.partition_key, '/', 1) as payer_account_id,
        loads.loaded_at,
        daily_costs.account_id,
        daily_costs.usage_date,
        daily_costs.service_name,
        coalesce(record_types.record_class, 'unknown') as record_class,
        daily_costs.record_type = 'Support' or daily_costs.service_name ~ '^AWS .*Support' as is_support,
        daily_costs.currency_code,
        daily_costs.unblended_cost_usd,
        daily_costs.blended_cost_usd,
        daily_costs.amortized_cost_usd,
        daily_costs.net_unblended_cost_usd,
        daily_costs.net_amortized_cost_usd
    from daily_costs
    inner join loads on daily_costs.load_id = loads.load_id
    left join record_types on daily_costs.record_type = record_types.record_type
),

summed as (
    select
        payer_account_id,
        account_id,
        usage_date,
        service_name,
        record_class,
        coalesce(bool_or(is_support), false) as is_support,
        case when count(distinct currency_code) = 1 then max(currency_code) else 'several' end as currency_code,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(blended_cost_usd) as blended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd,
        sum(net_unblended_cost_usd) as net_unblended_cost_usd,
        sum(net_amortized_cost_usd) as net_amortized_cost_usd,
        max(loaded_at) as costs_as_of_at
    from classified
    group by payer_account_id, account_id, usage_date, service_name, record_class
)

select
    payer_account_id,
    account_id,
    usage_date,
    service_name,
    record_class,
    is_support,
    currency_code,
    case when currency_code = 'USD' then unblended_cost_usd end as unblended_cost_usd,
    case when currency_code = 'USD' then blended_cost_usd end as blended_cost_usd,
    case when currency_code = 'USD' then amortized_cost_usd end as amortized_cost_usd,
    case when currency_code = 'USD' then net_unblended_cost_usd end as net_unblended_cost_usd,
    case when currency_code = 'USD' then net_amortized_cost_usd end as net_amortized_cost_usd,
    costs_as_of_at
from summed
