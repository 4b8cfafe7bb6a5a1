-- The bill in the terms of FOCUS 1.2 (FinOps Open Cost and Usage Specification); focus_costs gives them its spelling.
-- One row per line item; a commitment's fee is two, its purchase and what of it nobody used; a Savings Plan's
-- negations are none, since what they undo, the on-demand cost of covered usage, isn't billed here in the first place.
with line_items as (
    select * from {{ ref('int_line_items_amortized') }}
    where charge_class <> 'commitment_negation'
),

attributes as (
    select * from {{ ref('int_attributes_classified') }}
    where charge_class <> 'commitment_negation'
),

delivered as (
    select * from {{ ref('stg_cur__attributes') }}
),

accounts as (
    select distinct on (account_id)
        account_id,
        account_name
    from {{ ref('stg_cost_explorer__accounts') }}
    order by account_id asc, load_id desc
),

commitments as (
    select * from {{ ref('int_commitment_terms_gathered') }}
),

rates as (
    select * from {{ ref('int_on_demand_rates_found') }}
),

described as (
    select
        attributes.*,
        rates.rate_usd_per_hour,
        -- The fee alone tells a reservation's size: all that it covers is counted in the unit that its fee is.
        max(delivered.reservation_normalized_hours_each / nullif(delivered.reservation_hours_each, 0))
            over (partition by attributes.load_id, attributes.reservation_arn)
            as normalization_factor,
        bool_or(attributes.line_item_type = 'RIFee') over (partition by attributes.load_id, attributes.reservation_arn)
            as has_recurring_fee,
        extract(epoch from commitments.end_at - commitments.start_at) / 3600 as commitment_term_hours,
        delivered.sku_id,
        delivered.pricing_rate_code,
        delivered.region_name,
        delivered.invoicing_entity,
        delivered.legal_entity,
        delivered.capacity_reservation_arn,
        delivered.capacity_reservation_status,
        delivered.public_on_demand_rate_usd,
        delivered.unblended_rate_usd,
        delivered.reservation_unused_normalized_hours,
        delivered.reservation_total_normalized_hours,
        delivered.reservation_total_hours,
        coalesce(delivered.payer_account_name, payers.account_name) as payer_account_name,
        coalesce(delivered.account_name, users.account_name) as account_name,
        case
            when attributes.charge_class = 'marketplace' and attributes.record_class = 'fee' then 'Purchase'
            when attributes.charge_class in ('usage', 'marketplace', 'discount', 'commitment_unused', 'refund')
                then 'Usage'
            when attributes.charge_class in ('commitment_purchase', 'fee', 'support') then 'Purchase'
            when attributes.charge_class = 'tax' then 'Tax'
            when attributes.charge_class = 'credit' then 'Credit'
            else 'Adjustment'
        end as charge_category,
        case when attributes.record_class = 'refund' then 'Correction' end as focus_charge_class,
        case
            when attributes.reservation_arn is not null and attributes.savings_plan_arn is null then 'Usage'
            when attributes.savings_plan_arn is not null then 'Spend'
        end as commitment_category,
        case
            when attributes.charge_class = 'commitment_unused' then 'Unused'
            when attributes.charge_class = 'usage' and attributes.commitment_arn is not null then 'Used'
        end as commitment_status
    from attributes
    inner join delivered
        on
            attributes.load_id = delivered.load_id
            and attributes.attributes_id = delivered.attributes_id
    left join commitments
        on
            attributes.load_id = commitments.load_id
            and attributes.commitment_arn = commitments.commitment_arn
    left join rates
        on
            attributes.purchase_option = 'spot'
            and attributes.usage_component = 'instance_hours'
            and attributes.region = rates.region
            and replace(attributes.usage_type, 'SpotUsage', 'BoxUsage') = rates.usage_type
            and attributes.operating_system = rates.operating_system
    left join accounts as payers on attributes.payer_account_id = payers.account_id
    left join accounts as users on attributes.account_id = users.account_id
),

priced as (
    select
        described.*,
        described.charge_category = 'Usage' and coalesce(described.commitment_status, '') <> 'Unused' as is_consumed,
        line_items.usage_start_at,
        line_items.usage_end_at,
        line_items.usage_quantity,
        line_items.normalized_usage_quantity,
        line_items.reservation_unused_hours,
        line_items.net_amortized_cost_usd as effective_cost_usd,
        line_items.amortized_cost_usd,
        line_items.unblended_cost_usd,
        -- Covered usage is paid by its commitment: the negations take its on-demand cost off the bill again.
        case
            when described.line_item_type = 'SavingsPlanCoveredUsage' then 0
            else line_items.net_unblended_cost_usd
        end as billed_cost_usd,
        line_items.net_unblended_cost_usd,
        line_items.on_demand_equivalent_cost_usd,
        -- At list price. Older reports tell none for Spot, and write 0: the price list does, of the same machine.
        case
            when described.purchase_option = 'spot'
                then
                    coalesce(
                        nullif(line_items.public_on_demand_cost_usd, 0),
                        line_items.usage_quantity * described.rate_usd_per_hour
                    )
            else line_items.public_on_demand_cost_usd
        end as list_cost_usd
    from line_items
    inner join described
        on
            line_items.load_id = described.load_id
            and line_items.attributes_id = described.attributes_id
            and line_items.part_number = described.part_number
)

select
    availability_zone,
    billed_cost_usd as billed_cost,
    payer_account_id as billing_account_id,
    payer_account_name as billing_account_name,
    'Management Account'::text as billing_account_type,
    currency_code as billing_currency,
    billing_period_end_date::timestamp at time zone 'UTC' as billing_period_end,
    billing_period_start_date::timestamp at time zone 'UTC' as billing_period_start,
    capacity_reservation_arn as capacity_reservation_id,
    case
        when capacity_reservation_arn is null then null
        when capacity_reservation_status ~* 'unused' then 'Unused'
        else 'Used'
    end as capacity_reservation_status,
    charge_category,
    focus_charge_class as charge_class,
    description as charge_description,
    case
        when record_class = 'commitment_fee' and charge_category = 'Purchase' then 'Recurring'
        when charge_category = 'Purchase' and charge_class in ('support', 'marketplace') then 'Recurring'
        when charge_category in ('Purchase', 'Credit', 'Adjustment') then 'One-Time'
        else 'Usage-Based'
    end as charge_frequency,
    usage_end_at as charge_period_end,
    usage_start_at as charge_period_start,
    commitment_category as commitment_discount_category,
    commitment_arn as commitment_discount_id,
    null::text as commitment_discount_name,
    trim_scale(
        case
            when commitment_arn is null or focus_charge_class is not null then null
            when charge_category not in ('Usage', 'Purchase') then null
            when commitment_category = 'Spend' and charge_category = 'Purchase' then unblended_cost_usd
            -- Commitments are made before a negotiated discount, on both sides.
            when commitment_category = 'Spend' then amortized_cost_usd
            when commitment_status = 'Unused'
                then
                    coalesce(
                        case when normalization_factor is not null then reservation_unused_normalized_hours end,
                        reservation_unused_hours * coalesce(normalization_factor, 1)
                    )
            -- Bought once: the monthly fees beside it, $0 if all is paid upfront, count the hours, and they alone.
            -- Without them so many machines over the whole term; null where no line tells the term.
            when record_class = 'commitment_purchase' and has_recurring_fee then null
            when record_class = 'commitment_purchase'
                then usage_quantity * commitment_term_hours * coalesce(normalization_factor, 1)
            when charge_category = 'Purchase'
                then
                    coalesce(
                        case when normalization_factor is not null then reservation_total_normalized_hours end,
                        coalesce(reservation_total_hours, usage_quantity) * coalesce(normalization_factor, 1)
                    )
            -- What isn't flexible in its size is of the reservation's own.
            when normalization_factor is not null
                then coalesce(normalized_usage_quantity, usage_quantity * normalization_factor)
            else usage_quantity
        end
    ) as commitment_discount_quantity,
    commitment_status as commitment_discount_status,
    case commitment_category
        when 'Usage' then 'Reserved Instance'
        when 'Spend' then coalesce(savings_plan_type, 'Savings Plan')
    end as commitment_discount_type,
    case
        when commitment_arn is null or focus_charge_class is not null then null
        when charge_category not in ('Usage', 'Purchase') then null
        when commitment_category = 'Spend' then currency_code
        when normalization_factor is not null then 'Normalized Hour'
        else 'Hour'
    end as commitment_discount_unit,
    case when is_consumed then usage_quantity end as consumed_quantity,
    case when is_consumed then pricing_unit end as consumed_unit,
    -- What was agreed on before any commitment: of usage on demand what it cost, of covered usage its on-demand cost,
    -- of reserved usage the list price, the only one that the bill tells; of everything else what was billed.
    case
        when charge_category <> 'Usage' or focus_charge_class is not null then billed_cost_usd
        when commitment_status = 'Unused' then billed_cost_usd
        when line_item_type = 'DiscountedUsage' then coalesce(on_demand_equivalent_cost_usd, billed_cost_usd)
        else net_unblended_cost_usd
    end as contracted_cost,
    case when line_item_type = 'Usage' and not has_net_costs then unblended_rate_usd end as contracted_unit_price,
    effective_cost_usd as effective_cost,
    nullif(invoice_id, '') as invoice_id,
    coalesce(nullif(legal_entity, ''), nullif(invoicing_entity, ''), 'Amazon Web Services, Inc.')
        as invoice_issuer_name,
    case
        -- What a discount takes off is in no list price.
        when charge_class = 'discount' then 0
        when charge_category <> 'Usage' or focus_charge_class is not null then billed_cost_usd
        when commitment_status = 'Unused' then billed_cost_usd
        else coalesce(list_cost_usd, on_demand_equivalent_cost_usd, billed_cost_usd)
    end as list_cost,
    case
        when
            is_consumed
            and focus_charge_class is null
            and list_cost_usd is not null
            then coalesce(nullif(public_on_demand_rate_usd, 0), rate_usd_per_hour)
    end as list_unit_price,
    case
        when charge_category not in ('Usage', 'Purchase') or focus_charge_class is not null then null
        when commitment_status is not null then 'Committed'
        when purchase_option = 'spot' then 'Dynamic'
        else 'Standard'
    end as pricing_category,
    currency_code as pricing_currency,
    null::numeric as pricing_currency_contracted_unit_price,
    effective_cost_usd as pricing_currency_effective_cost,
    null::numeric as pricing_currency_list_unit_price,
    case
        when charge_category not in ('Usage', 'Purchase') then null
        when commitment_status = 'Unused' then coalesce(reservation_unused_hours, effective_cost_usd)
        -- A fee or a discount has no quantity of its own: it is priced once.
        else coalesce(usage_quantity, 1)
    end as pricing_quantity,
    case when charge_category in ('Usage', 'Purchase') then coalesce(nullif(pricing_unit, ''), 'Units') end
        as pricing_unit,
    'AWS'::text as provider_name,
    coalesce(nullif(legal_entity, ''), 'Amazon Web Services, Inc.') as publisher_name,
    nullif(region, '') as region_id,
    case when coalesce(region, '') <> '' then coalesce(nullif(region_name, ''), region) end as region_name,
    -- A commitment's own charges belong to the commitment.
    coalesce(nullif(billed_resource_id, ''), case when charge_class like 'commitment_%' then commitment_arn end)
        as resource_id,
    nullif(name_tag, '') as resource_name,
    case
        when charge_class like 'commitment_%' then 'commitment_discount'
        when coalesce(billed_resource_id, '') <> '' then resource_type
    end as resource_type,
    service_category,
    coalesce(nullif(product_name, ''), service_name) as service_name,
    service_subcategory,
    nullif(sku_id, '') as sku_id,
    case when coalesce(sku_id, '') <> '' then usage_type end as sku_meter,
    null::text as sku_price_details,
    nullif(pricing_rate_code, '') as sku_price_id,
    account_id as sub_account_id,
    account_name as sub_account_name,
    'Member Account'::text as sub_account_type,
    tags,
    -- Beyond the specification, for whoever follows a row back (its rule for such columns: a prefix x_).
    load_id as x_load_id,
    line_item_id as x_line_item_id,
    line_item_type as x_line_item_type,
    charge_class as x_charge_class,
    cost_categories as x_cost_categories
from priced
