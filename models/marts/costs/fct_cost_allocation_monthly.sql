-- Where the money goes, by each tag and each cost category: every tag splits the whole bill. What carries it stands
-- under its value; what could carry it and doesn't is [untagged]; what belongs to no resource (fees, tax, support,
-- credits, unused commitments) is [shared], in sight, until someone decides whose it is.
with costs as (
    select
        billing_period_start_date,
        payer_account_id,
        account_id,
        allocation_id,
        billed_resource_id <> '[no resource]' and record_class = 'usage' as is_attributable,
        sum(unblended_cost_usd) as unblended_cost_usd,
        sum(amortized_cost_usd) as amortized_cost_usd,
        sum(net_amortized_cost_usd) as net_amortized_cost_usd
    from {{ ref('fct_resource_costs_daily') }}
    group by
        billing_period_start_date,
        payer_account_id,
        account_id,
        allocation_id,
        billed_resource_id <> '[no resource]' and record_class = 'usage'
),

allocations as (
    select * from {{ ref('dim_cost_allocations') }}
),

labels as (
    select
        'tag' as label_kind,
        allocations.allocation_id,
        label.key as label_key,
        label.value as label_value
    from allocations
    cross join lateral jsonb_each_text(allocations.tags) as label (key, value)
    union all
    select
        'cost_category' as label_kind,
        allocations.allocation_id,
        label.key as label_key,
        label.value as label_value
    from allocations
    cross join lateral jsonb_each_text(allocations.cost_categories) as label (key, value)
),

-- A resource's own name tells nothing of whose it is, and would list every resource once more.
keys as (
    select distinct
        label_kind,
        label_key
    from labels
    where not (label_kind = 'tag' and label_key = 'name')
),

placed as (
    select
        costs.*,
        keys.label_kind,
        keys.label_key,
        -- A cost category is AWS's own rule and may say whose a shared cost is; a tag sits on a resource.
        coalesce(labels.label_value, case when costs.is_attributable then '[untagged]' else '[shared]' end)
            as label_value
    from costs
    cross join keys
    left join labels
        on
            costs.allocation_id = labels.allocation_id
            and keys.label_kind = labels.label_kind
            and keys.label_key = labels.label_key
)

select
    md5(
        concat_ws(
            '|', billing_period_start_date, payer_account_id, account_id, label_kind, label_key, label_value
        )
    ) as cost_allocation_id,
    billing_period_start_date,
    payer_account_id,
    account_id,
    label_kind,
    label_key,
    label_value,
    trim_scale(sum(unblended_cost_usd)) as unblended_cost_usd,
    trim_scale(sum(amortized_cost_usd)) as amortized_cost_usd,
    trim_scale(sum(net_amortized_cost_usd)) as net_amortized_cost_usd
from placed
group by
    billing_period_start_date,
    payer_account_id,
    account_id,
    label_kind,
    label_key,
    label_value
