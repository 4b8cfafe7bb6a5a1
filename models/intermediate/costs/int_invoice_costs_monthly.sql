-- CUR's unblended cost by the invoice that bills it; null where no invoice does yet. The amounts are summed before they
-- meet the attributes that name the invoice: a bill has many rows and few combinations.
with amounts as (
    select
        load_id,
        attributes_id,
        count(*) as line_item_count,
        sum(unblended_cost_usd) as unblended_cost_usd
    from {{ ref('stg_cur__line_items') }}
    group by load_id, attributes_id
),

attributes as (
    select * from {{ ref('stg_cur__attributes') }}
)

select
    attributes.payer_account_id,
    attributes.billing_period_start_date,
    attributes.invoice_id,
    max(attributes.billing_entity) as billing_entity,
    sum(amounts.line_item_count)::bigint as line_item_count,
    sum(amounts.unblended_cost_usd) as unblended_cost_usd
from amounts
inner join attributes
    on
        amounts.load_id = attributes.load_id
        and amounts.attributes_id = attributes.attributes_id
-- Split cost allocation repeats an instance's cost: no invoice bills it.
where attributes.operation is null or attributes.operation not in ('EKSPod-EC2', 'ECSTask-EC2')
group by attributes.payer_account_id, attributes.billing_period_start_date, attributes.invoice_id
