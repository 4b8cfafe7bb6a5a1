-- How far the bill of each payer's month reaches: a day is whole where its own month's delivery has come past it,
-- however far the next month's is. What is final is whole, whenever its last usage was.
with periods as (
    select * from {{ ref('stg_cur__billing_periods') }}
    where is_current
)

select
    payer_account_id,
    billing_period_start_date,
    max(
        case
            when period_state in ('final', 'reopened') then billing_period_end_date::timestamp at time zone 'UTC'
            else data_until_at
        end
    ) as reached_until_at
from periods
group by payer_account_id, billing_period_start_date
