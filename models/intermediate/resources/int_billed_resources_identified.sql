-- One row per resource id that appears in the bill of an account, with its kind, its region and the short id that
-- CloudWatch knows it by.
with line_items as (
    select * from {{ ref('int_line_items_classified') }}
    where
        billed_resource_id is not null
        and charge_class = 'usage'
),

resource_types as (
    select * from {{ ref('resource_types') }}
),

billed as (
    select
        account_id,
        billed_resource_id,
        mode() within group (order by service_code) as most_billed_service_code,
        -- A machine from the Marketplace is billed under the software's product code as well as its own service's.
        array_agg(distinct service_code) as service_codes,
        mode() within group (order by region) filter (where region <> '') as line_item_region,
        min(usage_start_at) as first_billed_at,
        max(used_until_at) as last_billed_at,
        min(usage_start_at) filter (where is_ec2_instance_usage) as first_instance_hour_at,
        max(used_until_at) filter (where is_ec2_instance_usage) as last_instance_hour_at,
        (array_agg(instance_type order by usage_start_at desc) filter (where instance_type <> ''))[1] as instance_type,
        (array_agg(operating_system order by usage_start_at desc) filter (where operating_system <> ''))[1]
            as operating_system,
        (array_agg(name_tag order by usage_start_at desc) filter (where name_tag <> ''))[1] as resource_name
    from line_items
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
    billed.resource_name,
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
