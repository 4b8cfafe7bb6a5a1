{{ config(
    materialized='incremental',
    incremental_strategy='append',
    meta={'is_built_by_load': true},
    pre_hook="{{ forget_replaced_loads(ref('int_attributes_classified')) }}",
    post_hook="{{ remember_version() }}",
    indexes=[{'columns': ['load_id']}],
) }}

-- What the usage that a Savings Plan covers takes of it, in each hour (or day, as the report has it). One row per load,
-- plan and instant.
with amounts as (
    select * from {{ ref('stg_cur__line_item_amounts') }}
    where {{ is_new_load(ref('int_attributes_classified')) }}
),

attributes as (
    select * from {{ ref('int_attributes_classified') }}
    where amortized_cost_basis = 'savings_plan_effective' and not is_split_cost_copy
)

select
    amounts.load_id,
    attributes.savings_plan_arn,
    amounts.usage_start_at,
    max(amounts.usage_end_at) as usage_end_at,
    sum(amounts.savings_plan_effective_cost_usd) as effective_cost_usd,
    sum(coalesce(amounts.savings_plan_net_effective_cost_usd, amounts.savings_plan_effective_cost_usd))
        as net_effective_cost_usd,
    sum(amounts.unblended_cost_usd) as on_demand_cost_usd
from amounts
inner join attributes
    on
        amounts.load_id = attributes.load_id
        and amounts.attributes_id = attributes.attributes_id
group by amounts.load_id, attributes.savings_plan_arn, amounts.usage_start_at
