-- Two reports of one payer hold the same charges: both together would double the bill.
select
    payer_account_id,
    billing_period_start_date,
    count(distinct load_id) as load_count
from {{ ref('stg_cur__attributes') }}
group by payer_account_id, billing_period_start_date
having count(distinct load_id) > 1
