-- What each delivery tells of a commitment: its kind, terms, scope and owner. An attribute that none of its lines tells
-- is null. One row per load and commitment.
with lines as (
    select
        *,
        coalesce(reservation_arn, savings_plan_arn) as commitment_arn,
        line_item_type in ('RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee') as is_fee
    from {{ ref('stg_cur__commitment_terms') }}
    where coalesce(reservation_arn, savings_plan_arn) is not null
),

gathered as (
    select
        load_id,
        commitment_arn,
        case
            when max(reservation_arn) is not null then 'reserved_instance' else 'savings_plan'
        end as commitment_type,
        max(payer_account_id) as payer_account_id,
        max(account_id) filter (where is_fee) as fee_account_id,
        coalesce(max(service_code) filter (where is_fee), max(service_code) filter (where reservation_arn is not null))
            as service_code,
        max(savings_plan_type) as savings_plan_type,
        max(reservation_offering_class) filter (where reservation_arn is not null) as offering_class,
        coalesce(
            max(savings_plan_payment_option),
            max(reservation_payment_option) filter (where reservation_arn is not null)
        ) as payment_option,
        coalesce(max(savings_plan_term), max(reservation_term) filter (where reservation_arn is not null)) as term,
        -- A plan that is bound to a region covers usage of no other.
        case
            when max(reservation_arn) is not null then coalesce(max(region) filter (where is_fee), max(region))
            when max(savings_plan_region) is not null
                then coalesce(max(region) filter (where not is_fee), max(savings_plan_region))
        end as region,
        max(savings_plan_instance_family) as savings_plan_instance_family,
        -- `HeavyUsage:db.m5.large`. Covered usage names the machine that runs, which may be of another size.
        max(substring(usage_type from ':((?:[a-z]+[.])?[a-z0-9-]+[.][a-z0-9-]+)$')) filter (
            where line_item_type = 'RIFee'
        ) as reserved_instance_type,
        max(reservation_count) as reservation_count,
        coalesce(max(reservation_start_at), max(savings_plan_start_at)) as start_at,
        coalesce(max(reservation_end_at), max(savings_plan_end_at)) as end_at
    from lines
    group by load_id, commitment_arn
)

select
    load_id,
    commitment_arn,
    commitment_type,
    payer_account_id,
    -- The fee stands with the owner; without it, an ARN names its account in its fifth part.
    coalesce(fee_account_id, substring(split_part(commitment_arn, ':', 5) from '^[0-9]{12}$')) as owner_account_id,
    service_code,
    savings_plan_type as plan_type,
    nullif(offering_class, '') as offering_class,
    nullif(lower(replace(payment_option, ' ', '_')), '') as payment_option,
    substring(term from '^([0-9])')::integer as term_years,
    region,
    nullif(reserved_instance_type, '') as instance_type,
    coalesce(savings_plan_instance_family, substring(reserved_instance_type from '^(.*)[.][^.]+$')) as instance_family,
    reservation_count,
    start_at,
    end_at
from gathered
