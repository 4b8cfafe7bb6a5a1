-- What asking AWS has cost, month by month, at the prices of the time. A view over the requests' ledger: this month's
-- cost is of now, not of the last build.
{{ config(materialized='view') }}

with requests as (
    select
        *,
        (date_trunc('month', first_requested_at at time zone 'UTC'))::date as request_month_start_date
    from {{ ref('stg_ingest__api_requests') }}
)

select
    md5(concat_ws('|', request_month_start_date, source_name, operation, account_id, region)) as api_request_month_id,
    request_month_start_date,
    source_name,
    operation,
    account_id,
    region,
    sum(request_count)::bigint as request_count,
    sum(billed_unit_count)::bigint as billed_unit_count,
    sum(request_cost_usd) as request_cost_usd,
    max(last_requested_at) as last_requested_at
from requests
group by request_month_start_date, source_name, operation, account_id, region
