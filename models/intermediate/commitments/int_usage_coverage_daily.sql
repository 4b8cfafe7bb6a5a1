{{ config(
    materialized='incremental',
    incremental_strategy='append',
    meta={'is_built_by_load': true},
    pre_hook=["{{ forget_replaced_loads(ref('int_line_items_daily')) }}", "{{ plan_with_hashed_groups() }}"],
    post_hook="{{ remember_version() }}",
    indexes=[{'columns': ['load_id']}],
) }}

-- Usage by day and by what pays for it: reserved, savings_plan, spot, or on demand, which a commitment could cover
-- (eligible) or not (ineligible). One row per load, day, payer, account, service, region, instance family and kind; of
-- Spot also per usage type and operating system, which its list price goes by.
with daily as (
    select * from {{ ref('int_line_items_daily') }}
    where {{ is_new_load(ref('int_line_items_daily')) }}
),

attributes as (
    select * from {{ ref('int_attributes_classified') }}
    where
        charge_class = 'usage'
        and {{ is_new_load(ref('int_line_items_daily')) }}
),

eligible_usage as (
    select * from {{ ref('commitment_eligible_usage') }}
),

kinds as (
    select distinct
        coalesce(service_code, '') as service_code,
        coalesce(usage_type, '') as usage_type,
        coalesce(operation, '') as operation
    from attributes
    where amortized_cost_basis = 'unblended' and purchase_option <> 'spot'
),

eligible as (
    select distinct
        kinds.service_code,
        kinds.usage_type,
        kinds.operation
    from kinds
    inner join eligible_usage
        on
            kinds.service_code ~ eligible_usage.service_code_pattern
            and kinds.usage_type ~ eligible_usage.usage_type_pattern
            and kinds.operation ~ eligible_usage.operation_pattern
),

described as (
    select
        attributes.load_id,
        attributes.attributes_id,
        attributes.part_number,
        attributes.payer_account_id,
        attributes.account_id,
        attributes.service_code,
        attributes.region,
        case
            when attributes.amortized_cost_basis = 'reservation_effective' then 'reserved'
            when attributes.amortized_cost_basis = 'savings_plan_effective' then 'savings_plan'
            when attributes.purchase_option = 'spot' then 'spot'
            when eligible.usage_type is not null then 'eligible'
            else 'ineligible'
        end as coverage_kind,
        case
            when attributes.service_code = 'AmazonEC2' and attributes.usage_component = 'instance_hours'
                then
                    coalesce(
                        substring(attributes.instance_type from '^([^.]+)[.]'),
                        substring(attributes.usage_type from ':([^.]+)[.]')
                    )
        end as instance_family,
        case when attributes.purchase_option = 'spot' then attributes.usage_type end as spot_usage_type,
        case when attributes.purchase_option = 'spot' then nullif(attributes.operating_system, '') end
            as spot_operating_system
    from attributes
    left join eligible
        on
            coalesce(attributes.service_code, '') = eligible.service_code
            and coalesce(attributes.usage_type, '') = eligible.usage_type
            and coalesce(attributes.operation, '') = eligible.operation
)

select
    daily.load_id,
    daily.usage_date,
    described.payer_account_id,
    described.account_id,
    described.service_code,
    described.region,
    described.instance_family,
    described.coverage_kind,
    described.spot_usage_type,
    described.spot_operating_system,
    sum(daily.line_item_count)::bigint as line_item_count,
    coalesce(sum(daily.line_item_count) filter (where daily.on_demand_equivalent_cost_usd is null), 0)::bigint
        as unpriced_line_item_count,
    sum(daily.usage_quantity) as usage_quantity,
    sum(daily.amortized_cost_usd) as amortized_cost_usd,
    sum(daily.on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd,
    -- Zero is what AWS writes where it tells no list price of Spot.
    sum(daily.public_on_demand_cost_usd) filter (where daily.public_on_demand_cost_usd > 0) as listed_cost_usd,
    sum(daily.amortized_cost_usd) filter (where daily.public_on_demand_cost_usd > 0) as listed_amortized_cost_usd,
    sum(daily.usage_quantity) filter (where daily.public_on_demand_cost_usd > 0) as listed_usage_quantity
from daily
inner join described
    on
        daily.load_id = described.load_id
        and daily.attributes_id = described.attributes_id
        and daily.part_number = described.part_number
group by
    daily.load_id,
    daily.usage_date,
    described.payer_account_id,
    described.account_id,
    described.service_code,
    described.region,
    described.instance_family,
    described.coverage_kind,
    described.spot_usage_type,
    described.spot_operating_system
