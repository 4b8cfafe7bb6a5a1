-- For every commitment on sale that the uncovered usage could fill: the hourly commitment that would have been best
-- over the look-back, and what it would have cost and saved.
with offers as (
    select distinct
        commitment_option_id,
        usage_basis,
        payer_account_id,
        commitment_type,
        region,
        instance_family,
        instance_type,
        platform,
        term_years,
        payment_option
    from {{ ref('int_commitment_offers_applied') }}
),

eligible as (
    select
        commitment_option_id,
        sum(on_demand_cost_usd) as eligible_on_demand_cost_usd
    from {{ ref('int_commitment_offers_applied') }}
    group by commitment_option_id
),

steps as (
    select * from {{ ref('int_commitment_steps_summed') }}
),

offerings as (
    select * from {{ ref('stg_prices__reservation_offerings') }}
    where offering_class = 'standard'
),

terms as (
    select * from {{ ref('commitment_terms') }}
),

rules as (
    select
        rule_id,
        lookback_days,
        (thresholds ->> 'minimum_on_demand_usd_per_hour')::numeric as minimum_on_demand_usd_per_hour,
        (thresholds ->> 'past_repeats_ratio')::numeric as past_repeats_ratio
    from {{ ref('int_rule_thresholds_gathered') }}
),

-- Hours of the whole look-back in which there was any usage of the payer's: CUR is there for them.
observed as (
    select
        payer_account_id,
        count(distinct usage_start_at) as hours_observed
    from {{ ref('int_commitment_usage_hourly') }}
    where usage_basis = 'as_is'
    group by payer_account_id
),

described as (
    select
        offers.*,
        rules.rule_id,
        rules.lookback_days,
        rules.past_repeats_ratio,
        observed.hours_observed,
        eligible.eligible_on_demand_cost_usd,
        offerings.upfront_usd as reservation_upfront_usd,
        offerings.recurring_usd_per_hour as reservation_recurring_usd_per_hour,
        offerings.recurring_usd_per_hour + offerings.upfront_usd / (offers.term_years * 8760)
            as reservation_usd_per_hour
    from offers
    inner join eligible on offers.commitment_option_id = eligible.commitment_option_id
    inner join observed on offers.payer_account_id = observed.payer_account_id
    inner join rules on offers.commitment_type || 's' = rules.rule_id
    left join offerings
        on
            offers.commitment_type = 'ec2_reserved_instance'
            and offers.region = offerings.region
            and offers.instance_type = offerings.instance_type
            and offers.platform = offerings.platform
            and offers.term_years = offerings.term_years
            and offers.payment_option = offerings.payment_option
    where eligible.eligible_on_demand_cost_usd / observed.hours_observed >= rules.minimum_on_demand_usd_per_hour
),

-- The look-back's cost falls as long as a dollar more an hour covers more than it costs: a dollar in every hour.
optimal as (
    select
        steps.commitment_option_id,
        max(steps.next_step_usd_per_hour) as optimum_usd_per_hour
    from steps
    inner join described on steps.commitment_option_id = described.commitment_option_id
    where steps.on_demand_slope >= described.hours_observed
    group by steps.commitment_option_id
),

-- AWS sells plans to five decimals, and whole reservations: of the two nearest counts, the better one is taken below.
candidates as (
    select
        described.*,
        case
            when described.reservation_usd_per_hour is null then null::numeric
            else floor(optimal.optimum_usd_per_hour / described.reservation_usd_per_hour) + extra.instance_count
        end as reserved_instance_count,
        case
            when described.reservation_usd_per_hour is null then trunc(optimal.optimum_usd_per_hour, 5)
            else
                (floor(optimal.optimum_usd_per_hour / described.reservation_usd_per_hour) + extra.instance_count)
                * described.reservation_usd_per_hour
        end as hourly_commitment_usd
    from described
    inner join optimal on described.commitment_option_id = optimal.commitment_option_id
    cross join (values (0), (1)) as extra (instance_count)
    where extra.instance_count = 0 or described.reservation_usd_per_hour is not null
),

evaluated as (
    select
        candidates.*,
        steps.covered_on_demand_cost_usd
        + steps.on_demand_slope * (candidates.hourly_commitment_usd - steps.step_usd_per_hour)
            as covered_on_demand_cost_usd,
        steps.used_commitment_usd
        + steps.used_hours * (candidates.hourly_commitment_usd - steps.step_usd_per_hour) as used_commitment_usd,
        candidates.hourly_commitment_usd * candidates.hours_observed as commitment_cost_usd
    from candidates
    inner join steps
        on
            candidates.commitment_option_id = steps.commitment_option_id
            and candidates.hourly_commitment_usd >= steps.step_usd_per_hour
            and candidates.hourly_commitment_usd < coalesce(steps.next_step_usd_per_hour, 'infinity')
    where candidates.hourly_commitment_usd > 0
),

best as (
    select distinct on (commitment_option_id) *
    from evaluated
    order by
        commitment_option_id asc,
        covered_on_demand_cost_usd - commitment_cost_usd desc,
        hourly_commitment_usd asc
),

paid as (
    select
        best.*,
        best.hourly_commitment_usd * best.term_years * 8760 as total_commitment_cost_usd,
        case
            when best.reserved_instance_count is not null
                then best.reservation_upfront_usd * best.reserved_instance_count
            when best.payment_option = 'no_upfront' then 0
            -- Half now, half by the hour (Savings Plans user guide, payment options).
            when best.payment_option = 'partial_upfront'
                then best.hourly_commitment_usd * best.term_years * 8760 / 2
            else best.hourly_commitment_usd * best.term_years * 8760
        end as upfront_cost_usd,
        -- Months of 730 hours.
        730 / best.hours_observed::numeric as to_month
    from best
    where best.covered_on_demand_cost_usd > best.commitment_cost_usd
),

monthly as (
    select
        *,
        hourly_commitment_usd * 730 as commitment_cost_usd_per_month,
        (total_commitment_cost_usd - upfront_cost_usd) / (term_years * 12) as recurring_cost_usd_per_month,
        covered_on_demand_cost_usd * to_month as covered_on_demand_cost_usd_per_month,
        eligible_on_demand_cost_usd * to_month as eligible_on_demand_cost_usd_per_month,
        (covered_on_demand_cost_usd - commitment_cost_usd) * to_month as net_savings_usd_per_month
    from paid
),

-- One way of committing takes the same usage as another: of each payer's ways, only one is to be taken.
summed as (
    select
        monthly.usage_basis,
        monthly.payer_account_id,
        monthly.commitment_type,
        row_number() over (
            partition by monthly.usage_basis, monthly.payer_account_id
            order by sum(monthly.net_savings_usd_per_month) desc, monthly.commitment_type asc
        ) as place
    from monthly
    inner join terms
        on
            monthly.term_years = terms.term_years
            and monthly.payment_option = terms.payment_option
    where terms.is_preferred
    group by monthly.usage_basis, monthly.payer_account_id, monthly.commitment_type
)

select
    monthly.commitment_option_id,
    monthly.usage_basis,
    monthly.commitment_type,
    monthly.rule_id,
    monthly.payer_account_id,
    case monthly.commitment_type
        when 'compute_savings_plan' then 'Compute Savings Plan'
        when 'ec2_instance_savings_plan'
            then 'EC2 Instance Savings Plan ' || monthly.instance_family || ', ' || monthly.region
        else
            monthly.reserved_instance_count || ' × ' || monthly.instance_type || ' Reserved Instance, '
            || monthly.platform || ', ' || monthly.region
    end as commitment_name,
    nullif(monthly.region, '') as region,
    nullif(monthly.instance_family, '') as instance_family,
    nullif(monthly.instance_type, '') as instance_type,
    nullif(monthly.platform, '') as platform,
    monthly.term_years,
    monthly.payment_option,
    trim_scale(round(monthly.hourly_commitment_usd, 10)) as hourly_commitment_usd,
    monthly.reserved_instance_count::integer as reserved_instance_count,
    trim_scale(round(monthly.upfront_cost_usd, 10)) as upfront_cost_usd,
    trim_scale(round(monthly.recurring_cost_usd_per_month, 10)) as recurring_cost_usd_per_month,
    trim_scale(round(monthly.commitment_cost_usd_per_month, 10)) as commitment_cost_usd_per_month,
    trim_scale(round(monthly.total_commitment_cost_usd, 10)) as total_commitment_cost_usd,
    trim_scale(round(monthly.eligible_on_demand_cost_usd_per_month, 10)) as eligible_on_demand_cost_usd_per_month,
    trim_scale(round(monthly.covered_on_demand_cost_usd_per_month, 10)) as covered_on_demand_cost_usd_per_month,
    trim_scale(round(monthly.net_savings_usd_per_month, 10)) as net_savings_usd_per_month,
    trim_scale(round(monthly.net_savings_usd_per_month * 12, 10)) as net_savings_usd_per_year,
    trim_scale(round(monthly.net_savings_usd_per_month * 12 * monthly.term_years, 10)) as net_savings_usd_over_term,
    round(monthly.covered_on_demand_cost_usd / monthly.eligible_on_demand_cost_usd, 4) as coverage_ratio,
    round(monthly.used_commitment_usd / monthly.commitment_cost_usd, 4) as utilization_ratio,
    round(monthly.net_savings_usd_per_month / monthly.eligible_on_demand_cost_usd_per_month, 4) as savings_ratio,
    -- AWS's: until what was paid upfront has come back; 0 where nothing was.
    round(
        monthly.upfront_cost_usd
        / (monthly.covered_on_demand_cost_usd_per_month - monthly.recurring_cost_usd_per_month),
        2
    ) as break_even_months,
    -- The share of the commitment that must be used before it costs less than on demand.
    round(monthly.used_commitment_usd / monthly.covered_on_demand_cost_usd, 4) as break_even_utilization_ratio,
    monthly.lookback_days,
    monthly.hours_observed::integer as hours_observed,
    coalesce(terms.is_preferred and summed.place = 1, false) as is_recommended,
    -- How much of the look-back is there, how much of the commitment it would have used, and how surely it repeats.
    trim_scale(
        round(
            least(1, monthly.hours_observed / (monthly.lookback_days * 24)::numeric)
            * least(1, monthly.used_commitment_usd / monthly.commitment_cost_usd)
            * monthly.past_repeats_ratio,
            4
        )
    ) as confidence_ratio,
    {{ evaluated_at() }} as evaluated_at
from monthly
inner join terms
    on
        monthly.term_years = terms.term_years
        and monthly.payment_option = terms.payment_option
left join summed
    on
        monthly.usage_basis = summed.usage_basis
        and monthly.payer_account_id = summed.payer_account_id
        and monthly.commitment_type = summed.commitment_type
