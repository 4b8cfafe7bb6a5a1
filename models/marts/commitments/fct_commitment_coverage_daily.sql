-- How much of each day's usage commitments pay for, how much they could, and what Spot saves. Usage stands with the
-- account that has it; what of a commitment nobody used stands with its owner, on the day, under the service that the
-- commitment is bought as.
with usage as (
    select * from {{ ref('int_usage_coverage_daily') }}
),

commitment_hours as (
    select * from {{ ref('fct_commitment_hours') }}
    where is_elapsed
),

commitments as (
    select * from {{ ref('dim_commitments') }}
),

-- Where the bill tells no list price of Spot, the price list does of the same machine on demand.
rates as (
    select * from {{ ref('int_on_demand_rates_found') }}
),

priced as (
    select
        usage.*,
        case
            when usage.coverage_kind = 'spot'
                then
                    coalesce(usage.listed_cost_usd, 0)
                    + coalesce(
                        (usage.usage_quantity - coalesce(usage.listed_usage_quantity, 0)) * rates.rate_usd_per_hour, 0
                    )
        end as spot_list_cost_usd,
        case
            when usage.coverage_kind = 'spot'
                then
                    case
                        when rates.rate_usd_per_hour is null then coalesce(usage.listed_amortized_cost_usd, 0)
                        else usage.amortized_cost_usd
                    end
        end as spot_listed_cost_usd
    from usage
    left join rates
        on
            usage.region = rates.region
            and replace(usage.spot_usage_type, 'SpotUsage', 'BoxUsage') = rates.usage_type
            and usage.spot_operating_system = rates.operating_system
),

placed as (
    select
        usage_date,
        coalesce(payer_account_id, '[no payer]') as payer_account_id,
        coalesce(account_id, '[no account]') as account_id,
        service_code,
        coalesce(nullif(region, ''), '[no region]') as region,
        coalesce(instance_family, '[no family]') as instance_family,
        coverage_kind,
        line_item_count,
        unpriced_line_item_count,
        on_demand_equivalent_cost_usd,
        amortized_cost_usd,
        spot_list_cost_usd,
        spot_listed_cost_usd
    from priced
),

used as (
    select
        usage_date,
        payer_account_id,
        account_id,
        service_code,
        region,
        instance_family,
        sum(line_item_count)::bigint as line_item_count,
        sum(unpriced_line_item_count)::bigint as unpriced_line_item_count,
        sum(on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd,
        sum(on_demand_equivalent_cost_usd) filter (where coverage_kind = 'reserved') as reserved_on_demand_cost_usd,
        sum(on_demand_equivalent_cost_usd) filter (where coverage_kind = 'savings_plan')
            as savings_plan_on_demand_cost_usd,
        sum(on_demand_equivalent_cost_usd) filter (where coverage_kind = 'eligible') as eligible_on_demand_cost_usd,
        sum(on_demand_equivalent_cost_usd) filter (where coverage_kind = 'ineligible') as ineligible_on_demand_cost_usd,
        sum(on_demand_equivalent_cost_usd) filter (where coverage_kind = 'spot') as spot_on_demand_cost_usd,
        sum(amortized_cost_usd) filter (where coverage_kind in ('reserved', 'savings_plan'))
            as covered_amortized_cost_usd,
        sum(amortized_cost_usd) filter (where coverage_kind = 'eligible') as eligible_amortized_cost_usd,
        sum(amortized_cost_usd) filter (where coverage_kind = 'spot') as spot_cost_usd,
        sum(spot_list_cost_usd) as spot_list_cost_usd,
        sum(spot_listed_cost_usd) as spot_listed_cost_usd
    from placed
    group by usage_date, payer_account_id, account_id, service_code, region, instance_family
),

left_over as (
    select
        (commitment_hours.usage_start_at at time zone 'UTC')::date as usage_date,
        commitment_hours.payer_account_id,
        coalesce(commitment_hours.owner_account_id, '[no account]') as account_id,
        commitment_hours.service_code,
        coalesce(
            case when commitments.commitment_type = 'reserved_instance' then nullif(commitments.region, '') end,
            '[no region]'
        ) as region,
        coalesce(
            case
                when commitments.commitment_type = 'reserved_instance' and commitments.service_code = 'AmazonEC2'
                    then commitments.instance_family
            end,
            '[no family]'
        ) as instance_family,
        commitment_hours.unused_commitment_usd
    from commitment_hours
    inner join commitments on commitment_hours.commitment_arn = commitments.commitment_arn
),

unused as (
    select
        usage_date,
        payer_account_id,
        account_id,
        service_code,
        region,
        instance_family,
        sum(unused_commitment_usd) as unused_commitment_usd
    from left_over
    group by usage_date, payer_account_id, account_id, service_code, region, instance_family
),

grain as (
    select usage_date, payer_account_id, account_id, service_code, region, instance_family from used -- noqa: LT09
    union
    select usage_date, payer_account_id, account_id, service_code, region, instance_family from unused -- noqa: LT09
),

joined as (
    select
        grain.usage_date,
        grain.payer_account_id,
        grain.account_id,
        grain.service_code,
        grain.region,
        grain.instance_family,
        coalesce(used.line_item_count, 0) as line_item_count,
        coalesce(used.unpriced_line_item_count, 0) as unpriced_line_item_count,
        used.on_demand_equivalent_cost_usd,
        -- No usage of a kind costs nothing; usage whose price nobody tells is counted beside it.
        coalesce(used.reserved_on_demand_cost_usd, 0) as reserved_on_demand_cost_usd,
        coalesce(used.savings_plan_on_demand_cost_usd, 0) as savings_plan_on_demand_cost_usd,
        coalesce(used.eligible_on_demand_cost_usd, 0) as eligible_on_demand_cost_usd,
        coalesce(used.ineligible_on_demand_cost_usd, 0) as ineligible_on_demand_cost_usd,
        coalesce(used.spot_on_demand_cost_usd, 0) as spot_on_demand_cost_usd,
        coalesce(used.covered_amortized_cost_usd, 0) as covered_amortized_cost_usd,
        coalesce(used.eligible_amortized_cost_usd, 0) as eligible_amortized_cost_usd,
        coalesce(unused.unused_commitment_usd, 0) as unused_commitment_usd,
        coalesce(used.spot_cost_usd, 0) as spot_cost_usd,
        nullif(used.spot_list_cost_usd, 0) as spot_list_cost_usd,
        used.spot_listed_cost_usd
    from grain
    left join used
        on
            grain.usage_date = used.usage_date
            and grain.payer_account_id = used.payer_account_id
            and grain.account_id = used.account_id
            and grain.service_code = used.service_code
            and grain.region = used.region
            and grain.instance_family = used.instance_family
    left join unused
        on
            grain.usage_date = unused.usage_date
            and grain.payer_account_id = unused.payer_account_id
            and grain.account_id = unused.account_id
            and grain.service_code = unused.service_code
            and grain.region = unused.region
            and grain.instance_family = unused.instance_family
)

select
    md5(concat_ws('|', usage_date, payer_account_id, account_id, service_code, region, instance_family))
        as commitment_coverage_id,
    usage_date,
    payer_account_id,
    account_id,
    service_code,
    region,
    instance_family,
    line_item_count,
    unpriced_line_item_count,
    trim_scale(on_demand_equivalent_cost_usd) as on_demand_equivalent_cost_usd,
    trim_scale(reserved_on_demand_cost_usd) as reserved_on_demand_cost_usd,
    trim_scale(savings_plan_on_demand_cost_usd) as savings_plan_on_demand_cost_usd,
    trim_scale(eligible_on_demand_cost_usd) as eligible_on_demand_cost_usd,
    trim_scale(ineligible_on_demand_cost_usd) as ineligible_on_demand_cost_usd,
    trim_scale(spot_on_demand_cost_usd) as spot_on_demand_cost_usd,
    trim_scale(
        round(
            (reserved_on_demand_cost_usd + savings_plan_on_demand_cost_usd)
            / nullif(
                reserved_on_demand_cost_usd + savings_plan_on_demand_cost_usd + eligible_on_demand_cost_usd, 0
            ),
            6
        )
    ) as coverage_ratio,
    trim_scale(covered_amortized_cost_usd) as covered_amortized_cost_usd,
    trim_scale(eligible_amortized_cost_usd) as eligible_amortized_cost_usd,
    trim_scale(unused_commitment_usd) as unused_commitment_usd,
    trim_scale(
        round(
            1
            - (covered_amortized_cost_usd + eligible_amortized_cost_usd + unused_commitment_usd)
            / nullif(
                reserved_on_demand_cost_usd + savings_plan_on_demand_cost_usd + eligible_on_demand_cost_usd, 0
            ),
            6
        )
    ) as effective_savings_ratio,
    trim_scale(spot_cost_usd) as spot_cost_usd,
    trim_scale(spot_list_cost_usd) as spot_list_cost_usd,
    trim_scale(spot_cost_usd - coalesce(spot_listed_cost_usd, 0)) as spot_unlisted_cost_usd,
    case
        when spot_list_cost_usd is not null then trim_scale(spot_list_cost_usd - spot_listed_cost_usd)
    end as spot_savings_usd
from joined
