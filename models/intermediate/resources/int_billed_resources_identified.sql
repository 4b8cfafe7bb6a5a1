-- A table: the bill is read once for it, and not again for each model and test that asks.
{{ config(materialized='table') }}

-- One row per resource id that appears in the bill of an account, with its kind, its region and the short id that
-- CloudWatch knows it by.
with costs as (
    select * from {{ ref('int_costs_monthly') }}
    where
        billed_resource_id is not null
        and record_class = 'usage'
),

resource_types as (
    select * from {{ ref('resource_types') }}
),

-- A resource has thousands of line items and few ways of being described: the many are counted before the few are
-- judged.
described as (
    select
        account_id,
        billed_resource_id,
        service_code,
        region,
        instance_type,
        operating_system,
        name_tag,
        environment_tag,
        database_engine,
        deployment_option,
        usage_component,
        purchase_option,
        load_id,
        attributes_id,
        sum(line_item_count) as line_item_count,
        min(first_usage_start_at) as first_billed_at,
        max(last_usage_start_at) as last_started_at,
        max(last_used_until_at) as last_billed_at
    from costs
    group by
        account_id,
        billed_resource_id,
        service_code,
        region,
        instance_type,
        operating_system,
        name_tag,
        environment_tag,
        database_engine,
        deployment_option,
        usage_component,
        purchase_option,
        load_id,
        attributes_id
),

protected as (
    select * from {{ ref('int_attributes_protected') }}
),

counted as (
    select
        described.*,
        protected.protected_reason,
        sum(described.line_item_count)
            over (partition by described.account_id, described.billed_resource_id, described.service_code)
            as service_line_item_count,
        sum(described.line_item_count)
            over (partition by described.account_id, described.billed_resource_id, described.region)
            as region_line_item_count
    from described
    left join protected
        on
            described.load_id = protected.load_id
            and described.attributes_id = protected.attributes_id
),

billed as (
    select
        account_id,
        billed_resource_id,
        (array_agg(service_code order by service_line_item_count desc, service_code asc))[1]
            as most_billed_service_code,
        -- A machine from the Marketplace is billed under the software's product code as well as its own service's.
        array_agg(distinct service_code) as service_codes,
        (
            array_agg(region order by region_line_item_count desc, region asc) filter (where region <> '')
        )[1] as line_item_region,
        min(first_billed_at) as first_billed_at,
        max(last_billed_at) as last_billed_at,
        min(first_billed_at) filter (where usage_component = 'instance_hours') as first_instance_hour_at,
        max(last_billed_at) filter (where usage_component = 'instance_hours') as last_instance_hour_at,
        (array_agg(instance_type order by last_started_at desc) filter (where instance_type <> ''))[1]
            as instance_type,
        (array_agg(database_engine order by last_started_at desc) filter (where usage_component = 'instance_hours'))[1]
            as database_engine,
        (array_agg(deployment_option order by last_started_at desc) filter (where usage_component = 'instance_hours'))[
            1
        ] as deployment_option,
        (array_agg(environment_tag order by last_started_at desc) filter (where environment_tag <> ''))[1]
            as environment,
        (array_agg(protected_reason order by last_started_at desc) filter (where protected_reason <> ''))[1]
            as protected_reason,
        -- Bought on the Spot market, as far as its newest instance hour tells.
        (array_agg(purchase_option order by last_started_at desc) filter (where usage_component = 'instance_hours'))[1]
        = 'spot' as is_spot,
        (array_agg(operating_system order by last_started_at desc) filter (where operating_system <> ''))[1]
            as operating_system,
        (array_agg(name_tag order by last_started_at desc) filter (where name_tag <> ''))[1] as resource_name
    from counted
    group by account_id, billed_resource_id
),

services as (
    select
        account_id,
        billed_resource_id,
        unnest(service_codes) as service_code
    from billed
),

typed as (
    select distinct on (services.account_id, services.billed_resource_id)
        services.account_id,
        services.billed_resource_id,
        services.service_code,
        resource_types.resource_type,
        resource_types.service_name,
        substring(services.billed_resource_id from resource_types.billed_resource_id_pattern) as resource_id
    from services
    inner join resource_types
        on
            services.service_code ~ resource_types.service_code_pattern
            and services.billed_resource_id ~ resource_types.billed_resource_id_pattern
    order by services.account_id, services.billed_resource_id, resource_types.resource_type
)

select
    billed.account_id,
    billed.billed_resource_id,
    billed.first_billed_at,
    billed.last_billed_at,
    billed.first_instance_hour_at,
    billed.last_instance_hour_at,
    billed.instance_type,
    billed.operating_system,
    billed.database_engine,
    billed.deployment_option,
    billed.environment,
    billed.protected_reason,
    billed.resource_name,
    coalesce(billed.is_spot, false) as is_spot,
    -- An ARN says its region itself; a plain id is as unique as AWS makes it.
    coalesce(
        case
            when billed.billed_resource_id like 'arn:%' then nullif(split_part(billed.billed_resource_id, ':', 4), '')
        end,
        billed.line_item_region
    ) as region,
    coalesce(typed.resource_id, billed.billed_resource_id) as resource_id,
    coalesce(typed.resource_type, 'other') as resource_type,
    coalesce(typed.service_name, typed.service_code, billed.most_billed_service_code) as service_name
from billed
left join typed
    on
        billed.account_id = typed.account_id
        and billed.billed_resource_id = typed.billed_resource_id
