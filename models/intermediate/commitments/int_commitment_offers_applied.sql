-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table') }}

-- Each hour's usage at the rate that each commitment on sale would give it. `committed_cost_usd` is what of the hourly
-- commitment the usage takes, `on_demand_cost_usd` what it takes off the bill. A reservation is put in the same words:
-- a normalized unit takes its share of the reservation's effective hourly cost. One row per offer, hour and kind of
-- usage.
with usage as (
    select * from {{ ref('int_commitment_usage_hourly') }}
),

plan_rates as (
    select * from {{ ref('stg_prices__savings_plan_rates') }}
),

offerings as (
    select * from {{ ref('stg_prices__reservation_offerings') }}
    where offering_class = 'standard'
),

terms as (
    select * from {{ ref('commitment_terms') }}
),

factors as (
    select * from {{ ref('normalization_factors') }}
),

plans as (
    select
        usage.usage_basis,
        usage.payer_account_id,
        case plan_rates.plan_type
            when 'Compute' then 'compute_savings_plan' else 'ec2_instance_savings_plan'
        end as commitment_type,
        case when plan_rates.plan_type = 'Compute' then '' else usage.region end as region,
        case when plan_rates.plan_type = 'Compute' then '' else usage.instance_family end as instance_family,
        '' as instance_type,
        '' as platform,
        terms.term_years,
        terms.payment_option,
        usage.usage_start_at,
        usage.usage_type || ' ' || usage.operation || ' ' || usage.region as usage_kind,
        usage.region as usage_region,
        usage.instance_family as usage_family,
        usage.usage_quantity * plan_rates.rate_usd_per_unit as committed_cost_usd,
        usage.on_demand_cost_usd
    from usage
    inner join plan_rates
        on
            usage.region = plan_rates.region
            and usage.service_code = plan_rates.service_code
            and usage.usage_type = plan_rates.usage_type
            and usage.operation = plan_rates.operation
    inner join terms
        on
            plan_rates.term_years = terms.term_years
            and plan_rates.payment_option = terms.payment_option
    where plan_rates.plan_type = 'Compute' or usage.instance_family = plan_rates.instance_family
),

instances as (
    select
        usage.*,
        case usage.operating_system when 'Linux' then 'Linux/UNIX' else usage.operating_system end as platform,
        factors.normalization_factor
    from usage
    inner join factors on split_part(usage.instance_type, '.', 2) = factors.instance_size
    where
        usage.service_code = 'AmazonEC2'
        and usage.usage_type ~ '(^|-)BoxUsage:'
        and (usage.operating_system, usage.operation)
        in (('Linux', 'RunInstances'), ('Windows', 'RunInstances:0002'))
),

-- Linux reservations are flexible in size within their family, so they are bought in the smallest size in use; others
-- cover their own type only.
reservable as (
    select
        instances.*,
        case
            when instances.platform = 'Linux/UNIX'
                then first_value(instances.instance_type) over (
                    partition by
                        instances.usage_basis,
                        instances.payer_account_id,
                        instances.region,
                        instances.instance_family,
                        instances.platform
                    order by instances.normalization_factor asc, instances.instance_type asc
                )
            else instances.instance_type
        end as reserved_instance_type,
        case
            when instances.platform = 'Linux/UNIX'
                then min(instances.normalization_factor) over (
                    partition by
                        instances.usage_basis,
                        instances.payer_account_id,
                        instances.region,
                        instances.instance_family,
                        instances.platform
                )
            else instances.normalization_factor
        end as reserved_factor
    from instances
),

reservations as (
    select
        reservable.usage_basis,
        reservable.payer_account_id,
        'ec2_reserved_instance' as commitment_type,
        reservable.region,
        reservable.instance_family,
        reservable.reserved_instance_type as instance_type,
        reservable.platform,
        terms.term_years,
        terms.payment_option,
        reservable.usage_start_at,
        reservable.usage_type || ' ' || reservable.operation as usage_kind,
        reservable.region as usage_region,
        reservable.instance_family as usage_family,
        reservable.usage_quantity * reservable.normalization_factor / reservable.reserved_factor
        * (offerings.recurring_usd_per_hour + offerings.upfront_usd / (offerings.term_years * 8760))
            as committed_cost_usd,
        reservable.on_demand_cost_usd
    from reservable
    inner join offerings
        on
            reservable.region = offerings.region
            and reservable.reserved_instance_type = offerings.instance_type
            and reservable.platform = offerings.platform
    inner join terms
        on
            offerings.term_years = terms.term_years
            and offerings.payment_option = terms.payment_option
),

offers as (
    select * from plans
    union all
    select * from reservations
),

freed as (
    select * from {{ ref('int_commitment_freed_hourly') }}
),

-- What an hour's commitment of one dollar saves on demand: highest first, as AWS applies a plan (Savings Plans user
-- guide, "Understanding how Savings Plans apply to your usage").
identified as (
    select
        md5(
            concat_ws(
                '|',
                offers.usage_basis,
                offers.commitment_type,
                offers.payer_account_id,
                offers.region,
                offers.instance_family,
                offers.instance_type,
                offers.platform,
                offers.term_years,
                offers.payment_option
            )
        ) as commitment_option_id,
        offers.*,
        round(offers.on_demand_cost_usd / offers.committed_cost_usd, 12) as on_demand_per_committed
    from offers
    where offers.committed_cost_usd > 0
),

-- The commitments that are there already take the first of it with what the other findings free of them: those bound to
-- a family first, as AWS applies reservations and EC2 Instance plans before Compute plans.
in_family as (
    select
        identified.*,
        coalesce(freed.freed_on_demand_cost_usd, 0) as freed_on_demand_cost_usd,
        sum(identified.on_demand_cost_usd) over (
            partition by
                identified.commitment_option_id,
                identified.usage_start_at,
                identified.usage_region,
                identified.usage_family
            order by identified.on_demand_per_committed desc, identified.usage_kind asc
            rows between unbounded preceding and current row
        ) as end_on_demand_cost_usd
    from identified
    left join freed
        on
            identified.usage_basis = 'after_actions'
            and identified.payer_account_id = freed.payer_account_id
            and identified.usage_start_at = freed.usage_start_at
            and identified.usage_region = freed.region
            and identified.usage_family = freed.instance_family
            and freed.instance_family <> ''
),

left_by_families as (
    select
        *,
        greatest(end_on_demand_cost_usd - freed_on_demand_cost_usd, 0)
        - greatest(end_on_demand_cost_usd - on_demand_cost_usd - freed_on_demand_cost_usd, 0) as left_on_demand_cost_usd
    from in_family
),

anywhere as (
    select
        left_by_families.*,
        coalesce(freed.freed_on_demand_cost_usd, 0) as freed_anywhere_cost_usd,
        sum(left_by_families.left_on_demand_cost_usd) over (
            partition by left_by_families.commitment_option_id, left_by_families.usage_start_at
            order by left_by_families.on_demand_per_committed desc, left_by_families.usage_kind asc
            rows between unbounded preceding and current row
        ) as end_anywhere_cost_usd
    from left_by_families
    left join freed
        on
            left_by_families.usage_basis = 'after_actions'
            and left_by_families.payer_account_id = freed.payer_account_id
            and left_by_families.usage_start_at = freed.usage_start_at
            and freed.instance_family = ''
),

remaining as (
    select
        *,
        greatest(end_anywhere_cost_usd - freed_anywhere_cost_usd, 0)
        - greatest(end_anywhere_cost_usd - left_on_demand_cost_usd - freed_anywhere_cost_usd, 0)
            as remaining_on_demand_cost_usd
    from anywhere
)

select
    commitment_option_id,
    usage_basis,
    payer_account_id,
    commitment_type,
    region,
    instance_family,
    instance_type,
    platform,
    term_years,
    payment_option,
    usage_start_at,
    usage_kind,
    case
        when remaining_on_demand_cost_usd = on_demand_cost_usd then committed_cost_usd
        else trim_scale(committed_cost_usd * remaining_on_demand_cost_usd / on_demand_cost_usd)
    end as committed_cost_usd,
    remaining_on_demand_cost_usd as on_demand_cost_usd,
    on_demand_per_committed
from remaining
where remaining_on_demand_cost_usd > 0
